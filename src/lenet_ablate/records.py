"""The run folder: what a run leaves on disk, written so that it can be trusted and read back.

Layout (one folder per run, `outputs/<study>/<run>/`): status.json, config.yaml, metrics.csv, result.json,
predictions.npz, model.safetensors, run.log and, while unfinished, checkpoint.safetensors. `done` in status.json is
written last and names every file's SHA-256: only a folder whose files agree with it counts as finished.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import hashlib
import io
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import yaml

from lenet_ablate.atomic import flush_folder, write_bytes
from lenet_ablate.config import RunConfig, to_mapping

FORMAT = 1
STATUS, CONFIG, METRICS, RESULT = "status.json", "config.yaml", "metrics.csv", "result.json"
PREDICTIONS, MODEL, CHECKPOINT, LOG = "predictions.npz", "model.safetensors", "checkpoint.safetensors", "run.log"

Weights = Mapping[str, npt.NDArray[np.float32]]


class State(Enum):
    """Where a run stands. `done` and `diverged` are finished; every other one runs again."""

    planned = "planned"
    running = "running"
    done = "done"
    failed = "failed"
    diverged = "diverged"
    interrupted = "interrupted"
    unreadable = "unreadable"

    @property
    def is_finished(self) -> bool:
        """Whether the run has its result."""
        return self in (State.done, State.diverged)


@dataclass(frozen=True)
class EpochRow:
    """One row of metrics.csv; losses in nats per image, accuracies 0..1, None where not evaluated.

    Everything but `seconds` (of that epoch, evaluation included) is determined by the configuration.
    """

    epoch: int
    step: int
    lr: float
    train_loss_running: float
    train_loss: float | None
    val_loss: float | None
    val_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float


COLUMNS = tuple(f.name for f in dataclasses.fields(EpochRow))


@dataclass(frozen=True)
class Predictions:
    """What the trained network says of the test images.

    Attributes:
        digits: (M,) uint8, the predicted class 0..9 of each test image in the data set's order.
        probabilities: (M,) float16, the softmax probability of that class, 0..1.
    """

    digits: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float16]


def write_status(folder: Path, state: State, identity: str, **more: Any) -> None:
    """Say where a run stands; a running one is signed with this process and the time."""
    status: dict[str, Any] = {"format": FORMAT, "status": state.value, "identity": identity}
    if state is State.running:
        status["owner"] = {"host": socket.gethostname(), "pid": os.getpid()}
        status["heartbeat"] = now()
    write_bytes(folder / STATUS, _json(status | more), flush=state.is_finished)


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the settings as block-style YAML."""
    text = yaml.dump(to_mapping(config), Dumper=_Dumper, sort_keys=False, default_flow_style=False)
    write_bytes(folder / CONFIG, text.encode(), flush=False)


def write_metrics(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Write all epochs so far; floats in full precision."""
    write_bytes(folder / METRICS, _metrics(rows), flush=False)


def write_finished(
    folder: Path,
    state: State,
    identity: str,
    rows: Sequence[EpochRow],
    result: Mapping[str, Any],
    weights: Weights | None,
    predictions: Predictions | None,
    kept: Sequence[str] = (),
) -> None:
    """Write a finished run's files, flush the folder, and only then call it done (or diverged).

    A diverged run has neither weights nor predictions. `kept` names files in the folder that belong to it too.
    """
    files = {METRICS: _metrics(rows), RESULT: _json(result), CONFIG: (folder / CONFIG).read_bytes()}
    if weights is not None:
        files[MODEL] = safetensors.numpy.save(dict(weights))
    if predictions is not None:
        packed = io.BytesIO()
        np.savez_compressed(packed, digits=predictions.digits, probabilities=predictions.probabilities)
        files[PREDICTIONS] = packed.getvalue()
    digests = {name: write_bytes(folder / name, data) for name, data in sorted(files.items())}
    digests |= {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sorted(kept)}
    for stale in {MODEL, PREDICTIONS} - set(files):
        (folder / stale).unlink(missing_ok=True)
    flush_folder(folder)
    write_status(folder, state, identity, files=digests)
    flush_folder(folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def read_metrics(path: Path) -> tuple[EpochRow, ...]:
    """The rows of a metrics.csv; none where there is no such file yet."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(_row(line) for line in csv.DictReader(file))


def _row(line: Mapping[str, str]) -> EpochRow:
    values: dict[str, Any] = {name: float(line[name]) if line[name] else None for name in COLUMNS}
    return EpochRow(**values | {"epoch": int(line["epoch"]), "step": int(line["step"])})


def _metrics(rows: Sequence[EpochRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else repr(value) for value in dataclasses.astuple(row)] for row in rows)
    return text.getvalue().encode()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def lacks_train_loss(rows: Sequence[EpochRow], every: int) -> bool:
    """Whether an epoch whose training loss was to be evaluated, each `every`-th, has none; 0 asks for none."""
    return any(row.train_loss is None for row in rows if every and row.epoch % every == 0)


# libyaml is several times faster and is not compiled in everywhere.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
