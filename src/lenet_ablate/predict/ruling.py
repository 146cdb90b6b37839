"""Ruled lines, squares, boxes, tables and frames: which candidates are lines, and no strokes of digits.

A line is longer than the writing is large, or holds a box or a table together with others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lenet_ablate.predict.course import pixels_of, refined
from lenet_ablate.predict.erase import corners, crumbs, mended, owned, uncrossed
from lenet_ablate.predict.grid import Grid, find_grid
from lenet_ablate.predict.ink import EIGHT, Ink, Mask
from lenet_ablate.predict.lines import THIN_LINE, Line, candidates
from lenet_ablate.predict.strokes import runs, stroke_pixels

FAINTEST = 0.25  # of the usual ink's strength
SMALL_PIECE = 0.2  # of the largest: it tells nothing of the writing
COVERED = 0.55  # of a line's length: its pieces
ALONE, ACROSS = 1.6, 1.15  # times the writing's size: length of a line that is alone; from edge to edge of the picture
UPRIGHT, MARGIN_LINE = 1.8, 1.5  # the same of lines that might be a 1
PENNED = 3.5  # times the writing's size: a line alone that is as broad as its strokes, which may be a 1 or a 7's bar
SEVERAL, FEW, HALF = 3, 1.6, 0.6  # pieces of more than a part of the usual size; times as long a line beside fewer
CELL = 1.1  # times the writing's size: a box that is smaller is a 0
WHOLE = 0.9  # of its box's side: a wall; the sides of a 0 are bent
LONGER = 3.0  # times as long as a stroke beside it is a line of a grid
CORNER = 1.5  # thicknesses, and 2 pixels: how near lines that meet come to each other


Paint = Callable[[Sequence[Line], Sequence[Line]], Mask]
"""The pixels that are alone those of level and upright lines."""


@dataclass(frozen=True)
class Ruling:
    """The lines of a picture.

    Attributes:
        level: From top to bottom.
        upright: From left to right; rows and columns are exchanged in each.
        masks: (H, W) bool each, the pixels that are a line's alone, in several ways; none where there is no line.
    """

    level: tuple[Line, ...] = ()
    upright: tuple[Line, ...] = ()
    masks: tuple[Mask, ...] = ()


def find_lines(ink: Ink) -> Ruling:
    """The ruled lines of a picture; they may be paler than what is written."""
    mask = ink.strength > FAINTEST
    stroke = stroke_pixels(mask) if mask.any() else 0.0
    if not stroke:
        return Ruling()
    down, along = runs(mask), runs(mask.T)
    levels, level_labels = candidates(mask, down, stroke)
    uprights, upright_labels = candidates(mask.T, along, stroke)

    def paint(level: Sequence[Line], upright: Sequence[Line]) -> Mask:
        own, other = owned(level, level_labels, down), owned(upright, upright_labels, along).T
        rest = mask & ~own & ~other
        return uncrossed(own, rest) | uncrossed(other.T, rest.T).T

    level, upright = _accepted(mask, stroke, levels, uprights, paint)
    if not (level or upright):
        return Ruling()
    level = [refined(line, mask, level_labels, down, stroke) for line in level]
    upright = [refined(line, mask.T, upright_labels, along, stroke) for line in upright]
    masks = tuple(_erased(seen, level, upright, stroke) for seen in (mask, ink.mask))
    return Ruling(tuple(level), tuple(upright), masks)


def _erased(mask: Mask, level: Sequence[Line], upright: Sequence[Line], stroke: float) -> Mask:
    """The pixels that are the lines' alone, as a mask shows them: faint ones too, or ink that is surely some."""
    own, other = pixels_of(level, mask), pixels_of(upright, mask.T).T
    rest = mask & ~own & ~other
    removed = uncrossed(own, rest) | uncrossed(other.T, rest.T).T
    removed = mended(mask, removed, level, stroke)
    removed = mended(mask.T, removed.T, upright, stroke).T
    removed |= crumbs(mask & ~removed, level)
    removed |= crumbs((mask & ~removed).T, upright).T
    removed |= corners(mask & ~removed, level, upright)
    return removed


def _accepted(
    mask: Mask, stroke: float, levels: Sequence[Line], uprights: Sequence[Line], paint: Paint
) -> tuple[list[Line], list[Line]]:
    """The candidates that are lines: by their length, or because lines that meet them hold them."""
    grid = find_grid(levels, mask.shape[1])
    columns = find_grid(uprights, mask.shape[0], grid, is_upright=True)
    levels, uprights = _without_strokes(levels, grid), _without_strokes(uprights, columns)
    ruled = (
        [line for line in levels if grid and grid.holds(line)],
        [line for line in uprights if columns and columns.holds(line)],
    )
    boxed = _walls(mask, stroke, levels, uprights, paint)
    boxed = [*boxed[0], *ruled[0]], [*boxed[1], *ruled[1]]
    gone = paint(*boxed)
    bare = mask & ~paint(levels, ()) & ~gone
    writing = _writing(bare, stroke)
    pen = _pen(bare)
    level = [
        line
        for line in levels
        if line in boxed[0] or _is_long(line, writing, mask.shape[1], ACROSS, _least(line, pen, ALONE))
    ]
    gone |= paint(level, ())
    rest = mask & ~gone & ~paint((), uprights)
    alone = _writing(rest, stroke)
    writing = max(alone, _writing(mask & ~gone, stroke))
    pen = _pen(rest)
    thin = mask.shape[1] if level else pen
    upright = [
        line
        for line in uprights
        if line in boxed[1]
        or _is_long(line, writing, mask.shape[0], MARGIN_LINE, _least(line, pen, UPRIGHT))
        or (line.thickness <= thin and _is_long(line, alone, mask.shape[0], MARGIN_LINE, np.inf))
    ]
    held = (
        [line for line in levels if not grid or grid.holds(line)],
        [line for line in uprights if not columns or columns.holds(line)],
    )
    return _with_held(*held, level, upright, alone.size)


