"""The form in which the data set that a network learned from has its digits.

MNIST's (LeCun et al. 1998, section III.A; the reconstruction by Yadav and Bottou, arXiv:1905.10498): the longer side of
the ink's box is 20 pixels, edges are grey through averaging, and the centre of mass stands in the middle of 28×28
pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lenet_ablate.config.choices import DataSet
from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_width

THIN, USUAL = 1.5, 1.9  # stroke widths in a box of 20 pixels; MNIST's median is 1.9


@dataclass(frozen=True)
class Form:
    """How a data set has its digits.

    Attributes:
        size: Side of its images in pixels.
        box: Longer side of the ink's box.
        by_mass: Whether the centre of mass stands in the middle, else the box.
    """

    size: int
    box: int
    by_mass: bool


MNIST_FORM = Form(28, 20, by_mass=True)
FORMS = {DataSet.digits: Form(8, 8, by_mass=False)}
"""Data sets whose digits are not in MNIST's form."""


def to_form(ink: Grey, form: Form) -> npt.NDArray[np.uint8]:
    """A digit's ink (H, W) 0..1 as an image of the data set's form, (size, size) uint8, 0 = background, 255 = ink."""
    return place(_thicken(ink), form)


def place(ink: Grey, form: Form) -> npt.NDArray[np.uint8]:
    """The same of ink whose strokes are as broad as a pen's."""
    height, width = ink.shape
    scale = form.box / max(height, width)
    sides = max(1, round(width * scale)), max(1, round(height * scale))
    kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    grey = np.asarray(Image.fromarray((ink * 255).astype(np.float32)).resize(sides, kernel))
    small = np.rint(grey.clip(0, 255)).astype(np.uint8)
    image = np.zeros((form.size, form.size), np.uint8)
    top, left = _offset(small, form)
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return image


def _offset(small: npt.NDArray[np.uint8], form: Form) -> tuple[int, int]:
    """The row and column of the box's corner; the centre of mass comes to within half a pixel of the middle."""
    height, width = small.shape
    if not form.by_mass or not small.any():
        return (form.size - height) // 2, (form.size - width) // 2
    row, column = (_middle_of(small.sum(axis=axis, dtype=np.int64)) for axis in (1, 0))
    middle = form.size / 2 + 0.5
    top, left = math.floor(middle - row), math.floor(middle - column)
    return min(max(0, top), form.size - height), min(max(0, left), form.size - width)


def _middle_of(sums: npt.NDArray[np.int64]) -> float:
    """The centre of mass of a row of masses."""
    return float((sums @ np.arange(len(sums))) / sums.sum())


def _thicken(ink: Grey) -> Grey:
    """Thin strokes brought to MNIST's usual width, so that reducing does not bleach them."""
    unit = max(ink.shape) / MNIST_FORM.box  # pixels here for one pixel there
    width = stroke_width(ink > 0.5) * MNIST_FORM.box
    if width >= THIN:
        return ink
    field = round((USUAL - width) * unit) | 1
    padded = np.pad(ink, field // 2)
    thick: Grey = ndimage.maximum_filter(padded, size=field)
    return thick
