"""Files of named arrays: npz, npy, MATLAB, HDF5 and PyTorch's. Each gives its arrays' headers before any content."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.npz import DAMAGE as NPZ_DAMAGE
from lenet_ablate.datasets.npz import read_header
from lenet_ablate.datasets.own.content import Array, check_size
from lenet_ablate.datasets.own.sniff import Kind
from lenet_ablate.errors import DataError

MAX_ARRAYS = 1000
_MAX_STRUCT_BYTES = 2**32
_MI_COMPRESSED = 15  # MAT-file format, version 5: a compressed element


@dataclass(frozen=True)
class Stored:
    """An array in a file.

    Attributes:
        shape: Its shape.
        read: Reads it.
    """

    shape: tuple[int, ...]
    read: Callable[[], Array]


def stored_arrays(path: Path, kind: Kind) -> Mapping[str, Stored]:
    """The arrays in a file by name, those too small or of other things than numbers and text left out.

    Raises:
        DataError: The file is damaged, an array is too large, or a library is missing.
    """
    readers = {
        Kind.npz: _npz,
        Kind.npy: _npy,
        Kind.mat: _mat,
        Kind.hdf5: _hdf5,
        Kind.torch: _torch,
    }
    return readers[kind](path)


def _npz(path: Path) -> dict[str, Stored]:
    try:
        with zipfile.ZipFile(path) as archive:
            headers = {name: read_header(path, archive, name.removesuffix(".npy")) for name in archive.namelist()}
    except NPZ_DAMAGE as error:
        raise DataError(f"{path}: is a damaged .npz file ({_why(error)})") from None
    found = {}
    for name, header in headers.items():
        key = name.removesuffix(".npy")
        if header.dtype.hasobject:
            raise DataError(
                f"{path}: {key}: holds Python objects, which are never read; store it with {key}.astype('uint8') or, "
                f"for text, {key}.astype(str)"
            )
        check_size(f"{path}: {key}", header.shape, header.dtype)

        def read(key: str = key) -> Array:
            try:
                with np.load(path, allow_pickle=False) as file:
                    return np.asarray(file[key])
            except NPZ_DAMAGE as error:
                raise DataError(f"{path}: {key}: is damaged ({_why(error)})") from None

        found[key] = Stored(header.shape, read)
    return found


def _npy(path: Path) -> dict[str, Stored]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as .npy ({_why(error)}); Python objects are never read") from None
    check_size(str(path), array.shape, array.dtype)
    return {"": Stored(array.shape, lambda: np.array(array))}


def _mat(path: Path) -> dict[str, Stored]:
    from scipy import io

    _check_mat_size(path)
    try:
        for name, shape, held in io.whosmat(path):
            if held not in ("struct", "cell", "object", "opaque", "function"):
                check_size(f"{path}: {name}", shape, np.dtype(np.uint8))
        content = io.loadmat(path, squeeze_me=False, struct_as_record=True)
    except DataError:
        raise
    except Exception as error:  # the reader raises nearly anything on damaged files
        raise DataError(f"{path}: is a damaged MATLAB file ({_why(error)})") from None
    found: dict[str, Array] = {}
    for name, value in content.items():
        if not name.startswith("__"):
            _flatten_mat(name, value, found, depth=0)
    return {name: _in_memory(path, name, array) for name, array in found.items()}


def _flatten_mat(name: str, value: Any, found: dict[str, Array], depth: int) -> None:
    """Arrays within structures, as EMNIST's dataset.train.images, by dotted name."""
    if depth > 4 or len(found) > MAX_ARRAYS:
        return
    if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
        for field in value.dtype.names:
            _flatten_mat(f"{name}.{field}", value.flat[0][field], found, depth + 1)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject and value.dtype.names is None:
        # Their images are columns of the picture one after the other, as MATLAB counts.
        found[name] = value


def _check_mat_size(path: Path) -> None:
    """Refuses a file whose compressed parts unpack to more than fits, without keeping what is unpacked."""
    with path.open("rb") as file:
        if file.read(128)[126:128] != b"IM":  # big-endian: old, and never compressed
            return
        total = 0
        while len(tag := file.read(8)) == 8:
            kind, size = int.from_bytes(tag[:4], "little"), int.from_bytes(tag[4:], "little")
            if kind != _MI_COMPRESSED:
                file.seek(size, 1)
                continue
            unpacker, left = zlib.decompressobj(), size
            while left > 0 and (chunk := file.read(min(left, 2**16))):
                left -= len(chunk)
                try:
                    total += len(unpacker.decompress(chunk))
                except zlib.error as error:
                    raise DataError(f"{path}: is a damaged MATLAB file ({_why(error)})") from None
                if total > _MAX_STRUCT_BYTES:
                    raise DataError(f"{path}: unpacks to more than {_MAX_STRUCT_BYTES >> 30} GiB; use fewer images")


def _hdf5(path: Path) -> dict[str, Stored]:
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: is an HDF5 file, which h5py reads: pip install 'lenet-ablate[hdf5]'") from None
    found: dict[str, Stored] = {}
    with path.open("rb") as file:
        is_matlab = file.read(6) == b"MATLAB"

    def visit(group: Any, prefix: str, depth: int) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink) or name.startswith("#") or depth > 6 or len(found) > MAX_ARRAYS:
                continue  # a soft or external link could lead anywhere
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item, f"{prefix}{name}/", depth + 1)
            elif not item.external and not item.is_virtual and item.shape:
                _add_hdf5(found, path, f"{prefix}{name}", item, is_matlab)

    try:
        with h5py.File(path, "r") as opened:
            visit(opened, "", 0)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path}: is a damaged HDF5 file ({_why(error)})") from None
    return found


def _add_hdf5(found: dict[str, Stored], path: Path, name: str, item: Any, is_matlab: bool) -> None:
    import h5py

    is_text = h5py.check_string_dtype(item.dtype) is not None
    if item.dtype.kind not in "biufS" and not is_text:
        return
    check_size(f"{path}: {name}", item.shape, np.dtype("S32") if is_text else item.dtype)

    def read() -> Array:
        try:
            with h5py.File(path, "r") as file:
                dataset: Any = file[name]
                array = np.asarray(dataset.asstr()[...]).astype(str) if is_text else np.asarray(dataset[...])
        except Exception as error:
            raise DataError(f"{path}: {name}: cannot be read ({_why(error)})") from None
        return array.T if is_matlab else array

    found[name] = Stored(item.shape[::-1] if is_matlab else item.shape, read)


def _torch(path: Path) -> dict[str, Stored]:
    from lenet_ablate.datasets.own.torch_file import load_tensors

    return {name: _in_memory(path, name, array) for name, array in load_tensors(path).items()}


def _in_memory(path: Path, name: str, array: Array) -> Stored:
    check_size(f"{path}: {name}", array.shape, array.dtype)
    return Stored(array.shape, lambda: array)


def _why(error: BaseException) -> str:
    return reason(error, 200) or type(error).__name__
