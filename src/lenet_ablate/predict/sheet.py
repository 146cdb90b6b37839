"""The sheet in a picture, told from the desk that it lies on: what lies beside it is covered with paper."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.ink import EIGHT, Mask, otsu
from lenet_ablate.predict.pictures import WORK_SIDE, Grey, Picture

STEP = 8  # pixels, side of the blocks that are looked at
LEAST_SHARE, MOST_SHARE = 0.12, 0.9  # of the picture: a sheet
EVEN_SIDED, TURN = 0.86, 3  # of the smallest rectangle round it, in steps of degrees: a sheet; a filled 0 has 0.79
SOLID, WRITTEN = 0.78, 0.08  # of that rectangle, with no more of it in holes: one seen at an angle, torn or bent
DESK, SIDES = 0.8, 3  # of a side of the picture, and of how many: the desk
CONTRAST = 35.0  # grey levels of 255 between sheet and desk
SHARP = 0.6  # of that contrast within three blocks: the end of a sheet; shadows end softly, or reach over two sides
MIN_BLOCKS = 12

Blocks = npt.NDArray[np.float64]


def on_paper(picture: Picture) -> Picture:
    """The picture with nothing but paper around its sheet; the same picture where no sheet lies on anything darker."""
    grey = picture.grey
    if picture.longer_side <= WORK_SIDE or min(grey.shape) < MIN_BLOCKS * STEP:
        return picture
    blocks = _blocks(grey)
    sheet = _sheet(blocks)
    if sheet is None:
        return picture
    inner = ndimage.binary_erosion(sheet, EIGHT, border_value=1)
    if not inner.any():
        return picture
    rows, columns = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    paper = _paper(blocks)[rows, columns]
    down, across = (
        np.minimum(np.arange(side) // STEP, count - 1) for side, count in zip(grey.shape, inner.shape, strict=True)
    )
    covered = np.where(inner[np.ix_(down, across)], grey, paper[np.ix_(down, across)].astype(np.float32))
    return dataclasses.replace(picture, grey=covered)


def _blocks(grey: Grey) -> Blocks:
    """Means over blocks; the last rows and columns may be left out."""
    height, width = (side // STEP for side in grey.shape)
    means: Blocks = (
        grey[: height * STEP, : width * STEP].astype(np.float64).reshape(height, STEP, width, STEP).mean(axis=(1, 3))
    )
    return means


def _paper(blocks: Blocks) -> Blocks:
    """The paper's brightness around each block: the largest of its neighbourhood, which no stroke fills."""
    brightest: Blocks = ndimage.maximum_filter(blocks, 3, mode="nearest")
    return brightest


def _sheet(blocks: Blocks) -> Mask | None:
    """The blocks of the sheet, those of the writing on it among them."""
    bright = blocks > otsu(blocks)
    labels, count = ndimage.label(bright, structure=EIGHT)
    if not count:
        return None
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    sheet: Mask = ndimage.binary_fill_holes(largest, EIGHT)
    share = float(sheet.mean())
    if not LEAST_SHARE <= share <= MOST_SHARE:
        return None
    sides = [float((~side).mean()) for side in (sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1])]
    if sum(side >= DESK for side in sides) < SIDES or not _is_sheet(sheet, largest):
        return None
    return sheet if _is_sharp(blocks, sheet) else None


def _is_sheet(sheet: Mask, bright: Mask) -> bool:
    """Whether it has the shape of a sheet, and is no digit in chalk, of which the holes are filled."""
    filled = _filled(sheet)
    return filled >= EVEN_SIDED or (filled >= SOLID and 1 - bright.sum() / sheet.sum() <= WRITTEN)


def _filled(region: Mask) -> float:
    """What part of the smallest rectangle round it a region fills, 0..1."""
    rows = np.flatnonzero(region.any(axis=1))
    first, last = region[rows].argmax(axis=1), region.shape[1] - 1 - region[rows, ::-1].argmax(axis=1)
    y, x = np.concatenate([rows, rows]), np.concatenate([first, last])
    areas = []
    for degrees in range(0, 90, TURN):
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        block = cos + sin  # what a block itself takes up in either direction
        areas.append((np.ptp(x * cos + y * sin) + block) * (np.ptp(y * cos - x * sin) + block))
    return float(region.sum() / min(areas))


def _is_sharp(blocks: Blocks, sheet: Mask) -> bool:
    """Whether the brightness falls by much, and by most of it right at the end of the sheet."""
    contrast = float(np.median(blocks[sheet]) - np.median(blocks[~sheet]))
    inside = sheet & ~ndimage.binary_erosion(sheet, EIGHT, iterations=2, border_value=1)
    outside = ndimage.binary_dilation(sheet, EIGHT, iterations=2) & ~ndimage.binary_dilation(sheet, EIGHT)
    if contrast < CONTRAST or not outside.any() or not inside.any():
        return False
    return float(np.median(blocks[inside]) - np.median(blocks[outside])) >= SHARP * contrast
