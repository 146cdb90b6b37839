"""Writing a run folder, so that it can be trusted and read back: `done` is written last, over digests of the rest."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.config.yaml_text import to_yaml
from lenet_ablate.records.atomic import flush_folder, write_bytes
from lenet_ablate.records.record import (
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
)
from lenet_ablate.records.status import LAUNCH

NOTHING: Mapping[str, str] = {}


def write_status(folder: Path, state: State, run_identity: str, **more: Any) -> None:
    """Say where a run stands; a running one is signed with this process and the time, a failed one with the launch."""
    status: dict[str, Any] = {"format": FORMAT, "status": state.value, "identity": run_identity}
    if state is State.running:
        status["owner"] = {"host": socket.gethostname(), "pid": os.getpid()}
        status["heartbeat"] = now()
    if state is State.failed and (launch := os.environ.get(LAUNCH)):
        status["launch"] = launch
    write_bytes(folder / STATUS, _json(status | more), flush=state.is_finished)


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the settings as block-style YAML."""
    write_bytes(folder / CONFIG, to_yaml(to_mapping(config)), flush=False)


def write_metrics(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Write all epochs so far; floats in full precision."""
    write_bytes(folder / METRICS, _metrics(rows), flush=False)


def write_finished(
    folder: Path,
    state: State,
    config: RunConfig,
    rows: Sequence[EpochRow],
    result: Mapping[str, Any],
    weights: Weights | None,
    predictions: Predictions | None,
    kept: Mapping[str, str] = NOTHING,
) -> None:
    """Write a finished run's files, flush the folder, and only then call it done (or diverged).

    A diverged run has neither weights nor predictions. `kept` names files in the folder that belong to it too, with
    the SHA-256 of what was written: one that was damaged since must not be signed as it is.
    """
    files = {METRICS: _metrics(rows), RESULT: _json(result), CONFIG: to_yaml(to_mapping(config))}
    if weights is not None:
        files[MODEL] = safetensors.numpy.save(dict(weights))
    if predictions is not None:
        packed = io.BytesIO()
        np.savez_compressed(packed, digits=predictions.digits, probabilities=predictions.probabilities)
        files[PREDICTIONS] = packed.getvalue()
    digests = {name: write_bytes(folder / name, data) for name, data in sorted(files.items())}
    digests |= dict(sorted(kept.items()))
    for stale in {MODEL, PREDICTIONS} - set(files):
        (folder / stale).unlink(missing_ok=True)
    flush_folder(folder)
    write_status(folder, state, identity(config), files=digests)
    flush_folder(folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _metrics(rows: Sequence[EpochRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else repr(value) for value in dataclasses.astuple(row)] for row in rows)
    return text.getvalue().encode()


def _json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")  # JSON's own way to write a byte of a path that is not UTF-8
