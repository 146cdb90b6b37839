"""Bringing the files of a published data set into the data folder: from a zip that lies there, or downloaded."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lenet_ablate.datasets.download import TIMEOUT_SECONDS, MirrorError, fetch_as_is, made_only_if_used
from lenet_ablate.datasets.files import reading, reason
from lenet_ablate.datasets.once import one_at_a_time
from lenet_ablate.datasets.published import Archive, Known, packed_name
from lenet_ablate.errors import DataError


def obtain(
    known: Known,
    folder: Path,
    missing: Sequence[str],
    progress: Callable[[str], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Puts missing files, compressed as they are published, into a folder; each appears whole or not at all.

    Args:
        known: The data set.
        folder: Where it is kept; need not exist yet.
        missing: Names of the files, without .gz.
        progress: Takes one line per download; where stderr is a terminal a bar is drawn instead.
        timeout_seconds: Silence after which a download is given up.

    Raises:
        DataError: They cannot be downloaded or stored.
    """
    try:
        with one_at_a_time(folder), made_only_if_used(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if known.archive:
                _take_from(_archive_in(folder, known.archive, progress, timeout_seconds), known.archive, missing)
                return
            for name in map(packed_name, missing):
                if (folder / name).exists():  # another process has fetched it meanwhile
                    continue
                fetch_as_is(f"{known.url}{name}", known.md5[name], folder, progress, timeout_seconds)
    except MirrorError as error:
        also = f", or {known.archive.name}, which has them," if known.archive else ""
        raise DataError(
            f"{folder}: has no {', no '.join(missing)}, and cannot be downloaded: {error}\n"
            f"  copy {', '.join(map(packed_name, missing))}{also} into that folder, or use data=digits, which needs "
            "no network"
        ) from None
    except OSError as error:
        raise DataError(
            f"{folder}: {known.title} is not complete there and cannot be stored ({error.strerror or error}); "
            "set data_dir=… or LENET_ABLATE_DATA to a folder that can be written"
        ) from None


def md5_of(path: Path) -> str:
    """MD5 of a file, 32 hex digits.

    Raises:
        DataError: It cannot be read.
    """
    with reading(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _archive_in(folder: Path, archive: Archive, progress: Callable[[str], None], timeout_seconds: float) -> Path:
    path = folder / archive.name
    if path.is_file():
        if md5_of(path) == archive.md5:
            return path
        progress(f"{path}: is damaged or another file (MD5 differs); it is replaced once the genuine one is here")
    note = f" ({archive.megabytes} MB)"
    fetch_as_is(archive.url, archive.md5, folder, progress, timeout_seconds, note, most_bytes=2**30)
    return path


def _take_from(path: Path, archive: Archive, files: Sequence[str]) -> None:
    try:
        with TemporaryDirectory(prefix=".download-", dir=path.parent) as scratch, zipfile.ZipFile(path) as content:
            for name in map(packed_name, files):
                taken = Path(scratch) / name
                with content.open(f"{archive.folder}{name}") as source, taken.open("wb") as target:
                    shutil.copyfileobj(source, target)
                taken.replace(path.parent / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise DataError(f"{path}: is not the zip that it should be ({reason(error)})") from None
