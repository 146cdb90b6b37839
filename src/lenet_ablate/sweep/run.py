"""Many runs: what is finished is skipped, the plan is written down, the rest is trained side by side."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from lenet_ablate.config.home import expand_home, lend_temporary_folder
from lenet_ablate.config.own_code import has_own_code
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.engines.base import Engine
from lenet_ablate.engines.select import engine_key, make_engines
from lenet_ablate.errors import RecordError
from lenet_ablate.loggers.logbook import Logbook
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.records.aside import set_aside
from lenet_ablate.records.atomic import make_folder, remove_leftovers, unwritable_place, write_bytes
from lenet_ablate.records.claims import open_claims
from lenet_ablate.records.cores import num_usable_cores
from lenet_ablate.records.plan_lines import SUFFIX, to_lines
from lenet_ablate.records.plans import SWEEPS, is_plan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import FORMAT
from lenet_ablate.records.signing import Signatures
from lenet_ablate.records.write import now
from lenet_ablate.rendering.console import say, warn
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.finished import plan_of, split_finished, take_back, tidy, whys_again
from lenet_ablate.studies.jobs import Ended, Job, Sweep, SweepResult
from lenet_ablate.sweep.attempts import Attempts
from lenet_ablate.sweep.isolated import IsolatedTrainer
from lenet_ablate.sweep.messages import closing, engines_line, opening, report_command, retrained_lines
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.shares import in_turn, share_told
from lenet_ablate.sweep.signals import Stop, stop_on_signals
from lenet_ablate.sweep.trainer import Engines, LocalTrainer, Trainer
from lenet_ablate.sweep.workers import Task, Workers

CHECKPOINT_SHARE_SECONDS = 0.1
"""Of all workers together one writes a checkpoint in this time; it takes about a tenth of it."""
SLICE_SHARE_SECONDS = 0.0075
"""Of all workers together one ends a slice in this time at most, which a hundred would do too often for Python."""


def run_sweep(
    sweep: Sweep,
    workers: int | None = None,
    engine: Engine | None = None,
    supervision: Supervision | None = None,
    is_whole: bool = True,
    make_progress: Callable[[int, int], Progress] = Progress,
    tell: Callable[[str], None] = say,
) -> SweepResult:
    """Train every run of a sweep that is not finished, several side by side, and tell the user.

    Args:
        sweep: What to run.
        workers: Runs side by side, at least 1; by default as many as the engines can train at once.
        engine: What trains them, in this process; by default what the sweep's options ask for.
        supervision: How failures and runs that hang are dealt with.
        is_whole: Whether it is all that the user asked for, so that the next step can be told at its end.
        make_progress: Makes what shows progress, from the images and runs to train.
        tell: Takes each line that is said of the sweep as a whole.

    Raises:
        LenetAblateError: The data, the device or the output folder cannot be used; nothing was trained.
    """
    started, supervision = time.monotonic(), supervision or Supervision()
    share = supervision.share or share_told()
    lend_temporary_folder(sweep.study)
    logger, data = make_logger(sweep), DatasetCache(data_folder(sweep.options.data_dir))
    todo, finished, records = _split(sweep, data, logger is not None, tell)
    if todo:
        engines = _engines_for(sweep, todo, engine)
        tasks = _numbered_tasks(sweep, todo, data)
        num_workers = min(workers or usual_workers(engines.values(), supervision.isolate), len(tasks))
        isolate = engine is None and (supervision.isolate or (num_workers > 1 and _draws(todo)))
        tell(engines_line(engines.values(), num_workers, isolate))
    ended, elsewhere = list[Ended](), 0
    logbook = Logbook(logger, warn)
    with open_claims(sweep.study, sweep.options.claim, say) if todo else contextlib.nullcontext() as claims:
        write_plan(sweep)
        tidy(sweep, finished)
        if logger:
            logger.open()
        with stop_on_signals() as stop:
            if claims:
                signed = Signatures()
                make = _trainers(sweep, data, engines, stop, supervision, num_workers, None if isolate else signed)
                with (
                    make_progress(sum(_num_images(task) for _, task in tasks), len(tasks)) as progress,
                    logbook.telling(progress.tell),
                ):
                    attempts = Attempts(sweep, data, engines, progress, logbook)
                    crew = Workers(sweep, attempts, make, stop, progress, supervision, claims, signed, bool(share))
                    turns = in_turn(tasks, share, os.getpid() if claims.has_company else 0)
                    ended, elsewhere = crew.work(turns, num_workers), crew.num_elsewhere
            logbook.add_all(sweep, records, data, stop.is_asked)
            counts, seconds = (len(sweep.jobs), len(finished)), time.monotonic() - started
            result = SweepResult(*counts, tuple(ended), seconds, stop.exit_status, stop.is_after_failure, elsewhere)
            logbook.end(result)
    if todo:
        tell(closing(sweep, result, is_whole))
    return result


def _engines_for(sweep: Sweep, todo: Sequence[Job], engine: Engine | None) -> Engines:
    kinds = {engine_key(job.config) for job in todo}
    return dict.fromkeys(kinds, engine) if engine else make_engines(sweep.options, kinds, len(sweep.jobs))


def _split(
    sweep: Sweep, data: DatasetCache, keeps_records: bool, tell: Callable[[str], None]
) -> tuple[list[Job], Collection[Job], Mapping[Job, RunRecord]]:
    """What `split_finished` returns; says how many runs need no training, and why others are trained again."""
    if back := take_back(sweep):
        tell(f"{back} of these runs brought back from the archive")
    todo, finished, records = split_finished(sweep, data, keeps_records=keeps_records)
    tell(opening(sweep, len(todo)))
    for line in retrained_lines(whys_again(sweep, todo, data)):
        tell(line)
    if todo and (where := unwritable_place(sweep.study)):  # before anything is compiled or measured
        raise RecordError(f"{sweep.study}: {where} cannot be written; output_dir=… names another folder")
    return todo, finished, records


def _numbered_tasks(sweep: Sweep, todo: Sequence[Job], data: DatasetCache) -> list[tuple[int, Task]]:
    """The longest first, so that the last worker is not left alone with one; each with its place in the sweep."""
    numbers = {job: number for number, job in enumerate(sweep.jobs)}
    tasks = [(numbers[job], Task(job, plan_of(job.config, data))) for job in todo]
    return sorted(tasks, key=lambda entry: -_num_images(entry[1]))


def _draws(jobs: Iterable[Job]) -> bool:
    """Whether any network may draw random numbers, for which those side by side in one process wait for one another."""
    return any(has_own_code(job.config) for job in jobs)


def _checkpoint_seconds(workers: int) -> float:
    """Least time between checkpoints of a run: where many share few cores, writing them must not become all they do."""
    return CHECKPOINT_SHARE_SECONDS * workers if workers > num_usable_cores() else 0.0


def _trainers(
    sweep: Sweep,
    data: DatasetCache,
    engines: Engines,
    stop: Stop,
    supervision: Supervision,
    num_workers: int,
    signatures: Signatures | None,
) -> Callable[[], Trainer]:
    """Makes what trains the runs of one worker, in processes of their own where there is no place for signatures."""
    if signatures is None:
        return lambda: IsolatedTrainer(sweep, engines, stop.is_asked, supervision.run_timeout)
    timing = supervision.run_timeout, _checkpoint_seconds(num_workers), SLICE_SHARE_SECONDS * num_workers
    return lambda: LocalTrainer(sweep, data, engines, stop.is_asked, *timing, signatures)


def report_sweep(sweep: Sweep) -> None:
    """Make the report of the sweep's study and say where its page is, or why there is none; never raises an error."""
    options = sweep.options
    folder = expand_home(options.output_dir)
    try:
        from lenet_ablate.rendering.plotting import import_matplotlib

        import_matplotlib()
        from lenet_ablate.report.build import build_report
        from lenet_ablate.report.options import ReportOptions

        built = build_report(ReportOptions(folder, study=options.study, data_dir=options.data_dir))
    except Exception as error:  # whatever is wrong with the report, the runs are done
        reason = error_line(error, folder) if isinstance(error, OSError) else " ".join(str(error).split())
        say(f"report: not made: {reason or type(error).__name__}; try again: {report_command(sweep)}")
    else:
        say(f"report: {built.page}")


