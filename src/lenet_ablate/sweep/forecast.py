"""What a sweep would do, and how long it would take, without training or writing anything of it."""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lenet_ablate.config.choices import Model
from lenet_ablate.config.home import cache_home, lend_temporary_folder
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Engine
from lenet_ablate.engines.select import make_engines
from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.files import read_json
from lenet_ablate.records.read import RunRecord, iter_records, read_run
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say
from lenet_ablate.studies.finished import dataset_of, find_finished, plan_of
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.sweep.cores import num_usable_cores
from lenet_ablate.sweep.messages import engines_text, opening
from lenet_ablate.sweep.progress import format_seconds

MAX_LINES = 40
CALIBRATION_SECONDS = 1.0
EVALUATION_SHARE = 1 / 3
"""Cost of judging an image relative to training on it: forward without backward."""
SPEEDS, CACHE_SECONDS = "speeds.json", 24 * 3600

Kind = tuple[str, str, int]
"""Network, engine and batch size: runs of one kind take the same time per image."""


@dataclass(frozen=True)
class Forecast:
    """A run that is to be trained.

    Attributes:
        job: The run.
        plan: Its plan.
        epochs_done: Epochs that it need not repeat.
        seconds: How long the rest takes on one worker.
    """

    job: Job
    plan: RunPlan
    epochs_done: int
    seconds: float


def show_plan(sweep: Sweep, workers: int | None = None) -> None:
    """Say which runs a sweep has, which are done, and how long the others would take.

    Args:
        sweep: The sweep.
        workers: Runs side by side; None: as many as it would have.

    Raises:
        LenetAblateError: The data or the device cannot be used.
    """
    lend_temporary_folder(sweep.study)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    finished = {job for job in sweep.jobs if find_finished(sweep, job, data)}
    todo = [job for job in sweep.jobs if job not in finished]
    say(opening(sweep, len(todo)))
    engines = make_engines(sweep.options, {job.config.model.name for job in todo}) if todo else {}
    speeds, source = _speeds(sweep, todo, data, engines)
    forecasts = {job: _forecast(sweep, job, data, speeds, engines) for job in todo}
    lines = [_line(sweep, job, forecasts.get(job)) for job in sweep.jobs]
    for line in lines[:MAX_LINES]:
        say(line)
    if len(lines) > MAX_LINES:
        say(f"  … {len(lines) - MAX_LINES} more")
    if not todo:
        return
    on_cpu = all(engine.device == "cpu" for engine in engines.values())
    side_by_side = min(workers or (num_usable_cores() if on_cpu else 1), len(todo))
    seconds = _makespan([forecast.seconds for forecast in forecasts.values()], side_by_side)
    means = engines_text(engines.values(), side_by_side)
    say(f"with {means}: about {format_seconds(seconds)} ({source}); without plan=true it begins")


def _line(sweep: Sweep, job: Job, forecast: Forecast | None) -> str:
    if forecast is None:
        return f"  done     {sweep.label(job)}"
    epochs = forecast.plan.config.epochs
    how = f"resumes  {sweep.label(job)}, epoch {forecast.epochs_done + 1} of {epochs}"
    return f"  {how if forecast.epochs_done else f'trains   {sweep.label(job)}'}, {format_seconds(forecast.seconds)}"


def _forecast(
    sweep: Sweep, job: Job, data: DatasetCache, speeds: Mapping[Kind, float], engines: Mapping[Model, Engine]
) -> Forecast:
    plan = plan_of(job.config, data)
    record = read_run(sweep.folder(job))
    done = len(record.rows) if record.state in (State.interrupted, State.running) else 0
    images = (plan.config.epochs - done) * (plan.num_train + EVALUATION_SHARE * (plan.num_val + plan.num_test))
    return Forecast(job, plan, done, images * speeds[_kind(job, engines)])


def _kind(job: Job, engines: Mapping[Model, Engine]) -> Kind:
    return job.config.model.name.value, engines[job.config.model.name].name, job.config.batch_size


def _speeds(
    sweep: Sweep, todo: Sequence[Job], data: DatasetCache, engines: Mapping[Model, Engine]
) -> tuple[dict[Kind, float], str]:
    """Seconds per image of each kind: from runs of the study, else measured before, else measured now."""
    past = _past_speeds(iter_records(sweep.study)) if sweep.study.is_dir() else {}
    kinds = {_kind(job, engines): job for job in todo}
    speeds = {kind: past[kind] for kind in kinds if kind in past}
    if len(speeds) == len(kinds):
        return speeds, "from past runs"
    known = _read_cache()
    for kind, job in kinds.items():
        if kind not in speeds:
            key = "/".join(map(str, kind))
            if key not in known:
                known[key] = _measure(job, data, engines[job.config.model.name])
            speeds[kind] = known[key]
    _write_cache(known)
    return speeds, "by a short measurement"


def _past_speeds(records: Iterable[RunRecord]) -> dict[Kind, float]:
    found: dict[Kind, list[float]] = defaultdict(list)
    for record in records:
        result, config = record.result, record.config
        if config is None or record.state is not State.done or not (result.wall_seconds and result.num_train):
            continue
        images = result.num_train + EVALUATION_SHARE * ((result.num_val or 0) + (result.num_test or 0))
        kind = config.model.name.value, str(result.provenance.engine), config.batch_size
        found[kind].append(result.wall_seconds / (images * (result.epochs_done or 1)))
    return {kind: float(np.median(seconds)) for kind, seconds in found.items()}


def _measure(job: Job, data: DatasetCache, engine: Engine) -> float:
    """Seconds per image of training, from at most CALIBRATION_SECONDS of it."""
    dataset, plan = dataset_of(job.config, data), plan_of(job.config, data)
    train, val = split(len(dataset.train_labels), plan.num_val, job.config.seed, job.config.data.train_size)
    learner = engine.learner(plan, dataset, train, val)
    order, size = epoch_order(train, job.config.seed, 0), job.config.batch_size
    steps, begun = 1, time.perf_counter()
    while True:
        indices = np.resize(order, steps * size)
        started = time.perf_counter()
        learner.train(Batches(indices, learning_rates(plan, 0, 1).repeat(steps)))
        seconds = time.perf_counter() - started
        # Each round is twice as long as the one before, so the next would end after three times what is spent.
        if 3 * (time.perf_counter() - begun) > CALIBRATION_SECONDS:
            return seconds / len(indices)
        steps *= 2


def _read_cache() -> dict[str, float]:
    try:
        cache = cache_home() / SPEEDS
        if time.time() - cache.stat().st_mtime > CACHE_SECONDS:  # it may have been measured in a busy hour
            return {}
        return {str(key): float(value) for key, value in read_json(cache.parent, SPEEDS, 1 << 20, 10_000).items()}
    except (OSError, RecordError, ValueError, TypeError, AttributeError):
        return {}


def _write_cache(speeds: Mapping[str, float]) -> None:
    with contextlib.suppress(OSError, RecordError):  # a plan is worth having without it
        cache_home().mkdir(parents=True, exist_ok=True)
        write_bytes(cache_home() / SPEEDS, json.dumps(dict(speeds), indent=1).encode(), flush=False)


def _makespan(seconds: Sequence[float], workers: int) -> float:
    """How long the runs take side by side, the longest first, each on the worker that is free first."""
    busy = [0.0] * workers
    for each in sorted(seconds, reverse=True):
        first = busy.index(min(busy))
        busy[first] += each
    return max(busy)
