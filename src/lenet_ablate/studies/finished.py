"""Which runs need not be trained again."""

from __future__ import annotations

from lenet_ablate.config.home import expand_home
from lenet_ablate.config.plan import RunPlan, identity, make_plan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.networks import image_size
from lenet_ablate.records.read import RunRecord, read_finished, read_run
from lenet_ablate.records.record import RESULT, State, lacks_train_loss
from lenet_ablate.records.snapshots import kept_files
from lenet_ablate.studies.jobs import Job, Sweep


def dataset_of(config: RunConfig, data: DatasetCache) -> Dataset:
    """A run's data set at its network's input size."""
    return data.get(config.data, image_size(config.model))


def plan_of(config: RunConfig, data: DatasetCache) -> RunPlan:
    """A run's plan on its data set.

    Raises:
        ConfigError: Its split does not fit the data set.
    """
    dataset = dataset_of(config, data)
    return make_plan(config, len(dataset.train_labels), len(dataset.test_labels))


def find_finished(sweep: Sweep, job: Job, data: DatasetCache) -> RunRecord | None:
    """The record of a run that has a whole result with everything that is asked for now; None: it must be trained.

    Raises:
        RecordError: Its folder holds something that this version must not overwrite.
    """
    record = read_finished(sweep.folder(job), identity(job.config))
    return None if record is None or _shortcoming(record, sweep, job, data) else record


def why_again(sweep: Sweep, job: Job, data: DatasetCache) -> str:
    """Why a run that had a result must be trained again, in a few words; empty where it had none.

    Args:
        sweep: What is asked for now.
        job: A run that is not finished; see `find_finished`.
        data: Where its data set comes from.
    """
    folder = sweep.folder(job)
    if not (folder / RESULT).is_file():
        return ""
    record = read_finished(folder, identity(job.config))
    if record is not None:
        return _shortcoming(record, sweep, job, data)
    found = read_run(folder)
    if found.state.is_finished:
        return "its record is damaged"
    return found.error if found.state is State.unreadable else ""


def _shortcoming(record: RunRecord, sweep: Sweep, job: Job, data: DatasetCache) -> str:
    """What a finished run lacks of what is asked for now; empty where it lacks nothing."""
    # The epoch in which a run diverged has no such loss to give.
    rows = record.rows[:-1] if record.state is State.diverged else record.rows
    if lacks_train_loss(rows, sweep.options.train_loss_every):
        return f"it has no training losses for train_loss_every={sweep.options.train_loss_every}"
    missing = sorted(set(kept_files(rows, sweep.options)) - set(record.status["files"]))
    if missing:
        return f"it has no {missing[0]}"
    if sweep.options.log_every not in (0, record.result.get("log_every", 0)):
        return f"it has no batch losses for log_every={sweep.options.log_every}"
    path = job.config.data.path
    if path is None or not expand_home(path).exists():
        return ""
    same = record.result["provenance"]["data_sha256"] == dataset_of(job.config, data).sha256
    return "" if same else f"{path} has changed since"