def usual_workers(engines: Iterable[Engine], isolate: bool = False) -> int:
    """How many runs train side by side: as many as the engines can, on a GPU one process at a time."""
    return min(1 if isolate and engine.device != "cpu" else engine.side_by_side for engine in engines)


def _num_images(task: Task) -> int:
    return task.plan.num_train * task.plan.config.epochs


def write_plan(sweep: Sweep) -> None:
    """Write what the sweep is about to do into `sweeps/<hash>.jsonl.gz`; the same plan is written once.

    A repair plans nothing new, nor does a part of what is planned already.
    """
    if sweep.options.repair or sweep.is_planned:
        return
    path = sweep.study / SWEEPS / f"{sweep.digest}{SUFFIX}"
    remove_leftovers(path.parent)
    if any(is_plan(sweep.study, f"{sweep.digest}{suffix}") for suffix in (SUFFIX, ".json")):
        return
    about = {"format": FORMAT, "created": now(), "command": sweep.command}
    about |= {"experiments": list(sweep.experiments), "references": [dict(entry) for entry in sweep.references]}
    about |= {"factors": {key: list(levels) for key, levels in sweep.factors.items()}}
    try:
        make_folder(path.parent)
    except RecordError as error:
        raise RecordError(f"{error}; output_dir=… names another") from None
    if path.is_dir():
        say(f"{path}: is a folder, not a plan; set aside as {set_aside(path).name}")
    if sweep.hydra:
        write_bytes(path.with_name(f"{sweep.digest}.multirun.yaml"), sweep.hydra())
    write_bytes(path, to_lines(about, ((job.config, job.overrides) for job in sweep.jobs), len(sweep.jobs)))
