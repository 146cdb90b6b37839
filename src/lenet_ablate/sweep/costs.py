"""What runs of a kind cost on this machine: from past runs of the study, else measured by training for a second."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.choices import Model, Optimizer
from lenet_ablate.config.home import cache_home
from lenet_ablate.config.plan import RunPlan, factory_name, learning_rates, make_plan
from lenet_ablate.config.settings import EarlyStopConfig, Options, RunConfig, to_mapping
from lenet_ablate.datasets.augment import draw_transforms
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Engine, Learner, Split
from lenet_ablate.engines.select import EngineKey, engine_key
from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.files import read_json
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say
from lenet_ablate.studies.finished import dataset_of, plan_of
from lenet_ablate.studies.jobs import Job
from lenet_ablate.training.loop import RunContext, train_run

MEASURING_SECONDS = 0.5
SAMPLE_STEPS, MORE_EPOCHS = 4, 4
LONG_JUDGING = 0.1  # seconds
RECORD_SECONDS = 0.02
"""Of a run that no record tells of: its claim, its folder, its files; `benchmarks/overhead.py` measures it."""
SPEEDS, CACHE_SECONDS = "speeds.json", 24 * 3600

Engines = Mapping[EngineKey, Engine]


@dataclass(frozen=True)
class Kind:
    """Runs that cost the same: the learning rate, the seed and their like do not matter."""

    model: str
    engine: str
    batch_size: int
    data: str
    augment: str
    num_train: int


@dataclass(frozen=True)
class Cost:
    """What runs of a kind cost, in seconds of one of several workers that are all busy.

    Attributes:
        run: Once per run.
        epoch: Per epoch.
    """

    run: float
    epoch: float


def kind_of(config: RunConfig, engine: str, num_train: int) -> Kind:
    """The kind of a run."""
    data, augment = config.data.name.value, config.augment.name.value
    model = config.model.name.value
    if config.model.name is Model.own:
        model = json.dumps([config.model.sha256, factory_name(config.model), to_mapping(config.model)["args"]])
    if isinstance(config.activation, OwnActivation):
        model = json.dumps([model, config.activation.sha256, *to_mapping(config.activation).values()], default=str)
    if config.optimizer.name is Optimizer.own:
        model = json.dumps([model, config.optimizer.sha256, *to_mapping(config.optimizer).get("args", {}).items()])
    return Kind(model, engine, config.batch_size, data, augment, num_train)


def past_costs(records: Iterable[RunRecord]) -> dict[Kind, Cost]:
    """The costs of the kinds of which there are finished runs; of several the median."""
    found: dict[Kind, list[Cost]] = defaultdict(list)
    for record in records:
        result, config = record.result, record.config
        if config is None or record.state is not State.done or not (record.rows and result.num_train):
            continue
        seconds = [row.seconds for row in record.rows]
        epoch = statistics.median(seconds[:-1] or seconds)  # the last one judges the training split too
        kind = kind_of(config, str(result.provenance.engine), result.num_train)
        found[kind].append(Cost(max(0.0, seconds[-1] - epoch) + RECORD_SECONDS, epoch))
    return {kind: _median(costs) for kind, costs in found.items()}


def measured_costs(jobs: Mapping[Kind, Job], data: DatasetCache, engines: Engines, workers: int) -> dict[Kind, Cost]:
    """The costs of kinds of run, measured side by side unless that was done on this machine lately.

    Args:
        jobs: A run of each kind.
        data: Where their data sets come from.
        engines: What trains them.
        workers: Runs side by side, at least 1.
    """
    known, costs = _read_cache(), {}
    unknown = [kind for kind in jobs if _key(kind, workers) not in known]
    if unknown:
        count = f"{len(unknown)} kinds of run" if len(unknown) > 1 else "a run"
        say(f"measuring what {count} costs, about {2 * len(unknown)} s")
    for kind, job in jobs.items():
        key = _key(kind, workers)
        if key not in known:
            known[key] = _measure(job, data, engines[engine_key(job.config)], workers)
        costs[kind] = known[key]
    if unknown:
        _write_cache(known)
    return costs


def _measure(job: Job, data: DatasetCache, engine: Engine, workers: int) -> Cost:
    dataset, plan = dataset_of(job.config, data), plan_of(job.config, data)
    _sample(plan, dataset, engine)  # compiles, and touches the data once
    with ThreadPoolExecutor(workers) as pool:
        return _median(list(pool.map(lambda _: _sample(plan, dataset, engine), range(workers))))


def _sample(plan: RunPlan, dataset: Dataset, engine: Engine) -> Cost:
    """The costs by one worker."""
    config = plan.config
    train, val = split(len(dataset.train_labels), plan.num_val, config.seed, config.data.train_size)
    learner = engine.learner(plan, dataset, train, val)
    per_image = _training_seconds(plan, learner, epoch_order(train, config.seed, 0))
    started = time.perf_counter()
    for part in (Split.val, Split.test) if plan.num_val else (Split.test,):
        learner.evaluate(part)
    judging = time.perf_counter() - started
    judged = plan.num_val + plan.num_test
    few = min(plan.num_train, SAMPLE_STEPS * config.batch_size)
    once = _whole_run_seconds(plan, few, dataset, engine)
    per_epoch = 0.0
    if judging < LONG_JUDGING:  # else it hides what the record of an epoch costs
        more = _whole_run_seconds(plan, few, dataset, engine, 1 + MORE_EPOCHS)
        per_epoch = max(0.0, (more - once) / MORE_EPOCHS - few * per_image - judging)
    fixed = once - few * per_image - judging * (1 + few / judged) - per_epoch
    whole_epoch = plan.num_train * per_image + judging + per_epoch
    return Cost(max(0.0, fixed) + judging * plan.num_train / judged, whole_epoch)


def _training_seconds(plan: RunPlan, learner: Learner, order: np.ndarray) -> float:
    """Seconds of training per image, from at most MEASURING_SECONDS of it."""
    steps, begun = 1, time.perf_counter()
    while True:
        indices = np.resize(order, steps * plan.config.batch_size)
        started = time.perf_counter()
        transforms = draw_transforms(plan.config.augment, len(indices), plan.config.seed, 0)
        learner.train(Batches(indices, learning_rates(plan, 0, 1).repeat(steps), transforms))
        seconds = time.perf_counter() - started
        # Each round is twice as long as the one before, so the next would end after three times what is spent.
        if 3 * (time.perf_counter() - begun) > MEASURING_SECONDS:
            return seconds / len(indices)
        steps *= 2


def _whole_run_seconds(plan: RunPlan, num_train: int, dataset: Dataset, engine: Engine, epochs: int = 1) -> float:
    """Seconds of a short run on a few images, with its whole record, in a folder that is gone afterwards."""
    config = plan.config
    config = dataclasses.replace(
        config,
        epochs=epochs,
        lr=1e-3,
        early_stop=EarlyStopConfig(),
        data=dataclasses.replace(config.data, train_size=num_train),
    )
    short = make_plan(config, len(dataset.train_labels), len(dataset.test_labels))
    with tempfile.TemporaryDirectory(prefix="lenet-ablate-") as folder:
        log = logging.Logger("measured", logging.CRITICAL)
        context = RunContext(Path(folder), Options(), {}, lambda: False, lambda *_: None, lambda _: None, log)
        started = time.perf_counter()
        train_run(short, dataset, engine, context)
        return time.perf_counter() - started


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.run for cost in costs), statistics.median(cost.epoch for cost in costs))


def _key(kind: Kind, workers: int) -> str:
    return "/".join(map(str, (*dataclasses.astuple(kind), workers)))


def _read_cache() -> dict[str, Cost]:
    try:
        cache = cache_home() / SPEEDS
        if time.time() - cache.stat().st_mtime > CACHE_SECONDS:  # it may have been measured in a busy hour
            return {}
        kept = read_json(cache.parent, SPEEDS, 1 << 20, 10_000)
        return {str(key): Cost(float(cost["run"]), float(cost["epoch"])) for key, cost in kept.items()}
    except (OSError, RecordError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _write_cache(costs: Mapping[str, Cost]) -> None:
    with contextlib.suppress(OSError, RecordError):  # a plan is worth having without it
        cache_home().mkdir(parents=True, exist_ok=True)
        content = json.dumps({key: dataclasses.asdict(cost) for key, cost in costs.items()}, indent=1)
        write_bytes(cache_home() / SPEEDS, content.encode(), flush=False)
