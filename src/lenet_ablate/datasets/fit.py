"""Bringing images to the side S that the network takes.

Images whose longer side is S-4 to S get a border of background, evenly on all sides: MNIST's 28×28 become 32×32 with
2 pixels on each side, as in LeCun et al. 1998. All others are first made square by a border on the shorter side and
then resized bilinearly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Resize
from lenet_ablate.datasets.arrays import Pixels
from lenet_ablate.datasets.base import Images

MAX_BORDER = 4
_WEIGHT_STEPS = 2**16
_CHUNK_PIXELS = 2**21


def fit(images: Pixels, size: int, resize: Resize = Resize.pad) -> Images:
    """The same images with sides of `size`, (N, H, W) -> (N, S, S) uint8; no copy where nothing changes.

    Args:
        images: (N, H, W), or (N, 3, H, W) of which each colour is treated alike; 0..255, 0 = background.
        size: The side S, at least 1.
        resize: With `bilinear` images that are a little too small get no border either.
    """
    if images.ndim == 4:
        planes = fit(images.reshape(-1, *images.shape[2:]), size, resize)
        return planes.reshape(*images.shape[:2], size, size)
    longer = max(images.shape[1:])
    side = size if needs_border(longer, size, resize) else longer
    squares = _pad(images, side)
    if side != size:
        return _resize(squares, size)
    grey = squares if squares.dtype == np.uint8 else np.rint(squares)
    return np.ascontiguousarray(grey, np.uint8)


def needs_border(longer: int, size: int, resize: Resize) -> bool:
    """Whether images with this longer side get a border, rather than being resized."""
    return resize is Resize.pad and size - MAX_BORDER <= longer <= size


def _pad(images: Pixels, side: int) -> Pixels:
    num_images, height, width = images.shape
    if height == width == side:
        return images
    top, left = (side - height) // 2, (side - width) // 2
    padded: Pixels = np.zeros((num_images, side, side), images.dtype)
    padded[:, top : top + height, left : left + width] = images
    return padded


def _resize(squares: Pixels, size: int) -> Images:
    num_images, side, _ = squares.shape
    weights = bilinear_weights(side, size)
    resized = np.empty((num_images, size, size), np.uint8)
    step = max(1, _CHUNK_PIXELS // side**2)
    for first in range(0, num_images, step):
        chunk = squares[first : first + step].astype(np.float64)
        resized[first : first + step] = np.rint(weights @ chunk @ weights.T)
    return resized


def bilinear_weights(side: int, size: int) -> npt.NDArray[np.float64]:
    """How much each old pixel adds to each new one along an axis, (size, side) float64; rows are ≥ 0 and sum to 1.

    Enlarging is bilinear interpolation between pixel centres (PyTorch's `align_corners=False`); reducing widens the
    triangle by the factor, so that every old pixel counts (its `antialias=True`).

    Weights are whole multiples of 2^-16: products with whole grey levels are then exact, and a resized image has the
    same bytes whatever the order in which a machine sums.
    """
    scale = side / size
    centres = (np.arange(size) + 0.5) * scale - 0.5
    distances = np.abs(centres[:, None] - np.arange(side))
    weights = np.maximum(0.0, 1 - distances / max(scale, 1.0))
    steps = np.rint(weights / weights.sum(axis=1, keepdims=True) * _WEIGHT_STEPS)
    steps[np.arange(size), steps.argmax(axis=1)] += _WEIGHT_STEPS - steps.sum(axis=1)
    return np.asarray(steps / _WEIGHT_STEPS, dtype=np.float64)
