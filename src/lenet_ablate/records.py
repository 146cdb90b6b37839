"""The run folder: what a run leaves on disk, written so that it can be trusted and read back.

Layout (one folder per run, `outputs/<study>/<run>/`): status.json, config.yaml, metrics.csv, result.json,
predictions.npz, model.safetensors, run.log and, while unfinished, checkpoint.safetensors. `done` in status.json is
written last and names every file's SHA-256: only a folder whose files agree with it counts as finished.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime
import hashlib
import io
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import yaml

from lenet_ablate.atomic import flush_folder, write_bytes
from lenet_ablate.config import RunConfig, to_mapping
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.parse import parse_config

FORMAT = 1
STALE_SECONDS = 120  # four times the longest pause between two heartbeats
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


@dataclass(frozen=True)
class RunRecord:
    """One run as found on disk.

    Attributes:
        folder: Its folder; it does not exist for a run that is only planned.
        state: Where it stands; a run whose heartbeat stopped counts as interrupted.
        identity: SHA-256 of its settings; empty where unreadable.
        config: Its settings; None where unreadable.
        rows: Its epochs so far.
        result: Content of result.json; empty while unfinished.
        error: What went wrong, in one line; empty where nothing did.
        status: Content of status.json.
    """

    folder: Path
    state: State
    identity: str = ""
    config: RunConfig | None = None
    rows: tuple[EpochRow, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)


# --- writing ---------------------------------------------------------------------------------------------------


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
) -> None:
    """Write a finished run's files, flush the folder, and only then call it done (or diverged).

    A diverged run has neither weights nor predictions.
    """
    files = {METRICS: _metrics(rows), RESULT: _json(result), CONFIG: (folder / CONFIG).read_bytes()}
    if weights is not None:
        files[MODEL] = safetensors.numpy.save(dict(weights))
    if predictions is not None:
        packed = io.BytesIO()
        np.savez_compressed(packed, digits=predictions.digits, probabilities=predictions.probabilities)
        files[PREDICTIONS] = packed.getvalue()
    digests = {name: write_bytes(folder / name, data) for name, data in sorted(files.items())}
    flush_folder(folder)
    write_status(folder, state, identity, files=digests)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


# --- reading ---------------------------------------------------------------------------------------------------


def read_run(folder: Path) -> RunRecord:
    """What a run's folder holds; never raises: what cannot be read is `unreadable` with the reason."""
    if not (folder / STATUS).is_file():
        return RunRecord(folder, State.unreadable, error="has no status.json")
    try:
        status = json.loads((folder / STATUS).read_bytes())
        if status["format"] != FORMAT:
            raise RecordError(f"format {status['format']} is not known to this version")
        state = _current_state(status)
        _check_digests(folder, status.get("files", {}))
        config, _ = parse_config(yaml.load((folder / CONFIG).read_bytes(), Loader=_Loader))
        rows = read_metrics(folder / METRICS)
        result = json.loads((folder / RESULT).read_bytes()) if state.is_finished else {}
        error = str(status.get("error", ""))
        return RunRecord(folder, state, status["identity"], config, rows, result, error, status)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, LenetAblateError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        return RunRecord(folder, State.unreadable, error=text)


def read_finished(folder: Path, identity: str) -> RunRecord | None:
    """The run's record if it is finished and whole; None where it must be trained.

    Raises:
        RecordError: The folder belongs to other settings.
    """
    if not (folder / STATUS).is_file():
        return None
    record = read_run(folder)
    if record.identity and record.identity != identity:
        raise RecordError(f"{folder}: holds a run with other settings of the same short name; move it away")
    return record if record.state.is_finished else None


def iter_records(study: Path) -> Iterator[RunRecord]:
    """The runs of one study in the order of their names, then those that a sweep planned and that have no folder.

    An unreadable run keeps the settings that its sweep planned it with.
    """
    planned = _read_planned(study)
    for folder in sorted(path for path in study.iterdir() if path.is_dir()):
        if (folder / STATUS).is_file():
            record, plan = read_run(folder), planned.pop(folder.name, None)
            yield dataclasses.replace(record, config=plan.config) if plan and not record.config else record
    yield from planned.values()


def _read_planned(study: Path) -> dict[str, RunRecord]:
    """Every run that a sweep of the study planned, by name; entries that cannot be read are left out."""
    planned: dict[str, RunRecord] = {}
    for run in (run for sweep in read_sweeps(study) for run in sweep["runs"]):
        with contextlib.suppress(KeyError, TypeError, AttributeError, LenetAblateError):
            config, _ = parse_config(run["config"])
            folder = study / Path(run["run"]).name
            planned.setdefault(folder.name, RunRecord(folder, State.planned, run["identity"], config))
    return planned


def read_sweeps(study: Path) -> list[dict[str, Any]]:
    """The plans in `sweeps/*.json` in the order of their creation; damaged ones are left out."""
    sweeps = []
    for path in sorted((study / "sweeps").glob("*.json")):
        try:
            sweep = json.loads(path.read_bytes())
            if sweep["format"] == FORMAT and sweep["created"] and isinstance(sweep["runs"], list):
                sweeps.append(sweep)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(sweeps, key=lambda sweep: str(sweep["created"]))


def _current_state(status: Mapping[str, Any]) -> State:
    state = State(status["status"])
    if state is State.running:
        beat = datetime.datetime.fromisoformat(status["heartbeat"])
        age = datetime.datetime.now(datetime.UTC) - beat
        return State.interrupted if age.total_seconds() > STALE_SECONDS else state
    return state


def _check_digests(folder: Path, digests: Mapping[str, str]) -> None:
    for name, expected in digests.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise RecordError(f"{name} is damaged: it differs from the SHA-256 in {STATUS}")


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


# libyaml is several times faster and is not compiled in everywhere.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
