"""Files of a folder that anybody may have written: regular ones alone, read up to a limit, and numbers by the lot."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from lenet_ablate.errors import RecordError

CHUNK_BYTES = 1 << 20
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# What the folder itself is to blame for; anything else (no permission, a bad disk, too many open files) may pass.
_ODD = {errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG, errno.EINVAL}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class MissingFileError(RecordError):
    """A file that should be there is not."""


class InaccessibleError(RecordError):
    """A file cannot be read just now, which says nothing about what is in it."""


def read_file(folder: Path, name: str, most: int) -> bytes:
    """The content of a file in a folder.

    Args:
        folder: The folder.
        name: Its name, which may be any text.
        most: Bytes that it may have.

    Raises:
        MissingFileError: It is not there.
        InaccessibleError: It cannot be read just now.
        RecordError: It is no regular file, larger than that, or its name leads out of the folder.
    """
    descriptor, size = _open(folder, name, most)
    try:
        chunks, length = [], 0
        while chunk := os.read(descriptor, size - length if size > length else CHUNK_BYTES):
            chunks.append(chunk)
            length += len(chunk)
            if length > most:
                raise RecordError(_too_large(name, most))
            if length == size:
                break
        return b"".join(chunks)
    except OSError as error:
        raise _explain(error, name) from None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_file(folder: Path, name: str, most: int) -> Iterator[BinaryIO]:
    """A file in a folder, to read parts of it; see `read_file`. Errors while it is read are the system's own."""
    descriptor, _ = _open(folder, name, most)
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_start(folder: Path, name: str, length: int) -> bytes:
    """The first bytes of a file in a folder, fewer where it is shorter; see `read_file`."""
    descriptor, _ = _open(folder, name, sys.maxsize)
    try:
        chunks = []
        while length > 0 and (chunk := os.read(descriptor, min(length, CHUNK_BYTES))):
            chunks.append(chunk)
            length -= len(chunk)
        return b"".join(chunks)
    except OSError as error:
        raise _explain(error, name) from None
    finally:
        os.close(descriptor)


def digest_file(folder: Path, name: str, most: int) -> str:
    """SHA-256 in hex of a file in a folder, however large it is within the limit; see `read_file`."""
    descriptor, size = _open(folder, name, most)
    digest, left = hashlib.sha256(), most
    try:
        while chunk := os.read(descriptor, min(size, CHUNK_BYTES) or CHUNK_BYTES):
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:
                raise RecordError(_too_large(name, most))
            if most - left == size:
                break
    except OSError as error:
        raise _explain(error, name) from None
    finally:
        os.close(descriptor)
    return digest.hexdigest()


@functools.lru_cache(maxsize=4096)
def is_plain(name: str, depth: int = 2) -> bool:
    """Whether a file's name, of so many parts at most, is one that lies in its folder on every system."""
    parts = name.split("/")
    return len(parts) <= depth and all(_NAME.fullmatch(part) and not _RESERVED.fullmatch(part) for part in parts)


@functools.lru_cache(maxsize=4096)
def is_inside(name: str) -> bool:
    """Whether a path with `/` between its parts, however they are called, stays in the folder that it starts from."""
    path = PurePosixPath(name)
    is_clean = bool(name) and "\\" not in name and name.isprintable() and not path.is_absolute()
    return is_clean and ".." not in path.parts and not Path(name).drive


def parse_json(content: bytes, most_values: int) -> Any:
    """The values behind JSON without NaN and infinities.

    Args:
        content: The text.
        most_values: Values that it may have, roughly; keeps small text from becoming many objects.

    Raises:
        RecordError: It is none, or too much of it.
    """
    if content.count(b",") + content.count(b"[") + content.count(b"{") > most_values:
        raise RecordError(f"has more than {most_values:,} values")
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise RecordError("is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and numbers of thousands of digits among them
        raise RecordError(f"is no JSON: {' '.join(str(error).split())[:200]}") from None


def read_json(folder: Path, name: str, most: int, most_values: int) -> Any:
    """The values in a JSON file; see `read_file` and `parse_json`."""
    try:
        return parse_json(read_file(folder, name, most), most_values)
    except (MissingFileError, InaccessibleError):
        raise
    except RecordError as error:
        raise RecordError(named(name, error)) from None


def named(name: str, error: Exception) -> str:
    """What is wrong with a file, in a sentence that begins with its name."""
    text = str(error)
    return text if text.startswith(name) else f"{name} {text}"


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _open(folder: Path, name: str, most: int) -> tuple[int, int]:
    """A descriptor of a regular file, and its size."""
    if not is_inside(name):
        raise RecordError(f"a file's name leads out of the folder: {ascii(name)[:80]}")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(f"{folder}{os.sep}{name}", flags | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise _explain(error, name) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            what = next((text for is_kind, text in _KINDS if is_kind(found.st_mode)), "something else")
            raise RecordError(f"{name} is {what}, not a file")
        if found.st_size > most:
            raise RecordError(_too_large(name, most))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, found.st_size


def _too_large(name: str, most: int) -> str:
    return f"{name} is larger than {most:,} bytes"


def _explain(error: OSError, name: str) -> RecordError:
    if isinstance(error, FileNotFoundError):
        return MissingFileError(f"{name} is missing")
    text = f"{name} cannot be read: {os.strerror(error.errno) if error.errno else error}"
    return RecordError(text) if error.errno in _ODD else InaccessibleError(text)
