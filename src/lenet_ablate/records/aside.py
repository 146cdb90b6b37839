"""Run folders that cannot be used: kept under another name, so that nothing is lost and the run can be trained."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.beside import AGAIN, REPLACED

_ASIDE = re.compile(r"(.+)\.damaged-[0-9]+")


def set_aside(folder: Path) -> Path:
    """Rename a run's folder, or what lies in its place, to `<name>.damaged-1`, -2, …; the run must be claimed.

    Raises:
        RecordError: It cannot be renamed.
    """
    names = (folder.with_name(f"{folder.name}.damaged-{number}") for number in itertools.count(1))
    target = next(name for name in names if not os.path.lexists(name))
    try:
        folder.rename(target)
    except OSError as error:
        raise RecordError(f"{folder}: cannot be set aside: {error.strerror}; move it away") from None
    return target


def is_aside(name: str) -> bool:
    """Whether a folder of this name was set aside, or stands beside the run's that it is to replace or was."""
    return name.endswith((AGAIN, REPLACED)) or _ASIDE.fullmatch(name) is not None


def find_aside(study: Path) -> dict[str, list[str]]:
    """The names of what was set aside in a study, by the run that it belonged to, in their order."""
    found: dict[str, list[str]] = {}
    try:
        names = sorted(path.name for path in study.iterdir())
    except OSError:
        return found
    for name in names:
        if match := _ASIDE.fullmatch(name):
            found.setdefault(match[1], []).append(name)
    return found
