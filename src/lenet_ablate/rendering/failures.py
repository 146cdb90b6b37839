"""What went wrong, in one line for people: with the path, and with what helps where the system does not say it."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from lenet_ablate.errors import LenetAblateError, no_such
from lenet_ablate.rendering.escape import one_line

_HELP = {
    errno.EDQUOT: "your quota there is used up: free some space, then give the same command again",
    errno.EFBIG: "a limit on the size of files is reached, see ulimit -f",
    errno.EMFILE: "a limit on open files is reached, see ulimit -n",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose a folder that can be written",
}


def error_line(error: BaseException, where: Path | None = None) -> str:
    """An error in one line: its text where it is meant for the user, else path and reason, or its type.

    Args:
        error: What was caught.
        where: The file or folder that was worked on, for an error of the system that names none.
    """
    if isinstance(error, LenetAblateError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno is not None:
        path = error.filename if isinstance(error.filename, str) else where
        return one_line(f"{path}: {system_reason(error, Path(path))}" if path else system_reason(error), limit=0)
    text = one_line(error, limit=0)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def system_reason(error: OSError, path: Path | None = None) -> str:
    """Why the system refused, in its words without the number, and what to do about it.

    Args:
        error: The refusal.
        path: What was worked on: where the disk is full, its free bytes are told.
    """
    text = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        return f"{text}{_free(path)}; free some space there, then give the same command again"
    advice = _HELP.get(error.errno or 0)
    return f"{text}; {advice}" if advice else text


def _free(path: Path | None) -> str:
    for folder in (path, *path.parents) if path is not None else ():
        try:
            return f" ({shutil.disk_usage(folder).free:,} bytes free)"
        except OSError:  # it is not there yet
            continue
    return ""


def no_folder(path: Path) -> str:
    """What is wrong with a path that should be a folder and is none."""
    return "is a file, not a folder" if path.exists() else no_such(path, "folder")
