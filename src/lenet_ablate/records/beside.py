"""A finished run that is trained again: in a folder beside its own, which takes its place once it is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.flushing import flush_path
from lenet_ablate.records.status import read_status

AGAIN, REPLACED = ".again", ".replaced"


def beside(folder: Path) -> Path:
    """The folder in which a run with a result is trained again."""
    return folder.with_name(folder.name + AGAIN)


def take_place(folder: Path) -> None:
    """Put the finished folder beside a run's in its place, and remove what stood there; the run must be claimed.

    A kill in between leaves both under other names, until `settle`.

    Raises:
        OSError: One of them cannot be renamed; both are still there.
    """
    before = folder.with_name(folder.name + REPLACED)
    shutil.rmtree(before, ignore_errors=True)
    folder.rename(before)
    try:
        beside(folder).rename(folder)
    except OSError:
        before.rename(folder)
        raise
    flush_path(folder.parent)
    shutil.rmtree(before, ignore_errors=True)


def settle(folder: Path) -> None:
    """Go on with what a kill interrupted in `take_place`; the run must be claimed.

    Raises:
        OSError: A folder cannot be renamed.
    """
    before = folder.with_name(folder.name + REPLACED)
    if not os.path.lexists(before):
        return
    if not os.path.lexists(folder):
        (beside(folder) if _is_finished(beside(folder)) else before).rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def _is_finished(folder: Path) -> bool:
    try:
        return read_status(folder).state.is_finished
    except RecordError:
        return False
