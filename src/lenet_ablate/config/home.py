"""The user's home folder, which not every machine has, and the folder for what can be made again."""

from __future__ import annotations

import errno
import os
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
