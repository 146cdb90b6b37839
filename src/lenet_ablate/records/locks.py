"""Which of several sweeps in one study a run belongs to for now; a claim ends with its process.

A claim is a lock of the operating system on a file, tested before it is trusted: some file systems refuse locks, some
grant the same one twice. There each sweep goes by what the runs' own records say of who is at them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import filelock

from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.record import State
from lenet_ablate.records.status import read_status
from lenet_ablate.rendering.failures import system_reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS = ".locks"


def make_claimable(study: Path) -> str:
    """Make a study's folder of claims and test a lock in it.

    Returns:
        Why locks cannot be trusted there, in a few words; empty where they can.

    Raises:
        RecordError: The folder, or a file in it, cannot be made.
    """
    make_folder(study / LOCKS)
    try:
        return _fault(study / LOCKS)
    except OSError as error:
        raise RecordError(f"{study / LOCKS}: cannot be written: {system_reason(error, study / LOCKS)}") from error


@contextlib.contextmanager
def claim(study: Path, run: str, *, is_locked: bool = True) -> Iterator[bool]:
    """Whether the run named is this sweep's to write now.

    Args:
        study: The folder of the runs.
        run: The run's name.
        is_locked: Whether locks can be trusted there. If not, only a run at which another process is already is
            refused: two sweeps that take it up in the same moment train it twice.

    Raises:
        RecordError: The lock can neither be had nor be waited for.
    """
    if not is_locked:
        yield not _is_taken(study / run)
        return
    path = study / LOCKS / f"{run}.lock"
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        yield False
        return
    except OSError as error:
        raise RecordError(f"{path}: cannot be locked: {system_reason(error, path)}") from error
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # the run has ended; the lock goes with the process
            lock.release()


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock on a file, for which other processes then wait; where locks do not work, nobody waits for anybody."""
    try:
        is_locked = not _fault(path.parent)
    except OSError:
        is_locked = False
    with filelock.FileLock(path) if is_locked else contextlib.nullcontext():
        yield


def _is_taken(folder: Path) -> bool:
    try:
        status = read_status(folder)
    except RecordError:  # no run yet, or none that anybody is at
        return False
    return status.state is State.running and status.owner_pid != os.getpid()


def _fault(folder: Path) -> str:
    """Why locks in a folder cannot be trusted: one is refused, or granted a second time while it is held.

    Raises:
        OSError: No file can be made there to try it with.
    """
    if fcntl is None:
        return ""  # Windows locks files itself, wherever they lie
    test = folder / f".test-{os.getpid()}-{threading.get_ident()}"
    try:
        with test.open("wb") as first, test.open("wb") as second:
            try:
                fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return system_reason(error, folder)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return ""
        return "a lock is granted twice"
    finally:
        with contextlib.suppress(OSError):
            test.unlink()
