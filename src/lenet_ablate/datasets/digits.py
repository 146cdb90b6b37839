"""`data=digits`: the 1,797 digits of 8×8 pixels that scikit-learn brings along; needs no network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.arrays import Arrays

NUM_TEST = 360
_WHITE = 16  # grey levels are 0..16: ink counted in blocks of 4×4 (UCI "Optical Recognition of Handwritten Digits")


def load_digits() -> Arrays:
    """1,437 training and 360 test images, (N, 8, 8) float64; grey levels 0..16 scaled to 0..255, not rounded."""
    pixels, labels = _bundled()
    images = pixels.reshape(-1, 8, 8) * 255 / _WHITE
    is_test = held_out(labels, NUM_TEST)
    return Arrays(images[~is_test], labels[~is_test], images[is_test], labels[is_test])


def _bundled() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """Grey levels, (N, 64) in 0..16, and labels, (N,); from its file, since importing sklearn takes long."""
    package = importlib.util.find_spec("sklearn")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1], table[:, -1].astype(np.uint8)
    from sklearn import datasets

    bundled = datasets.load_digits()
    return bundled.data, bundled.target.astype(np.uint8)


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
