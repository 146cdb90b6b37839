"""One run of a sweep: its folder, its log, its training; a failure becomes data."""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from lenet_ablate.config.choices import Model
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.base import Engine
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.loggers.base import RunLogger
from lenet_ablate.loggers.logbook import Logbook, logged_run
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.provenance import describe_environment
from lenet_ablate.records.record import LOG, EpochRow, State
from lenet_ablate.records.write import write_config, write_status
from lenet_ablate.studies.finished import clear_folder, dataset_of, find_finished
from lenet_ablate.studies.jobs import Ended, Job, Sweep
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.training.loop import RunContext, train_run

Engines = Mapping[Model, Engine]


class Attempts:
    """Attempts runs of one sweep; used by all of its workers.

    Args:
        sweep: What the runs belong to.
        data: Where their data sets come from.
        engines: What trains each network.
        should_stop: Asked between slices of training.
        progress: Told how far each run is.
        logbook: Gets a copy of each run's record.
    """

    def __init__(
        self,
        sweep: Sweep,
        data: DatasetCache,
        engines: Engines,
        should_stop: Callable[[], bool],
        progress: Progress,
        logbook: Logbook,
    ) -> None:
        self._sweep, self._data, self._engines = sweep, data, engines
        self._should_stop, self._progress, self._logbook = should_stop, progress, logbook

    def attempt(self, job: Job, plan: RunPlan) -> Ended:
        """Train a claimed run, or find it done meanwhile; whatever goes wrong is told in what is returned."""
        started, folder = time.monotonic(), self._sweep.folder(job)
        seen = 0

        def count(images: int, loss: float) -> None:
            nonlocal seen
            seen += images
            self._progress.advance(images, loss)

        def credit(images: int) -> None:
            nonlocal seen
            seen += images
            self._progress.credit(images)

        state, error, record = State.failed, "", None
        rows: tuple[EpochRow, ...] = ()
        logged = logged_run(self._sweep, job, self._data)
        log = self._logbook.begin(logged)
        try:
            record = find_finished(self._sweep, job, self._data)  # another sweep may have trained it meanwhile
            state = record.state if record else self._train(job, plan, folder, count, credit, log)
            rows = read_metrics(folder)
        except Exception as caught:
            error = one_line(caught)
        if record:
            self._logbook.add(logged, state, rows)
        else:
            log.end(state, rows)
        if state is not State.interrupted:
            self._progress.credit(plan.num_train * plan.config.epochs - seen)
        seconds, last = time.monotonic() - started, rows[-1] if rows else None
        return Ended(job, folder, state, seconds, error, last, is_ours=record is None)

    def _train(
        self,
        job: Job,
        plan: RunPlan,
        folder: Path,
        on_progress: Callable[[int, float], None],
        on_resume: Callable[[int], None],
        run_log: RunLogger,
    ) -> State:
        dataset, engine = dataset_of(job.config, self._data), self._engines[job.config.model.name]
        if told := clear_folder(self._sweep, job):
            self._progress.tell(told)
        _prepare_folder(folder, job, plan)
        with _run_log(folder) as log:
            context = RunContext(
                folder=folder,
                options=self._sweep.options,
                provenance=self._provenance(dataset, engine),
                should_stop=self._should_stop,
                on_progress=on_progress,
                on_resume=on_resume,
                log=log,
                on_epochs=run_log.log,
            )
            try:
                state = train_run(plan, dataset, engine, context)
                if state is State.interrupted:
                    write_status(folder, state, plan.identity)
                    log.info("interrupted; the same command resumes")
                return state
            except Exception as error:
                log.exception("failed")
                trace = traceback.format_exc()
                write_status(folder, State.failed, plan.identity, error=one_line(error), traceback=trace)
                raise

    def _provenance(self, dataset: Dataset, engine: Engine) -> dict[str, object]:
        return {
            **describe_environment(),
            "engine": engine.name,
            "device": engine.device,
            "threads": engine.threads,
            "data_sha256": dataset.sha256,
            "command": self._sweep.command,
        }


def one_line(error: BaseException) -> str:
    """An error in one line: its text where it is meant for the user, else with its type."""
    text = " ".join(str(error).split())
    if isinstance(error, LenetAblateError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _prepare_folder(folder: Path, job: Job, plan: RunPlan) -> None:
    try:
        (folder / ".hydra").mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink()
    except OSError as error:
        raise RecordError(f"{folder}: cannot be made: {error.strerror}") from error
    for name, content in job.hydra_files(folder).items():
        write_bytes(folder / ".hydra" / name, content, flush=False)
    write_config(folder, plan.config)
    write_status(folder, State.running, plan.identity)


@contextlib.contextmanager
def _run_log(folder: Path) -> Iterator[logging.Logger]:
    """A logger of the run's own; not registered, so that a sweep of thousands leaves none behind."""
    log = logging.Logger(folder.name, logging.INFO)
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()
