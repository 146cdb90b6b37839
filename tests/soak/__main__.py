"""All promises at full length: `scripts/soak`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from filelock import FileLock

from soak import calls, tested
from soak.harness import Figure
from support.forked import import_everything

PROMISES = ("kills", "calls", "flips", "unfinished", "together", "stops", "same_bytes")
"""Modules beside this one."""
ALONE = ("stops",)
SIDE_BY_SIDE = 2
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
    names = options.only or [*PROMISES, *tested.PROMISES]
    if len(names) > 1:
        return _try_side_by_side(names, options.share)
    _preload()
    (name,) = names
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        import_everything()
        began = time.monotonic()
        figure = _try(name, Path(folder) / name, options.share)
        seconds = time.monotonic() - began
    print(f"{figure.line}, {seconds:.0f} s", flush=True)
    for line in figure.broken[:10]:
        print(f"  {line}", flush=True)
    if options.share == 1:
        _write(name, figure, seconds)
    return int(bool(figure.broken))


def _try_side_by_side(names: Sequence[str], share: float) -> int:
    """Each promise in a process of its own, two at a time; what is promised in seconds is tried alone."""
    began = time.monotonic()

    def ask(name: str) -> int:
        command = [sys.executable, "-m", "soak", "--only", name, "--share", str(share)]
        return subprocess.run(command, check=False).returncode

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        statuses = list(pool.map(ask, [name for name in names if name not in ALONE]))
    statuses += [ask(name) for name in names if name in ALONE]
    print(f"{len(names)} promises in {(time.monotonic() - began) / 60:.1f} min", flush=True)
    return int(any(statuses))


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
    with FileLock(Path(tempfile.gettempdir()) / "soak-page.lock"):
        _write_row(name, figure, seconds)


def _write_row(name: str, figure: Figure, seconds: float) -> None:
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
