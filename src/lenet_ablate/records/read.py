"""Runs as found on disk: what is whole, what is unfinished, what cannot be read."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime
import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import REPORT_FOLDER, RunConfig
from lenet_ablate.config.yaml_text import from_yaml
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.records.record import COLUMNS, CONFIG, FORMAT, METRICS, RESULT, STATUS, EpochRow, State

STALE_SECONDS = 120  # several times the pause between two heartbeats, which come with the checkpoints


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


def read_run(folder: Path) -> RunRecord:
    """What a run's folder holds; never raises: what cannot be read is `unreadable` with the reason."""
    if not (folder / STATUS).is_file():
        return RunRecord(folder, State.unreadable, error="has no status.json")
    try:
        status = json.loads((folder / STATUS).read_bytes())
        if status["format"] != FORMAT:
            raise RecordError(f"format {status['format']} is not known to this version")
        state = _current_state(status)
        damaged = _damaged_file(folder, status.get("files", {}))
        if damaged:
            raise RecordError(f"{damaged} is damaged: it differs from the SHA-256 in {STATUS}")
        config, _ = parse_config(from_yaml((folder / CONFIG).read_bytes()))
        rows = read_metrics(folder / METRICS)
        result = json.loads((folder / RESULT).read_bytes()) if state.is_finished else {}
        error = str(status.get("error", ""))
        return RunRecord(folder, state, status["identity"], config, rows, result, error, status)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError, LenetAblateError) as error:
        return RunRecord(folder, State.unreadable, error=_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    text = " ".join(str(error).split())
    if isinstance(error, (LenetAblateError, OSError)):
        return text
    return f"a file of it is damaged ({type(error).__name__}: {text})"


def read_finished(folder: Path, identity: str) -> RunRecord | None:
    """The run's record if it is finished and whole; None where it must be trained.

    Its settings are told by the identity alone, so that a record with settings that only a newer version knows stays
    what it is.

    Raises:
        RecordError: The folder belongs to other settings or a newer version, or cannot be read just now.
    """
    try:
        status = json.loads((folder / STATUS).read_bytes())
        if not isinstance(status, dict):
            return None
        if status.get("format") != FORMAT:
            raise RecordError(f"{folder}: was written by another version of lenet-ablate; move it away")
        if status["identity"] != identity:
            raise RecordError(f"{folder}: holds a run with other settings of the same short name; move it away")
        state = State(status["status"])
        if not state.is_finished or _damaged_file(folder, status["files"]):
            return None
        result = json.loads((folder / RESULT).read_bytes())
        return RunRecord(folder, state, identity, None, read_metrics(folder / METRICS), result, "", status)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None
    except OSError as error:
        raise RecordError(f"{folder}: cannot be read: {error.strerror}") from error


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
        is_dead = age.total_seconds() > STALE_SECONDS or _is_gone(status["owner"])
        return State.interrupted if is_dead else state
    return state


def _is_gone(owner: Mapping[str, Any]) -> bool:
    """Whether the process that trains a run has ended; unknown, and so no, for another host's."""
    if os.name == "nt" or owner["host"] != socket.gethostname():
        return False
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _damaged_file(folder: Path, digests: Mapping[str, str]) -> str | None:
    return next(
        (name for name, sha in digests.items() if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha), None
    )


def read_metrics(path: Path) -> tuple[EpochRow, ...]:
    """The rows of a metrics.csv; none where there is no such file yet."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(_row(line) for line in csv.DictReader(file))


def _row(line: Mapping[str, str]) -> EpochRow:
    values: dict[str, Any] = {name: float(line[name]) if line[name] else None for name in COLUMNS}
    return EpochRow(**values | {"epoch": int(line["epoch"]), "step": int(line["step"])})


def find_studies(outputs: Path) -> list[Path]:
    """The study folders in `outputs`, or `outputs` itself where it is one, in the order of their names.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
    """
    if not outputs.is_dir():
        raise RecordError(f"{outputs}: there is no such folder; the runs of lenet-ablate lie in outputs/")
    if outputs.name in ("", ".."):  # a study is called by its folder's name, and "." has none
        outputs = outputs.resolve()
    studies = [outputs] if _is_study(outputs) else [path for path in sorted(outputs.iterdir()) if _is_study(path)]
    if not studies:
        raise RecordError(f"{outputs}: holds no runs; train some first, e.g. lenet-ablate -m lr=0.01,0.001")
    return studies


def _is_study(path: Path) -> bool:
    if not path.is_dir() or path.name == REPORT_FOLDER:
        return False
    return (path / "sweeps").is_dir() or any((child / STATUS).is_file() for child in path.iterdir() if child.is_dir())
