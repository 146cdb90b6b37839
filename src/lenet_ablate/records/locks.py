"""Which of several sweeps in one study a run belongs to for now; a claim ends with its process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from lenet_ablate.errors import RecordError

LOCKS = ".locks"


def make_claimable(study: Path) -> None:
    """Make a study's folder of claims.

    Raises:
        RecordError: Runs cannot be claimed in this study.
    """
    try:
        (study / LOCKS).mkdir(exist_ok=True)
    except OSError as error:
        raise RecordError(f"{study / LOCKS}: cannot be made: {error.strerror}") from error


@contextlib.contextmanager
def claim(study: Path, run: str) -> Iterator[bool]:
    """Whether the run named is this sweep's to write now."""
    lock = filelock.FileLock(study / LOCKS / f"{run}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
