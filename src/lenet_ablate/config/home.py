"""Folders that not every machine has: the user's home, one for what can be made again, and one for temporary files."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from lenet_ablate.errors import ConfigError, LenetAblateError

CACHE_VARIABLE = "LENET_ABLATE_CACHE"


def expand_home(path: str | Path, error: type[LenetAblateError] = ConfigError) -> Path:
    """The path with the home folder in place of a leading `~` or `~name`.

    Args:
        path: As it was typed.
        error: What is raised where there is none.

    Raises:
        LenetAblateError: Nobody knows that home folder, as in a container whose user has no name.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise error(f"{path}: no home folder is known for the ~; write the whole path, or set HOME") from None


def cache_home() -> Path:
    """The folder for what can be made again: $LENET_ABLATE_CACHE, else lenet-ablate/ in $XDG_CACHE_HOME or ~/.cache.

    Raises:
        FileNotFoundError: There is no home folder, and no variable names another.
    """
    told, home = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(told).expanduser() if told else Path(home).expanduser() / "lenet-ablate"
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no home folder is known", home) from None


def user_temporary_folder() -> Path:
    """A folder of this user's in the machine's folder for temporary files, made if need be; nobody else can write it.

    Raises:
        OSError: It cannot be made, or somebody else has made it.
    """
    user = f"-{os.geteuid()}" if hasattr(os, "geteuid") else ""
    folder = Path(tempfile.gettempdir()) / f"lenet-ablate{user}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_own = not user or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
    if not stat.S_ISDIR(found.st_mode) or not is_own:
        raise PermissionError(errno.EPERM, "belongs to somebody else", str(folder))
    return folder


def lend_temporary_folder(folder: Path) -> None:
    """Let temporary files of this process and its children lie in a folder, where the machine has no place for them.

    PyTorch, matplotlib and MLflow cannot be loaded without one. In a container with a read-only root the folder that
    results go to may be the only one that can be written.

    Args:
        folder: What will be written to; where it is not there yet, the first folder above it that is.
    """
    try:
        tempfile.gettempdir()
    except OSError:
        found = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
        if found and os.access(found, os.W_OK):
            made = tempfile.mkdtemp(prefix=".temporary-", dir=found.absolute())
            atexit.register(shutil.rmtree, made, ignore_errors=True)
            tempfile.tempdir = os.environ["TMPDIR"] = made
