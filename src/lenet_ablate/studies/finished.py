"""Which runs need not be trained again, and which folders cannot be used."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from lenet_ablate.config.home import expand_home
from lenet_ablate.config.own_code import own_parts
from lenet_ablate.config.plan import RunPlan, make_plan, run_name
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import normalised
from lenet_ablate.engines.networks import image_size
from lenet_ablate.errors import ConfigError, LenetAblateError, RecordError
from lenet_ablate.records.archive import archived_names, restore_run
from lenet_ablate.records.aside import find_aside, set_aside
from lenet_ablate.records.claims import claims_in
from lenet_ablate.records.damage import damage_of
from lenet_ablate.records.plans import read_sweeps
from lenet_ablate.records.read import RunRecord, read_finished
from lenet_ablate.records.record import CHECKPOINT, RESULT
from lenet_ablate.rendering.console import warn
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.studies.recording import lacking


def dataset_of(config: RunConfig, data: DatasetCache) -> Dataset:
    """A run's data set at its network's input size, with its own normalisation."""
    return normalised(data.get(config.data, image_size(config.model)), config)


def plan_of(config: RunConfig, data: DatasetCache) -> RunPlan:
    """A run's plan on its data set.

    Raises:
        ConfigError: Its split does not fit the data set.
    """
    dataset = dataset_of(config, data)
    return make_plan(config, len(dataset.train_labels), len(dataset.test_labels))


def find_finished(sweep: Sweep, job: Job, data: DatasetCache) -> RunRecord | None:
    """The record of a run that has a whole result with everything that is asked for now; None: it must be trained."""
    record = read_finished(sweep.folder(job), job.config)
    return None if record is None or _shortcoming(record, sweep, job, data) else record


def split_finished(
    sweep: Sweep, data: DatasetCache, *, keeps_records: bool
) -> tuple[list[Job], list[Job], dict[Job, RunRecord]]:
    """The runs that must be trained, those that need not, and the records of these where they are asked for.

    Each finished run is read once and let go of, so that a hundred thousand of them need no more memory than one.
    """
    todo: list[Job] = []
    finished: list[Job] = []
    records: dict[Job, RunRecord] = {}
    there = names_in(sweep.study)
    for job in sweep.jobs:
        # One list of the folder instead of a look for each run that was never begun: copies of a sweep all start so.
        record = find_finished(sweep, job, data) if run_name(job.config) in there else None
        (finished if record else todo).append(job)
        if record and keeps_records:
            records[job] = record
    return todo, finished, records


def names_in(folder: Path) -> set[str]:
    """What lies in a folder; nothing where it cannot be listed."""
    try:
        return set(os.listdir(folder))  # noqa: PTH208 # names alone are wanted
    except OSError:
        return set()


def why_again(sweep: Sweep, job: Job, data: DatasetCache) -> str:
    """Why a run that had a result must be trained again, in a few words; empty where it had none.

    Args:
        sweep: What is asked for now.
        job: A run that is not finished; see `find_finished`.
        data: Where its data set comes from.
    """
    folder = sweep.folder(job)
    record = read_finished(folder, job.config)
    if record is not None:
        return _shortcoming(record, sweep, job, data)
    if not os.path.lexists(folder / RESULT):
        return ""
    try:
        damage = damage_of(folder, job.config)
    except RecordError:  # told when its turn comes
        return ""
    return f"its record is damaged: {damage}" if damage else ""


def whys_again(sweep: Sweep, todo: Iterable[Job], data: DatasetCache) -> dict[str, str]:
    """Why those of some runs that had a result must be trained again, by what they are called; see `why_again`."""
    there = names_in(sweep.study)
    begun = (job for job in todo if run_name(job.config) in there)
    return {sweep.label(job): why for job in begun if (why := why_again(sweep, job, data))}


def clear_folder(sweep: Sweep, job: Job) -> str:
    """Set a run's folder aside where it cannot be used; the run must be claimed.

    Returns:
        What was done and why, in a line; empty where nothing was.

    Raises:
        RecordError: The folder must not be touched, or cannot be renamed.
    """
    folder = sweep.folder(job)
    damage = damage_of(folder, job.config)
    return f"{folder}: {damage}; set aside as {set_aside(folder).name}" if damage else ""


def archived_jobs(sweep: Sweep) -> list[Job]:
    """The runs that lie in the study's archive and are not at hand as well."""
    away = set(archived_names(sweep.study))
    jobs = ((job, run_name(job.config)) for job in (sweep.jobs if away else ()))
    return [job for job, name in jobs if name in away and not os.path.lexists(sweep.study / name)]


def take_back(sweep: Sweep) -> int:
    """Bring back from the study's archive the runs that are asked for again; returns how many.

    One that is at hand already, or cannot be moved, stays where it is.
    """
    count = 0
    for job in archived_jobs(sweep):
        with contextlib.suppress(RecordError):
            restore_run(sweep.study, run_name(job.config))
            count += 1
    return count


def only_damaged(sweep: Sweep) -> Sweep:
    """The sweep of what is damaged in its study, whichever command asked for it, and of nothing else.

    Runs that were set aside before and not trained again since are among them.

    Raises:
        ConfigError: There is no such study.
    """
    if not sweep.study.is_dir():
        raise ConfigError(f"repair=true: there is no study {sweep.study}; study=… and output_dir=… name another")
    jobs = {run_name(job.config): job for job in sweep.jobs}
    named = {part for job in sweep.jobs for part in own_parts(job.config).items()}
    unnamed = 0
    for run in (run for plan in read_sweeps(sweep.study) for run in plan.runs):
        if run.run == run_name(run.config) and run.run not in jobs:
            if not named.issuperset(own_parts(run.config).items()):
                unnamed += 1  # a plan is a file that anybody may have written: it has no code run
            else:
                jobs[run.run] = Job(run.config)
    if unnamed:
        warn(f"{unnamed} runs with code of their own are left out; repair them by the command that names the code")
    aside = find_aside(sweep.study)
    damaged = [job for name, job in jobs.items() if _needs_repair(sweep.folder(job), job.config, name in aside)]
    return dataclasses.replace(sweep, jobs=tuple(damaged))


def _needs_repair(folder: Path, config: RunConfig, was_set_aside: bool) -> bool:
    if read_finished(folder, config) is not None:
        return False
    try:
        return was_set_aside or damage_of(folder, config) != ""
    except RecordError:
        return True  # it cannot be repaired, which is told as any failure is


def tidy(sweep: Sweep, finished: Iterable[Job]) -> None:
    """Remove the checkpoints that finished runs were left with, when they were killed just before it; never raises."""
    for job in finished:
        path = sweep.folder(job) / CHECKPOINT
        if os.path.lexists(path):
            with (
                contextlib.suppress(OSError, LenetAblateError),
                claims_in(sweep.study) as claims,
                claims.claim(run_name(job.config)) as is_mine,
            ):
                if is_mine and read_finished(path.parent, job.config):
                    path.unlink()


def _shortcoming(record: RunRecord, sweep: Sweep, job: Job, data: DatasetCache) -> str:
    """What a finished run lacks of what is asked for now; empty where it lacks nothing."""
    if missing := lacking(record, sweep.options):
        return missing
    path = job.config.data.path
    if path is None or job.config.data.sha256 is not None or not expand_home(path).exists():
        return ""  # other content under the same path is another run where the digest belongs to the identity
    same = record.result.provenance.data_sha256 == dataset_of(job.config, data).sha256
    return "" if same else f"{path} has changed since"
