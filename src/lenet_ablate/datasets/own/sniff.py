"""What a file is, by its first bytes, whatever it is called; and its plain content behind gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

HEAD_BYTES = 4096
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)
_PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class Kind(Enum):
    """What a file holds, in words; the first are preferred where a folder has several."""

    idx = "IDX"
    npz = "npz"
    npy = "npy"
    torch = "PyTorch"
    mat = "MATLAB"
    hdf5 = "HDF5"
    parquet = "parquet"
    svmlight = "LIBSVM"
    table = "CSV"
    zipped = "zip"
    picture = "picture"
    other = "other"


REFUSED = {
    b"\x80": "is a Python pickle, which can run anything when it is read; load it where you trust it and np.savez it",
    b"%PDF": "is a PDF, expected images; export its pictures",
    b"<": "is a web page or XML, not data; download it again",
    b"Rar!": "is a RAR archive; unpack it and name the folder",
    b"7z\xbc\xaf": "is a 7z archive; unpack it and name the folder",
    b"@": "is ARFF; store it with pd.DataFrame(scipy.io.arff.loadarff(path)[0]).to_parquet('data.parquet')",
    b"%": "is ARFF; store it with pd.DataFrame(scipy.io.arff.loadarff(path)[0]).to_parquet('data.parquet')",
    b"\xff\xff\xff\xff": "is an Arrow stream; store it with datasets.load_from_disk(path).to_parquet('data.parquet')",
    b"ARROW1": "is a Feather file; store it with pd.read_feather(path).to_parquet('data.parquet')",
    b"{": "is JSON; store a CSV or parquet file with a label and the pixels in each row",
    b"[": "is JSON; store a CSV or parquet file with a label and the pixels in each row",
    b"version https://git-lfs": "is a pointer of Git LFS, not the data; fetch them with git lfs pull",
}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P2", b"P6", b"P4")
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")
_SVMLIGHT = re.compile(rb"\s*[-+0-9.eE]+(\s+\d+:[-+0-9.eE]+)+\s")


def kind_of(path: Path) -> Kind:
    """What a file holds; `other` where it is nothing that data come in."""
    try:
        with path.open("rb") as file:
            raw = file.read(HEAD_BYTES)
            file.seek(0)
            if raw.startswith(b"PK\x03\x04") or raw.startswith(b"PK\x05\x06"):
                return _kind_of_zip(path)
        with open_plain(path) as stream:
            return _kind_of_head(stream.read(HEAD_BYTES))
    except DAMAGE:
        return Kind.other


def why_not(path: Path) -> str:
    """Why a file of kind `other` cannot be read, and what to do, in words."""
    try:
        with open_plain(path) as stream:
            head = stream.read(HEAD_BYTES)
    except DAMAGE as error:
        return f"is a compressed file that is damaged ({type(error).__name__})"
    if not head:
        return "is empty"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it and name the folder"
    for start, words in REFUSED.items():
        if head.lstrip().startswith(start):
            return words
    return "is in no form that is known here; docs/data.md lists those that are, np.savez writes one of them"


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """The content of a file, unpacked while it is read where it is compressed with gzip, bzip2 or xz."""
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        opener = next((opener for magic, opener in _PACKED.items() if head.startswith(magic)), None)
        if opener is None:
            yield cast(BinaryIO, file)
        else:
            with opener(file, "rb") as unpacked:
                yield cast(BinaryIO, unpacked)


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, *DAMAGE):
        return Kind.other
    if any(name.endswith("/data.pkl") for name in names):
        return Kind.torch
    is_npz = bool(names) and all(name.endswith(".npy") and "/" not in name for name in names)
    return Kind.npz if is_npz else Kind.zipped


def _kind_of_head(head: bytes) -> Kind:
    if head[:2] == b"\0\0" and len(head) > 8 and head[2] in (8, 9, 0xB, 0xC, 0xD, 0xE) and 0 < head[3] < 6:
        return Kind.idx
    if head.startswith(b"\x93NUMPY"):
        return Kind.npy
    if head.startswith(b"PAR1"):
        return Kind.parquet
    if head.startswith(b"\x89HDF\r\n\x1a\n") or head.startswith(b"MATLAB 7.3 MAT-file"):
        return Kind.hdf5
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return Kind.mat
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return Kind.picture
    if head[:1] == b"\x80" and b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" in head[:32]:  # PyTorch's number, before 1.6
        return Kind.torch
    if _SVMLIGHT.match(head + b"\n"):
        return Kind.svmlight
    return Kind.table if _is_table(head) else Kind.other


def _is_table(head: bytes) -> bool:
    if not head.strip() or _CONTROL.search(head) or head.lstrip().startswith(tuple(REFUSED)):
        return False
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[0]
    return any(mark in first for mark in b",;\t")


def read_exactly(stream: IO[bytes], size: int) -> bytes:
    """Up to `size` bytes, in steps, so that nothing is set aside for what a header promises and the file lacks."""
    chunks = []
    while size > 0 and (chunk := stream.read(min(size, 2**20))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
