"""How broad strokes are, and how far ink runs on along an axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.ink import EIGHT, Mask


def runs(mask: Mask) -> npt.NDArray[np.int32]:
    """Of each pixel of ink the length of the run along its column, (H, W) int32; 0 of paper."""
    first, last = run_ends(mask)
    return np.where(mask, last - first + 1, np.int32(0))


def run_ends(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Of each pixel of ink the first and the last row of its run along its column; meaningless of paper."""
    places = np.arange(len(mask), dtype=np.int32)[:, None]
    before = np.maximum.accumulate(np.where(mask, np.int32(-1), places), axis=0)
    after = np.minimum.accumulate(np.where(mask, np.int32(len(mask)), places)[::-1], axis=0)[::-1]
    return np.where(mask, before + 1, 0), np.where(mask, after - 1, 0)


def stroke_pixels(mask: Mask) -> float:
    """The usual breadth of strokes in pixels: twice the area over the perimeter; 0.5 at least.

    Args:
        mask: (H, W) bool, with at least one pixel of ink.
    """
    padded = np.pad(mask, 1)
    perimeter = padded.sum() - ndimage.binary_erosion(padded, EIGHT).sum()
    return float(2 * mask.sum() / perimeter)


def stroke_width(mask: Mask) -> float:
    """The same as a fraction of the longer side of the ink's box.

    A line's own width over its length; 0.5 for a square or a disc; MNIST's digits have 0.06 to 0.2.
    """
    sides = [np.ptp(np.flatnonzero(mask.any(axis=axis))) + 1 for axis in (0, 1)]
    return stroke_pixels(mask) / float(max(sides))
