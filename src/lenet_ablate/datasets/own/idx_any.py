"""IDX files of any spelling, number type and number of dimensions: EMNIST's, QMNIST's, Kuzushiji's and their like."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lenet_ablate.datasets.own.content import Array, check_size
from lenet_ablate.datasets.own.sniff import DAMAGE, open_plain, read_exactly
from lenet_ablate.errors import DataError

# The third byte of the file (LeCun's MNIST page); numbers are big-endian.
_TYPES = {8: ">u1", 9: ">i1", 0xB: ">i2", 0xC: ">i4", 0xD: ">f4", 0xE: ">f8"}
_DEFLATE_RATIO = 1032  # the most bytes that one byte of deflate can unpack to; bzip2 and xz may reach more
_QMNIST_COLUMNS = 8  # class, then where in NIST the digit comes from (Yadav and Bottou 2019)


def read_any_idx(path: Path) -> Array:
    """The array in a file, in the machine's byte order; QMNIST's labels are their first column.

    Raises:
        DataError: Header and length disagree, or the file is damaged.
    """
    try:
        with open_plain(path) as stream:
            head = stream.read(4)
            num_dims = head[3]
            sizes = stream.read(4 * num_dims)
            if len(sizes) < 4 * num_dims:
                raise DataError(f"{path}: ends within the header of an IDX file")
            shape, dtype = tuple(int(n) for n in np.frombuffer(sizes, ">u4")), np.dtype(_TYPES[head[2]])
            check_size(str(path), shape, dtype)
            expected = math.prod(shape) * dtype.itemsize
            content = read_exactly(stream, expected)
            if len(content) < expected or stream.read(1):
                found = f"only {len(content)}" if len(content) < expected else "more"
                raise DataError(f"{path}: holds {found} bytes, but its header announces {expected} for {shape}")
    except DAMAGE as error:
        raise DataError(f"{path}: the compressed file is truncated or damaged ({error})") from None
    array = np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    return array[:, 0] if array.ndim == 2 and shape[1] == _QMNIST_COLUMNS and dtype.kind == "i" else array
