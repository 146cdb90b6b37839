"""What docs/scaling.md says was measured: kept in docs/results/scaling.json, and told as its tables.

Benchmarks write their part with `--record`; `scripts/update-readme` writes the tables from the file, and its `--check`
fails where a table is not what the file says.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parents[1] / "docs/results/scaling.json"
LAUNCHERS = {
    "local": ("`local`", "1.4 before and after the sweep"),
    "joblib": ("`joblib`", "two processes start"),
    "slurm": ("`slurm`, two tasks", "two copies start (3 s of CPU time each), the scheduler's turn, the last pause"),
    "ray": ("`ray`, two tasks", "Ray itself comes up and goes, then as on SLURM"),
}
STEPS = {
    "train": "trained",
    "again": "the same command again",
    "runs": "`lenet-runs`",
    "report": "`lenet-report`",
}


def record(part: str, found: Any) -> None:
    """Put what a benchmark found in the place of what it found before."""
    known = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(known | {part: found}, indent=1) + "\n", encoding="utf-8")


def tables(path: Path = PATH) -> dict[str, str]:
    """The tables by the name of their place in docs/scaling.md."""
    known = json.loads(path.read_text(encoding="utf-8"))
    return {
        "launchers": launchers_table(known["launchers"]),
        "copies": copies_table(known["copies"]),
        "overhead": overhead_table(known["overhead"]),
        "size": size_table(known["size"]),
    }


def launchers_table(found: Mapping[str, Any]) -> str:
    """Lowest and highest seconds of each launcher."""
    rows = []
    for name, (title, why) in LAUNCHERS.items():
        taken = found["seconds"][name]
        rows.append((title, f"{min(taken):.1f} to {max(taken):.1f}", str(len(taken)), why))
    return table(("launcher", "wall seconds, lowest to highest", "n", "of which"), rows)


def copies_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Seconds and tails of copies that were told their share and of others."""
    rows = []
    for is_told, title in ((True, "told their share"), (False, "not told")):
        own = [each for each in found if each["told their share"] is is_told]
        seconds, tails = ([each[key] for each in own] for key in ("seconds", "tail"))
        rows.append((title, span(seconds), span(tails), str(len(own))))
    return table(("copies", "seconds", "from the last record to the end of the last copy", "n"), rows)


def overhead_table(found: Mapping[str, Any]) -> str:
    """Milliseconds of a run besides training, before and after."""
    rows = []
    for key, title in (
        ("new", "a new run, besides training, two side by side, wall"),
        ("again", "the same command again, every file compared with its digest, wall"),
    ):
        now, then = found["after"][key], found["before"][key]
        told = f"{statistics.median(now):.1f} ms ({span(now)}, n = {len(now)})"
        rows.append((title, told, f"{statistics.median(then):.1f} ms ({span(then)})"))
    return table(("what", "per run", "before"), rows)


def size_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Seconds and memory of each step with a hundred thousand runs."""
    rows = [
        (STEPS[each["step"]], f"{each['runs']:,}", f"{each['cpu_seconds']:,.0f} s", f"{each['megabytes']:,} MB")
        for each in found
    ]
    return table(("step", "runs", "CPU", "memory"), rows)


def span(values: Sequence[float]) -> str:
    """Lowest to highest."""
    return f"{min(values):.1f} to {max(values):.1f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
