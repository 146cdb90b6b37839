"""The arrays of a run's folder: weights and predictions, read so that a small file cannot become a large array."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import open_file, parse_json, read_file, read_start
from lenet_ablate.records.record import OPTIMIZER, PREDICTIONS, Predictions

MAX_HEADER_BYTES, MAX_VALUES = 1 << 20, 20_000
MAX_IMAGES = 10_000_000
_END_OF_ZIP = struct.Struct("<4s4H2LH")  # without a comment, which NumPy never writes
_TAIL = 42  # where a larger kind of zip file would say so
_ENTRIES = ("digits", "probabilities")
_DIGITS = (np.dtype(np.uint8), np.dtype(np.uint16))

Arrays = Mapping[str, npt.NDArray[Any]]


def read_weights(folder: Path, name: str, most: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a safetensors file by name; their shapes and types are not checked.

    Args:
        folder: The folder.
        name: The file's name in it.
        most: Bytes that it may have.

    Raises:
        RecordError: It is missing, cannot be read, or is none.
    """
    arrays, _ = split_safetensors(read_file(folder, name, most), name)
    return arrays


def read_metadata(folder: Path, name: str) -> dict[str, str]:
    """The metadata of a safetensors file, without its arrays.

    Args:
        folder: The folder.
        name: The file's name in it.

    Raises:
        RecordError: It is missing, cannot be read, or is none.
    """
    length = int.from_bytes(read_start(folder, name, 8), "little")
    if not 0 < length <= MAX_HEADER_BYTES:
        raise RecordError(f"{name} is no safetensors file, or its header is too large")
    header = parse_json(read_start(folder, name, 8 + length)[8:], MAX_VALUES)
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


def split_safetensors(
    content: bytes, name: str, most_header: int = MAX_HEADER_BYTES, most_values: int = MAX_VALUES
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """The arrays and the metadata in the content of a safetensors file.

    Args:
        content: The content.
        name: What it is called in an error.
        most_header: Bytes that its header may have.
        most_values: Values that its header may have, roughly.

    Raises:
        RecordError: It is none, or its header is too large.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 0 < length <= min(most_header, len(content) - 8):
        raise RecordError(f"{name} is no safetensors file, or its header is too large")
    try:
        header = parse_json(content[8 : 8 + length], most_values)
        arrays: dict[str, npt.NDArray[Any]] = safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RecordError) as error:
        raise RecordError(f"{name} is no safetensors file ({' '.join(str(error).split())[:200]})") from None
    metadata = header.get("__metadata__") or {}
    return arrays, {str(key): str(value) for key, value in metadata.items()}


def pack_predictions(predictions: Predictions, memory: bytes = b"") -> bytes:
    """The content of a predictions.npz: what NumPy would write, and the optimizer's memory as one more entry.

    Args:
        predictions: What the network says.
        memory: The content of a safetensors file; empty where nothing is kept.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, array in zip(_ENTRIES, (predictions.digits, predictions.probabilities), strict=True):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array))
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
        if memory:
            file.writestr(zipfile.ZipInfo(OPTIMIZER), memory, zipfile.ZIP_STORED)
    return packed.getvalue()


def read_predictions(folder: Path, most: int | None = None) -> Predictions:
    """What the trained network of a run says of the test images.

    Args:
        folder: The run's folder.
        most: Images that it may be about; None where that is not known.

    Raises:
        RecordError: The file is missing, cannot be read, or holds something else.
    """
    most = MAX_IMAGES if most is None else most
    with _entries(folder, sys.maxsize) as file:
        digits = _array(file, _ENTRIES[0], _DIGITS, most)
        probabilities = _array(file, _ENTRIES[1], (np.dtype(np.float16),), most)
        if len(digits) != len(probabilities):
            raise ValueError("its arrays differ in length")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise RecordError(f"{PREDICTIONS} holds probabilities that are none")
    return Predictions(digits, probabilities)


def has_memory(folder: Path) -> bool:
    """Whether a run's predictions have its optimizer's memory beside them; not so where they cannot be read."""
    try:
        with _entries(folder, sys.maxsize) as file:
            return OPTIMIZER in file.namelist()
    except RecordError:
        return False


def read_memory(folder: Path, most: int) -> dict[str, npt.NDArray[Any]]:
    """The optimizer's memory that lies with a run's predictions, by name; see `read_weights`.

    Raises:
        RecordError: It is missing, larger than so many bytes, cannot be read, or is none.
    """
    with _entries(folder, most + 4 * MAX_IMAGES) as file:
        entry = file.getinfo(OPTIMIZER)
        if entry.compress_type != zipfile.ZIP_STORED or not 0 <= entry.file_size <= most:
            raise ValueError(f"{OPTIMIZER} in it is packed in another way")
        content = file.read(entry)
    arrays, _ = split_safetensors(content, f"{PREDICTIONS}: {OPTIMIZER}")
    return arrays


@contextlib.contextmanager
def _entries(folder: Path, most: int) -> Iterator[zipfile.ZipFile]:
    """What is in a predictions.npz; whatever is wrong with it, also while it is read, is a RecordError."""
    try:
        with open_file(folder, PREDICTIONS, most) as content:
            _check_end(content)
            with zipfile.ZipFile(content) as file:
                yield file
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, NotImplementedError) as error:
        raise RecordError(f"{PREDICTIONS} is damaged ({' '.join(str(error).split())[:200]})") from None


def _check_end(content: BinaryIO) -> None:
    """Refuse what lists more than the few entries that it may have, before the list is read."""
    size = content.seek(0, os.SEEK_END)
    content.seek(max(0, size - _TAIL))
    tail = content.read(_TAIL)
    end = tail[-_END_OF_ZIP.size :]
    if len(end) < _END_OF_ZIP.size or end[:4] != b"PK\5\6" or tail[-42:-38] == b"PK\6\7":
        raise ValueError("it is not as NumPy writes it")
    *_, num_entries, length, _, _ = _END_OF_ZIP.unpack(end)
    if num_entries not in (len(_ENTRIES), len(_ENTRIES) + 1) or length > 1000:
        raise ValueError("it holds other arrays")


_HEADER = re.compile(rb"\{'descr': '([<>|=]..)', 'fortran_order': False, 'shape': \(([0-9]{1,9}),\), \} *\n")


def _array(file: zipfile.ZipFile, name: str, kinds: Sequence[np.dtype[Any]], most: int) -> npt.NDArray[Any]:
    """A one-dimensional array of one of these types, and of at most so many values."""
    found = file.getinfo(f"{name}.npy")
    limit = 10_000 + most * max(kind.itemsize for kind in kinds)
    if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or found.flag_bits & 1:
        raise ValueError("it is packed in another way than NumPy does")
    with file.open(found) as entry:
        content = entry.read(limit + 1)
    # A header as NumPy writes it, byte by byte, since its own reader takes far more than that.
    start = 10 + int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10:start])
    if content[:8] != b"\x93NUMPY\1\0" or header is None:
        raise ValueError(f"{name} is of another format")
    stored = np.dtype(header[1].decode())
    kind = stored.newbyteorder("=")
    if kind not in kinds or len(content) - start != int(header[2]) * kind.itemsize:
        raise ValueError(f"{name} is of another type or length")
    return np.frombuffer(content, stored, offset=start).astype(kind)
