"""A sweep's logger made harmless: whatever fails in it costs one warning and that run's log, never the run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.loggers.base import LoggedRun, RunLogger, SweepLogger, reason
from lenet_ablate.records.claims import claims_in
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import EpochRow, State
from lenet_ablate.studies.finished import dataset_of
from lenet_ablate.studies.jobs import Job, Sweep, SweepResult


class Logbook:
    """The logs of a sweep's runs; none of its methods raises.

    Args:
        logger: What writes them; None: nothing does.
        tell: Prints a warning; the same one is printed once.
    """

    def __init__(self, logger: SweepLogger | None, tell: Callable[[str], None]) -> None:
        self._logger, self._tell = logger, tell
        self._lock = threading.Lock()
        self._told: set[str] = set()

    @contextlib.contextmanager
    def telling(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Print warnings in another way for a while."""
        before, self._tell = self._tell, tell
        try:
            yield
        finally:
            self._tell = before

    def begin(self, run: LoggedRun) -> RunLogger:
        """The log of a run that is about to be trained."""
        return _Guarded(self._logger, run, self._warn)

    def lacks(self, run: LoggedRun) -> bool:
        """Whether a finished run has no whole log."""
        with self._forgiving():
            return self._logger is not None and not self._logger.has(run)
        return False

    def add(self, run: LoggedRun, state: State, rows: Sequence[EpochRow]) -> None:
        """Write the log of a finished run from its record, where it has none; the run must be claimed."""
        if self.lacks(run):
            self.begin(run).end(state, rows)

    def add_all(
        self, sweep: Sweep, finished: Mapping[Job, RunRecord], data: DatasetCache, should_stop: Callable[[], bool]
    ) -> None:
        """Write the logs of runs that were finished without one; those that another sweep is at are left to it."""
        if self._logger is None:
            return
        runs = {job: logged_run(sweep, job, data) for job in finished}
        lacking = [job for job in finished if self.lacks(runs[job])]
        if lacking:
            self._tell(f"logger={self._logger.name}: adding finished runs that it lacks: {len(lacking)}")
        for job in lacking:
            if should_stop():
                return
            name = run_name(job.config)
            with self._forgiving(), claims_in(sweep.study) as claims, claims.claim(name) as is_mine:
                if is_mine:
                    self.add(runs[job], finished[job].state, finished[job].rows)

    def end(self, result: SweepResult) -> None:
        """The sweep has ended."""
        with self._forgiving():
            if self._logger is not None:
                self._logger.end(result)

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        assert self._logger is not None
        text = reason(error)
        with self._lock:
            is_new = text not in self._told
            self._told.add(text)
        if is_new:
            name = self._logger.name
            self._tell(f"warning: logger={name}: {text}; no run is harmed, and the same command adds what is missing")


class _Guarded:
    """A run's log that is given up at its first failure."""

    def __init__(self, logger: SweepLogger | None, run: LoggedRun, warn: Callable[[Exception], None]) -> None:
        self._logger, self._run, self._warn = logger, run, warn
        self._log: RunLogger | None = None

    def log(self, rows: Sequence[EpochRow]) -> None:
        """Write what is new."""
        self._try(lambda log: log.log(rows))

    def end(self, state: State, rows: Sequence[EpochRow]) -> None:
        """Write the rest and close."""
        self._try(lambda log: log.end(state, rows))

    def _try(self, write: Callable[[RunLogger], None]) -> None:
        if self._logger is None:
            return
        try:
            self._log = self._log or self._logger.begin(self._run)
            write(self._log)
        except Exception as error:
            self._logger = None
            self._warn(error)


def logged_run(sweep: Sweep, job: Job, data: DatasetCache) -> LoggedRun:
    """A run of a sweep as its logger sees it."""
    return LoggedRun(sweep.folder(job), job.config, identity(job.config), lambda: dataset_of(job.config, data))
