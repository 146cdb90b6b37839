"""Ruled paper: lines that are parallel, equally far apart and long, whatever is written on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet_ablate.predict.lines import Line

FEWEST = 3  # lines
LONG = 0.5  # of the picture: lines that tell of a grid
WHOLE = 0.9  # of the picture: upright ones, which might be three 1s
COVERED = 0.3  # of such a line
PARALLEL = 0.03  # rows per column
EVEN, MOST_UNEVEN = 0.12, 0.25  # of their distance: how far off lines may be; and how many of them may be
THICKER = 1.4  # of their usual thickness, plus a pixel


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
        is_thin = line.thickness <= THICKER * self.thickness + 1
        return is_thin and off <= EVEN * self.pitch + 1 and abs(_slope(line) - self.slope) <= 2 * PARALLEL


def find_grid(candidates: Sequence[Line], side: int, across: Grid | None = None, *, is_upright: bool = False) -> Grid | None:
    """The grid of a picture's level lines, or of its upright ones.

    Args:
        candidates: What may be lines.
        side: Of the picture along the lines.
        across: The grid of the level lines, where upright ones are asked for.
        is_upright: Whether these are.
    """
    if is_upright and across is None:
        return None
    long = [line for line in candidates if line.length >= (WHOLE if is_upright else LONG) * side]
    long = [line for line in long if line.covered >= COVERED]
    if across:
        long = [line for line in long if line.thickness <= THICKER * across.thickness + 1]
    if len(long) < FEWEST:
        return None
    slope = float(np.median([_slope(line) for line in long]))
    long = [line for line in long if abs(_slope(line) - slope) <= PARALLEL]
    if len(long) < FEWEST:
        return None
    offsets = np.sort([line.row(side / 2) - slope * side / 2 for line in long])
    return _even(offsets, slope, float(np.median([line.thickness for line in long])))


def _even(offsets: np.ndarray, slope: float, thickness: float) -> Grid | None:
    gaps = np.diff(offsets)
    pitch = float(np.median(gaps))
    if pitch < 2 * thickness + 2:
        return None
    steps = np.rint(gaps / pitch)
    if (np.abs(gaps - steps * pitch) > EVEN * pitch + 1).mean() > MOST_UNEVEN:
        return None
    places = np.concatenate([[0.0], np.cumsum(steps)])
    middle, mean = places.mean(), offsets.mean()
    spread = float(((places - middle) ** 2).sum())
    if not spread:
        return None
    pitch = float(((places - middle) * (offsets - mean)).sum()) / spread
    return Grid(float(mean - pitch * middle), slope, pitch, thickness)


def _slope(line: Line) -> float:
    return (line.end - line.start) / max(1, line.length - 1)
