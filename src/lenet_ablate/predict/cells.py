"""Which cell of a table a sign stands in, counted by the ruled lines above it and to its left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.lines import Line
from lenet_ablate.predict.ruling import Ruling

DOUBLE = 0.5  # of the writing's size: lines that are nearer to each other are one
LONG = 0.4  # of the longest line: what is shorter parts no rows
OPEN = 0.5  # of the writing's size: how far lines across reach beyond the first one of a table without a frame


def cells_of(boxes: Sequence[Box], ruling: Ruling, size: float) -> list[tuple[int, int] | None]:
    """Row and column of each box's cell, from 0; None outside of a table, and for all where there is none.

    A table has two lines at least along one axis and one along the other.

    Args:
        boxes: Of signs.
        ruling: The picture's lines.
        size: The writing's usual size.
    """
    level, upright = _parting(ruling.level, size), _parting(ruling.upright, size)
    if not level or not upright or len(level) + len(upright) < 3:
        return [None] * len(boxes)
    found: list[tuple[int, int] | None] = []
    for box in boxes:
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        row = _interval(level, upright, x, y, size)
        column = _interval(upright, level, y, x, size)
        found.append(None if row is None or column is None else (row, column))
    return found


def _parting(lines: Sequence[Line], size: float) -> list[Line]:
    """The lines that part rows, from the first to the last; of double ones the longer."""
    longest = max((line.length for line in lines), default=0)
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: line.start + line.end):
        if line.length < LONG * longest:
            continue
        if kept and abs(line.start + line.end - kept[-1].start - kept[-1].end) < 2 * DOUBLE * size:
            kept[-1] = max(kept[-1], line, key=lambda line: line.length)
        else:
            kept.append(line)
    return kept


def _interval(lines: Sequence[Line], across: Sequence[Line], along: float, place: float, size: float) -> int | None:
    """Between which two lines a place lies, from 0."""
    before = sum(line.row(along) < place for line in lines)
    first, last = (float(np.median(ends)) for ends in ([a.first for a in across], [a.last for a in across]))
    is_open = lines[0].row(along) - first > OPEN * size
    ends_open = last - lines[-1].row(along) > OPEN * size
    if (before == 0 and not is_open) or (before == len(lines) and not ends_open):
        return None
    return before - (0 if is_open else 1)
