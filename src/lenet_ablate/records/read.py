"""Runs as found on disk: what is whole, what is unfinished, what cannot be read."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lenet_ablate.config.own_code import has_own_code
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import REPORT_FOLDER, RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import metrics, result, settings
from lenet_ablate.records.agreement import RUN_NAME, check_digest, check_identity, check_name, check_signed
from lenet_ablate.records.archive import archived_names
from lenet_ablate.records.aside import is_aside
from lenet_ablate.records.files import digest_file, read_file
from lenet_ablate.records.notes import NO_NOTES, Notes, read_notes
from lenet_ablate.records.plans import SWEEPS, SweepPlan, read_plans
from lenet_ablate.records.record import (
    CONFIG,
    METRICS,
    RESULT,
    STATUS,
    EpochRow,
    State,
)
from lenet_ablate.records.result import RunResult
from lenet_ablate.records.status import RunStatus, read_status
from lenet_ablate.rendering.console import warn
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.rendering.failures import no_folder

OWN_BYTES = 4 << 30  # of own code, whose size its code alone knows
MAX_EPOCHS = 3_000_000  # of a study's runs together, a hundred thousand of 30 epochs: some 4 GB of memory
_PARSED = {CONFIG: settings.MAX_BYTES, METRICS: metrics.MAX_BYTES, RESULT: result.MAX_BYTES}


@dataclass(frozen=True)
class RunRecord:
    """One run as found on disk.

    Attributes:
        folder: Its folder; it does not exist for a run that is only planned.
        state: Where it stands; a run whose heartbeat stopped counts as interrupted.
        identity: SHA-256 of its settings; empty where unreadable.
        config: Its settings; None where unreadable.
        rows: Its epochs so far.
        result: What it came to; says nothing while unfinished.
        error: What went wrong, in one line; empty where nothing did.
        files: SHA-256 by name of a finished run's files, each of which agrees with it.
        notes: What the user wrote beside it.
    """

    folder: Path
    state: State
    identity: str = ""
    config: RunConfig | None = None
    rows: tuple[EpochRow, ...] = ()
    result: RunResult = field(default_factory=RunResult)
    error: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    notes: Notes = NO_NOTES


def read_run(folder: Path) -> RunRecord:
    """What a run's folder holds; never raises: what cannot be read is `unreadable` with the reason."""
    try:
        status = read_status(folder)
        config = settings.read_config(folder)
        check_identity(config, status)
        return dataclasses.replace(read_whole(folder, status, config), notes=read_notes(folder))
    except RecordError as error:
        return RunRecord(folder, State.unreadable, error=one_line(error), notes=read_notes(folder))


def read_finished(folder: Path, config: RunConfig) -> RunRecord | None:
    """The run's record if it is finished and whole; None where it is not, or where its folder cannot be read.

    A record with settings that only a newer version knows stays what it is: its identity tells that they do not
    matter.
    """
    try:
        status = read_status(folder)
        if status.state.is_finished and status.identity == identity(config):
            return read_whole(folder, status, config)
    except RecordError:
        pass
    return None


def read_whole(folder: Path, status: RunStatus, config: RunConfig) -> RunRecord:
    """The record of a run with these settings, every file of it compared with its digest.

    Raises:
        RecordError: It is not whole.
    """
    check_name(folder, status)
    if not status.state.is_finished:
        return read_unfinished(folder, status, config)
    check_signed(status)
    if len(status.files) > config.epochs + 100:
        raise RecordError(f"{STATUS} names more files than such a run has")
    contents = {name: _signed(folder, name, digest, config) for name, digest in status.files.items()}
    if not settings.is_about(contents[CONFIG], config):
        raise RecordError(f"{CONFIG} has other settings than those that {STATUS} is about")
    rows = metrics.metrics_of(contents[METRICS], config.epochs)
    found = result.result_of(contents[RESULT])
    return RunRecord(folder, status.state, status.identity, config, rows, found, status.error, status.files)


def read_unfinished(folder: Path, status: RunStatus, config: RunConfig) -> RunRecord:
    """The record of a run that has no result yet.

    Raises:
        RecordError: Its metrics cannot be read.
    """
    rows = metrics.read_metrics(folder, config.epochs)
    return RunRecord(folder, status.state, status.identity, config, rows, error=status.error)


