"""The worker threads of a sweep: each claims a run, has it attempted, and takes the next."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from lenet_ablate.config.choices import OnError
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.records.claims import Claims
from lenet_ablate.records.record import State
from lenet_ablate.records.signing import Signatures
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.jobs import Ended, Job, Sweep
from lenet_ablate.sweep.attempts import Attempts
from lenet_ablate.sweep.copies import failure_in, this_launch
from lenet_ablate.sweep.messages import run_line
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.signals import Stop
from lenet_ablate.sweep.trainer import Trainer, record_failure

POLL_SECONDS = 1.0
"""The longest pause between two looks at the runs that others are at; the first ones are shorter."""
FIRST_POLL_SECONDS = POLL_SECONDS / 8
GRACE_SECONDS = 5.0
"""How much longer than its timeout a run may take to save itself."""


@dataclass(frozen=True)
class Task:
    """A run that is to be trained, its plan, and how often it has failed in this sweep."""

    job: Job
    plan: RunPlan
    failures: int = 0


@dataclass(frozen=True)
class _Unsigned:
    """A run that has ended and that nothing calls finished yet; it stays claimed until then."""

    task: Task
    ended: Ended
    outcome: Future[None]
    claimed: contextlib.ExitStack


class Workers:
    """The workers and what they share.

    Args:
        sweep: What the runs belong to.
        attempts: What carries them out.
        make_trainer: Makes what trains the runs of one worker.
        stop: Whether to stop; it is asked where a run fails and `on_error=stop`.
        progress: Told how each run ended.
        supervision: How failures and runs that hang are dealt with.
        claims: What claims runs in the study.
        signatures: Where short runs wait to be called finished.
        leaves_the_rest: Whether to end once all that is left is with other sweeps, rather than wait for them.
    """

    def __init__(
        self,
        sweep: Sweep,
        attempts: Attempts,
        make_trainer: Callable[[], Trainer],
        stop: Stop,
        progress: Progress,
        supervision: Supervision,
        claims: Claims,
        signatures: Signatures | None = None,
        leaves_the_rest: bool = False,
    ) -> None:
        self._signatures = signatures or Signatures()
        self._sweep, self._attempts, self._make_trainer = sweep, attempts, make_trainer
        self._stop, self._progress, self._supervision = stop, progress, supervision
        self._claims, self._leaves_the_rest = claims, leaves_the_rest
        self._is_looking = threading.Lock()
        self._rounds_without_a_run = 0
        self._waiting: deque[Task] = deque()
        self._elsewhere: deque[Task] = deque()
        self._postponed: set[str] = set()
        self._ended: list[Ended] = []
        self._since: dict[str, tuple[Job, float]] = {}
        self._late: set[str] = set()

    def work(self, tasks: Sequence[Task], workers: int) -> list[Ended]:
        """Carry out the tasks in their order; the main thread only waits, so that it can take signals."""
        self._waiting.extend(tasks)
        threads = [threading.Thread(target=self._loop, name=f"worker-{i}", daemon=True) for i in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)
                self._signatures.sign_due()
                self._tell_of_late_runs()
        return self._ended

    @property
    def num_elsewhere(self) -> int:
        """How many runs were left to other sweeps, which are at them."""
        return 0 if self._stop.is_asked() else len(self._elsewhere)

    def _loop(self) -> None:
        unsigned: deque[_Unsigned] = deque()
        with contextlib.closing(self._make_trainer()) as trainer:
            try:
                while not self._stop.is_asked():
                    if not self._waiting:  # others may wait for these while this one waits for others
                        self._signatures.sign()
                        self._settle(unsigned)
                    task = self._take()
                    if task is None:
                        return
                    ended = self._carry_out(task, trainer, unsigned)
                    if ended is not None:
                        self._conclude(task, ended)
                    self._signatures.sign_due()
                    self._settle(unsigned)
            finally:
                self._signatures.sign()
                self._settle(unsigned, is_last=True)

    def _carry_out(self, task: Task, trainer: Trainer, unsigned: deque[_Unsigned]) -> Ended | None:
        """How the task ended; None where another sweep is at it, or it is yet to be called finished."""
        try:
            with contextlib.ExitStack() as claimed:
                if not claimed.enter_context(self._claims.claim(task.plan.name)):
                    self._postpone(task)
                    return None
                if not task.failures and (error := failure_in(this_launch(), self._sweep.folder(task.job))):
                    return Ended(task.job, self._sweep.folder(task.job), State.failed, 0.0, error, is_ours=False)
                self._since[task.plan.name] = task.job, time.monotonic()
                self._rounds_without_a_run = 0
                is_last = task.failures >= self._supervision.retries
                ended = self._attempts.attempt(task.job, task.plan, trainer, is_last=is_last)
                outcome = self._signatures.outcome(self._sweep.folder(task.job))
                if outcome is None:
                    return ended
                unsigned.append(_Unsigned(task, ended, outcome, claimed.pop_all()))
                return None
        except BaseException as error:  # the claim itself; an attempt never raises
            folder = self._sweep.folder(task.job)
            return Ended(task.job, folder, State.failed, 0.0, error_line(error, folder))
        finally:
            self._since.pop(task.plan.name, None)

    def _settle(self, unsigned: deque[_Unsigned], *, is_last: bool = False) -> None:
        """Tell of the runs that are called finished by now, and let go of them, in the thread that has claimed them."""
        while unsigned and (is_last or unsigned[0].outcome.done()):
            run = unsigned.popleft()
            ended, error = run.ended, run.outcome.exception()
            if error is not None:
                text = error_line(error, ended.folder)
                record_failure(ended.folder, run.task.plan.identity, text, "")
                ended = dataclasses.replace(ended, state=State.failed, error=text)
            run.claimed.close()
            self._conclude(run.task, ended)

    def _conclude(self, task: Task, ended: Ended) -> None:
        line = run_line(self._sweep, ended)
        is_failed, most = ended.state is State.failed, self._supervision.retries
        if is_failed and ended.can_change and task.failures < most and not self._stop.is_asked():
            again = dataclasses.replace(task, failures=task.failures + 1)
            self._progress.tell(f"{line}; to be tried again ({again.failures} of {most})")
            self._waiting.append(again)
            return
        self._ended.append(ended)
        self._progress.end_run(ended.state, line)
        if is_failed and self._supervision.on_error is OnError.stop:
            self._stop.ask_after_failure()

    def _take(self) -> Task | None:
        with contextlib.suppress(IndexError):
            return self._waiting.popleft()
        with self._is_looking:  # one pause serves all workers, and all runs that are elsewhere
            if not self._waiting and self._elsewhere and not self._stop.is_asked():
                if self._leaves_the_rest and self._rounds_without_a_run:
                    return None
                time.sleep(min(POLL_SECONDS, FIRST_POLL_SECONDS * 2 ** min(self._rounds_without_a_run, 10)))
                self._rounds_without_a_run += 1
                while self._elsewhere:
                    self._waiting.append(self._elsewhere.popleft())
            with contextlib.suppress(IndexError):
                return self._waiting.popleft()
        return None

    def _postpone(self, task: Task) -> None:
        if task.plan.name not in self._postponed:
            self._postponed.add(task.plan.name)
            self._progress.tell(f"{self._sweep.label(task.job)}: another sweep is at it; looked at again later")
        self._elsewhere.append(task)

    def _tell_of_late_runs(self) -> None:
        """Say which runs do not stop at their timeout: a thread cannot be ended, so all that is left is to wait."""
        limit = self._supervision.run_timeout
        if limit is None or self._supervision.isolate:
            return
        for name, (job, since) in list(self._since.items()):
            if name not in self._late and time.monotonic() - since > limit + GRACE_SECONDS:
                self._late.add(name)
                self._progress.tell(
                    f"{self._sweep.label(job)}: takes longer than hydra.launcher.run_timeout={limit:g} seconds and "
                    "does not stop by itself, so it is waited for; hydra.launcher.isolate=true ends such runs"
                )
