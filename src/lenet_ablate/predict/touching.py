"""Digits that touch: cut where the parts read better than the whole.

Over-segmentation with recognition: cuts where the ink is low, every part between two cuts judged by the network,
and the path over the cuts with the largest likelihood (Casey and Lecolinet 1996, "A survey of methods and strategies in
character segmentation", IEEE Trans. PAMI 18, section III.B).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.digits import Digit
from lenet_ablate.predict.ink import EIGHT, Mask
from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_pixels

WIDE = 0.75  # of its height: a sign that may be several
VERY_WIDE = 1.0  # the same of one that is read surely
MOST_WIDE = 6.0  # of its height: a dash
SLANTS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # columns per row by which a cut leans
CUT_MARGIN = 0.1  # of the height: no cut is nearer to the sides
FEW_CUTS, MORE_CUTS = 3, 4  # plus as many for each height that the sign is wide
NEXT_CUT = 0.1  # of the height: cuts lie as far apart at least
THROUGH = 0.92  # of the height: where a cut goes the ink is lower
NARROW, BROAD = 0.08, 1.15  # of the height: a part's width
LOW = 0.55  # of the height: no part is lower
HIGH, HOLLOW = (
    1.0,
    4.0,
)  # nats that a cut costs where ink is as high as the whole, and where all of it is a loop's inside
GAIN, GAIN_ALONE = 0.0, 2.5  # nats that the parts must win; of a picture's only sign, which is mostly one digit,
BROADEST = 2.0  # unless it is broader than any digit, of its height
SHARED = (0.0, 0.6)  # strokes: where two digits touch, both may have the ink
DOUBT = 1.0  # nats fewer than that make a whole doubtful
BROADER, BROADER_NATS = 0.9, 8.0  # of its height: what is broader loses so many nats for each height; of MNIST's digits
# one in 20 is broader by 0.3, one in 130 by 0.6
MOST_NATS, NO_DIGIT_NATS = 5.0, 14.0  # that it loses at most, and what is broader than any digit
PART_NATS = 0.25  # that each part costs
LOWER, LOWER_NATS = 0.85, 8.0  # of the whole: a part that is lower loses so many nats for each height
STRAY_INK, STRAY_NATS = 0.02, 15.0  # of its ink: what of a part hangs not together with the rest, and what that loses

Likelihoods = npt.NDArray[np.float64]
Judge = Callable[[Sequence[Grey]], Likelihoods]
"""The logarithm of how likely each ink is one digit, (N,) float64, at most 0."""


@dataclass(frozen=True)
class _Cut:
    """A line from top to bottom.

    Attributes:
        column: Where it is in the middle row.
        slant: Columns per row.
        high: From the first ink on it to the last, in rows.
        hollow: How many of these are inside of a loop.
    """

    column: float
    slant: float
    high: int = 0
    hollow: int = 0


def may_be_several(digit: Digit, is_sure: bool) -> bool:
    """Whether a sign is so wide that it may be several digits, and not so wide that it is none."""
    return (
        MOST_WIDE * digit.box.height >= digit.box.width
        and digit.box.width >= (VERY_WIDE if is_sure else WIDE) * digit.box.height
    )


def split(digit: Digit, judge: Judge, *, is_alone: bool = False) -> list[Digit]:
    """The digits that a sign consists of, from left to right; the sign itself where no cut reads better.

    It is doubtful where cuts read nearly as well.
    """
    width = digit.ink.shape[1]
    cuts = [_Cut(-width, 0.0), *_cuts(digit.ink), _Cut(2.0 * width, 0.0)]
    if len(cuts) == 2:
        return [digit]
    parts = _parts(digit, cuts)
    judged = judge([part.ink for part in parts.values()])
    height, end = len(digit.ink), len(cuts) - 1
    likelihoods: dict[tuple[int, int], float] = {}
    best: dict[tuple[int, int], Digit] = {}
    for ((*ends, _), part), likelihood in zip(parts.items(), judged.tolist(), strict=True):
        step = (ends[0], ends[1])
        value = likelihood - (HIGH * cuts[step[0]].high + HOLLOW * cuts[step[0]].hollow) / height
        value -= _broad_cost(part)
        value -= 0.0 if step == (0, end) else _cost(part, height)
        if value > likelihoods.get(step, -np.inf):
            likelihoods[step], best[step] = value, part
    whole = likelihoods.pop((0, end), -np.inf)
    path, value = _best_path(likelihoods, len(cuts))
    least = whole + (GAIN_ALONE if is_alone and width <= BROADEST * height else GAIN)
    if not path or value <= least - DOUBT:
        return [digit]
    if value <= least:
        return [replace(digit, is_doubtful=True)]
    return [best[step] for step in path]


def _parts(digit: Digit, cuts: Sequence[_Cut]) -> dict[tuple[int, int, float], Digit]:
    """What lies between two cuts, by their numbers and by how much of the ink beyond them belongs to it."""
    end, stroke = len(cuts) - 1, stroke_pixels(digit.ink > 0.5)
    parts = {}
    for first in range(end):
        for last in range(first + 1, end + 1):
            is_whole = (first, last) == (0, end)
            for share in SHARED[: 1 if is_whole else None]:
                part = _between(digit, cuts[first], cuts[last], share * stroke)
                if part is not None and (is_whole or _is_digit_like(part, len(digit.ink))):
                    parts[first, last, share] = part
    return parts


def _broad_cost(part: Digit) -> float:
    ratio = part.box.width / part.box.height
    return min(MOST_NATS, BROADER_NATS * max(0.0, ratio - BROADER)) if ratio <= BROADEST else NO_DIGIT_NATS


def _cost(part: Digit, height: int) -> float:
    """Nats that speak against a part: it is one more, it is low, or some of it hangs not together with the rest."""
    labels, _ = ndimage.label(part.ink > 0.5, structure=EIGHT)
    areas = np.bincount(labels.ravel())[1:]
    stray = 1 - int(areas.max()) / int(areas.sum())
    low = max(0.0, LOWER - part.box.height / height)
    return PART_NATS + LOWER_NATS * low + STRAY_NATS * max(0.0, stray - STRAY_INK)


def _is_digit_like(part: Digit, height: int) -> bool:
    return NARROW * height <= part.box.width <= BROAD * height and part.box.height >= LOW * height


def _cuts(ink: Grey) -> list[_Cut]:
    """Where the ink is low, as between two digits that touch, from left to right."""
    height, width = ink.shape
    rows, columns = np.nonzero(ink > 0.5)
    first, last = round(CUT_MARGIN * height), width - round(CUT_MARGIN * height)
    found = []
    for slant in SLANTS:
        places = np.rint(columns + slant * (rows - (height - 1) / 2)).astype(int) + height
        upper, lower = np.full(width + 2 * height, height), np.full(width + 2 * height, -1)
        np.minimum.at(upper, places, rows)
        np.maximum.at(lower, places, rows)
        highs = np.maximum(lower - upper + 1, 0)[height : height + width]
        for column in range(max(1, first), min(width - 1, last)):
            is_low = highs[column] <= min(highs[column - 1], highs[column + 1])
            if is_low and highs[column] <= THROUGH * height:
                found.append(_Cut(column, slant, int(highs[column])))
    most = FEW_CUTS + round(MORE_CUTS * width / height)
    chosen: list[_Cut] = []
    for cut in sorted(found, key=lambda cut: (cut.high, abs(cut.slant), cut.slant, cut.column)):
        if all(abs(cut.column - other.column) >= NEXT_CUT * height for other in chosen) and len(chosen) < most:
            chosen.append(cut)
    mask = ink > 0.5
    inside = ndimage.binary_fill_holes(mask, EIGHT) & ~mask
    return sorted((_with_hollow(cut, inside) for cut in chosen), key=lambda cut: cut.column)


def _with_hollow(cut: _Cut, inside: Mask) -> _Cut:
    height, width = inside.shape
    rows = np.arange(height)
    columns = np.rint(cut.column - cut.slant * (rows - (height - 1) / 2)).astype(int)
    is_there = (columns >= 0) & (columns < width)
    return replace(cut, hollow=int(inside[rows[is_there], columns[is_there]].sum()))


def _between(digit: Digit, left: _Cut, right: _Cut, share: float) -> Digit | None:
    """The ink between two cuts; None where there is hardly any."""
    height, width = digit.ink.shape
    rows, columns = np.mgrid[0:height, 0:width]
    lean = rows - (height - 1) / 2
    inside = columns + left.slant * lean > left.column - share
    inside &= columns + right.slant * lean <= right.column + share
    ink = np.where(inside, digit.ink, np.float32(0))
    dark = ink > 0.5
    if dark.sum() < 6:
        return None
    down, across = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    cut = ink[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    top, first = digit.box.top + int(down[0]), digit.box.left + int(across[0])
    return Digit(Box(top, first, top + cut.shape[0], first + cut.shape[1]), cut, is_doubtful=True)


def _best_path(likelihoods: dict[tuple[int, int], float], count: int) -> tuple[list[tuple[int, int]], float]:
    """The steps from the first cut to the last with the largest sum, and that sum."""
    best = [0.0] + [-np.inf] * (count - 1)
    steps: list[tuple[int, int] | None] = [None] * count
    for last in range(1, count):
        for first in range(last):
            value = best[first] + likelihoods.get((first, last), -np.inf)
            if value > best[last]:
                best[last], steps[last] = value, (first, last)
    path: list[tuple[int, int]] = []
    place = count - 1
    while place and (step := steps[place]) is not None:
        path.insert(0, step)
        place = step[0]
    return path, best[-1]
