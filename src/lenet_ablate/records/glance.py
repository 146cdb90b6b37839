"""Many runs at a glance: what their small files say, each file compared with its digest; the large ones only counted.

Reading a run as a whole takes its weights and predictions through SHA-256. A list of a thousand runs goes by the files
that it shows, and leaves the rest to `records.read`, by which alone runs are reported, skipped and predicted with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records import metrics, result, settings
from lenet_ablate.records.agreement import check_digest, check_identity, check_name, check_signed
from lenet_ablate.records.files import read_file
from lenet_ablate.records.notes import read_notes
from lenet_ablate.records.plans import read_plans
from lenet_ablate.records.read import RunRecord, planned_runs, read_unfinished, run_folders
from lenet_ablate.records.record import CONFIG, METRICS, RESULT, EpochRow, State
from lenet_ablate.records.status import RunStatus, read_status
from lenet_ablate.rendering.escape import one_line

Watch = Callable[[Iterable[Path]], Iterable[Path]]


def glance(folder: Path) -> RunRecord:
    """The run in a folder as `records.read.read_run` gives it, but for a finished one's epochs; never raises.

    That its large files are whole is not looked at, only that they are there.
    """
    notes = read_notes(folder)
    try:
        return dataclasses.replace(_glance(folder), notes=notes)
    except RecordError as error:
        return RunRecord(folder, State.unreadable, error=one_line(error), notes=notes)


def iter_glances(study: Path, watch: Watch = lambda folders: folders) -> Iterator[RunRecord]:
    """The runs of a study at a glance, in the order of `records.read.iter_records`.

    Args:
        study: The study's folder.
        watch: Wraps the iteration over the folders, to show progress.
    """
    records = [glance(folder) for folder in watch(run_folders(study))]
    readable = {record.folder.name for record in records if record.config}
    # The settings of thousands of runs that have been read need not be read from the plan, too.
    planned = planned_runs(study, read_plans(study, readable).sweeps)
    for record in records:
        plan = planned.pop(record.folder.name, None)
        yield dataclasses.replace(record, config=plan.config) if plan and not record.config else record
    yield from planned.values()


def _glance(folder: Path) -> RunRecord:
    status = read_status(folder)
    check_name(folder, status)
    content = read_file(folder, CONFIG, settings.MAX_BYTES)
    config = settings.config_of(content)
    check_identity(config, status)
    if not status.state.is_finished:
        return read_unfinished(folder, status, config)
    check_signed(status)
    found = result.result_of(_signed(read_file(folder, RESULT, result.MAX_BYTES), RESULT, status))
    _signed(content, CONFIG, status)
    rows: tuple[EpochRow, ...] = ()
    if found.final.epoch is None:  # it does not tell the last epoch's figures
        rows = metrics.metrics_of(
            _signed(read_file(folder, METRICS, metrics.MAX_BYTES), METRICS, status), config.epochs
        )
    for name in status.files:
        if not os.path.isfile(f"{folder}{os.sep}{name}"):  # noqa: PTH113 # a Path each would take as long as all else
            raise RecordError(f"{name} is missing")
    return RunRecord(folder, status.state, status.identity, config, rows, found, status.error, status.files)


def _signed(content: bytes, name: str, status: RunStatus) -> bytes:
    """The content of a file that agrees with its digest.

    Raises:
        RecordError: It does not.
    """
    check_digest(name, hashlib.sha256(content).hexdigest(), status.files[name])
    return content
