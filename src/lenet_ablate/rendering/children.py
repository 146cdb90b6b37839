"""Processes that this program starts of itself: where they find its modules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def package_folders(paths: Sequence[str]) -> list[str]:
    """The folders that a child process looks for modules in: this process's without the one it works in.

    The working folder may hold files that are called like modules of the standard library.
    """
    return [path for path in paths if path and Path(path).resolve() != Path.cwd()]
