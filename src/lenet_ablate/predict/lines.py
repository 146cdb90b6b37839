"""Ruled lines, squares, boxes, tables and frames in a picture's ink: found, told from strokes, and taken away.

What runs on for long, straight, level and thin is a line. Pixels whose run of ink across a line is short are its own;
where a stroke crosses the run is long, and these pixels stay, so that the stroke stays whole (the run-length method for
staff lines, Carter and Bacon 1992, "Automatic recognition of printed music", section 3; compared with others by
Dalitz et al. 2008, IEEE Trans. PAMI 30, 753-766).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.ink import EIGHT, Ink, Mask
from lenet_ablate.predict.strokes import run_ends, runs, stroke_pixels

FAINTEST = 0.35  # of the usual ink's strength
THICK = 1.7  # of the usual stroke: a line is at most so thick, plus a pixel
LEVEL = 2.5  # strokes: what runs on level for less is no piece of a line
MAX_SLOPE = 0.2  # 11 degrees
STRAIGHT = 0.35  # of its thickness, plus 0.5 pixels and 0.4 % of its length: how far a piece's middle strays
GAP = 14.0  # strokes, or half of what there is already: how far a line's pieces lie apart where strokes cross
EMPTY, FAINT = 0.12, 0.3  # of the longer piece, or two strokes: how much of that is paper; where lines are thin
THIN = 0.8  # strokes
COVERED = 0.55  # of a line's length: its pieces
ALONE, ACROSS = 1.6, 1.15  # times the writing's size: length of a line that is alone; from edge to edge of the picture
UPRIGHT, MARGIN = 1.8, 1.5  # the same of lines that might be a 1
CELL = 1.1  # times the writing's size: a box that is smaller is a 0
WHOLE = 0.9  # of its box's side: a wall; the sides of a 0 are bent
CORNER = 1.5  # thicknesses, and 2 pixels: how near lines that meet come to each other
REMAINS = 3.0  # thicknesses, and 2 pixels: how far from lines that meet something is left of them
BESIDE = 2  # pixels to the sides where a stroke that crosses a line may go on
MEND = 6.0  # strokes: how far apart two ends of one sign stand on a line that its stroke ran in
MAX_SEGMENTS = 600  # more is a texture


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
    """

    first: int
    last: int
    start: float
    end: float
    thickness: float
    segments: tuple[int, ...]
    covered: float

    @property
    def length(self) -> int:
        """In columns."""
        return self.last - self.first + 1

    def row(self, column: float) -> float:
        """The row of its middle in a column, also beyond its ends."""
        share = (column - self.first) / max(1, self.last - self.first)
        return self.start + share * (self.end - self.start)


@dataclass(frozen=True)
class Ruling:
    """The lines of a picture.

    Attributes:
        level: From top to bottom.
        upright: From left to right; rows and columns are exchanged in each.
        mask: (H, W) bool, the pixels that are a line's alone; None where there is no line.
    """

    level: tuple[Line, ...] = ()
    upright: tuple[Line, ...] = ()
    mask: Mask | None = None


