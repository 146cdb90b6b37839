"""A sweep that others train, seen from outside: what its folders say of its runs, and whether anybody is at it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.errors import RecordError
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.read import RunRecord, read_run
from lenet_ablate.records.record import METRICS, STATUS, State
from lenet_ablate.records.status import read_status
from lenet_ablate.studies.finished import find_finished
from lenet_ablate.studies.jobs import Ended, Job, Sweep
from lenet_ablate.sweep.copies import failure_in
from lenet_ablate.sweep.messages import run_line
from lenet_ablate.sweep.progress import Progress

LOOK_SECONDS, ASK_SECONDS = 0.5, 5.0
"""Pauses between two looks at the folders, and between two questions to the scheduler."""
MOST_LOOKING = 0.1
"""How much of the time may go into looking at the folders."""
SETTLE_SECONDS = 3.0
"""How long what the last task wrote may take until it is seen here."""
SILENCE_SECONDS = 600.0
"""How long a scheduler may give no answer until it is no longer waited for."""


@dataclass(frozen=True)
class Alive:
    """The tasks of a launch that have not ended.

    Attributes:
        running: How many work.
        waiting: How many wait for their turn.
        reason: Why they wait, as the scheduler says; empty where it does not.
        is_stuck: Whether none works and none will without somebody's help.
    """

    running: int
    waiting: int = 0
    reason: str = ""
    is_stuck: bool = False

    def __str__(self) -> str:
        waiting = f"{self.waiting} waiting" + (f" ({self.reason})" if self.reason else "") if self.waiting else ""
        return ", ".join(filter(None, [f"{self.running} running", waiting]))


class Launch(Protocol):
    """Copies of a command that a scheduler runs."""

    @property
    def name(self) -> str:
        """What a user knows it by, such as `SLURM job 12`."""

    @property
    def ids(self) -> Collection[str]:
        """What its copies find in the variable `records.status.LAUNCH`."""

    @property
    def how_to_leave(self) -> str:
        """What becomes of it when it is no longer followed, and what can be done then."""

    @property
    def where_logs(self) -> str:
        """Where its tasks' output is."""

    def look(self) -> Alive | None:
        """Its tasks that have not ended; None where the scheduler gives no answer."""

    def end(self, *, is_done: bool) -> None:
        """Let go of it; where all is done, tasks that still wait are called off."""


@dataclass
class _Run:
    """What is known so far of a run that has not ended."""

    plan: RunPlan
    folder: Path
    seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    is_running: bool = False
    images: int = 0

    def has_changed(self, name: str) -> bool:
        """Whether a file in its folder is another than at the last look."""
        try:
            found = os.stat(f"{self.folder}{os.sep}{name}")  # noqa: PTH116 # a Path each would take as long as all else
        except OSError:
            return False
        signature = found.st_mtime_ns, found.st_ino, found.st_size
        if self.seen.get(name) == signature:
            return False
        self.seen[name] = signature
        return True


