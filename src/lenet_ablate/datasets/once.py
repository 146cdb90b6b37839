"""What one process of a machine does for all: downloading a data set, and comparing it with its digest.

Copies of a command that start side by side on a machine would each do it otherwise. What is known is kept in a folder
of the user's among the machine's temporary files; where there is none, each process does everything itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from lenet_ablate.config.home import user_temporary_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SETTLED_SECONDS = 2.0
"""How long a file must have been as it is: a later change could have the same time on a coarse clock."""


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Within, no other process of this user and machine does the same for a path; one that dies lets the next in."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            if fcntl is not None:
                place = _place("at-work", os.path.abspath(path))  # noqa: PTH100 # it need not be there yet
                fcntl.flock(stack.enter_context(place.open("wb")), fcntl.LOCK_EX)
        yield


def has_digest(path: Path, content: memoryview, digest: str) -> bool:
    """Whether a file's content has a SHA-256: computed, unless this machine has found so since the file last changed.

    Args:
        path: The file.
        content: What was read from it, unpacked.
        digest: 64 hex digits.
    """
    with one_at_a_time(path):
        try:
            place = _place("verified", *_signature(path))
            if place.read_text(encoding="ascii") == digest:
                return True
        except (OSError, UnicodeDecodeError):
            place = None
        if hashlib.sha256(content).hexdigest() != digest:
            return False
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_ctime > SETTLED_SECONDS:
                (place or _place("verified", *_signature(path))).write_text(digest, encoding="ascii")
        return True


def _signature(path: Path) -> tuple[object, ...]:
    found = path.stat()
    return path.resolve(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _place(kind: str, *named: object) -> Path:
    folder = user_temporary_folder() / kind
    folder.mkdir(exist_ok=True)
    return folder / hashlib.sha256(repr(named).encode("utf-8", "surrogateescape")).hexdigest()[:32]
