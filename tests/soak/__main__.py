"""All promises at full length: `scripts/soak`."""

from __future__ import annotations

import argparse
import os
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


def main() -> int:
    """Try what was asked for; 0 where all of it held."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of trials")
    parser.add_argument(
        "--only", action="append", choices=[*PROMISES, *tested.PROMISES], help="one promise; may be repeated"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        _preload(Path(folder))
        import_everything()
        figures = {}
        for name in options.only or [*PROMISES, *tested.PROMISES]:
            began = time.monotonic()
            figures[name] = figure = _try(name, Path(folder) / name, options.share)
            print(f"{figure.line}, {time.monotonic() - began:.0f} s", flush=True)
            for line in figure.broken[:10]:
                print(f"  {line}", flush=True)
    if options.share == 1 and not options.only:
        _write(figures)
    return int(any(figure.broken for figure in figures.values()))


def _try(name: str, place: Path, share: float) -> Figure:
    if name in tested.PROMISES:
        return tested.run(name, share)
    place.mkdir()
    figure: Figure = import_module(f"soak.{name}").run(place, share)
    return figure


def _preload(folder: Path) -> None:
    """Start this process again with the shim that counts calls, where a compiler can make one."""
    if calls.SEEN_AS in os.environ:
        return
    kept = Path(tempfile.mkdtemp(prefix="soak-shim-"))
    library = calls.build(kept)
    if library is not None:
        os.execve(sys.executable, [sys.executable, "-m", "soak", *sys.argv[1:]], calls.environment(library))


def _write(figures: dict[str, Figure]) -> None:
    rows = [
        f"| {one.promise} | {one.trials} | {len(one.broken)} | {one.detail} | `scripts/soak --only {name}` |"
        for name, one in figures.items()
    ]
    table = "\n".join(["| promise | trials | broken | what was varied | command |", "|---|---|---|---|---|", *rows])
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
