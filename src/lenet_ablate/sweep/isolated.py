"""Training in a process of its own: a run that crashes, is killed or hangs costs that run and nothing else.

The process is kept for the worker's next run, so imports and data are paid once. It is replaced when it is lost.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.engines.select import engine_key
from lenet_ablate.errors import DataError, RunError
from lenet_ablate.records.record import LOG, State
from lenet_ablate.records.write import now
from lenet_ablate.rendering.children import package_folders
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.studies.recording import training_place
from lenet_ablate.sweep import wire
from lenet_ablate.sweep.trainer import Engines, Watch, late, record_failure

COMMAND = ("-P", "-m", "lenet_ablate.sweep.child")
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0
"""How much longer than its timeout a run may take to save itself before its process is killed."""
START_SECONDS = 600.0
"""How long a process may take, where runs have a timeout, until a run's training begins."""
LAST_WORDS = 20


class IsolatedTrainer:
    """Trains in a process that it starts and replaces; see `sweep.trainer.Trainer`.

    Args:
        sweep: What the runs belong to.
        engines: What trains each network.
        should_stop: Asked several times a second.
        run_timeout: Seconds after which a run is ended and counts as failed; None: never.
    """

    def __init__(
        self, sweep: Sweep, engines: Engines, should_stop: Callable[[], bool], run_timeout: float | None
    ) -> None:
        self._sweep, self._engines = sweep, engines
        self._should_stop, self._run_timeout = should_stop, run_timeout
        self._process: WorkerProcess | None = None

    def train(self, job: Job, plan: RunPlan, watch: Watch) -> State:
        """Train a run.

        Raises:
            RunError: It failed in its process, took longer than it may, or its process was lost.
            DataError: Its settings or data cannot be used.
        """
        order = wire.make_order(self._sweep, job, self._engines[engine_key(job.config)], self._run_timeout)
        process = self._living()
        process.tell = watch.tell
        try:
            process.send(wire.RUN, wire.encode_order(order))
            return self._follow(process, watch)
        except _LostError as lost:
            self.close()
            self._record_loss(job, plan, str(lost), process.last_words())
            raise RunError(str(lost)) from None

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _living(self) -> WorkerProcess:
        if self._process is not None and not self._process.is_alive():  # killed between two runs: it costs none
            self.close()
        if self._process is None:
            self._process = WorkerProcess()
        return self._process

    def _follow(self, process: WorkerProcess, watch: Watch) -> State:
        """How the run ended that the process was given."""
        is_told, has_begun, since = False, False, time.monotonic()
        while True:
            if self._should_stop() and not is_told:
                is_told = True
                process.send(wire.STOP)
            kind, content = process.receive(POLL_SECONDS)
            if kind == wire.STARTS:
                has_begun, since = True, time.monotonic()
            elif kind == wire.PROGRESS:
                watch.on_progress(*content)
            elif kind == wire.RESUMES:
                watch.on_resume(content)
            elif kind == wire.EPOCHS:
                watch.on_epochs(wire.decode_rows(content))
            elif kind == wire.TELL:
                watch.tell(content)
            elif kind == wire.ENDED:
                return State(content)
            elif kind == wire.FAILED:
                error, can_change = content
                raise RunError(error) if can_change else DataError(error)
            self._check_time(process, has_begun, time.monotonic() - since)

    def _check_time(self, process: WorkerProcess, has_begun: bool, seconds: float) -> None:
        limit = self._run_timeout
        if limit is None or seconds <= (limit + GRACE_SECONDS if has_begun else max(limit, START_SECONDS)):
            return
        process.kill()
        raise _LostError(f"{late(limit)} and was ended" if has_begun else "its process did not get ready to train")

    def _record_loss(self, job: Job, plan: RunPlan, error: str, last_words: str) -> None:
        """Say in the run's folder what its process no longer could."""
        folder, _ = training_place(self._sweep, job)
        with contextlib.suppress(OSError), (folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{now()} ERROR failed: {error}\n{last_words}")
        record_failure(folder, plan.identity, error, last_words)


class _LostError(Exception):
    """The process has ended in the middle of a run; the text says how."""


class WorkerProcess:
    """A worker process, and what it says."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(package_folders(sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            # A terminal's Ctrl-C is for the parent, which lets its workers save what they have.
            process_group=0 if os.name == "posix" else None,
        )
        self._is_ready = False
        self.tell: Callable[[str], None] = lambda line: None
        self._messages: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_messages, self._read_words)]
        for reader in self._readers:
            reader.start()

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def send(self, kind: str, content: Any = None) -> None:
        """Send a message; that it cannot be read any more is told by `receive`."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(wire.encode(kind, content))
            self._process.stdin.flush()

    def receive(self, seconds: float) -> tuple[str, Any]:
        """The next message, an empty one where none comes in time.

        Raises:
            _LostError: The process has ended.
        """
        try:
            message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return "", None
        if message is None:
            raise _LostError(self._how_it_ended())
        return message

    def last_words(self) -> str:
        """The last lines that it printed to standard error."""
        self._readers[1].join(1.0)
        return "".join(f"{line}\n" for line in self._words)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self) -> None:
        """Let it end, and wait for that."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(1.0)

    def _how_it_ended(self) -> str:
        self._process.kill()  # it may have closed its output only
        status = self._process.wait()
        if status >= 0:
            last = self.last_words().strip().rpartition("\n")[2]
            return f"the process ended with exit status {status}" + (f": {one_line(last)}" if last else "")
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
        return f"the process was killed by {name}{memory}"

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines, contextlib.suppress(ValueError, OSError):
            for line in lines:
                kind, content = wire.decode(line)
                if kind == wire.READY:
                    self._is_ready = True
                else:
                    self._messages.put((kind, content))
        self._messages.put(None)

    def _read_words(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines, contextlib.suppress(ValueError, OSError):
            while line := lines.readline(4096):
                words = one_line(line.decode(errors="replace"))
                self._words.append(words)
                if self._is_ready:  # before, it is the traceback of a process that does not start
                    self.tell(words)
