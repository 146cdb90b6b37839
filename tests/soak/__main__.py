"""All promises at full length: `scripts/soak`."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from soak import calls, tested
from soak.harness import Figure, import_everything

PROMISES = ("kills", "calls", "flips", "unfinished", "together", "stops", "same_bytes")
"""Modules beside this one."""
PAGE = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- figures -->\n", "<!-- /figures -->\n"
HEAD = "| promise | trials | broken | what was varied | seconds | command |\n|---|---|---|---|---|---|"


def main() -> int:
    """Try what was asked for; 0 where all of it held."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of trials")
    parser.add_argument(
        "--only", action="append", choices=[*PROMISES, *tested.PROMISES], help="one promise; may be repeated"
    )
    options = parser.parse_args()
    _preload()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        import_everything()
        is_broken = False
        for name in options.only or [*PROMISES, *tested.PROMISES]:
            began = time.monotonic()
            figure = _try(name, Path(folder) / name, options.share)
            seconds = time.monotonic() - began
            print(f"{figure.line}, {seconds:.0f} s", flush=True)
            for line in figure.broken[:10]:
                print(f"  {line}", flush=True)
            is_broken = is_broken or bool(figure.broken)
            if options.share == 1:
                _write(name, figure, seconds)
    return int(is_broken)


def _try(name: str, place: Path, share: float) -> Figure:
    if name in tested.PROMISES:
        return tested.run(name, share)
    place.mkdir()
    figure: Figure = import_module(f"soak.{name}").run(place, share)
    return figure


def _preload() -> None:
    """Start this process again with the shim that counts calls, where a compiler can make one."""
    if calls.SEEN_AS in os.environ:
        return
    library = calls.build(Path(tempfile.mkdtemp(prefix="soak-shim-")))
    if library is not None:
        os.execve(sys.executable, [sys.executable, "-m", "soak", *sys.argv[1:]], calls.environment(library))


def _write(name: str, figure: Figure, seconds: float) -> None:
    """Put a promise's row in the place of its last one."""
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    table, tail = rest.split(END)
    rows = {found[1]: line for line in table.splitlines() if (found := re.search(r"--only (\w+)`", line))}
    command = f"`scripts/soak --only {name}`"
    rows[name] = (
        f"| {figure.promise} | {figure.trials} | {len(figure.broken)} | {figure.detail} | {seconds:.0f} | {command} |"
    )
    kept = [rows[each] for each in (*PROMISES, *tested.PROMISES) if each in rows]
    PAGE.write_text("\n".join([head + BEGIN + HEAD, *kept, END + tail]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
