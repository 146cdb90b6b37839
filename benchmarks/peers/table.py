"""The table of benchmarks/peers.py as Markdown, from the file of what was measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WHAT = {
    "recipe": "PyTorch: DataLoader and torchvision's transforms",
    "lightning": "Lightning, data in memory",
    "memory": "PyTorch, data in memory",
    "compile": "PyTorch, data in memory, `torch.compile`",
    "jax": "JAX `jit` and Optax",
    "keras-jax": "Keras 3 on JAX",
    "keras-tensorflow": "Keras 3 on TensorFlow",
    "keras-torch": "Keras 3 on PyTorch",
    "ablate-torch": "lenet-ablate `engine=torch`",
    "ablate": "lenet-ablate",
}
HEAD = """| seconds an epoch | one core | {cores} cores, one training | {cores} cores, {cores} trainings | accuracy |
|---|---|---|---|---|"""
Row = Mapping[str, Any]


def markdown(results: Path) -> str:
    """The table, slowest first, and what it was measured on and with.

    Of each training the median of its epochs without the first counts. With several side by side it is the mean of
    theirs over their number: what one more training costs.
    """
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    named = {name: {row["way"]: row for row in rows if row["contestant"] == name} for name in WHAT}
    named = {name: ways for name, ways in named.items() if ways}
    cores = {row["cores"] for row in rows}
    (count,) = cores
    order = sorted(named, key=lambda name: -(seconds(named[name].get("one")) or float("inf")))
    lines = [HEAD.format(cores=count), *(_line(WHAT[name], named[name]) for name in order)]
    return "\n".join([*lines, "", _foot(rows)])


def seconds(row: Row | None) -> float | None:
    """Seconds per epoch and training; None where there is no measurement."""
    if row is None or "failed" in row:
        return None
    trainings = row["trainings"]
    medians = [statistics.median(each["epoch_seconds"][1:]) for each in trainings]
    return statistics.mean(medians) / len(medians)


def _line(what: str, ways: Mapping[str, Row]) -> str:
    if all("failed" in row for row in ways.values()):
        return f"| {what} | {next(iter(ways.values()))['failed']} | | | |"
    cells = [_number(seconds(ways.get(way))) for way in ("one", "threads", "side")]
    reached = [each["test_accuracy"] for row in ways.values() for each in row.get("trainings", [])]
    return f"| {what} | {' | '.join(cells)} | {_range(reached)} |"


def _number(found: float | None) -> str:
    return "–" if found is None else f"{found:.2f}" if found < 10 else f"{found:.1f}"


def _range(values: Sequence[float]) -> str:
    lowest, highest = f"{100 * min(values):.2f}", f"{100 * max(values):.2f}"
    return f"{lowest} %" if lowest == highest else f"{lowest}–{highest} %"


def _foot(rows: Sequence[Row]) -> str:
    trainings = [each for row in rows for each in row.get("trainings", [])]
    versions = {name: version for each in trainings for name, version in each["versions"].items()}
    epochs = {len(each["epoch_seconds"]) for each in trainings}
    (number,) = epochs
    (processor,), (python,), (cores,) = ({row[key] for row in rows} for key in ("processor", "python", "cores"))
    told = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"Medians of {number - 1} epochs after a first one; accuracy after {number}, of all trainings of the row; "
        "–: not measured. "
        f"{cores} cores of an {processor}, Python {python}, {told}."
    )
