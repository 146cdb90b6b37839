"""Many runs: what is finished is skipped, the plan is written down, the rest is trained side by side."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable

from lenet_ablate.config.home import expand_home, lend_temporary_folder
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import to_mapping
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.engines.base import Engine
from lenet_ablate.engines.select import make_engines
from lenet_ablate.errors import RecordError
from lenet_ablate.loggers.logbook import Logbook
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.records.aside import set_aside
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.plans import SWEEPS, is_plan
from lenet_ablate.records.record import FORMAT
from lenet_ablate.records.write import now
from lenet_ablate.studies.finished import find_finished, plan_of, tidy, why_again
from lenet_ablate.studies.jobs import Ended, Sweep, SweepResult
from lenet_ablate.sweep.attempts import Attempts
from lenet_ablate.sweep.cores import num_usable_cores
from lenet_ablate.sweep.messages import again, closing, means, opening, report_command
from lenet_ablate.sweep.progress import Progress, say
from lenet_ablate.sweep.signals import stop_on_signals
from lenet_ablate.sweep.workers import Task, Workers


def run_sweep(sweep: Sweep, workers: int | None = None, engine: Engine | None = None) -> SweepResult:
    """Train every run of a sweep that is not finished, several side by side, and tell the user.

    Args:
        sweep: What to run.
        workers: Runs side by side, at least 1; by default one per usable core, or one on an accelerator.
        engine: What trains them; by default what the sweep's options ask for.

    Raises:
        LenetAblateError: The data, the device or the output folder cannot be used; nothing was trained.
    """
    started = time.monotonic()
    lend_temporary_folder(sweep.study)
    logger = make_logger(sweep)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    finished = {job: record for job in sweep.jobs if (record := find_finished(sweep, job, data))}
    todo = [job for job in sweep.jobs if job not in finished]
    say(opening(sweep, len(todo)))
    for line in again({sweep.label(job): why for job in todo if (why := why_again(sweep, job, data))}):
        say(line)
    if todo:
        models = {job.config.model.name for job in todo}
        engines = dict.fromkeys(models, engine) if engine else make_engines(sweep.options, models)
        # The longest first, so that the last worker is not left alone with one of them.
        tasks = sorted((Task(job, plan_of(job.config, data)) for job in todo), key=lambda task: -_num_images(task))
        num_workers = min(workers or _usual_workers(engines.values()), len(tasks))
        say(means(engines.values(), num_workers))
    write_plan(sweep)
    tidy(sweep, finished)
    if logger:
        logger.open()
    ended: list[Ended] = []
    logbook = Logbook(logger, lambda line: say(line, sys.stderr))
    with stop_on_signals() as stop:
        if todo:
            with Progress(sum(map(_num_images, tasks)), len(tasks)) as progress, logbook.telling(progress.tell):
                attempts = Attempts(sweep, data, engines, stop.is_asked, progress, logbook)
                ended = Workers(sweep, attempts, stop, progress).work(tasks, num_workers)
        logbook.add_all(sweep, finished, data, stop.is_asked)
        result = SweepResult(len(sweep.jobs), len(finished), tuple(ended), time.monotonic() - started, stop.exit_status)
        logbook.end(result)
    if todo:
        say(closing(sweep, result))
    return result


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
        reason = " ".join(str(error).split()) or type(error).__name__
        say(f"report: not made: {reason}; try again: {report_command(sweep)}")
    else:
        say(f"report: {built.page}")


def _usual_workers(engines: Iterable[Engine]) -> int:
    return num_usable_cores() if all(engine.device == "cpu" for engine in engines) else 1


def _num_images(task: Task) -> int:
    return task.plan.num_train * task.plan.config.epochs


def write_plan(sweep: Sweep) -> None:
    """Write what the sweep is about to do into `sweeps/<hash>.json`; the same plan is written once.

    A repair plans nothing new.
    """
    if sweep.options.repair:
        return
    runs = [
        {"run": run_name(job.config), "identity": identity(job.config), "config": to_mapping(job.config)}
        for job in sweep.jobs
    ]
    path = sweep.study / SWEEPS / f"{sweep.digest}.json"
    if is_plan(sweep.study, path.name):
        return
    plan = {"format": FORMAT, "created": now(), "command": sweep.command}
    plan |= {"experiments": list(sweep.experiments), "references": [dict(entry) for entry in sweep.references]}
    plan |= {"factors": {key: list(levels) for key, levels in sweep.factors.items()}, "runs": runs}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"{path.parent}: cannot be made: {error.strerror}; output_dir=… names another") from None
    if path.is_dir():
        say(f"{path}: is a folder, not a plan; set aside as {set_aside(path).name}")
    write_bytes(path, (json.dumps(plan, indent=1) + "\n").encode())
