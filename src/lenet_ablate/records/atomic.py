"""Files that are never seen half-written: temporary name, flush, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from pathlib import Path

from lenet_ablate.errors import RecordError


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RecordError(f"{path}: cannot be written: {_reason(error)}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return hashlib.sha256(data).hexdigest()


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; does nothing where folders cannot be flushed (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    text = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text += "; free some space and run the same command again, it resumes"
    return text
