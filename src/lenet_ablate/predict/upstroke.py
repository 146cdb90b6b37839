"""A 1 that begins with a stroke upwards, as much of the world writes it; MNIST has few, its networks read 7 or 4."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_pixels

SMALLEST = 12  # pixels: of a smaller sign nothing can be told
WIDEST_ONE = 0.85  # of its height
STRAIGHT_STEM = 0.45  # strokes: how far the stem's right edge strays from a straight line
RIGHT, LEFT = 0.2, 0.6  # columns per row: how far the stem leans
STEM = 1.9  # strokes: its breadth
FLAG, LOWEST = 0.1, 0.6  # of the height: how far the upstroke reaches to the left, and down
STEEP = 0.7  # rows per column: a 7's bar is more level
APEX = 2.0  # strokes: how near to the stem its top is, and how broad
LOOSE = 0.06  # of the rows below the upstroke may be broader or parted


def has_upstroke(ink: Grey) -> bool:
    """Whether a sign is a straight stem with a stroke that comes up to its top from the left, and nothing else.

    Args:
        ink: (height, width) 0..1, some of it above 0.5.
    """
    mask = ink > 0.5
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    mask = mask[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    height, width = mask.shape
    if not mask.any(axis=1).all() or width > WIDEST_ONE * height or height < SMALLEST:
        return False
    stroke = stroke_pixels(mask)
    rows = np.arange(height)
    left, right = mask.argmax(axis=1), width - 1 - mask[:, ::-1].argmax(axis=1)
    low = int(left[: round(LOWEST * height)].argmin())
    if not low > 0:
        return False
    stem = rows[round(0.08 * height) : round(0.94 * height)]
    over = stem - stem.mean()
    lean = float((over * right[stem]).sum() / (over**2).sum())
    edge = right[stem].mean() + lean * (rows - stem.mean())
    if not -LEFT <= lean <= RIGHT or float(np.abs(right[stem] - edge[stem]).mean()) > STRAIGHT_STEM * stroke:
        return False
    ends = rows[min(height - 1, round(low + stroke)) :]
    broad = (right[ends] - left[ends] + 1 > STEM * stroke) | (mask[ends].sum(axis=1) < right[ends] - left[ends] + 1)
    flag = edge[low] - left[low] - stroke
    if broad.mean() > LOOSE or len(ends) < (1 - LOWEST) * height / 2 or flag < FLAG * height:
        return False
    top = np.flatnonzero(mask[: max(1, round(stroke / 2))].any(axis=0))
    is_apex = top.min() >= edge[0] - APEX * stroke and np.ptp(top) < APEX * stroke
    runs = (np.diff(np.pad(mask[: low + 1], ((0, 0), (1, 1))).astype(np.int8), axis=1) > 0).sum(axis=1)
    is_apart = bool((np.diff(runs) >= 0).all()) and runs.max() <= 2
    steep = low / max(1.0, top.mean() - left[low])
    return bool(is_apex and is_apart and steep >= STEEP and _rises(left[: low + 1], stroke))


def _rises(left: npt.NDArray[np.int_], stroke: float) -> bool:
    """Whether the left edge goes to the left all the way down."""
    return float(np.maximum(0, np.diff(left)).sum()) <= stroke / 2
