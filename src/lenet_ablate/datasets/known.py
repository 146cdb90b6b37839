"""EMNIST's sets, Kuzushiji-49 and QMNIST by name, from the data folder; downloaded where files are missing.

What is read is checked as far as anything is published. Compressed files of Kuzushiji-49 and QMNIST have an MD5 each.
EMNIST has one of the zip that holds all of its files: where it lies beside them, they must be what it holds. Numbers
of images, their sides and the classes are checked of all.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import DataSet
from lenet_ablate.datasets.arrays import Arrays, check_count, check_image_shape
from lenet_ablate.datasets.base import Images, Labels, label_type
from lenet_ablate.datasets.download import WAY_OUT
from lenet_ablate.datasets.files import reading, reason
from lenet_ablate.datasets.idx import find, read_idx
from lenet_ablate.datasets.mnist import SHA256
from lenet_ablate.datasets.obtain import md5_of, obtain
from lenet_ablate.datasets.own.arrays_file import stored_arrays
from lenet_ablate.datasets.own.idx_any import read_any_idx
from lenet_ablate.datasets.own.sniff import Kind, kind_of, why_not
from lenet_ablate.datasets.published import FACTS, Half, Known, packed_name
from lenet_ablate.errors import DataError

_Array = npt.NDArray[np.integer[Any]]


def load_known(
    name: DataSet, data_dir: Path, progress: Callable[[str], None], facts: Mapping[DataSet, Known] = FACTS
) -> Arrays:
    """One of FACTS from `<data_dir>/<its folder>/raw/`; missing files are downloaded first.

    Args:
        name: Which one.
        data_dir: The data folder; need not exist yet.
        progress: Takes a line when a download begins, and one where files could not be verified.
        facts: What is known of the data sets.

    Raises:
        DataError: It is missing and cannot be downloaded, damaged, or not what it is called.
    """
    known = facts[name]
    folder = folder_of(known, data_dir)
    missing = [file for file in known.files if find(folder, file) is None]
    if missing:
        obtain(known, folder, missing, progress)
    stored = {file: _read(folder, file) for file in known.files}
    (train_images, train_labels), (test_images, test_labels) = (
        _checked(known, folder, half, stored) for half in (known.train, known.test)
    )
    unproven = _unproven(known, folder, stored)
    if unproven:
        archive = known.archive.name if known.archive else ""
        published = f"{archive} alone, which is not beside them" if archive else "the compressed files alone"
        progress(
            f"{folder}: {', '.join(unproven)} could not be verified: digests are published of {published}; "
            "numbers of images and classes are right, a changed pixel would go unseen"
        )
    return Arrays(train_images, train_labels, test_images, test_labels)


def folder_of(known: Known, data_dir: Path) -> Path:
    """Where a data set is kept within the data folder."""
    return data_dir / known.folder / "raw"


def read_test_images(known: Known, data_dir: Path) -> Images:
    """The test images alone, (M, H, W) uint8, upright; nothing is downloaded.

    Raises:
        DataError: They are not at hand or damaged.
    """
    return _upright(known, _read(folder_of(known, data_dir), known.test.images))


def read_test_labels(known: Known, data_dir: Path) -> Labels:
    """The labels of the test images alone, (M,) class numbers from 0; nothing is downloaded.

    Raises:
        DataError: They are not at hand, damaged, or not of this data set.
    """
    folder = folder_of(known, data_dir)
    return _class_numbers(known, folder / known.test.labels, _read(folder, known.test.labels))


def _read(folder: Path, file: str) -> _Array:
    """What a file holds: images (N, H, W) uint8, or whole numbers (N,)."""
    path = find(folder, file)
    if path is None:
        raise DataError(f"{folder}: has no {file}")
    try:
        return _read_file(path, file)
    except DataError as error:
        raise DataError(f"{error}; {WAY_OUT}") from None


def _read_file(path: Path, file: str) -> _Array:
    if file.endswith("ubyte"):
        return read_idx(path, file).array
    array: npt.NDArray[Any]
    with reading(path):
        if file.endswith(".npz"):
            found = stored_arrays(path, Kind.npz) if path.is_file() else {}
            if "arr_0" not in found:
                raise DataError(f"{path}: has no array arr_0; it holds {', '.join(found) or 'nothing'}")
            array = found["arr_0"].read()
        else:
            if kind_of(path) is not Kind.idx:
                raise DataError(f"{path}: {why_not(path)}")
            array = read_any_idx(path)
    is_images = "imgs" in file
    is_right = array.dtype == np.uint8 if is_images else array.dtype.kind in "iu"
    if array.ndim != (3 if is_images else 1) or not is_right:
        wanted = "images (N, H, W) of type uint8" if is_images else "one whole number for each image"
        raise DataError(f"{path}: has shape {array.shape} and type {array.dtype}, expected {wanted}")
    if is_images:
        check_image_shape(str(path), array.shape)
    return array


def _upright(known: Known, stored: _Array) -> Images:
    return np.ascontiguousarray(stored.swapaxes(1, 2) if known.is_transposed else stored, np.uint8)


def _class_numbers(known: Known, path: Path, stored: _Array) -> Labels:
    first, last = known.first_label, known.first_label + known.num_classes - 1
    wrong = np.flatnonzero((stored < first) | (stored > last))
    if wrong.size:
        at = int(wrong[0])
        raise DataError(f"{path}: label {stored[at]} at position {at}, expected {first} to {last}; {WAY_OUT}")
    return (stored - first).astype(label_type(known.num_classes))


def _checked(known: Known, folder: Path, half: Half, stored: Mapping[str, _Array]) -> tuple[Images, Labels]:
    """Images and labels, where their numbers are those that are published."""
    part = "training" if half is known.train else "test"
    images = stored[half.images]
    check_count(half.images, len(images), str(folder / half.labels), len(stored[half.labels]))
    told = [f"{len(images)} {part} images"] if len(images) != half.count else []
    if images.shape[1:] != (known.side, known.side):
        told.append(f"{part} images of {images.shape[1]}×{images.shape[2]} pixels")
    wanted = f"{half.count} {part} images of {known.side}×{known.side} pixels"
    if told:
        raise DataError(f"{folder / half.images}: is not {known.title}'s: has {told[0]}, expected {wanted}; {WAY_OUT}")
    labels = _class_numbers(known, folder / half.labels, stored[half.labels])
    counts = np.bincount(labels, minlength=known.num_classes)
    if counts.min() == 0 or (known.is_even and counts.min() < counts.max()):
        share = f"{half.count // known.num_classes} {part} images of each class" if known.is_even else "all classes"
        raise DataError(
            f"{folder / half.labels}: is not {known.title}'s, which has {share}, not {counts.min()} to "
            f"{counts.max()}; {WAY_OUT}"
        )
    return _upright(known, images), labels


def _unproven(known: Known, folder: Path, stored: Mapping[str, _Array]) -> Sequence[str]:
    """The files that no digest proves; refuses those that one disproves."""
    if known.archive is None:
        return [file for file, array in stored.items() if not _is_proven(known, folder, file, array)]
    path = folder / known.archive.name
    if not path.is_file() or md5_of(path) != known.archive.md5:
        return known.files
    try:
        with zipfile.ZipFile(path) as content:
            for file, array in stored.items():
                # The end of what gzip wrote: CRC-32 and length of what it packed.
                told = content.read(f"{known.archive.folder}{packed_name(file)}")[-8:]
                header = _idx_header(array)
                crc, length = zlib.crc32(array.data, zlib.crc32(header)), len(header) + array.nbytes
                if told != crc.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little"):
                    raise DataError(f"{find(folder, file)}: is not what {path.name} beside it holds; {WAY_OUT}")
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise DataError(f"{path}: is not the zip that it should be ({reason(error)})") from None
    return ()


def _is_proven(known: Known, folder: Path, file: str, array: _Array) -> bool:
    packed, path = folder / packed_name(file), find(folder, file) or folder / file
    if packed.is_file():
        if md5_of(packed) != known.md5[packed.name]:
            raise DataError(f"{packed}: is not {known.title}'s genuine file (MD5 differs); {WAY_OUT}")
        if packed != path and not np.array_equal(_read_file(packed, file), array):
            raise DataError(f"{path}: is not what {packed.name} beside it holds; {WAY_OUT}")
        return True
    if file.endswith("ubyte") and _sha256(array) in SHA256.values():
        raise DataError(f"{path}: is MNIST's, not {known.title}'s; {WAY_OUT}")
    return False


def _sha256(array: _Array) -> str:
    """Digest of the IDX file of bytes that holds an array."""
    digest = hashlib.sha256(_idx_header(array))
    digest.update(array.data)
    return digest.hexdigest()


def _idx_header(array: _Array) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
