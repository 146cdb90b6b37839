"""The worker threads of a sweep: claim a run, train it, keep its failure as data."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock

from lenet_ablate.atomic import write_bytes
from lenet_ablate.config import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.base import Engine
from lenet_ablate.engines.weights import IMAGE_SIZE
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.jobs import Ended, Job, Sweep
from lenet_ablate.plan import RunPlan, identity, run_name
from lenet_ablate.progress import Progress
from lenet_ablate.provenance import describe_environment
from lenet_ablate.records import LOG, RunRecord, State, read_finished, read_run, write_config, write_status
from lenet_ablate.stop import Stop
from lenet_ablate.summary import run_line
from lenet_ablate.train import Surroundings, train_run

POLL_SECONDS = 1.0
LOCKS = ".locks"


def dataset_of(config: RunConfig, data: DatasetCache) -> Dataset:
    """A run's data set at its network's input size."""
    return data.get(config.data, IMAGE_SIZE[config.model.name])


def is_done(sweep: Sweep, job: Job, data: DatasetCache) -> bool:
    """Whether a run has a whole result with everything that is asked for now."""
    record = read_finished(sweep.folder(job), identity(job.config))
    if record is None or not _has_train_losses(record, sweep.options.train_loss_every):
        return False
    if job.config.data.path is None:
        return True
    # The user's own file may have changed under the same path.
    return bool(record.result["provenance"]["data_sha256"] == dataset_of(job.config, data).sha256)


def _has_train_losses(record: RunRecord, every: int) -> bool:
    return all(row.train_loss is not None for row in record.rows if every and row.epoch % every == 0)


class Crew:
    """The worker threads of one sweep and what they share."""

    def __init__(
        self,
        sweep: Sweep,
        plans: Mapping[int, RunPlan],
        data: DatasetCache,
        engine: Engine,
        stop: Stop,
        progress: Progress,
    ) -> None:
        self._sweep, self._plans, self._data, self._engine = sweep, plans, data, engine
        self._stop, self._progress = stop, progress
        self._waiting: deque[Job] = deque()
        self._elsewhere: deque[Job] = deque()
        self._postponed: set[int] = set()
        self._ended: list[Ended] = []

    def work(self, jobs: Sequence[Job], workers: int) -> list[Ended]:
        """Train the jobs; the main thread only waits, so that it can take signals."""
        self._waiting.extend(jobs)
        (self._sweep.study / LOCKS).mkdir(exist_ok=True)
        threads = [threading.Thread(target=self._loop, name=f"worker-{i}", daemon=True) for i in range(workers)]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(0.05) if threads[0].is_alive() else time.sleep(0.05)
        finally:
            self._progress.close()
        return self._ended

    def _loop(self) -> None:
        while not self._stop.is_asked():
            job = self._take()
            if job is None:
                return
            with self._claim(job) as is_mine:
                if is_mine:
                    self._run(job)
                else:
                    self._postpone(job)

    def _postpone(self, job: Job) -> None:
        if id(job) not in self._postponed:
            self._postponed.add(id(job))
            self._progress.tell(f"{self._sweep.label(job)}: another sweep is at it; looked at again later")
        self._elsewhere.append(job)

    def _take(self) -> Job | None:
        with contextlib.suppress(IndexError):
            return self._waiting.popleft()
        with contextlib.suppress(IndexError):
            job = self._elsewhere.popleft()
            time.sleep(POLL_SECONDS)
            return job
        return None

    @contextlib.contextmanager
    def _claim(self, job: Job) -> Iterator[bool]:
        """Whether the run is this sweep's to train now; another sweep's claim ends with its process."""
        lock = filelock.FileLock(self._sweep.study / LOCKS / f"{run_name(job.config)}.lock")
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _run(self, job: Job) -> None:
        started, folder, error = time.monotonic(), self._sweep.folder(job), ""
        try:
            if is_done(self._sweep, job, self._data):  # another sweep finished it meanwhile
                state = read_run(folder).state
                self._progress.credit(self._plans[id(job)].num_train * job.config.epochs)
            else:
                state = self._train(job, folder)
        except Exception as caught:
            state, error = State.failed, _one_line(caught)
        ended = Ended(job, folder, state, time.monotonic() - started, error)
        self._ended.append(ended)
        self._progress.end_run(state, run_line(self._sweep, ended))

    def _train(self, job: Job, folder: Path) -> State:
        plan = self._plans[id(job)]
        dataset = dataset_of(job.config, self._data)
        _prepare_folder(folder, job, plan)
        with _run_log(folder) as log:
            around = Surroundings(
                folder=folder,
                train_loss_every=self._sweep.options.train_loss_every,
                provenance=self._provenance(dataset),
                should_stop=self._stop.is_asked,
                on_progress=self._progress.advance,
                on_resume=self._progress.credit,
                log=log,
            )
            try:
                state = train_run(plan, dataset, self._engine, around)
                if state is State.interrupted:
                    write_status(folder, state, plan.identity)
                    log.info("interrupted; the same command resumes")
                return state
            except Exception as error:
                log.exception("failed")
                trace = traceback.format_exc()
                write_status(folder, State.failed, plan.identity, error=_one_line(error), traceback=trace)
                raise

    def _provenance(self, dataset: Dataset) -> dict[str, Any]:
        return {
            **describe_environment(),
            "engine": self._engine.name,
            "device": self._engine.device,
            "threads": self._engine.threads,
            "data_sha256": dataset.sha256,
            "command": self._sweep.command,
        }


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


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    known = isinstance(error, LenetAblateError)
    return text if known else f"{type(error).__name__}: {text}" if text else type(error).__name__
