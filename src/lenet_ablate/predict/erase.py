"""The pixels that are a ruled line's alone; what crosses a line stays whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from lenet_ablate.predict.ink import EIGHT, Mask
from lenet_ablate.predict.lines import Line, Runs
from lenet_ablate.predict.strokes import run_ends

REMAINS = 1.5  # thicknesses, and 3 pixels: how far from lines that meet something is left of them
BESIDE = 2  # pixels to the sides where a stroke that crosses a line may go on
MEND = 6.0  # strokes: how far apart two ends of one sign stand on a line that its stroke ran in


def owned(lines: Sequence[Line], labels: Runs, down: Runs) -> Mask:
    """The pixels of level lines where ink goes on across for not much longer than they are thick."""
    most = np.zeros(int(labels.max(initial=0)) + 1)
    for line in lines:
        most[list(line.segments)] = 1.5 * line.thickness + 1.5
    own: Mask = (labels > 0) & (down <= most[labels])
    return own


def uncrossed(own: Mask, rest: Mask) -> Mask:
    """Those of them that are no stroke's too: there ink goes on above and below.

    Args:
        own: (H, W) bool, pixels of level lines.
        rest: (H, W) bool, ink of no line.
    """
    if not own.any():
        return own
    first, last = run_ends(own)
    padded = np.pad(rest, ((1, 1), (BESIDE, BESIDE)))
    near = np.any([padded[:, away : away + own.shape[1]] for away in range(2 * BESIDE + 1)], axis=0)
    columns = np.arange(own.shape[1])
    alone: Mask = own & ~(near[first, columns] & near[last + 2, columns])
    return alone


def mended(mask: Mask, removed: Mask, lines: Sequence[Line], stroke: float) -> Mask:
    """What is removed but for where a stroke runs on within level lines: between two ends of one sign on one side."""
    kept = removed.copy()
    if not lines:
        return kept
    labels, _ = ndimage.label(mask & ~removed, structure=EIGHT)
    for line in lines:
        columns = np.arange(line.first, line.last + 1)
        middles = np.rint([line.row(float(column)) for column in columns]).astype(int)
        reach = math.ceil(line.thickness) + 1
        for side in (-1, 1):
            signs = np.zeros(len(columns), np.int32)
            for away in range(reach, 0, -1):
                there = labels[np.clip(middles + side * away, 0, len(mask) - 1), columns]
                signs = np.where(there > 0, there, signs)
            ends = np.flatnonzero(signs)
            for one, other in itertools.pairwise(ends):
                if 1 < other - one <= MEND * stroke and signs[one] == signs[other]:
                    rows = slice(max(0, middles[one] - reach), middles[one] + reach + 1)
                    kept[rows, columns[one] : columns[other] + 1] = False
    return kept


def crumbs(rest: Mask, lines: Sequence[Line]) -> Mask:
    """What is left of level lines: pieces that do not reach beyond them."""
    crumbs = np.zeros(rest.shape, bool)
    if not lines:
        return crumbs
    labels, _ = ndimage.label(rest, structure=EIGHT)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        for line in lines:
            middle = line.row((columns.start + columns.stop - 1) / 2)
            near = 1.5 * line.thickness + 1
            is_on = middle - near <= rows.start and rows.stop - 1 <= middle + near
            if is_on and line.first - near <= columns.start and columns.stop - 1 <= line.last + near:
                crumbs[rows, columns] |= labels[rows, columns] == number
                break
    return crumbs


def corners(rest: Mask, level: Sequence[Line], upright: Sequence[Line]) -> Mask:
    """What is left where two lines meet: small pieces near both."""
    corners = np.zeros(rest.shape, bool)
    if not level or not upright:
        return corners
    labels, _ = ndimage.label(rest, structure=EIGHT)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        if any(_is_within(line, columns, rows) for line in level) and any(
            _is_within(line, rows, columns) for line in upright
        ):
            corners[rows, columns] |= labels[rows, columns] == number
    return corners


def _is_within(line: Line, along: slice, across: slice) -> bool:
    """Whether a box lies near a level line, all of it."""
    near = REMAINS * line.thickness + 3
    middle = line.row((along.start + along.stop - 1) / 2)
    is_along = line.first - near <= along.start and along.stop - 1 <= line.last + near
    return bool(is_along and middle - near <= across.start and across.stop - 1 <= middle + near)
