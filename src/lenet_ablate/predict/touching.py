"""Digits that touch: cut where the parts read better than the whole.

Over-segmentation with recognition: cuts where the ink is low, every part between two cuts judged by the network,
and the path over the cuts with the largest likelihood (Casey and Lecolinet 1996, "A survey of methods and strategies in
character segmentation", IEEE Trans. PAMI 18, section III.B).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.digits import Digit
from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_pixels

WIDE = 1.0  # of its height: a sign that may be several
VERY_WIDE = 1.0  # the same of one that is read surely
MOST_WIDE = 6.0  # of its height: a dash
SLANTS = (-0.25, 0.0, 0.25)  # columns per row by which a cut leans
CUT_MARGIN = 0.1  # of the height: no cut is nearer to the sides
FEW_CUTS, MORE_CUTS = 3, 4  # plus as many for each height that the sign is wide
NEXT_CUT = 0.12  # of the height: cuts lie as far apart at least
THROUGH = 0.92  # of the height: where a cut goes the ink is lower
NARROW, BROAD = 0.08, 1.15  # of the height: a part's width
LOW = 0.55  # of the height: no part is lower
HIGH = 1.5  # nats that a cut costs where ink is as high as the whole
GAIN, GAIN_ALONE = 1.5, 3.0  # nats that the parts must win; of a picture's only sign, which is mostly one digit
SHARED = (0.0, 0.6)  # strokes: where two digits touch, both may have the ink
BROADER, BROADER_NATS = 1.05, 4.0  # of its height: a part that is broader loses so many nats for each height

Likelihoods = npt.NDArray[np.float64]
Judge = Callable[[Sequence[Grey]], Likelihoods]
"""The logarithm of how likely each ink is one digit, (N,) float64, at most 0."""


@dataclass(frozen=True)
class _Cut:
    """A line from top to bottom: its column in the middle row, its lean, and how high the ink is on it."""

    column: float
    slant: float
    high: int


def may_be_several(digit: Digit, is_sure: bool) -> bool:
    """Whether a sign is so wide that it may be several digits, and not so wide that it is none."""
    return (
        MOST_WIDE * digit.box.height >= digit.box.width
        and digit.box.width >= (VERY_WIDE if is_sure else WIDE) * digit.box.height
    )


def split(digit: Digit, judge: Judge, *, is_alone: bool = False) -> list[Digit]:
    """The digits that a sign consists of, from left to right; the sign itself where no cut reads better."""
    width = digit.ink.shape[1]
    cuts = [_Cut(-width, 0.0, 0), *_cuts(digit.ink), _Cut(2.0 * width, 0.0, 0)]
    if len(cuts) == 2:
        return [digit]
    parts = _parts(digit, cuts)
    judged = judge([part.ink for part in parts.values()])
    likelihoods: dict[tuple[int, int], float] = {}
    best: dict[tuple[int, int], Digit] = {}
    for (first, last, _), part, likelihood in zip(parts, parts.values(), judged, strict=True):
        value = float(likelihood) - HIGH * cuts[first].high / len(digit.ink)
        value -= BROADER_NATS * max(0.0, part.box.width / part.box.height - BROADER)
        if value > likelihoods.get((first, last), -np.inf):
            likelihoods[first, last], best[first, last] = value, part
    path, value = _best_path(likelihoods, len(cuts))
    whole = likelihoods.get((0, len(cuts) - 1), -np.inf)
    gain = GAIN_ALONE if is_alone else GAIN
    return [best[step] for step in path] if len(path) > 1 and value > whole + gain else [digit]


def _parts(digit: Digit, cuts: Sequence[_Cut]) -> dict[tuple[int, int, float], Digit]:
    """What lies between two cuts, by their numbers and by how much of the ink beyond them belongs to it."""
    height, stroke = len(digit.ink), stroke_pixels(digit.ink > 0.5)
    end = len(cuts) - 1
    parts = {}
    for first in range(end):
        for last in range(first + 1, end + 1):
            is_whole = (first, last) == (0, end)
            for share in SHARED[: 1 if is_whole else None]:
                part = _between(digit, cuts[first], cuts[last], share * stroke)
                if part is not None and (is_whole or _is_digit_like(part, height)):
                    parts[first, last, share] = part
    return parts


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
    return sorted(chosen, key=lambda cut: cut.column)


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
