"""Ruled paper: lines that are parallel, equally far apart and long, whatever is written on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.lines import Line

FEWEST_LINES = 3  # lines
LONG = 0.5  # of the picture: lines that tell of a grid
WHOLE_LINE = 0.75  # of the picture: upright ones, which might be three 1s
COVERED_LINE = 0.3  # of such a line
PARALLEL = 0.03  # rows per column
EVEN, MOST_UNEVEN = 0.12, 0.25  # of their distance: how far off lines may be; and how many of them may be
MOST_STEPS = 2  # times as many distances as lines were found between: the others are hidden
THICKER_LINE = 1.4  # of their usual thickness, plus a pixel


@dataclass(frozen=True)
class Grid:
    """Parallel lines at equal distances, through the picture.

    Attributes:
        offset: Row of one of them in column 0.
        slope: Rows per column.
        pitch: Rows from one to the next.
        thickness: Usual, in pixels.
    """

    offset: float
    slope: float
    pitch: float
    thickness: float

    def holds(self, line: Line) -> bool:
        """Whether a candidate, or a piece, lies where a line of the grid runs."""
        middle = (line.first + line.last) / 2
        places = (line.row(middle) - self.offset - self.slope * middle) / self.pitch
        off = abs(places - round(places)) * self.pitch
        is_thin = line.thickness <= THICKER_LINE * self.thickness + 1
        return is_thin and off <= EVEN * self.pitch + 1 and abs(_slope(line) - self.slope) <= 2 * PARALLEL


def find_grid(
    candidates: Sequence[Line], side: int, across: Grid | None = None, *, is_upright: bool = False
) -> Grid | None:
    """The grid of a picture's level lines, or of its upright ones.

    Args:
        candidates: What may be lines.
        side: Of the picture along the lines.
        across: The grid of the level lines, where upright ones are asked for.
        is_upright: Whether these are.
    """
    if is_upright and across is None:
        return None
    long = [line for line in candidates if line.length >= (WHOLE_LINE if is_upright else LONG) * side]
    long = [line for line in long if line.covered >= COVERED_LINE]
    if across:
        long = [line for line in long if line.thickness <= THICKER_LINE * across.thickness + 1]
    if len(long) < FEWEST_LINES:
        return None
    slope = float(np.median([_slope(line) for line in long]))
    long = [line for line in long if abs(_slope(line) - slope) <= PARALLEL]
    if len(long) < FEWEST_LINES:
        return None
    thickness = float(np.median([line.thickness for line in long]))
    offsets = sorted(line.row(side / 2) - slope * side / 2 for line in long)
    apart = offsets[:1]
    for offset in offsets:
        if offset - apart[-1] > 2 * thickness + 2:
            apart.append(offset)
    return _even(np.array(apart), slope, thickness) if len(apart) >= FEWEST_LINES else None


def _even(offsets: npt.NDArray[np.float64], slope: float, thickness: float) -> Grid | None:
    """The grid with the least distance that most offsets, in order, fit."""
    gaps = np.diff(offsets)
    for gap in sorted(gaps.tolist()):
        steps = np.maximum(1, np.rint(gaps / gap))
        places = np.concatenate([[0.0], np.cumsum(steps)])
        over = places - places.mean()
        pitch = float((over * offsets).sum()) / float((over**2).sum())
        off = np.abs(offsets - offsets.mean() - over * pitch)
        if steps.sum() > MOST_STEPS * len(gaps):
            continue
        if (off > EVEN * pitch + 1).mean() <= MOST_UNEVEN and (
            np.abs(gaps - steps * pitch) <= 2 * EVEN * pitch + 1
        ).all():
            return Grid(float(offsets.mean() - pitch * places.mean()), slope, pitch, thickness)
    return None


def _slope(line: Line) -> float:
    return (line.end - line.start) / max(1, line.length - 1)
