"""The digits in a picture's ink, brought to the form in which the data set that a network learned from has its own.

MNIST's form (LeCun et al. 1998, section III.A; the reconstruction by Yadav and Bottou, arXiv:1905.10498): the longer
side of the ink's box is 20 pixels, edges are grey through averaging, and the centre of mass stands in the middle of
28×28 pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from lenet_ablate.config.choices import DataSet
from lenet_ablate.predict.ink import EIGHT, Ink, Mask
from lenet_ablate.predict.pictures import Grey

MIN_AREA = 2e-5  # of the picture: what is smaller is dust
MIN_INNER_HEIGHT = 0.15  # of the largest: ink at the picture's edge is no digit where there is such ink inside
MIN_HEIGHT, MIN_BOX = 0.5, 0.25  # of the largest: what is smaller is a piece of a digit, not another one
SLIM_HEIGHT, SLIM_RATIO = 0.7, 2.5  # of the largest, of its width: a 1, whose box is small beside any other digit's
NEAR = 0.15  # of a digit's height: how far off its pieces may lie
MAX_PIECES = 400  # the largest: a grid of digits of 20 pixels; with more, a pattern of dots would take minutes
HALO = 5  # pixels around a digit in which its grey edge lies
TOO_BROAD = 0.28  # stroke width of a digit's length: shadows and spots are broader, no digit is
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


@dataclass(frozen=True)
class Box:
    """Rows top..bottom-1 and columns left..right-1 of a picture."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    def join(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def gap(self, other: Box) -> int:
        """How many pixels of paper lie between both along the axis where they are further apart; 0 if none."""
        down = max(self.top - other.bottom, other.top - self.bottom)
        across = max(self.left - other.right, other.left - self.right)
        return max(0, down, across)

    def is_above_or_below(self, other: Box) -> bool:
        """Whether most of the narrower one's columns are the other's too."""
        shared = min(self.right, other.right) - max(self.left, other.left)
        return 2 * shared > min(self.width, other.width)


@dataclass(frozen=True)
class Digit:
    """One digit as found in a picture.

    Attributes:
        box: Where it is, in the picture at working size.
        ink: (height, width) float32, 0..1, the ink of the box's pieces alone; 1 where it is densest.
    """

    box: Box
    ink: Grey


def find_digits(ink: Ink) -> list[Digit]:
    """The digits from left to right; none where the ink has no pieces that could be one."""
    labels, _ = ndimage.label(ink.mask, structure=EIGHT)
    pieces = _pieces(labels)
    if not pieces:
        return []
    groups = sorted(_group(pieces), key=lambda group: min(box.left for box in group.values()))
    digits = [_cut(ink, labels, group) for group in groups]
    return [digit for digit in digits if stroke_width(digit.ink > 0.5) <= TOO_BROAD]


Pieces = dict[int, Box]


def _pieces(labels: npt.NDArray[np.int32]) -> Pieces:
    height, width = labels.shape
    areas = np.bincount(labels.ravel())
    found = {}
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if areas[number] >= max(2, MIN_AREA * labels.size):
            found[number] = Box(rows.start, columns.start, rows.stop, columns.stop)
    inner = {
        number: box
        for number, box in found.items()
        if box.top > 0 and box.left > 0 and box.bottom < height and box.right < width
    }
    tallest = max((max(box.height, box.width) for box in inner.values()), default=0)
    return inner if tallest >= MIN_INNER_HEIGHT * min(height, width) else found


def _group(pieces: Pieces) -> list[Pieces]:
    """Digits as the pieces that make them up."""
    ordered = sorted(pieces.items(), key=lambda item: -item[1].height * item[1].width)[:MAX_PIECES]
    largest = ordered[0][1]
    groups: list[Pieces] = []
    boxes: list[Box] = []
    for number, box in ordered:
        near = [k for k, whole in enumerate(boxes) if box.gap(whole) <= NEAR * max(whole.height, whole.width)]
        is_tall = box.height >= MIN_HEIGHT * largest.height
        is_slim = box.height >= SLIM_HEIGHT * largest.height and box.height >= SLIM_RATIO * box.width
        is_big = is_tall and (is_slim or box.height * box.width >= MIN_BOX * largest.height * largest.width)
        if near and not (is_big and not box.is_above_or_below(boxes[near[0]])):
            groups[near[0]][number] = box
            boxes[near[0]] = boxes[near[0]].join(box)
        elif is_big or not groups:
            groups.append({number: box})
            boxes.append(box)
    return groups


def _cut(ink: Ink, labels: npt.NDArray[np.int32], pieces: Pieces) -> Digit:
    box = next(iter(pieces.values()))
    for piece in pieces.values():
        box = box.join(piece)
    height, width = labels.shape
    wide = Box(
        max(0, box.top - HALO), max(0, box.left - HALO), min(height, box.bottom + HALO), min(width, box.right + HALO)
    )
    inside = np.isin(labels[wide.top : wide.bottom, wide.left : wide.right], list(pieces))
    halo = ndimage.binary_dilation(inside, EIGHT, iterations=HALO)
    strength = np.where(halo, ink.strength[wide.top : wide.bottom, wide.left : wide.right].clip(0, 1), 0)
    cut = _trim(strength.astype(np.float32), inside)
    return Digit(box, cut / cut.max())  # a faint digit beside a dark one is a digit


def _trim(strength: Grey, inside: Mask) -> Grey:
    """Without the rows and columns in which there is no ink to speak of."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return strength[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def to_form(digit: Digit, form: Form) -> npt.NDArray[np.uint8]:
    """The digit as an image of the data set's form, (size, size) uint8, 0 = background, 255 = ink."""
    ink = _thicken(digit.ink)
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
    row, column = ndimage.center_of_mass(small)
    middle = form.size / 2 + 0.5
    top, left = math.floor(middle - row), math.floor(middle - column)
    return min(max(0, top), form.size - height), min(max(0, left), form.size - width)


def stroke_width(mask: Mask) -> float:
    """Twice the area over the perimeter, as a fraction of the longer side of the ink's box.

    A line's own width over its length; 0.5 for a square or a disc; MNIST's digits have 0.06 to 0.2.

    Args:
        mask: (H, W) bool, with at least one pixel of ink.
    """
    padded = np.pad(mask, 1)
    perimeter = padded.sum() - ndimage.binary_erosion(padded, EIGHT).sum()
    sides = [np.ptp(np.flatnonzero(mask.any(axis=axis))) + 1 for axis in (0, 1)]
    return float(2 * mask.sum() / perimeter / max(sides))


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
