"""Waiting until files are on the disk: once for many of them, where the system can."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.rendering.failures import system_reason

WHOLE = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay", "nfs", "nfs4"})
"""File systems whose `syncfs` waits for everything that an fsync of each file would wait for; of FUSE it does not."""


def flush_runs(files: Mapping[Path, Iterable[str]]) -> None:
    """Wait until files of some folders, and their names, are on the disk, so that they survive a loss of power.

    Linux's syncfs(2) does so for a whole file system: one journal commit instead of one per file. Elsewhere, each file
    and folder is flushed by itself.

    Args:
        files: The names of files by the folder that they lie in.

    Raises:
        RecordError: The disk fails, or a file is gone.
    """
    systems: dict[int, Path] = {}
    for folder, names in files.items():
        try:
            device = os.stat(folder).st_dev  # noqa: PTH116 # a Path would be made for nothing
        except OSError as error:
            raise _failed(folder, error) from error
        if device in systems or _syncs_whole(device):
            systems.setdefault(device, folder)
        else:
            _flush_each(folder, names)
    for folder in systems.values():
        _flush_system(folder)


def flush_path(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk; no folder can be flushed on Windows.

    Raises:
        RecordError: The disk fails, or the path is gone.
    """
    if os.name == "nt" and path.is_dir():
        return
    try:
        # Windows flushes only what it may write.
        descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _failed(path, error) from error


def _flush_each(folder: Path, names: Iterable[str]) -> None:
    within = {folder}
    for name in names:
        flush_path(folder / name)
        within.add((folder / name).parent)
    for each in sorted(within):
        flush_path(each)


def _flush_system(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            syncfs = _syncfs()
            if syncfs is not None and syncfs(descriptor) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _failed(folder, error) from error


@functools.lru_cache(maxsize=64)
def _syncs_whole(device: int) -> bool:
    """Whether the file system with this number is flushed as a whole by one call."""
    if sys.platform != "linux" or _syncfs() is None:
        return False
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    # ID, parent, major:minor, root, place, options, any tags, a hyphen, and then the kind (proc(5)).
    mounts = (line.split() for line in lines)
    return any(w[2] == wanted and w[w.index("-") + 1] in WHOLE for w in mounts if len(w) > 4 and "-" in w[:-1])


@functools.cache
def _syncfs() -> ctypes._NamedFuncPointer | None:
    try:
        found: ctypes._NamedFuncPointer = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None
    return found


def _failed(path: Path, error: OSError) -> RecordError:
    return RecordError(f"{path}: cannot be written: {system_reason(error, path)}")
