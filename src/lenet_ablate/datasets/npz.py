"""`data=npz`: an .npz file with x_train, y_train, x_test and y_test, laid out as Keras' mnist.npz."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.datasets.arrays import Arrays, check_count, check_image_shape, check_labels, check_same_side
from lenet_ablate.datasets.files import reading, reason
from lenet_ablate.datasets.ranges import find_range, to_bytes
from lenet_ablate.errors import DataError, no_such

KEYS = ("x_train", "y_train", "x_test", "y_test")
# What the zip and npy readers raise on files with flipped or missing bytes; no common base but Exception.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    SyntaxError,
    tokenize.TokenError,
    RuntimeError,
)


@dataclass(frozen=True)
class Header:
    """Shape and type of a stored array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"shape {self.shape} and type {self.dtype}"


def load_npz(path: Path, full_ink: float | None = None, num_classes: int = NUM_CLASSES) -> Arrays:
    """The data set in an .npz file; nothing in it is unpickled.

    x_train, x_test: (N, H, W) or (N, H, W, 1), uint8, or floats that span 0..1 or 0..255; 0 = background.
    y_train, y_test: (N,) whole numbers below `num_classes`.

    Args:
        path: The file.
        full_ink: The value of full ink, 0 being background; None: found out, and refused where it may be two.
        num_classes: How many classes there are.

    Raises:
        DataError: The file cannot be read or one of the four arrays is not like that.
    """
    with reading(path):
        if not path.is_file():
            what = "is not a file" if path.exists() else no_such(path, "file")
            raise DataError(f"data.path={path}: {what}; data=npz needs an .npz file with {', '.join(KEYS)}")
        try:
            with zipfile.ZipFile(path) as archive:
                return _read(path, archive, full_ink, num_classes)
        except DAMAGE as error:
            raise DataError(f"{path}: is not an .npz file or is damaged ({reason(error, 200)})") from None


def _read(path: Path, archive: zipfile.ZipFile, full_ink: float | None, num_classes: int) -> Arrays:
    present = [name.removesuffix(".npy") for name in archive.namelist()]
    missing = [key for key in KEYS if key not in present]
    if missing:
        holds = ", ".join(repr(name)[:40] for name in present[:8]) or "nothing"
        raise DataError(f"{path}: has no {', no '.join(missing)}; it holds {holds}, expected {', '.join(KEYS)}")
    # All headers before any content, since a header costs nothing to read and an array may be huge.
    headers = {key: read_header(path, archive, key) for key in KEYS}
    shapes = {key: _check_header(f"{path}: {key}", key, header) for key, header in headers.items()}
    for part in ("train", "test"):
        images, labels = shapes[f"x_{part}"], shapes[f"y_{part}"]
        check_count(f"x_{part}", images[0], f"{path}: y_{part}", labels[0])
    check_same_side("x_train", shapes["x_train"], f"{path}: x_test", shapes["x_test"])
    kinds = headers["x_train"].dtype.kind, headers["x_test"].dtype.kind
    if kinds[0] != kinds[1]:
        raise DataError(f"{path}: x_test: has {headers['x_test']}, expected {headers['x_train'].dtype} as in x_train")
    with np.load(path, allow_pickle=False) as file:
        x_train, x_test = (file[key].reshape(shapes[key]) for key in ("x_train", "x_test"))
        y_train = check_labels(f"{path}: y_train", file["y_train"], num_classes)
        y_test = check_labels(f"{path}: y_test", file["y_test"], num_classes)
    named = {f"{path}: x_train": x_train, f"{path}: x_test": x_test}
    values = find_range(named, full_ink)
    return Arrays(to_bytes(x_train, values), y_train, to_bytes(x_test, values), y_test)


def read_header(path: Path, archive: zipfile.ZipFile, key: str) -> Header:
    """What the header of an array in an open .npz file says.

    Raises:
        DataError: It does not fit the array's length.
    """
    member = archive.getinfo(f"{key}.npy" if f"{key}.npy" in archive.namelist() else key)
    with archive.open(member) as file:
        header = _parse_header(file)
        announced = file.tell() + math.prod(header.shape) * header.dtype.itemsize
    if announced != member.file_size and not header.dtype.hasobject:
        raise DataError(f"{path}: {key}: has {member.file_size} bytes, but its header announces {announced} ({header})")
    return header


def _parse_header(file: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} of the npy format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return Header(shape, dtype)


def _check_header(where: str, key: str, header: Header) -> tuple[int, ...]:
    shape, dtype = header.shape, header.dtype
    if key.startswith("y_"):
        if len(shape) != 1 or dtype.kind not in "iu":
            raise DataError(f"{where}: has {header}, expected shape (N,) of whole numbers; data=file takes others")
        return shape
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) != 3 or (dtype != np.uint8 and dtype.kind != "f"):
        raise DataError(f"{where}: has {header}, expected shape (N, H, W) or (N, H, W, 1) and type uint8 or float")
    check_image_shape(where, shape)
    return shape