def _signed(folder: Path, name: str, digest: str, config: RunConfig) -> bytes:
    """The content of a file that is to be parsed, nothing of any other, once its digest is compared."""
    if name in _PARSED:
        content = read_file(folder, name, _PARSED[name])
        found = hashlib.sha256(content).hexdigest()
    else:
        content, found = b"", digest_file(folder, name, most_bytes(config))
    check_digest(name, found, digest)
    return content


def most_bytes(config: RunConfig) -> int:
    """Bytes that a file of a run may have: enough for its weights in twice the precision, and for predictions."""
    if has_own_code(config):
        return OWN_BYTES
    widths = [1024, *(config.model.hidden or ()), 128]
    return (64 << 20) + 8 * sum(before * after for before, after in itertools.pairwise(widths))


def iter_records(study: Path, sweeps: Sequence[SweepPlan] | None = None) -> Iterator[RunRecord]:
    """The runs of one study in the order of their names, then those that a sweep planned and that have no folder.

    An unreadable run keeps the settings that its sweep planned it with. Folders that were set aside are none.

    Args:
        study: The study's folder.
        sweeps: Its plans, where they are known already.
    """
    planned = planned_runs(study, read_plans(study).sweeps if sweeps is None else sweeps)
    left = MAX_EPOCHS
    for folder in sorted(path for path in study.iterdir() if path.is_dir() and not is_aside(path.name)):
        if _is_run(folder):
            record, plan = read_run(folder), planned.pop(folder.name, None)
            left -= len(record.rows)
            if left < 0:
                error = f"the study has more than {MAX_EPOCHS:,} epochs; move some runs to another one"
                record = RunRecord(folder, State.unreadable, record.identity, record.config, error=error)
            yield dataclasses.replace(record, config=plan.config) if plan and not record.config else record
    for run in planned.values():
        is_odd = os.path.lexists(run.folder) and not run.folder.is_dir()
        yield dataclasses.replace(run, state=State.unreadable, error="it is no folder") if is_odd else run


def planned_runs(study: Path, sweeps: Sequence[SweepPlan]) -> dict[str, RunRecord]:
    """Every run that a sweep of the study planned and that is not archived, by name."""
    planned: dict[str, RunRecord] = {}
    away = set(archived_names(study))
    for run in (run for sweep in sweeps for run in sweep.runs if run.run not in away):
        planned.setdefault(run.run, RunRecord(study / run.run, State.planned, run.identity, run.config))
    return planned


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run's, also where its result has lost its status; of one not to be entered by its name."""
    try:
        os.lstat(folder / STATUS)
    except (FileNotFoundError, NotADirectoryError):
        return RUN_NAME.fullmatch(folder.name) is not None and os.path.lexists(folder / RESULT)
    except OSError:
        return RUN_NAME.fullmatch(folder.name) is not None
    return True


def run_folders(study: Path) -> list[Path]:
    """The folders of a study's runs in the order of their names, not looked into; none where there is none."""
    try:
        folders = sorted(path for path in study.iterdir() if path.is_dir() and not is_aside(path.name))
    except OSError:
        return []
    return [folder for folder in folders if _is_run(folder)]


def find_studies(outputs: Path) -> list[Path]:
    """The study folders in `outputs`, or `outputs` itself where it is one, in the order of their names.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
    """
    if not outputs.is_dir():
        raise RecordError(f"{outputs}: {no_folder(outputs)}; the runs of lenet-ablate lie in outputs/")
    if outputs.name in ("", ".."):  # a study is called by its folder's name, and "." has none
        outputs = outputs.resolve()
    below = [path for path in sorted(outputs.iterdir()) if _is_study(path)]
    own = run_folders(outputs)
    is_one = (outputs / SWEEPS).is_dir() or (own and not below)
    studies = [outputs] if is_one else below
    if own and not is_one:
        warn(f"{outputs}: left out {own[0].name}, a run that lies beside the studies; move it into one of them")
    if not studies:
        raise RecordError(f"{outputs}: holds no runs; train some first, e.g. lenet-ablate -m lr=0.01,0.001")
    return studies


def _is_study(path: Path) -> bool:
    if not path.is_dir() or path.name == REPORT_FOLDER:
        return False
    if not os.access(path, os.R_OK | os.X_OK):
        warn(f"{path}: left out, since it cannot be read")
        return False
    return (path / SWEEPS).is_dir() or bool(run_folders(path))
