"""What a sweep would do, and how long it would take, without training or writing anything of it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lenet_ablate.config.home import lend_temporary_folder
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.engines.select import engine_key, make_engines
from lenet_ablate.records.archive import ARCHIVE
from lenet_ablate.records.atomic import unwritable_place
from lenet_ablate.records.read import iter_records, read_run
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.studies.finished import archived_jobs, plan_of, split_finished, whys_again
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.studies.longer import epochs_in, find_shorter
from lenet_ablate.studies.recording import training_place
from lenet_ablate.sweep.costs import Cost, Engines, Kind, kind_of, measured_costs, past_costs
from lenet_ablate.sweep.messages import engines_text, opening, retrained_lines
from lenet_ablate.sweep.preview import show_data
from lenet_ablate.sweep.progress import format_seconds
from lenet_ablate.sweep.run import usual_workers

MAX_LINES = 40
LOADING_SECONDS = 2.0  # of an engine that is compiled; what took longer was its compilation, which is done now


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
    started = time.monotonic()
    lend_temporary_folder(sweep.study)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    archived = _archived(sweep)
    at_hand = dataclasses.replace(sweep, jobs=tuple(job for job in sweep.jobs if job not in archived))
    todo, _, _ = split_finished(at_hand, data, keeps_records=False)
    say(opening(sweep, len(todo)))
    show_data(sweep)
    for line in retrained_lines(whys_again(sweep, todo, data)):
        say(line)
    kinds = {engine_key(job.config) for job in todo}
    looked = time.monotonic() - started
    engines = make_engines(sweep.options, kinds, len(sweep.jobs)) if todo else {}
    making = time.monotonic() - started - looked
    side_by_side = min(workers or (usual_workers(engines.values()) if todo else 1), max(len(todo), 1))
    beginning = looked + min(making, LOADING_SECONDS)  # the sweep itself begins with the same
    plans = {job: plan_of(job.config, data) for job in todo}
    costs, source = _costs(sweep, plans, data, engines, side_by_side)
    epochs = epochs_in(sweep.study)
    forecasts = {job: _forecast(sweep, job, plan, costs, engines, epochs) for job, plan in plans.items()}
    _say_runs([_line(sweep, job, forecasts.get(job), job in archived) for job in sweep.jobs])
    if not todo:
        return
    if where := unwritable_place(sweep.study):
        warn(f"warning: {where} cannot be written; output_dir=… names another folder")
    seconds = beginning + _makespan([forecast.seconds for forecast in forecasts.values()], side_by_side)
    means = engines_text(engines.values(), side_by_side)
    say(f"with {means}: about {format_seconds(seconds)} ({source}); without plan=true it begins")


def _say_runs(lines: Sequence[str]) -> None:
    for line in lines[:MAX_LINES]:
        say(line)
    if len(lines) > MAX_LINES:
        say(f"  … {len(lines) - MAX_LINES} more")


def _archived(sweep: Sweep) -> set[Job]:
    """Finished runs that lie in the archive, from which the sweep brings them back."""
    away = sweep.study / ARCHIVE
    return {job for job in archived_jobs(sweep) if read_run(away / sweep.folder(job).name).state.is_finished}


def _line(sweep: Sweep, job: Job, forecast: Forecast | None, is_archived: bool) -> str:
    if is_archived:
        return f"  archived {sweep.label(job)}: brought back when the sweep begins"
    if forecast is None:
        return f"  done     {sweep.label(job)}"
    epochs = forecast.plan.config.epochs
    how = f"resumes  {sweep.label(job)}, epoch {forecast.epochs_done + 1} of {epochs}"
    return f"  {how if forecast.epochs_done else f'trains   {sweep.label(job)}'}, {format_seconds(forecast.seconds)}"


def _forecast(
    sweep: Sweep,
    job: Job,
    plan: RunPlan,
    costs: Mapping[Kind, Cost],
    engines: Engines,
    epochs: tuple[int, ...],
) -> Forecast:
    place, options = training_place(sweep, job)
    record = read_run(place)
    done = len(record.rows) if record.state in (State.interrupted, State.running) else 0
    if not os.path.lexists(place):
        shorter = find_shorter(sweep.study, plan, options, engines[engine_key(job.config)], epochs)
        done = len(shorter.record.rows) if shorter and not shorter.obstacle else 0
    cost = costs[_kind(plan, engines)]
    return Forecast(job, plan, done, cost.run + (plan.config.epochs - done) * cost.epoch)


def _kind(plan: RunPlan, engines: Engines) -> Kind:
    return kind_of(plan.config, engines[engine_key(plan.config)].name, plan.num_train)


def _costs(
    sweep: Sweep, plans: Mapping[Job, RunPlan], data: DatasetCache, engines: Engines, workers: int
) -> tuple[dict[Kind, Cost], str]:
    """The cost of each kind of run, and where it is known from."""
    past = past_costs(iter_records(sweep.study)) if sweep.study.is_dir() else {}
    kinds = {_kind(plan, engines): job for job, plan in plans.items()}
    unknown = {kind: job for kind, job in kinds.items() if kind not in past}
    measured = measured_costs(unknown, data, engines, workers) if unknown else {}
    return past | measured, "by a short measurement" if measured else "from past runs"


def _makespan(seconds: Sequence[float], workers: int) -> float:
    """How long the runs take side by side, the longest first, each on the worker that is free first."""
    busy = [0.0] * workers
    for each in sorted(seconds, reverse=True):
        first = busy.index(min(busy))
        busy[first] += each
    return max(busy)
