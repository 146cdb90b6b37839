"""The folder on disk that keeps the compiled code, and the end of those that other versions have left behind."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import llvmlite
import numba
import numpy as np

from lenet_ablate.config.home import CACHE_VARIABLE, cache_home, user_temporary_folder
from lenet_ablate.records.locks import fault_within, held
from lenet_ablate.rendering.console import warn

CACHE_FOLDER = "_LENET_ABLATE_KERNELS"  # tells the child its parent's very folder
LOCK = "lock"
UNUSED_DAYS = 30

_NAME = re.compile("kernels-[0-9a-f]{16}")
_CONTENT = re.compile(rf"{LOCK}|compiled_[0-9a-f]+")  # Numba names its folders after the package with the sources


@functools.cache
def cache_folder() -> Path:
    """The folder of the compiled code for exactly these sources and versions, created if need be, marked as in use.

    Numba itself looks only at the file of the entry point, so the name carries a digest of all of them.
    """
    told = os.environ.get(CACHE_FOLDER)
    if told:
        return Path(told)
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, np.__version__, sys.version)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    kept: Path | None = None
    try:
        kept = cache_home() / name
        if _is_usable(kept):
            return kept
    except OSError:
        pass
    try:
        folder = user_temporary_folder() / name
        is_new = not folder.exists()
        if _is_usable(folder):
            return _seeded(folder, kept) if is_new else folder
    except OSError:
        pass
    return _private(kept)


def _is_usable(folder: Path) -> bool:
    """Whether a folder is this user's own and keeps files, made if need be, and marked as in use.

    Code is run from there, so what another user could have put there is not for this one. Where locks do not work,
    processes that start side by side would all compile.

    Raises:
        OSError: It cannot be made, or is not to be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        is_own = not hasattr(os, "geteuid") or {folder.stat().st_uid, os.fstat(file.fileno()).st_uid} == {os.geteuid()}
    os.utime(folder)
    return is_own and not fault_within(folder)


def _seeded(folder: Path, kept: Path | None) -> Path:
    """The folder with what is compiled already where this user may only read; says once where it is."""
    with lock(folder):
        _copy_compiled(kept, folder)
    warn(
        f"{kept.parent if kept else 'the home folder'} cannot keep the compiled code; it is kept in {folder.parent} "
        f"until that is emptied; {CACHE_VARIABLE} names another folder"
    )
    return folder


def _private(kept: Path | None) -> Path:
    """A folder of this process and its children alone, gone when it ends, with what a read-only one holds in it."""
    private = Path(tempfile.mkdtemp(prefix="lenet-ablate-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    os.environ[CACHE_FOLDER] = str(private)
    if not _copy_compiled(kept, private):
        where = kept.parent if kept is not None else "the home folder"
        warn(f"warning: {where} cannot be written; set {CACHE_VARIABLE} to a folder that keeps the compiled code")
    return private


def _copy_compiled(source: Path | None, target: Path) -> bool:
    """Copy what is compiled, since Numba loads from no folder that it cannot write to; tells whether anything is."""
    found = sorted(source.glob("compiled_*")) if source is not None else []
    for inner in found:
        with contextlib.suppress(OSError, shutil.Error):
            if not (target / inner.name).exists():
                shutil.copytree(inner, target / inner.name)
    return bool(found)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, as whoever compiles into it does; waits for others, where locks work."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder / LOCK))
        except FileNotFoundError:  # another version has removed the folder meanwhile
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / LOCK))
        yield


def remove_unused(folder: Path) -> None:
    """Remove the folders beside this one whose code no version has loaded for `UNUSED_DAYS` days.

    Every process marks its folder by the time of last change before it loads (`cache_folder`). So versions that are
    used in turn keep theirs. A program that has loaded its code needs the folder no more, however long it runs; one
    that finds it gone, even while it loads, compiles again.

    Left alone are links, whatever has a name or content that is not ours, and folders whose lock is held because
    somebody compiles into them. What cannot be removed stays, without a word.
    """
    if not _NAME.fullmatch(folder.name):
        return  # a private one: what lies beside it is not ours
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    with contextlib.suppress(OSError):
        for other in list(folder.parent.iterdir()):
            with contextlib.suppress(OSError):
                if other != folder and _is_unused(other, oldest):
                    _remove(other)


def _is_unused(folder: Path, oldest: float) -> bool:
    status = folder.lstat()
    is_old = _NAME.fullmatch(folder.name) and stat.S_ISDIR(status.st_mode) and status.st_mtime < oldest
    return bool(is_old) and all(_CONTENT.fullmatch(inner.name) for inner in folder.iterdir())


def _remove(folder: Path) -> None:
    with filelock.FileLock(folder / LOCK, timeout=0):
        for inner in list(folder.iterdir()):
            if inner.name != LOCK:
                shutil.rmtree(inner)
    (folder / LOCK).unlink(missing_ok=True)  # only now, since Windows keeps a file that is open
    folder.rmdir()
