"""What is wrong with the folder of a run that is to be trained, so that it cannot go on there."""

from __future__ import annotations

import os
from pathlib import Path

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import settings
from lenet_ablate.records.files import InaccessibleError, read_file
from lenet_ablate.records.read import read_whole
from lenet_ablate.records.record import CHECKPOINT, CONFIG, LOG, METRICS, MODEL, PREDICTIONS, RESULT, STATUS
from lenet_ablate.records.status import OtherVersionError, read_status
from lenet_ablate.rendering.escape import one_line


def damage_of(folder: Path, config: RunConfig) -> str:
    """Why a run that is to be trained cannot go on in its folder, in words; empty where it can.

    Raises:
        RecordError: The folder must not be touched: it belongs to another version, or cannot be looked into.
    """
    if not os.path.lexists(folder):
        return ""
    try:
        return _misplaced(folder) or _damage(folder, config)
    except (OtherVersionError, InaccessibleError) as error:
        raise RecordError(f"{folder}: {error}; move it away") from None


def _damage(folder: Path, config: RunConfig) -> str:
    try:
        status = read_status(folder)
    except (OtherVersionError, InaccessibleError):
        raise
    except RecordError as error:
        # Without a result there is only a checkpoint to lose, which tells by itself whose it is.
        is_odd = os.path.lexists(folder / RESULT) or (_is_foreign(folder) and not _is_begun(folder, config))
        return one_line(error) if is_odd else ""
    if status.identity != identity(config):
        return "it holds a run with other settings"
    if status.state.is_finished:
        try:
            read_whole(folder, status, config)
        except InaccessibleError:
            raise
        except RecordError as error:
            return one_line(error)
    return ""


def _is_foreign(folder: Path) -> bool:
    """Whether a folder without status.json is somebody else's: a link to something, or with files that a run writes."""
    if os.path.lexists(folder / STATUS) or os.path.lexists(folder / CHECKPOINT) or not folder.is_dir():
        return False
    return _has_files_of_a_run(folder) or (folder.is_symlink() and any(folder.iterdir()))


def _is_begun(folder: Path, config: RunConfig) -> bool:
    """Whether a folder was made for a run with these settings, which was killed before it told how it stands."""
    try:
        return read_file(folder, CONFIG, settings.MAX_BYTES) == settings.config_bytes(config)
    except RecordError:
        return False


def _has_files_of_a_run(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return not {entry.name for entry in entries}.isdisjoint({METRICS, MODEL, PREDICTIONS, LOG})


def _misplaced(folder: Path) -> str:
    """What lies in the folder's place, or in that of a file or folder that a run writes; empty where nothing does."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.name in (".hydra", "epochs")
                is_ours = is_folder or entry.name.endswith((".json", ".csv", ".yaml", ".npz", ".safetensors", ".log"))
                right = entry.is_dir if is_folder else entry.is_file
                if is_ours and not right(follow_symlinks=False):
                    return f"{entry.name} is not the {'folder' if is_folder else 'file'} that it should be"
    except FileNotFoundError:
        return "it is a link to nothing" if os.path.lexists(folder) else ""
    except NotADirectoryError:
        return "it is no folder"
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        if not folder.is_symlink():
            raise InaccessibleError(text) from None
        return text
    return ""