def _without_strokes(lines: Sequence[Line], grid: Grid | None) -> list[Line]:
    """The candidates without strokes along a line of the grid and apart from it, as the bar of a 7 may run."""

    if grid is None:
        return list(lines)

    def is_along(line: Line, other: Line) -> bool:
        is_within = other.first <= line.first and line.last <= other.last and other.covered >= WHOLE
        if not is_within or other.length < LONGER * line.length:
            return False
        middle = (line.first + line.last) / 2
        apart = abs(line.row(middle) - other.row(middle))
        return bool((line.thickness + other.thickness) / 2 < apart < grid.pitch / 2)

    return [line for line in lines if not any(is_along(line, other) for other in lines)]


def _pen(rest: Mask) -> float:
    """The thickness up to which a line is thinner than the strokes of what is left."""
    return THIN_LINE * stroke_pixels(rest) if rest.any() else 0.0


def _least(line: Line, pen: float, thin: float) -> float:
    """How long a line alone is at least, in sizes of the writing."""
    return thin if line.thickness <= pen else PENNED


def without_lines(ink: Ink, ruling: Ruling) -> list[Ink]:
    """The ink that is no line's, at least once; beside strokes nothing of a line's grey edge is left."""
    return [_without(ink, removed) for removed in ruling.masks] or [ink]


def _without(ink: Ink, removed: Mask) -> Ink:
    mask = ink.mask & ~removed
    edge = ndimage.binary_dilation(removed, EIGHT, iterations=2) & ~mask
    return Ink(np.where(edge, np.float32(0), ink.strength), mask)


@dataclass(frozen=True, order=True)
class Writing:
    """What is left without lines: the usual size of pieces not small beside the largest, and how many these are."""

    size: float
    count: int


def _writing(rest: Mask, stroke: float) -> Writing:
    labels, _ = ndimage.label(rest, structure=EIGHT)
    sizes = np.array([max(y.stop - y.start, x.stop - x.start) for y, x in ndimage.find_objects(labels)])
    sizes = np.sort(sizes[sizes >= 3 * stroke]) if sizes.size else sizes
    if not sizes.size:
        return Writing(0.0, 0)
    large = sizes[sizes >= SMALL_PIECE * sizes[-max(1, len(sizes) // 10)]]
    usual = float(large[(len(large) - 1) // 2])
    return Writing(usual, int((large >= HALF * usual).sum()))


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
    return line.length >= (alone if writing.count >= SEVERAL else FEW * alone) * writing.size


def _is_held(line: Line, across: Sequence[Line], size: float) -> bool:
    """Whether a line that is longer than the writing is high meets two lines, as the walls of a table's cells do."""
    return size > 0 and line.length >= CELL * size and sum(_meets(line, other) for other in across) > 1


def _meets(line: Line, other: Line) -> bool:
    """Whether a level line and an upright one, or the other way round, cross or come close to it."""
    near = CORNER * max(line.thickness, other.thickness) + 2
    column = other.row((line.start + line.end) / 2)
    row = line.row(column)
    return line.first - near <= column <= line.last + near and other.first - near <= row <= other.last + near


def _walls(
    mask: Mask, stroke: float, levels: Sequence[Line], uprights: Sequence[Line], paint: Paint
) -> tuple[list[Line], list[Line]]:
    """The walls of boxes; what might be one is no writing at first, and is where it is none."""
    walls = _boxed(levels, uprights, _writing(mask & ~paint(levels, uprights), stroke).size, mask.shape)
    return _boxed(levels, uprights, _writing(mask & ~paint(*walls), stroke).size, mask.shape) if any(walls) else walls


def _boxed(
    levels: Sequence[Line], uprights: Sequence[Line], size: float, shape: tuple[int, ...]
) -> tuple[list[Line], list[Line]]:
    """The walls of boxes that are larger than the writing; one wall may be the picture's edge."""
    if not size:
        return [], []
    height, width = shape
    edges = [_edge(0, height), _edge(width - 1, height)]
    tall = [*(line for line in uprights if line.length >= CELL * size), *edges]
    wide = [line for line in levels if line.length >= 0.5 * CELL * size]
    found_levels: list[Line] = []
    found_uprights: list[Line] = []
    for left, right in itertools.combinations(sorted(tall, key=lambda line: line.start), 2):
        across = right.start - left.start
        walls = [line for line in wide if line.length >= WHOLE * across and _meets(line, left) and _meets(line, right)]
        real = [line for line in (left, right) if line not in edges]
        if len(real) == 2:
            walls += [edge for edge in (_edge(0, width), _edge(height - 1, width)) if _is_between(edge, left, right)]
        rows = [line.start for line in walls]
        high = max(rows, default=0) - min(rows, default=0)
        is_whole = bool(real) and min(line.length for line in real) >= WHOLE * high
        own = [line for line in walls if line in wide]
        if len(walls) > 1 and own and len(real) + min(len(own), 2) > 2 and high >= CELL * size and is_whole:
            found_levels += own
            found_uprights += real
    return found_levels, found_uprights


def _edge(place: int, length: int) -> Line:
    """A side of the picture as a line."""
    return Line(0, length - 1, place, place, 1.0, (), 1.0)


def _is_between(edge: Line, left: Line, right: Line) -> bool:
    """Whether two upright lines both end at an edge of the picture."""
    return all(min(abs(line.first - edge.start), abs(line.last - edge.start)) <= 2 for line in (left, right))
