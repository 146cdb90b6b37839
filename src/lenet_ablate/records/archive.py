"""Runs taken out of their study: put away in its archive, where no report finds them, brought back, or removed.

An archive lies in the study's folder, `<study>/.archive/runs/<run>`, and goes where the study goes. A run is moved by
one renaming, so that whatever happens it is in one place, whole. Nothing is done to a run that is in training.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.claims import claims_in
from lenet_ablate.records.locks import LOCKS
from lenet_ablate.records.record import State
from lenet_ablate.records.status import read_status
from lenet_ablate.rendering.failures import system_reason

ARCHIVE, REMOVED = Path(".archive", "runs"), Path(".archive", "removed")


def archived_names(study: Path) -> list[str]:
    """The names of a study's archived runs, sorted."""
    try:
        with os.scandir(study / ARCHIVE) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def archive_run(folder: Path) -> Path:
    """Put a run away; returns where.

    Raises:
        RecordError: It is in training, one of its name is there already, or it cannot be moved.
    """
    target = folder.parent / ARCHIVE / folder.name
    with _claimed(folder):
        _move(folder, target)
    return target


def restore_run(study: Path, name: str) -> Path:
    """Bring an archived run back; returns its folder.

    Raises:
        RecordError: The run was trained anew meanwhile, or it cannot be moved.
    """
    with _claimed(study / name):
        _move(study / ARCHIVE / name, study / name)
    return study / name


def remove_run(folder: Path) -> None:
    """Delete a run, also one in the archive; the command that asks for it trains it again.

    Raises:
        RecordError: It is in training, or cannot be deleted.
    """
    is_archived = folder.parent.name == ARCHIVE.name and folder.parent.parent.name == ARCHIVE.parent.name
    study = folder.parents[2] if is_archived else folder.parent
    bin_ = study / REMOVED
    with _claimed(study / folder.name):
        shutil.rmtree(bin_, ignore_errors=True)  # what an interrupted removal left
        # First out of the way as a whole: half of a run would be taken for a damaged one.
        _move(folder, bin_ / folder.name)
        try:
            shutil.rmtree(bin_)
        except OSError as error:
            raise RecordError(f"{bin_}: cannot be deleted: {system_reason(error, bin_)}") from error
    with contextlib.suppress(OSError):  # where nothing is archived
        (study / REMOVED.parent).rmdir()


def rename_study(study: Path, name: str) -> Path:
    """Give a study another name; returns its folder.

    Raises:
        RecordError: Another study has the name, one of its runs is in training, or it cannot be renamed.
    """
    target = study.with_name(name)
    if os.path.lexists(target):
        raise RecordError(f"{target}: is there already")
    for claim in sorted((study / LOCKS).glob("*.*")):
        if claim.suffix in (".lock", ".claim"):
            with _claimed(study / claim.stem):
                pass
    try:
        study.rename(target)
    except OSError as error:
        raise RecordError(f"{study}: cannot be renamed: {system_reason(error, study)}") from error
    return target


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold a run's claim, so that no sweep takes it up meanwhile."""
    with claims_in(folder.parent) as claims, claims.claim(folder.name) as is_mine:
        if not is_mine or _is_running(folder):
            raise RecordError(f"{folder}: is in training; stop it first")
        yield


def _is_running(folder: Path) -> bool:
    try:
        return read_status(folder).state is State.running
    except RecordError:
        return False


def _move(source: Path, target: Path) -> None:
    if os.path.lexists(target):
        raise RecordError(f"{target}: is there already; remove one of the two")
    make_folder(target.parent)
    try:
        source.rename(target)
    except OSError as error:
        raise RecordError(f"{source}: cannot be moved: {system_reason(error, source)}") from error
