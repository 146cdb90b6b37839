"""The arrays of a run's folder: weights and predictions, read so that a small file cannot become a large array."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from lenet_ablate.errors import RecordError
from lenet_ablate.records.files import parse_json, read_file, read_start
from lenet_ablate.records.record import PREDICTIONS, Predictions

MAX_HEADER_BYTES, MAX_VALUES = 1 << 20, 20_000
MAX_IMAGES = 10_000_000
_END_OF_ZIP = struct.Struct("<4s4H2LH")  # without a comment, which NumPy never writes
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


def read_predictions(folder: Path, most: int | None = None) -> Predictions:
    """What the trained network of a run says of the test images.

    Args:
        folder: The run's folder.
        most: Images that it may be about; None where that is not known.

    Raises:
        RecordError: The file is missing, cannot be read, or holds something else.
    """
    most = MAX_IMAGES if most is None else most
    content = read_file(folder, PREDICTIONS, 64_000 + 4 * most)
    try:
        digits, probabilities = _unzip(content, most)
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, NotImplementedError) as error:
        raise RecordError(f"{PREDICTIONS} is damaged ({' '.join(str(error).split())[:200]})") from None
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise RecordError(f"{PREDICTIONS} holds probabilities that are none")
    return Predictions(digits, probabilities)


_HEADER = re.compile(rb"\{'descr': '([<>|=]..)', 'fortran_order': False, 'shape': \(([0-9]{1,9}),\), \} *\n")


def _unzip(content: bytes, most: int) -> tuple[npt.NDArray[np.unsignedinteger[Any]], npt.NDArray[np.float16]]:
    tail = content[-_END_OF_ZIP.size :]
    if len(tail) < _END_OF_ZIP.size or tail[:4] != b"PK\5\6" or content[-42:-38] == b"PK\6\7":
        raise ValueError("it is not as NumPy writes it")
    *_, num_entries, size, _, _ = _END_OF_ZIP.unpack(tail)
    if num_entries != len(_ENTRIES) or size > 1000:
        raise ValueError("it holds other arrays")
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        digits = _array(file, _ENTRIES[0], _DIGITS, most)
        probabilities = _array(file, _ENTRIES[1], (np.dtype(np.float16),), most)
    if len(digits) != len(probabilities):
        raise ValueError("its arrays differ in length")
    return digits, probabilities


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
