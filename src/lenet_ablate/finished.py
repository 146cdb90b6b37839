"""Which runs need not be trained again."""

from __future__ import annotations

from pathlib import Path

from lenet_ablate.config import Options, RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.networks import image_size
from lenet_ablate.jobs import Job, Sweep
from lenet_ablate.keepsakes import kept_files
from lenet_ablate.plan import RunPlan, identity, make_plan
from lenet_ablate.records import State, lacks_train_loss
from lenet_ablate.runs import RunRecord, read_finished


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
    if record is None or _lacks_something(record, sweep.options):
        return None
    path = job.config.data.path
    if path is None or not Path(path).expanduser().exists():
        return record
    # The user's own file may have changed under the same path.
    same = record.result["provenance"]["data_sha256"] == dataset_of(job.config, data).sha256
    return record if same else None


def _lacks_something(record: RunRecord, options: Options) -> bool:
    # The epoch in which a run diverged has no such loss to give.
    rows = record.rows[:-1] if record.state is State.diverged else record.rows
    if lacks_train_loss(rows, options.train_loss_every) or set(kept_files(rows, options)) - set(record.status["files"]):
        return True
    return options.log_every not in (0, record.result.get("log_every", 0))
