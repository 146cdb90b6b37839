"""What may be a ruled line in a picture's ink: what runs on for long, straight, level and thin.

Pixels whose run of ink across is short are a line's own; where a stroke crosses, the run is long (the run-length method
for staff lines, Carter and Bacon 1992, "Automatic recognition of printed music", section 3; compared with others by
Dalitz et al. 2008, IEEE Trans. PAMI 30, 753-766).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.ink import EIGHT, Mask
from lenet_ablate.predict.strokes import runs

THICKEST = 1.7  # of the usual stroke: a line is at most so thick, plus a pixel
LEVEL = 2.5  # strokes: what runs on level for less is no piece of a line
MAX_SLOPE = 0.2  # 11 degrees
STRAIGHT = 0.35  # of its thickness, plus 0.5 pixels and 0.4 % of its length: how far a piece's middle strays
GAP = 14.0  # strokes, or half of what there is already: how far a line's pieces lie apart where strokes cross
STRAY_AHEAD, FAR_STRAY = (
    0.06,
    0.04,
)  # of the gap: how far pieces that are nearer, or further apart, point past each other
FAR_PIECE = 8.0  # thicknesses: shorter pieces do not belong together over more than that
EMPTY, FAINT = 0.06, 0.3  # of the longer piece, or half a stroke: how much of that is paper; where lines are thin, or
# two strokes
THIN_LINE = 0.8  # strokes
MAX_SEGMENTS, MAX_LINES = 2000, 250  # pieces, and what they are joined to: more is a texture

Runs = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Line:
    """A line that runs level; of an upright one the picture is turned over its diagonal.

    Attributes:
        first: First column.
        last: Last column.
        start: Row of its middle in the first column.
        end: Row in the last one.
        thickness: In pixels, usual.
        segments: Numbers of its pieces.
        covered: Fraction of its columns that its pieces have, 0..1.
        bend: Four times how far its middle lies below the straight line between its ends.
        waver: How far its pixels usually lie off its middle, in rows.
    """

    first: int
    last: int
    start: float
    end: float
    thickness: float
    segments: tuple[int, ...]
    covered: float
    bend: float = 0.0
    waver: float = 0.0

    @property
    def length(self) -> int:
        """In columns."""
        return self.last - self.first + 1

    @overload
    def row(self, column: float) -> float: ...
    @overload
    def row(self, column: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]: ...
    def row(self, column: Any) -> Any:
        """The row of its middle in a column, or in several, also beyond its ends."""
        share = (column - self.first) / max(1, self.last - self.first)
        return self.start + share * (self.end - self.start + self.bend * (1 - share))

    def between(self, first: int, last: int) -> Line:
        """The part of it, or what goes on beyond it, between two columns."""
        scale = (last - first) / max(1, self.last - self.first)
        bend = self.bend * scale**2
        return replace(self, first=first, last=last, start=self.row(first), end=self.row(last), bend=bend)


def candidates(mask: Mask, down: npt.NDArray[np.int32], stroke: float) -> tuple[list[Line], npt.NDArray[np.int32]]:
    """What may be a level line, and the label of each pixel of a piece."""
    thin = mask & (down <= THICKEST * stroke + 1)
    wide = thin.copy()
    wide[1:] |= thin[:-1]
    wide[:-1] |= thin[1:]
    level = thin & (max(5.0, LEVEL * stroke) <= runs(wide.T).T)
    labels, count = ndimage.label(level, structure=EIGHT)
    if not 0 < count <= MAX_SEGMENTS:
        return [], labels
    return _chained(_segments(labels, count, stroke), mask, stroke), labels


def _segments(labels: npt.NDArray[np.int32], count: int, stroke: float) -> list[Line]:
    """Pieces that are straight and nearly level, from left to right."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]

    def sums(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.bincount(numbers, weights=values, minlength=count + 1).astype(np.float64)

    x, y = columns.astype(np.float64), rows.astype(np.float64)
    area = np.maximum(sums(np.ones_like(x)), 1)
    mean_x, mean_y = sums(x) / area, sums(y) / area
    over_x, over_y = x - mean_x[numbers], y - mean_y[numbers]
    spread = np.maximum(sums(over_x**2), 1e-9)
    slope = sums(over_x * over_y) / spread
    strays = np.sqrt(sums((over_y - slope[numbers] * over_x) ** 2) / area)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        first, last = box[1].start, box[1].stop - 1
        length = last - first + 1
        thickness = area[number] / length
        is_straight = strays[number] <= STRAIGHT * thickness + 0.5 + 0.004 * length
        if length >= LEVEL * stroke and abs(slope[number]) <= MAX_SLOPE and is_straight:
            start, end = (float(mean_y[number] + slope[number] * (x - mean_x[number])) for x in (first, last))
            found.append(Line(first, last, start, end, float(thickness), (number,), 1.0))
    return sorted(found, key=lambda line: (line.first, line.start))


def _chained(segments: Sequence[Line], mask: Mask, stroke: float) -> list[Line]:
    """Pieces of one line joined over what crosses it, and over short gaps."""
    lines: list[Line] = []
    for segment in segments:
        best, nearest = None, np.inf
        for place, line in enumerate(lines):
            gap = segment.first - line.last - 1
            if gap < -2 * stroke:
                continue
            is_far = gap > max(GAP * stroke, 0.5 * line.length)
            thickest = max(line.thickness, segment.thickness)
            if is_far and min(line.length, segment.length) < FAR_PIECE * thickest:
                continue
            apart = abs(line.row(segment.first) - segment.start) + abs(segment.row(line.last) - line.end)
            limit = 2 * thickest + 1 + (FAR_STRAY if is_far else STRAY_AHEAD) * max(gap, 0)
            if apart > limit or gap + 4 * apart >= nearest:
                continue
            if _paper_between(line, segment, mask) <= _allowed(line, segment, stroke):
                best, nearest = place, gap + 4 * apart
        if best is None and len(lines) >= MAX_LINES:
            return []
        if best is None:
            lines.append(segment)
        else:
            lines[best] = _joined(lines[best], segment)
    return lines


def _allowed(line: Line, segment: Line, stroke: float) -> float:
    """How much paper may lie between: the bars of sevens in a row are as thick as strokes, faint lines are thinner."""
    is_thin = max(line.thickness, segment.thickness) <= THIN_LINE * stroke
    longer = max(line.length, segment.length)
    return max(2 * stroke, FAINT * longer) if is_thin else max(0.5 * stroke, EMPTY * longer)


def _paper_between(line: Line, segment: Line, mask: Mask) -> int:
    """In how many columns between two pieces nothing stands where the line would run."""
    columns = np.arange(line.last + 1, segment.first)
    if not columns.size:
        return 0
    shares = (columns - line.last) / (segment.first - line.last)
    rows = np.rint(line.end + shares * (segment.start - line.end)).astype(int)
    near = [mask[np.clip(rows + away, 0, len(mask) - 1), columns] for away in (-1, 0, 1)]
    return int((~np.any(near, axis=0)).sum())


def _joined(line: Line, segment: Line) -> Line:
    own, more = line.covered * line.length, float(segment.length)
    last = max(line.last, segment.last)
    end = segment.end if segment.last >= line.last else line.end
    thickness = (line.thickness * own + segment.thickness * more) / (own + more)
    covered = min(1.0, (own + more) / (last - line.first + 1))
    return Line(line.first, last, line.start, end, thickness, (*line.segments, *segment.segments), covered)
