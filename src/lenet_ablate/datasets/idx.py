"""The IDX format of the MNIST files, and `data=idx`: a folder with four files of one's own.

The format (LeCun's MNIST page): four bytes 0, 0, 8 for unsigned bytes, number of dimensions; each dimension as a
big-endian 32-bit number; the values.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import math
import zlib
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.datasets.arrays import (
    MAX_PIXELS,
    Arrays,
    check_count,
    check_image_shape,
    check_labels,
    check_same_side,
)
from lenet_ablate.datasets.files import reading
from lenet_ablate.datasets.ranges import find_range, to_bytes
from lenet_ablate.errors import DataError
from lenet_ablate.rendering.failures import no_folder

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
NAMES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

_DIMENSIONS = {1: "labels", 3: "images"}
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_RATIO = 1032  # the most bytes that one byte of deflate can unpack to (zlib's technical notes)
_READ_BYTES = 2**20


@dataclass(frozen=True)
class IdxFile:
    """An IDX file in memory.

    Attributes:
        path: Where it was read from.
        content: (L,) uint8, the whole unpacked file with its header.
        shape: What the header announces.
    """

    path: Path
    content: npt.NDArray[np.uint8]
    shape: tuple[int, ...]

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The values in their shape: images (N, H, W) or labels (N,); a view of `content`."""
        return self.content[-math.prod(self.shape) :].reshape(self.shape)


def load_idx(path: Path, full_ink: float | None = None, num_classes: int = NUM_CLASSES) -> Arrays:
    """The data set in the four IDX files of a folder, or of its subfolder `MNIST/raw` or `raw`.

    Args:
        path: The folder.
        full_ink: The value of full ink, 0 being background; None: found out, and refused where it may be two.
        num_classes: How many classes there are.

    Raises:
        DataError: The folder or a file is missing, damaged or does not fit the others.
    """
    with reading(path):
        if not path.is_dir():
            what = no_folder(path)
            raise DataError(f"data.path={path}: {what}; data=idx needs a folder with {', '.join(NAMES)} (raw or .gz)")
    folders = [path, path / "MNIST" / "raw", path / "raw"]
    folder = next((f for f in folders if any(find(f, name) for name in NAMES)), path)
    missing = [name for name in NAMES if find(folder, name) is None]
    if missing:
        raise DataError(f"{folder}: has no {', no '.join(missing)} (raw or .gz); data=idx needs all four files")
    files = [read_idx(find(folder, name) or folder / name, name) for name in NAMES]
    arrays, (train, _, test, _) = assemble(files, num_classes), (str(file.path) for file in files)
    parts = {train: arrays.train_images, test: arrays.test_images}
    values = find_range(parts, full_ink)
    return dataclasses.replace(
        arrays,
        train_images=to_bytes(arrays.train_images, values),
        test_images=to_bytes(arrays.test_images, values),
    )


def find(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, raw or .gz, also in the spelling `train-images.idx3-ubyte`; or None.

    Raises:
        DataError: The folder may not be looked into.
    """
    spellings = [name, name.replace("-idx", ".idx")]
    candidates = [folder / f"{spelling}{end}" for end in ("", ".gz") for spelling in spellings]
    with reading(folder):
        return next((path for path in candidates if path.exists()), None)


def assemble(files: Iterable[IdxFile], num_classes: int = NUM_CLASSES) -> Arrays:
    """The data set in four files, in the order of `NAMES`.

    Raises:
        DataError: They do not fit each other, or a label is not below `num_classes`.
    """
    train_images, train_labels, test_images, test_labels = files
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        check_count(str(images.path), images.shape[0], str(labels.path), labels.shape[0])
    check_same_side(str(train_images.path), train_images.shape, str(test_images.path), test_images.shape)
    return Arrays(
        train_images.array,
        check_labels(str(train_labels.path), train_labels.array, num_classes),
        test_images.array,
        check_labels(str(test_labels.path), test_labels.array, num_classes),
    )


def read_idx(path: Path, name: str) -> IdxFile:
    """A file with images or labels, raw or compressed with gzip, whatever it is called.

    Args:
        path: The file.
        name: Its standard name, one of `NAMES`, which says what it must hold.

    Raises:
        DataError: It cannot be read, or header, length and what it must hold disagree.
    """
    with reading(path):
        if not path.is_file():
            raise DataError(f"{path}: {'is a folder' if path.is_dir() else 'is not there'}, expected a file")
        try:
            return _read(path, 3 if "images" in name else 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the compressed file is truncated or damaged ({error})") from None


def _read(path: Path, num_dims: int) -> IdxFile:
    length = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        with gzip.GzipFile(fileobj=file) if packed else nullcontext(file) as stream:
            header = stream.read(4 + 4 * num_dims)
            shape = _parse_header(path, header, num_dims)
            expected = len(header) + math.prod(shape)
            promise = f"{' × '.join(map(str, shape))} values, {expected} bytes in all"
            # Before anything is allocated: the header of a file of 20 bytes can announce a gigabyte.
            if expected > length * _DEFLATE_RATIO if packed else expected != length:
                kind = "compressed bytes" if packed else "bytes"
                raise DataError(f"{path}: has {length} {kind}, but its header announces {promise}")
            content = np.empty(expected, np.uint8)
            content[: len(header)] = np.frombuffer(header, np.uint8)
            filled = len(header) + _read_into(stream, content.data[len(header) :])
            if filled < expected or stream.read(1):
                found = f"only {filled} bytes" if filled < expected else "more bytes"
                raise DataError(f"{path}: holds {found}, but its header announces {promise}")
    return IdxFile(path, content, shape)


def _parse_header(path: Path, header: bytes, num_dims: int) -> tuple[int, ...]:
    wanted = _DIMENSIONS[num_dims]
    if not header:
        raise DataError(f"{path}: is empty, expected an IDX file of {wanted}")
    if header.lstrip().startswith(b"<"):
        raise DataError(f"{path}: is a web page, expected an IDX file of {wanted}; download it again")
    magic = bytes([0, 0, 8, num_dims])
    if header[:4] != magic:
        held = _DIMENSIONS.get(header[3]) if header[:3] == magic[:3] and len(header) > 3 else None
        found = f"holds {held}" if held else f"starts with 0x{header[:4].hex()}"
        raise DataError(f"{path}: {found}, expected an IDX file of {wanted}, which starts with 0x{magic.hex()}")
    if len(header) < 4 + 4 * num_dims:
        raise DataError(f"{path}: ends after {len(header)} bytes, within the header of an IDX file of {wanted}")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", offset=4))
    if num_dims == 3:
        check_image_shape(str(path), shape)
    elif not 0 < shape[0] <= MAX_PIXELS:
        raise DataError(f"{path}: announces {shape[0]} labels, expected 1 to {MAX_PIXELS}")
    return shape


def _read_into(stream: io.BufferedIOBase, target: memoryview) -> int:
    filled = 0
    while filled < len(target):
        count = stream.readinto(target[filled : filled + _READ_BYTES])
        if not count:
            break
        filled += count
    return filled
