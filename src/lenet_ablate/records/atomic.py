"""Files that are never seen half-written: temporary name, flush, rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.rendering.failures import system_reason

SECONDS_OF_DEAD, SECONDS_OF_UNKNOWN = 60.0, 3600.0
_CLOSED_AND_BINARY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_TEMPORARY = re.compile(r"\..+\.(\d{1,18})\.\d+\.tmp")
"""As `write_bytes` names them: the file, the process and the thread that write it."""


def write_bytes(path: Path, data: bytes, *, flush: bool = True) -> str:
    """Write a file as a whole or not at all.

    Args:
        path: Final name; its folder must exist.
        data: The content.
        flush: Wait until the content is on the disk, so that it also survives a loss of power. Without it a file
            that was written just before may be torn then: for content that carries its own digest.

    Returns:
        SHA-256 of the content in hex.

    Raises:
        RecordError: The disk is full, the folder is gone or not writable.
    """
    put_in_place(write_aside(path, data, flush=flush), path)
    return hashlib.sha256(data).hexdigest()


def write_aside(path: Path, data: bytes, *, flush: bool = False) -> str:
    """Write what is to become a file under the temporary name that is returned; see `put_in_place`.

    Raises:
        RecordError: As of `write_bytes`; nothing is left.
    """
    temporary = f"{path.parent}{os.sep}.{path.name}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        # By the system's own calls: Python's files ask for three things more of a file that is new.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _CLOSED_AND_BINARY, 0o666)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            if flush:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException as error:
        remove_quietly(temporary)
        if isinstance(error, OSError):
            raise RecordError(f"{path}: cannot be written: {system_reason(error, path)}") from error
        raise
    return temporary


def is_aside(name: str, of: str) -> bool:
    """Whether a file is called as `write_aside` calls what is to become the one of the other name."""
    return name.startswith(f".{of}.") and _TEMPORARY.fullmatch(name) is not None


def put_in_place(temporary: str, path: Path) -> None:
    """Give a file that `write_aside` wrote its name, in place of the one that has it.

    Raises:
        RecordError: The folder is gone or not writable; the temporary file is left nowhere.
    """
    try:
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException as error:
        remove_quietly(temporary)
        if isinstance(error, OSError):
            raise RecordError(f"{path}: cannot be written: {system_reason(error, path)}") from error
        raise


def remove_quietly(path: str) -> None:
    """Remove a file, if it can be."""
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108


def make_folder(folder: Path) -> bool:
    """Make a folder and those above it, where they are missing; returns whether it is new.

    Raises:
        RecordError: It cannot be made.
    """
    try:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not folder.is_dir():
                raise
            return False
        return True
    except OSError as error:
        raise RecordError(f"{folder}: cannot be made: {system_reason(error, folder)}") from error


def unwritable_place(folder: Path) -> Path | None:
    """The folder, or the nearest one above it, where nothing can be written; None where something can."""
    found = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    return None if found.is_dir() and os.access(found, os.W_OK | os.X_OK) else found


def remove_leftovers(folder: Path, *, is_ours_alone: bool = False) -> None:
    """Remove the temporary files that killed writes left in a folder; whatever cannot be removed stays.

    Args:
        folder: The folder; it need not exist.
        is_ours_alone: Whether nobody else writes there now. Else a file stays until it is an hour old, or a minute
            where its process has ended: the number of a process means nothing on another machine.
    """
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = _TEMPORARY.fullmatch(path.name)
            with contextlib.suppress(OSError):
                if found and (is_ours_alone or time.time() - path.stat().st_mtime > _patience(int(found[1]))):
                    path.unlink()


def _patience(pid: int) -> float:
    return SECONDS_OF_DEAD if os.name != "nt" and not _is_alive(pid) else SECONDS_OF_UNKNOWN


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
