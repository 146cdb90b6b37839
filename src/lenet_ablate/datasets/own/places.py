"""The files and folders that data lie in: what is looked at, what is passed over, and zips as folders."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lenet_ablate.errors import DataError

MAX_FILES = 2_000_000
MAX_DEPTH = 5
_MAX_UNPACKED_BYTES = 2**33
_MAX_RATIO = 1100  # deflate reaches 1032
_JUNK = {"__macosx", "thumbs.db", "desktop.ini", "license", "license.txt", "copyright"}
_TEXTS = {".txt", ".md", ".rst", ".pdf", ".py", ".ipynb", ".html", ".yaml", ".yml", ".json", ".zip", ".7z", ".tar"}


def is_junk(path: Path | PurePosixPath) -> bool:
    """Whether a file or folder is hidden or put there by an operating system."""
    return path.name.startswith(".") or path.name.lower() in _JUNK


def is_text(path: Path) -> bool:
    """Whether a file beside data is hardly data itself, by its name; one that is named as `data.path` is looked at."""
    return path.suffix.lower() in _TEXTS or path.suffix == ""


def inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files in a folder, each sorted by name; junk is left out."""
    entries = sorted((path for path in folder.iterdir() if not is_junk(path)), key=lambda path: path.name)
    if len(entries) > MAX_FILES:
        raise DataError(f"{folder}: has more than {MAX_FILES} files")
    folders = [path for path in entries if path.is_dir()]
    return folders, [path for path in entries if path.is_file()]


def all_files(folder: Path, depth: int = 0) -> Iterator[Path]:
    """Every file in a folder and those below it, the nearest first."""
    folders, files = inside(folder)
    yield from files
    for inner in folders if depth < MAX_DEPTH else ():
        yield from all_files(inner, depth + 1)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A zip's content as a folder that is gone afterwards.

    Raises:
        DataError: It is damaged, would unpack to more than fits, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-ablate-") as scratch:
        try:
            with zipfile.ZipFile(path) as archive:
                members = [one for one in archive.infolist() if not one.is_dir() and _is_wanted(one.filename)]
                _check_size(path, members)
                for member in members:
                    archive.extract(member, scratch)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise DataError(f"{path}: is a damaged or locked zip ({' '.join(str(error).split())[:160]})") from None
        yield Path(scratch)


def _is_wanted(name: str) -> bool:
    return not any(is_junk(part) for part in map(PurePosixPath, PurePosixPath(name).parts))


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    limit = min(_MAX_UNPACKED_BYTES, shutil.disk_usage(tempfile.gettempdir()).free)
    if len(members) > MAX_FILES or total > limit or total > _MAX_RATIO * max(path.stat().st_size, 1):
        raise DataError(
            f"{path}: announces {len(members)} files of {total} bytes, more than can be unpacked to "
            f"{tempfile.gettempdir()}; unpack it yourself and name the folder"
        )
