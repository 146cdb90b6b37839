"""Locks of the operating system on files, tested before they are trusted.

Some file systems refuse locks, some grant the same one twice, and some keep those of each machine apart. A lock ends
with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import filelock

from lenet_ablate.rendering.failures import system_reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS = ".locks"
"""A study's folder of claims."""
CONTEST_SECONDS = 10.0
GRANTED_TWICE = "a lock is granted twice"
_REFUSED, _GRANTED = 0, 120
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
# Another process: some file systems count locks by process. Isolated and without `site`, it starts in milliseconds.
_CONTESTANT = f"""
import errno, fcntl, sys
try:
    fcntl.flock(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError as error:
    sys.exit({_REFUSED} if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES) else error.errno)
sys.exit({_GRANTED})
"""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock on a file, for which other processes then wait; where locks do not work, nobody waits for anybody."""
    try:
        is_locked = not fault_within(path.parent)
    except OSError:
        is_locked = False
    with filelock.FileLock(path) if is_locked else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Whether this process has the lock on a file, which is made if need be, for as long as the context lasts.

    Raises:
        OSError: It can neither be locked nor is it another's.
    """
    if fcntl is None:
        by_system = filelock.FileLock(path)
        try:
            by_system.acquire(blocking=False)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            by_system.release()
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_mine = True
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            is_mine = False
        yield is_mine
    finally:
        with contextlib.suppress(OSError):  # the lock goes with the process
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a process that was forked meanwhile keeps the descriptor
        os.close(descriptor)


def fault_within(folder: Path) -> str:
    """Why locks in a folder cannot be trusted, as far as this process alone can tell; empty where they can.

    Raises:
        OSError: No file can be made there to try it with.
    """
    return _contest(folder, with_another_process=False)


def fault_between(folder: Path) -> str:
    """Why locks in a folder cannot be trusted, from a contest with another process; empty where they can.

    Raises:
        OSError: No file can be made there to try it with.
    """
    return _contest(folder, with_another_process=True)


def is_held_elsewhere(path: Path) -> bool:
    """Whether somebody else holds the lock on a file that is there; it is taken for a moment to see that.

    Raises:
        OSError: It is not there, or cannot be locked for another reason.
    """
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                return True
            raise
    return False


def _contest(folder: Path, with_another_process: bool) -> str:
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
                return _other_process(test) if with_another_process else ""
        return GRANTED_TWICE
    finally:
        with contextlib.suppress(OSError):
            test.unlink()


def _other_process(test: Path) -> str:
    """What another process makes of a lock that this one holds; nothing where none can be started."""
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CONTESTANT, test],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CONTEST_SECONDS,
            check=False,
        ).returncode
    except OSError:
        return ""
    except subprocess.TimeoutExpired:
        return f"a process that asked for a lock had no answer in {CONTEST_SECONDS:g} seconds"
    if ended == _GRANTED:
        return GRANTED_TWICE
    return os.strerror(ended) if ended in errno.errorcode else ""
