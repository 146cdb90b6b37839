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
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import State
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
    test = study / LOCKS / f".test-{os.getpid()}-{threading.get_ident()}"
    try:
        return _fault(test)
    except OSError as error:
        raise RecordError(f"{test}: cannot be made: {system_reason(error, test)}") from error
    finally:
        with contextlib.suppress(OSError):
            test.unlink()


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


def _is_taken(folder: Path) -> bool:
    record = read_run(folder)
    return record.state is State.running and record.status.get("owner", {}).get("pid") != os.getpid()


def _fault(path: Path) -> str:
    """Why a lock on this file cannot be trusted: it is refused, or granted a second time while it is held."""
    if fcntl is None:
        return ""  # Windows locks files itself, wherever they lie
    with path.open("wb") as first, path.open("wb") as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return system_reason(error, path)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ""
    return "a lock is granted twice"
