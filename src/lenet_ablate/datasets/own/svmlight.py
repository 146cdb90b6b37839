"""LIBSVM's text format, as USPS and MNIST are kept at its site; scikit-learn reads it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lenet_ablate.datasets.arrays import MAX_PIXELS
from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.own.content import Array
from lenet_ablate.datasets.own.sniff import open_plain
from lenet_ablate.errors import DataError


def read_svmlight(path: Path, num_features: int | None = None) -> tuple[Array, Array]:
    """Rows of pixels (N, P), P the next square number, and labels (N,).

    Args:
        path: The file, compressed or not.
        num_features: P, where another part of the data set has told it.

    Raises:
        DataError: It is damaged or too large.
    """
    from sklearn.datasets import load_svmlight_file

    try:
        with open_plain(path) as stream:
            sparse, labels = load_svmlight_file(stream, dtype=np.float32)
        rows, features = sparse.shape
        wanted = max(num_features or 0, (math.isqrt(max(features, 1) - 1) + 1) ** 2)
        if rows * wanted > MAX_PIXELS:
            raise DataError(f"{path}: has {rows} rows of {features} numbers; use fewer or smaller images")
        dense = np.zeros((rows, wanted), np.float32)
        dense[:, :features] = sparse.toarray()
    except DataError:
        raise
    except Exception as error:
        why = reason(error)
        raise DataError(f"{path}: is a damaged LIBSVM file ({type(error).__name__}: {why})") from None
    return dense, labels
