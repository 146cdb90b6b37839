"""`data=digits`: the 1,797 digits of 8×8 pixels that scikit-learn brings along; needs no network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.arrays import Arrays

NUM_TEST = 360
_WHITE = 16  # grey levels are 0..16: ink counted in blocks of 4×4 (UCI "Optical Recognition of Handwritten Digits")


def load_digits() -> Arrays:
    """1,437 training and 360 test images, (N, 8, 8) float64; grey levels 0..16 scaled to 0..255, not rounded."""
    from sklearn import datasets

    bundled = datasets.load_digits()
    images = bundled.images.astype(np.float64) * 255 / _WHITE
    labels = bundled.target.astype(np.uint8)
    is_test = held_out(labels, NUM_TEST)
    return Arrays(images[~is_test], labels[~is_test], images[is_test], labels[is_test])


def held_out(labels: npt.NDArray[np.uint8], num_test: int) -> npt.NDArray[np.bool_]:
    """Which images are for testing, (N,) bool; the same for ever, since nothing is drawn at random.

    Every class gets its share to within one image: images are lined up by class, in their own order within it, and
    taken at even distances.
    """
    by_class = np.argsort(labels, kind="stable")
    positions = (2 * np.arange(num_test) + 1) * len(labels) // (2 * num_test)
    mask = np.zeros(len(labels), bool)
    mask[by_class[positions]] = True
    return mask