def find_lines(ink: Ink) -> Ruling:
    """The ruled lines of a picture; they may be paler than what is written."""
    mask = ink.strength > FAINTEST
    stroke = stroke_pixels(mask) if mask.any() else 0.0
    if not stroke:
        return Ruling()
    down, along = runs(mask), runs(mask.T)
    levels, level_labels = _candidates(mask, down, stroke)
    uprights, upright_labels = _candidates(mask.T, along, stroke)
    all_level = _painted(levels, level_labels, mask, down)
    all_upright = _painted(uprights, upright_labels, mask.T, along).T
    boxed = _boxed(levels, uprights, _writing(mask & ~all_level & ~all_upright, stroke).size)
    gone = _painted(boxed[0], level_labels, mask, down) | _painted(boxed[1], upright_labels, mask.T, along).T
    writing = _writing(mask & ~all_level & ~gone, stroke)
    level = [line for line in levels if line in boxed[0] or _is_long(line, writing, mask.shape[1], ACROSS, ALONE)]
    gone |= _painted(level, level_labels, mask, down)
    writing = max(_writing(mask & ~gone & ~all_upright, stroke), _writing(mask & ~gone, stroke))
    upright = [line for line in uprights if line in boxed[1] or _is_long(line, writing, mask.shape[0], MARGIN, UPRIGHT)]
    level, upright = _with_held(levels, uprights, level, upright, writing.size)
    if not (level or upright):
        return Ruling()
    removed = _painted(level, level_labels, mask, down)
    removed |= _painted(upright, upright_labels, mask.T, along).T
    removed = _mended(mask, removed, level, stroke)
    removed = _mended(mask.T, removed.T, upright, stroke).T
    removed |= _crumbs(mask & ~removed, level)
    removed |= _crumbs((mask & ~removed).T, upright).T
    removed |= _corners(mask & ~removed, level, upright)
    return Ruling(tuple(level), tuple(upright), removed)


def without_lines(ink: Ink, ruling: Ruling) -> Ink:
    """The ink that is no line's; beside strokes nothing of a line's grey edge is left."""
    if ruling.mask is None:
        return ink
    mask = ink.mask & ~ruling.mask
    edge = ndimage.binary_dilation(ruling.mask, EIGHT, iterations=2) & ~mask
    return Ink(np.where(edge, np.float32(0), ink.strength), mask)


def _candidates(mask: Mask, down: npt.NDArray[np.int32], stroke: float) -> tuple[list[Line], npt.NDArray[np.int32]]:
    """What may be a level line, and the label of each pixel of a piece."""
    thin = mask & (down <= THICK * stroke + 1)
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
            if not -2 * stroke <= gap <= max(GAP * stroke, 0.5 * line.length):
                continue
            apart = abs(line.row(segment.first) - segment.start) + abs(segment.row(line.last) - line.end)
            limit = 2 * max(line.thickness, segment.thickness) + 1 + 0.06 * max(gap, 0)
            if apart > limit or gap + 4 * apart >= nearest:
                continue
            if _paper_between(line, segment, mask) <= _allowed(line, segment, stroke):
                best, nearest = place, gap + 4 * apart
        if best is None:
            lines.append(segment)
        else:
            lines[best] = _joined(lines[best], segment)
    return lines


def _allowed(line: Line, segment: Line, stroke: float) -> float:
    """How much paper may lie between: the bars of sevens in a row are as thick as strokes, faint lines are thinner."""
    is_thin = max(line.thickness, segment.thickness) <= THIN * stroke
    return max(2 * stroke, (FAINT if is_thin else EMPTY) * max(line.length, segment.length))


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


@dataclass(frozen=True, order=True)
class Writing:
    """What is left without lines: the usual size of pieces that are not small beside the largest; how many these are."""

    size: float
    count: int


