"""Writing a run folder, so that it can be trusted and read back: `done` is written last, over digests of the rest."""

from __future__ import annotations

import contextlib
import csv
import datetime
import functools
import hashlib
import io
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records.arrays import pack_predictions
from lenet_ablate.records.atomic import put_in_place, remove_quietly, write_aside, write_bytes
from lenet_ablate.records.flushing import flush_runs
from lenet_ablate.records.record import (
    CALIBRATION,
    CHECKPOINT,
    COLUMNS,
    CONFIG,
    FORMAT,
    METRICS,
    MODEL,
    PREDICTIONS,
    RESULT,
    STATUS,
    EpochRow,
    Predictions,
    State,
    Weights,
    values_of,
)
from lenet_ablate.records.settings import config_bytes
from lenet_ablate.records.status import LAUNCH

NOTHING: Mapping[str, str] = {}


def write_status(folder: Path, state: State, run_identity: str, **more: Any) -> None:
    """Say where a run stands; a running one is signed with this process and the time, a failed one with the launch."""
    write_bytes(folder / STATUS, _status(state, run_identity, more), flush=False)


def _status(state: State, run_identity: str, more: Mapping[str, Any]) -> bytes:
    status: dict[str, Any] = {"format": FORMAT, "status": state.value, "identity": run_identity}
    if state is State.running:
        status["owner"] = {"host": socket.gethostname(), "pid": os.getpid()}
        status["heartbeat"] = now()
    if state is State.failed and (launch := os.environ.get(LAUNCH)):
        status["launch"] = launch
    return _json({**status, **more})


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the settings as block-style YAML."""
    write_bytes(folder / CONFIG, config_bytes(config), flush=False)


def write_metrics(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Write all epochs so far; floats in full precision."""
    write_bytes(folder / METRICS, _metrics(rows), flush=False)


@dataclass(frozen=True)
class Unsigned:
    """A run whose files are all written, and which nothing calls finished yet.

    Attributes:
        folder: Its folder.
        state: How it ended: done or diverged.
        identity: SHA-256 of its settings.
        digests: SHA-256 by name of its files.
        aside: The temporary name under which lies what will call it finished.
    """

    folder: Path
    state: State
    identity: str
    digests: Mapping[str, str]
    aside: str


def write_finished(
    folder: Path,
    state: State,
    config: RunConfig,
    rows: Sequence[EpochRow],
    result: Mapping[str, Any],
    weights: Weights | None,
    predictions: Predictions | None,
    kept: Mapping[str, str] = NOTHING,
    calibration: str = "",
    memory: bytes = b"",
) -> None:
    """Write a finished run's files, its settings among them, and call it done (or diverged); see `write_record`."""
    write_config(folder, config)
    sign(write_record(folder, state, config, rows, result, weights, predictions, kept, calibration, memory))


def write_record(
    folder: Path,
    state: State,
    config: RunConfig,
    rows: Sequence[EpochRow],
    result: Mapping[str, Any],
    weights: Weights | None,
    predictions: Predictions | None,
    kept: Mapping[str, str] = NOTHING,
    calibration: str = "",
    memory: bytes = b"",
) -> Unsigned:
    """Write the files of a run that has come to its end but for its settings, which were written as it began.

    A diverged run has neither weights nor predictions. `kept` names files in the folder that belong to it too, with
    the SHA-256 of what was written: one that was damaged since must not be signed as it is. `calibration` goes with
    the weights, as the file's metadata; `memory`, the optimizer's as a safetensors file would have it, with the
    predictions: a run of more epochs goes on with it.
    """
    files = {METRICS: _metrics(rows), RESULT: _json(result)}
    if weights is not None:
        files[MODEL] = safetensors.numpy.save(dict(weights), {CALIBRATION: calibration} if calibration else None)
    if predictions is not None:
        files[PREDICTIONS] = pack_predictions(predictions, memory)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    digests[CONFIG] = hashlib.sha256(config_bytes(config)).hexdigest()
    digests |= dict(sorted(kept.items()))
    # First of all, since a run that was short has no status yet: it tells whose files these are, and that none counts.
    aside = write_aside(folder / STATUS, _status(state, identity(config), {"files": digests}))
    try:
        for name, data in sorted(files.items()):
            put_in_place(write_aside(folder / name, data), folder / name)
        if weights is None or predictions is None:
            for stale in {MODEL, PREDICTIONS} - set(files):
                (folder / stale).unlink(missing_ok=True)
    except BaseException:
        remove_quietly(aside)
        raise
    return Unsigned(folder, state, identity(config), digests, aside)


def sign(run: Unsigned) -> None:
    """Call a run finished once its files are on the disk.

    Raises:
        RecordError: Something cannot be written; it is not finished then.
    """
    for error in sign_all([run]).values():
        raise error


def sign_all(runs: Sequence[Unsigned]) -> dict[Path, RecordError]:
    """Call runs finished once the files of all of them are on the disk; returns what went wrong, by folder.

    When it returns, the others are finished, and a loss of power does not change that. What calls a run finished is on
    the disk with its other files and only takes its name then.
    """
    failed: dict[Path, RecordError] = {}
    if fault := _flush({run.folder: (*run.digests, Path(run.aside).name) for run in runs}):
        for run in runs:
            remove_quietly(run.aside)
        return {run.folder: fault for run in runs}
    for run in runs:
        try:
            put_in_place(run.aside, run.folder / STATUS)
        except RecordError as error:
            failed[run.folder] = error
    signed = [run for run in runs if run.folder not in failed]
    if fault := _flush({run.folder: () for run in signed}):
        return failed | {run.folder: fault for run in signed}
    for run in signed:
        with contextlib.suppress(OSError):  # what is finished stays so
            (run.folder / CHECKPOINT).unlink(missing_ok=True)
    return failed


def _flush(files: Mapping[Path, Sequence[str]]) -> RecordError | None:
    try:
        flush_runs(files)
    except RecordError as error:
        return error
    return None


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _metrics(rows: Sequence[EpochRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else repr(value) for value in values_of(row)] for row in rows)
    return text.getvalue().encode()


def _json(value: Mapping[str, Any]) -> bytes:
    """A mapping as `json.dumps` with `indent=1` gives it; what thousands of runs share is put into words once."""
    lines = ",".join(f"\n {_words(key)}: {_inner(each)}" for key, each in value.items())
    return f"{{{lines}\n}}\n".encode(errors="backslashreplace")  # JSON's own way to write a byte that is not UTF-8


def _inner(value: Any) -> str:
    if not isinstance(value, (dict, list)) or not value:
        return _words(value)
    if isinstance(value, list) or any(isinstance(each, (dict, list)) for each in value.values()):
        return _indented(_words(value))
    return f"{{\n  {_lines(value)[1:-1]}\n }}"


@functools.lru_cache(maxsize=64)
def _indented(text: str) -> str:
    """A value's JSON in lines of their own; what is in one line is written at a tenth of the time."""
    value = json.loads(text)
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).replace("\n", "\n ")


_words = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_lines = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",\n  ", ": ")).encode