class Follower:
    """Follows the runs of a launch until all have ended or nobody is at them any more.

    Args:
        sweep: What the runs belong to.
        plans: The runs that are to be trained, each with its plan.
        data: Where their data sets come from.
        launch: Who trains them.
        progress: Told how far each run is.
        retries: How often a copy tries a failed run again; then a failure is final only when no copy is left.
    """

    def __init__(
        self,
        sweep: Sweep,
        plans: Mapping[Job, RunPlan],
        data: DatasetCache,
        launch: Launch,
        progress: Progress,
        retries: int = 0,
    ) -> None:
        self._sweep, self._data, self._launch, self._progress = sweep, data, launch, progress
        self._retries = retries
        self._pending = {job: _Run(plan, sweep.folder(job)) for job, plan in plans.items()}
        self._ended: list[Ended] = []
        self._told: tuple[object, ...] = ()
        self._asked = self._answered = -1e9

    @property
    def is_done(self) -> bool:
        """Whether every run has ended."""
        return not self._pending

    def follow(self, is_stopped: Callable[[], bool]) -> list[Ended]:
        """How the runs ended; those that nobody finished are missing.

        Args:
            is_stopped: Asked several times a second; then the launch is left alone.
        """
        self._answered = time.monotonic()
        is_over = False
        while not is_stopped():
            is_over = self._ask()
            started = time.monotonic()
            self._look()
            if self.is_done or is_over:
                break
            _pause(max(LOOK_SECONDS, (time.monotonic() - started) / MOST_LOOKING), is_stopped)
        if is_over and not self.is_done:
            _pause(SETTLE_SECONDS, is_stopped)
            self._retries = 0  # no copy is left to try again
            for run in self._pending.values():
                run.seen.clear()
            self._look()
            self._look_at_the_rest()
        return self._ended

    def _ask(self) -> bool:
        """Whether nobody will train any more, which is told."""
        now = time.monotonic()
        if now - self._asked < ASK_SECONDS:
            return False
        self._asked, alive = now, self._launch.look()
        if alive is None:
            if now - self._answered > SILENCE_SECONDS:
                self._tell(f"{self._launch.name}: no answer for {SILENCE_SECONDS / 60:g} minutes; no longer followed")
                return True
            self._tell(f"{self._launch.name}: no answer from its scheduler; asked again")
            return False
        self._answered = now
        if not alive.running and not alive.waiting:
            return True
        # Each task that begins or ends would be a line, of a hundred of them a hundred.
        self._tell(f"{self._launch.name}: {alive}", bool(alive.running), bool(alive.waiting), alive.reason)
        return alive.is_stuck

    def _tell(self, line: str, *what: object) -> None:
        """Print a line unless what it is about was told last."""
        if (what or (line,)) != self._told:
            self._told = what or (line,)
            self._progress.tell(line)

    def _look(self) -> None:
        for job, run in list(self._pending.items()):
            if run.has_changed(STATUS):
                self._look_at_status(job, run)
            if run.is_running and job in self._pending and run.has_changed(METRICS):
                self._count_epochs(run)

    def _look_at_status(self, job: Job, run: _Run) -> None:
        try:
            state = read_status(run.folder).state
        except RecordError:  # told when nobody is at it any more
            return
        run.is_running = state is State.running
        if state.is_finished and (record := find_finished(self._sweep, job, self._data)):
            self._end(job, record.state, record=record)
        elif state is State.failed and not self._retries and (error := failure_in(self._launch.ids, run.folder)):
            self._end(job, State.failed, error)

    def _look_at_the_rest(self) -> None:
        """Take failures that another try could have undone, and what is no run at all, for what they are."""
        for job, run in list(self._pending.items()):
            error = failure_in(self._launch.ids, run.folder)
            if not error and os.path.lexists(run.folder):
                record = read_run(run.folder)
                error = record.error if record.state is State.unreadable else ""
            if error:
                self._end(job, State.failed, error)

    def _count_epochs(self, run: _Run) -> None:
        try:
            rows = read_metrics(run.folder)
        except RecordError:
            return
        images = len(rows) * run.plan.num_train
        if rows and images > run.images:
            self._progress.advance(images - run.images, rows[-1].train_loss_running)
            run.images = images

    def _end(self, job: Job, state: State, error: str = "", record: RunRecord | None = None) -> None:
        run = self._pending.pop(job)
        rest = run.plan.num_train * run.plan.config.epochs - run.images
        last = record.rows[-1] if record and record.rows else None
        seconds = (record.result.wall_seconds or 0.0) if record else 0.0
        if last is not None:
            self._progress.advance(rest, last.train_loss_running)
        else:
            self._progress.credit(rest)
        ended = Ended(job, run.folder, state, seconds, error, last)
        self._ended.append(ended)
        self._progress.end_run(state, run_line(self._sweep, ended))


def _pause(seconds: float, is_stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not is_stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