def _writing(rest: Mask, stroke: float) -> Writing:
    labels, _ = ndimage.label(rest, structure=EIGHT)
    sizes = np.array([max(y.stop - y.start, x.stop - x.start) for y, x in ndimage.find_objects(labels)])
    sizes = np.sort(sizes[sizes >= 3 * stroke]) if sizes.size else sizes
    if not sizes.size:
        return Writing(0.0, 0)
    large = sizes[sizes >= 0.4 * sizes[-max(1, len(sizes) // 10)]]
    return Writing(float(large[(len(large) - 1) // 2]), len(large))


def _with_held(
    levels: Sequence[Line], uprights: Sequence[Line], level: list[Line], upright: list[Line], size: float
) -> tuple[list[Line], list[Line]]:
    """The lines among candidates, with those that others hold."""
    while True:
        more_level = [line for line in levels if line not in level and _is_held(line, upright, size)]
        more_upright = [line for line in uprights if line not in upright and _is_held(line, level, size)]
        if not (more_level or more_upright):
            return level, upright
        level, upright = level + more_level, upright + more_upright


def _is_long(line: Line, writing: Writing, side: int, across: float, alone: float) -> bool:
    if not writing.size or line.covered < COVERED:
        return False
    if line.first <= 2 and line.last >= side - 3:
        return line.length >= across * writing.size
    return line.length >= (alone if writing.count > 1 else 2 * alone) * writing.size


def _is_held(line: Line, across: Sequence[Line], size: float) -> bool:
    """Whether a line that is longer than the writing is high meets two lines, as the walls of a table's cells do."""
    return size > 0 and line.length >= CELL * size and sum(_meets(line, other) for other in across) > 1


def _meets(line: Line, other: Line) -> bool:
    """Whether a level line and an upright one, or the other way round, cross or come close to it."""
    near = CORNER * max(line.thickness, other.thickness) + 2
    column = other.row((line.start + line.end) / 2)
    row = line.row(column)
    return line.first - near <= column <= line.last + near and other.first - near <= row <= other.last + near


def _boxed(levels: Sequence[Line], uprights: Sequence[Line], size: float) -> tuple[list[Line], list[Line]]:
    """The walls of boxes that are larger than the writing."""
    tall = [line for line in uprights if line.length >= CELL * size]
    wide = [line for line in levels if line.length >= 0.5 * CELL * size]
    found_levels: list[Line] = []
    if not size:
        return [], []
    found_uprights: list[Line] = []
    for place, left in enumerate(tall):
        for right in tall[place + 1 :]:
            walls = [line for line in wide if _meets(line, left) and _meets(line, right)]
            rows = [line.start for line in walls]
            height, width = max(rows, default=0) - min(rows, default=0), right.start - left.start
            walls = [line for line in walls if line.length >= WHOLE * width]
            is_whole = min(left.length, right.length) >= WHOLE * height
            if len(walls) > 1 and height >= CELL * size and is_whole:
                found_levels += walls
                found_uprights += [left, right]
    return found_levels, found_uprights


def _painted(lines: Sequence[Line], labels: npt.NDArray[np.int32], mask: Mask, down: npt.NDArray[np.int32]) -> Mask:
    """The pixels of level lines alone: where ink goes on neither above and below nor for much longer than they do."""
    most = np.zeros(int(labels.max(initial=0)) + 1)
    for line in lines:
        most[list(line.segments)] = 1.5 * line.thickness + 1.5
    own: Mask = (labels > 0) & (down <= most[labels])
    if not own.any():
        return own
    first, last = run_ends(own)
    rest = np.pad(mask & ~own, ((1, 1), (BESIDE, BESIDE)))
    near = np.any([rest[:, away : away + mask.shape[1]] for away in range(2 * BESIDE + 1)], axis=0)
    columns = np.arange(mask.shape[1])
    crossed = near[first, columns] & near[last + 2, columns]
    painted: Mask = own & ~crossed
    return painted


def _mended(mask: Mask, removed: Mask, lines: Sequence[Line], stroke: float) -> Mask:
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


def _crumbs(rest: Mask, lines: Sequence[Line]) -> Mask:
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


def _corners(rest: Mask, level: Sequence[Line], upright: Sequence[Line]) -> Mask:
    """What is left where two lines meet: small pieces near both."""
    corners = np.zeros(rest.shape, bool)
    if not level or not upright:
        return corners
    labels, _ = ndimage.label(rest, structure=EIGHT)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        y, x = (rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2
        size = max(rows.stop - rows.start, columns.stop - columns.start)
        if any(_is_beside(line, x, y, size) for line in level) and any(
            _is_beside(line, y, x, size) for line in upright
        ):
            corners[rows, columns] |= labels[rows, columns] == number
    return corners


def _is_beside(line: Line, along: float, across: float, size: int) -> bool:
    near = REMAINS * line.thickness + 2
    is_within = line.first - near <= along <= line.last + near
    return size <= 2 * near and is_within and abs(line.row(along) - across) <= near
