"""Mean and standard deviation of pixels, the same to the last bit on every machine."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.arrays import Pixels
from lenet_ablate.datasets.base import Images

_CHUNK_IMAGES = 4096

Moments = npt.NDArray[np.int64]


def pixel_statistics(images: Images) -> tuple[float, float]:
    """Mean and population standard deviation of all pixels scaled to 0..1.

    Sums are exact whole numbers, so the result is the same on every machine.

    Args:
        images: (N, S, S) or (N, 3, S, S) uint8, at least one.
    """
    counts = np.zeros(256, np.int64)
    for first in range(0, len(images), _CHUNK_IMAGES):
        counts += np.bincount(images[first : first + _CHUNK_IMAGES].ravel(), minlength=256)
    total = sum(level * int(count) for level, count in enumerate(counts))
    squares = sum(level**2 * int(count) for level, count in enumerate(counts))
    return _from_sums(total, squares, images.size)


def moments(images: Pixels) -> Moments:
    """Number of pixels, their sum, and the sum of their squares, of each image: (N, 3).

    Args:
        images: (N, H, W) or (N, 3, H, W) uint8 or whole greys as floats, 0..255.
    """
    found = np.empty((len(images), 3), np.int64)
    found[:, 0] = images[0].size if len(images) else 0
    for first in range(0, len(images), _CHUNK_IMAGES):
        chunk = np.rint(images[first : first + _CHUNK_IMAGES]).astype(np.int64)
        found[first : first + _CHUNK_IMAGES, 1] = chunk.reshape(len(chunk), -1).sum(axis=1)
        found[first : first + _CHUNK_IMAGES, 2] = (chunk**2).reshape(len(chunk), -1).sum(axis=1)
    return found


def statistics_of(some: Moments) -> tuple[float, float]:
    """Mean and population standard deviation of all pixels of some images, scaled to 0..1; at least one image."""
    num_pixels, total, squares = (int(number) for number in some.sum(axis=0))
    return _from_sums(total, squares, num_pixels)


def _from_sums(total: int, squares: int, num_pixels: int) -> tuple[float, float]:
    return total / (255 * num_pixels), math.sqrt(num_pixels * squares - total**2) / (255 * num_pixels)
