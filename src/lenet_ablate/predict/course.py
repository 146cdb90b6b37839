"""Where exactly a line runs, also where strokes lie in it: a curve through its pieces, carried on to its ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.ink import Mask
from lenet_ablate.predict.lines import Line, Runs
from lenet_ablate.predict.strokes import runs

ROUNDS = 4  # of fits, each without what strays
STRAY, LEAST = 2.5, 1.03  # times the usual distance from the curve, or pixels: how far what counts lies off
LEAST_BENT = 60  # columns: a shorter line is straight
NEAR_LINE, WAVER = 0.77, 1.5  # pixels beyond half its thickness, plus so many times the usual distance: a line's own
PAPER_AFTER = 2.0  # strokes: a line ends where as much paper follows
THICKER, PIXELS = 1.35, 0.8  # of its thickness, plus these: where the ink is higher a stroke lies in the line

Floats = npt.NDArray[np.float64]


def refined(line: Line, mask: Mask, labels: Runs, down: Runs, stroke: float) -> Line:
    """The line as its own pixels say that it runs; what strokes add to its pieces has no say.

    Args:
        line: As its pieces were joined.
        mask: (H, W) bool, ink.
        labels: Of the pieces' pixels.
        down: Of each pixel the length of its run of ink along the column.
        stroke: In pixels.
    """
    rows, columns = np.nonzero(np.isin(labels, line.segments))
    x, y = (columns - line.first) / max(1, line.length - 1), rows.astype(np.float64)
    kept = np.ones(len(x), bool)
    for _ in range(ROUNDS):
        start, slope, square = map(_exact, _fitted(x[kept], y[kept], line.length >= LEAST_BENT))
        away = np.abs(y - (start + x * (slope + x * square)))
        usual = _exact(float(np.median(away[kept])))
        kept = away <= max(LEAST, STRAY * usual)
    thickness = float(np.median(down[rows[kept], columns[kept]]))
    whole = dataclasses.replace(
        line, start=start, end=start + slope + square, bend=-square, waver=usual, thickness=thickness
    )
    return _carried_on(whole, mask, stroke)


def _fitted(x: Floats, y: Floats, is_bent: bool) -> tuple[float, float, float]:
    """The factors of 1, x and x² with the least squares, by orthogonal polynomials."""
    middle, height = float(x.mean()), float(y.mean())
    first = x - middle
    spread = float((first**2).sum())
    if spread < 1e-9:
        return height, 0.0, 0.0
    slope = float((first * y).sum()) / spread
    if not is_bent:
        return height - slope * middle, slope, 0.0
    lean, level = float((first**3).sum()) / spread, spread / len(x)
    second = first**2 - level - lean * first
    square = float((second * y).sum()) / max(1e-9, float((second**2).sum()))
    factor = slope - square * (2 * middle + lean)
    return height - slope * middle + square * (middle**2 - level + lean * middle), factor, square


def _exact(value: float) -> float:
    """To a millionth, so that a line between two rows of pixels lies there whatever the order of the sums."""
    return float(np.rint(value * 1e6) / 1e6)


def _carried_on(line: Line, mask: Mask, stroke: float) -> Line:
    """The line with the ink beyond its ends that runs on as it does."""
    height, width = mask.shape
    reach, most = line.thickness / 2 + NEAR_LINE, PAPER_AFTER * stroke

    def end(column: int, step: int) -> int:
        found = column
        while 0 <= column + step < width and abs(column + step - found) <= most:
            column += step
            middle = line.row(column)
            top, bottom = max(0, round(middle - reach)), min(height, round(middle + reach) + 1)
            if mask[top:bottom, column].any():
                found = column
        return found

    return line.between(end(line.first, -1), end(line.last, 1))


def pixels_of(lines: Sequence[Line], mask: Mask) -> Mask:
    """The pixels of refined level lines where ink goes on across for not much longer than they are thick."""
    height, down = len(mask), runs(mask)
    own = np.zeros(mask.shape, bool)
    for line in lines:
        columns = np.arange(line.first, line.last + 1)
        middles = line.row(columns)
        reach = line.thickness / 2 + NEAR_LINE + WAVER * line.waver
        tops = np.floor(middles - reach).astype(int)
        near = []
        for away in range(int(2 * reach) + 3):
            rows = tops + away
            is_near = (np.abs(rows - middles) <= reach) & (rows >= 0) & (rows < height)
            near.append((rows[is_near], columns[is_near]))
        y, x = (np.concatenate(places) for places in zip(*near, strict=True))
        y, x = y[mask[y, x]], x[mask[y, x]]
        high = down[y, x]
        low = high[high <= THICKER * line.thickness + PIXELS]
        if len(low):
            is_alone = high <= THICKER * float(np.median(low)) + PIXELS
            own[y[is_alone], x[is_alone]] = True
    return own
