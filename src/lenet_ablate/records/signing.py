"""Many short runs are called finished together, since waiting for the disk takes longer than they do."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.write import Unsigned, sign_all

MOST_WAITING = 32
MOST_SECONDS = 1.0


class Signatures:
    """The runs of a sweep that wait to be signed together; used by all of its workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Unsigned, Future[None]]] = []
        self._asked: dict[Path, Future[None]] = {}
        self._since = 0.0

    def add(self, run: Unsigned) -> None:
        """Have a run signed with the others, within about a second."""
        outcome: Future[None] = Future()
        with self._lock:
            self._since = self._since if self._waiting else time.monotonic()
            self._waiting.append((run, outcome))
            self._asked[run.folder] = outcome

    def outcome(self, folder: Path) -> Future[None] | None:
        """What tells, or will tell, whether a run that was added is signed; None where none was. Told once."""
        with self._lock:
            return self._asked.pop(folder, None)

    def sign_due(self) -> None:
        """Sign those that wait where they are many, or wait long."""
        count, seconds = len(self._waiting), time.monotonic() - self._since
        if count >= MOST_WAITING or (count and seconds >= MOST_SECONDS):
            self.sign()

    def sign(self) -> None:
        """Sign all that wait; what goes wrong is told by their outcomes."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        failed: dict[Path, RecordError] = {}
        try:
            failed = sign_all([run for run, _ in waiting])
        except BaseException as error:
            failed = {run.folder: RecordError(f"{run.folder}: {error}") for run, _ in waiting}
            raise
        finally:
            for run, outcome in waiting:
                if fault := failed.get(run.folder):
                    outcome.set_exception(fault)
                else:
                    outcome.set_result(None)
