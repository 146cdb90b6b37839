"""The worker threads of a sweep: each claims a run, has it attempted, and takes the next."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.records.locks import claim, make_claimable
from lenet_ablate.records.record import State
from lenet_ablate.studies.jobs import Ended, Job, Sweep
from lenet_ablate.sweep.attempts import Attempts, one_line
from lenet_ablate.sweep.messages import run_line
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.signals import Stop

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Task:
    """A run that is to be trained, and its plan."""

    job: Job
    plan: RunPlan


class Workers:
    """The workers and what they share."""

    def __init__(self, sweep: Sweep, attempts: Attempts, stop: Stop, progress: Progress) -> None:
        self._sweep, self._attempts, self._stop, self._progress = sweep, attempts, stop, progress
        self._waiting: deque[Task] = deque()
        self._elsewhere: deque[Task] = deque()
        self._postponed: set[str] = set()
        self._ended: list[Ended] = []

    def work(self, tasks: Sequence[Task], workers: int) -> list[Ended]:
        """Carry out the tasks in their order; the main thread only waits, so that it can take signals.

        Raises:
            RecordError: Runs cannot be claimed in this study.
        """
        self._waiting.extend(tasks)
        make_claimable(self._sweep.study)
        threads = [threading.Thread(target=self._loop, name=f"worker-{i}", daemon=True) for i in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)
        return self._ended

    def _loop(self) -> None:
        while not self._stop.is_asked():
            task = self._take()
            if task is None:
                return
            try:
                with claim(self._sweep.study, task.plan.name) as is_mine:
                    if not is_mine:
                        self._postpone(task)
                        continue
                    ended = self._attempts.attempt(task.job, task.plan)
            except Exception as error:  # the claim itself; an attempt never raises
                ended = Ended(task.job, self._sweep.folder(task.job), State.failed, 0.0, one_line(error))
            self._ended.append(ended)
            self._progress.end_run(ended.state, run_line(self._sweep, ended))

    def _take(self) -> Task | None:
        with contextlib.suppress(IndexError):
            return self._waiting.popleft()
        with contextlib.suppress(IndexError):
            task = self._elsewhere.popleft()
            time.sleep(POLL_SECONDS)
            return task
        return None

    def _postpone(self, task: Task) -> None:
        if task.plan.name not in self._postponed:
            self._postponed.add(task.plan.name)
            self._progress.tell(f"{self._sweep.label(task.job)}: another sweep is at it; looked at again later")
        self._elsewhere.append(task)
