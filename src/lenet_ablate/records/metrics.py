"""The epochs of a run, as its metrics.csv says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import MissingFileError, read_file
from lenet_ablate.records.record import COLUMNS, METRICS, EpochRow

MAX_BYTES = 32 << 20
MAX_EPOCHS = 100_000
MAX_LOSS = 3.5e38  # a float32's largest
MAX_RATE, MAX_SECONDS = 1e9, 1e12
_NUMBERS = {
    "lr": (-MAX_RATE, MAX_RATE),
    "train_loss_running": (-1.0, MAX_LOSS),
    "train_loss": (-1.0, MAX_LOSS),
    "val_loss": (-1.0, MAX_LOSS),
    "val_accuracy": (0.0, 1.0),
    "test_loss": (-1.0, MAX_LOSS),
    "test_accuracy": (0.0, 1.0),
    "seconds": (0.0, MAX_SECONDS),
}
_MAY_BREAK = {name for name in _NUMBERS if "loss" in name}
_MAY_BE_EMPTY = {"train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"}


def read_metrics(folder: Path, most_epochs: int = MAX_EPOCHS) -> tuple[EpochRow, ...]:
    """The epochs of the run in a folder; none where it has no metrics.csv yet.

    A loss that is NaN or infinite is that, and ends the run.

    Args:
        folder: The run's folder.
        most_epochs: Epochs that it may have.

    Raises:
        RecordError: The file cannot be read, or holds something else.
    """
    try:
        return metrics_of(read_file(folder, METRICS, MAX_BYTES), most_epochs)
    except MissingFileError:
        return ()


def metrics_of(content: bytes, most_epochs: int = MAX_EPOCHS) -> tuple[EpochRow, ...]:
    """The epochs that a metrics.csv of this content tells; see `read_metrics`."""
    if content.count(b"\n") > most_epochs + 1:
        raise RecordError(f"{METRICS} has more epochs than the {most_epochs} of the run")
    try:
        header, *lines = content.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise RecordError(f"{METRICS} is no table") from None
    if header != ",".join(COLUMNS):
        raise RecordError(f"{METRICS} has other columns than {','.join(COLUMNS)}")
    return tuple(row_of(number, line.split(",")) for number, line in enumerate(lines, 1))


def row_of(number: int, line: Sequence[str]) -> EpochRow:
    """The epoch of this number, from the texts of its line.

    Raises:
        RecordError: They are no such epoch.
    """
    place = f"{METRICS}: epoch {number}"
    if len(line) != len(COLUMNS):
        raise RecordError(f"{place} must have {len(COLUMNS)} values")
    epoch, step, *rest = line
    if epoch != str(number):
        raise RecordError(f"{place} must come next, not {ascii(epoch)[:20]}")
    if not (step.isdecimal() and len(step) < 16):
        raise RecordError(f"{place}: step must be a whole number")
    return EpochRow(number, int(step), *(_number(place, name, text) for name, text in zip(_NUMBERS, rest, strict=True)))  # type: ignore[arg-type]


def _number(place: str, name: str, text: str) -> float | None:
    if not text and name in _MAY_BE_EMPTY:
        return None
    least, most = _NUMBERS[name]
    try:
        value = float(text)
        if least <= value <= most or (name in _MAY_BREAK and not math.isfinite(value)):
            return value
    except ValueError:
        pass
    raise RecordError(f"{place}: {name} must be a number from {least:g} to {most:g}, not {ascii(text)[:20]}")
