"""Fetching a file whole or not at all, a compressed one from the first of several mirrors that delivers it.

A compressed file may be unpacked while it arrives. Each arrives in a temporary folder beside its final place, and is
moved there in one step once its digest is right. So nothing half-written ever bears the final name, downloads of
several processes never meet, and the temporary folder goes whatever happens.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from lenet_ablate.rendering.escape import one_line

WAY_OUT = "delete it so that it is downloaded again, or use data=file for a data set of your own"
"""What to do about a file that is not what it is called."""
TIMEOUT_SECONDS = 30.0
_READ_BYTES = 2**16
_MAX_BYTES = 2**28  # MNIST's largest file has 47 million
_MIN_BYTES_PER_SECOND = 4096  # MNIST would take 50 minutes; a mirror below that is as good as stalled
_GZIP_WINDOW = 31  # zlib's code for "expect a gzip header"


class MirrorError(Exception):
    """No mirror delivered the file; the text says why, mirror by mirror."""


def fetch(
    name: str,
    sha256: str,
    folder: Path,
    mirrors: Sequence[str],
    progress: Callable[[str], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> str:
    """Puts the file `name`, unpacked from `<mirror><name>.gz`, into a folder; returns the mirror that delivered it.

    Args:
        name: Name of the unpacked file.
        sha256: Digest of the unpacked file.
        folder: Existing folder.
        mirrors: Addresses that end in a slash, tried in this order.
        progress: Takes one line per attempt; where stderr is a terminal a bar is drawn instead.
        timeout_seconds: Silence after which a mirror is given up.

    Raises:
        MirrorError: None of the mirrors delivered the right content.
        OSError: The folder cannot be written.
    """
    faults = []
    # A folder, since a temporary file would keep the narrow access rights that it is made with.
    with TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
        for mirror in mirrors:
            try:
                _fetch_from(f"{mirror}{name}.gz", Path(scratch) / name, sha256, progress, timeout_seconds)
            except MirrorError as fault:
                faults.append(one_line(f"{urlsplit(mirror).netloc}: {fault}"))  # it may quote what the mirror sent
                continue
            (Path(scratch) / name).replace(folder / name)
            return mirror
    raise MirrorError("; ".join(faults) or "no mirrors are known")


def fetch_as_is(
    url: str,
    md5: str,
    folder: Path,
    progress: Callable[[str], None],
    timeout_seconds: float = TIMEOUT_SECONDS,
    note: str = "",
    most_bytes: int = _MAX_BYTES,
) -> None:
    """Puts the file at an address, as it is sent, into a folder under the address's last part.

    Args:
        url: The address.
        md5: Digest of the file.
        folder: Existing folder; a file of that name in it is replaced.
        progress: Takes one line; where stderr is a terminal a bar is drawn instead.
        timeout_seconds: Silence after which it is given up.
        note: What the line says behind the address, such as the size.
        most_bytes: Where it is given up.

    Raises:
        MirrorError: It was not delivered, or with other content.
        OSError: The folder cannot be written.
    """
    name, digest = url.rpartition("/")[2], hashlib.md5(usedforsecurity=False)
    try:
        with TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
            target = Path(scratch) / name
            with closing(_receive(url, progress, timeout_seconds, note)) as chunks:
                _store(chunks, target, digest.update, most_bytes)
            if digest.hexdigest() != md5:
                raise MirrorError(f"sent other content for {name} than expected (MD5 differs)")
            target.replace(folder / name)
    except MirrorError as fault:
        raise MirrorError(one_line(f"{urlsplit(url).netloc}: {fault}")) from None


@contextmanager
def made_only_if_used(folder: Path) -> Iterator[None]:
    """Whatever is done within may make a folder; where it fails, the folders that it made and left empty are gone."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):
                place.rmdir()
        raise


def _fetch_from(url: str, target: Path, sha256: str, progress: Callable[[str], None], timeout: float) -> None:
    digest = hashlib.sha256()
    with closing(_receive(url, progress, timeout)) as chunks:
        _store(_unpacked(chunks), target, digest.update, _MAX_BYTES)
    if digest.hexdigest() != sha256:
        raise MirrorError("sent other content than expected (SHA-256 differs)")


def _unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """What chunks of a gzip file hold; raises a MirrorError where they are none, or end too early."""
    unpacker = zlib.decompressobj(wbits=_GZIP_WINDOW)
    for chunk in packed:
        try:
            content = unpacker.decompress(chunk)
        except zlib.error:
            is_page = chunk.lstrip().startswith(b"<")
            raise MirrorError(f"sent {'a web page' if is_page else 'damaged data'}, not a gzip file") from None
        yield content
    if not unpacker.eof:
        raise MirrorError("the file ends too early")


def _store(chunks: Iterable[bytes], target: Path, note: Callable[[bytes], None], most_bytes: int) -> None:
    """Write chunks to a new file, flushed, and hand each to `note`; a MirrorError where they are too much."""
    size = 0
    with target.open("wb") as file:
        for chunk in chunks:
            note(chunk)
            size += len(chunk)
            if size > most_bytes:
                raise MirrorError("sent far more than expected")
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _receive(url: str, progress: Callable[[str], None], timeout: float, note: str = "") -> Generator[bytes, None, None]:
    from tqdm import tqdm

    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        progress(f"downloading {url}{note}")
    request = urllib.request.Request(url, headers={"User-Agent": "lenet-ablate"})
    started, received = time.monotonic(), 0
    bar = tqdm(desc=url.rpartition("/")[2], unit="B", unit_scale=True, disable=not on_terminal)
    try:
        with bar, urllib.request.urlopen(request, timeout=timeout) as response:  # nosec B310 # fixed addresses
            bar.reset(total=response.length)
            while chunk := response.read1(_READ_BYTES):
                received += len(chunk)
                bar.update(len(chunk))
                yield chunk
                if time.monotonic() - started > timeout + received / _MIN_BYTES_PER_SECOND:
                    raise TimeoutError
    except urllib.error.HTTPError as error:
        with error:
            raise MirrorError(f"answers {error.code} {error.reason}") from None
    except TimeoutError:
        raise MirrorError("does not answer, or too slowly") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = getattr(error, "reason", error)
        raise MirrorError(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__) from None
