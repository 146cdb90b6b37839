"""What stands on a stem and is no 1 or 7, whatever the network says: arrows, brackets, bows, what leans back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_pixels
from lenet_ablate.predict.upstroke import SMALLEST

UPPER, LOWER_STEM = 0.3, 0.7  # of the height: between them a stem is nothing else
FOOT = 0.85  # of the height: below it a 1 may have a bar
BESIDE_STEM = 1.15  # strokes: how far a 1 reaches to the right of its stem's line; 98 of 100 of MNIST's do not
BOW = 1.9  # strokes: how far it falls short of it; 99 of 100
LOW_BREADTH = 3.0  # strokes: a 1 between its middle and its foot; 99 of 100
BACK = 0.45  # columns per row: how far a 1 leans back; 99 of 100
BAR = 0.12  # of the height: a 7's bar, and what hangs from it, in strokes, to the right of its stem; all do not
HANGING = 2.2


def contradicts(digit: int | None, ink: Grey) -> bool:
    """Whether a sign's strokes say that it is not the digit that it reads as; of others than 1 and 7 they say nothing.

    Args:
        digit: As the network reads it.
        ink: (height, width) 0..1, some of it above 0.5.
    """
    if digit not in (1, 7):
        return False
    mask = ink > 0.5
    down = np.flatnonzero(mask.any(axis=1))
    mask = mask[down[0] : down[-1] + 1]
    if len(mask) < SMALLEST or not mask.any(axis=1).all():
        return False
    left, right = mask.argmax(axis=1), mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    stroke = stroke_pixels(mask)
    return _is_no_one(left, right, stroke) if digit == 1 else _hanging(right, stroke) > HANGING


def _is_no_one(left: npt.NDArray[np.int_], right: npt.NDArray[np.int_], stroke: float) -> bool:
    height = len(right)
    rows = np.arange(height)
    stem = rows[int(UPPER * height) : int(LOWER_STEM * height) + 1]
    over = stem - stem.mean()
    lean = float((over * right[stem]).sum() / (over**2).sum())
    upper = rows[: int(FOOT * height)]
    beside = right[upper] - (right[stem].mean() + lean * (upper - stem.mean()))
    low = slice(int(0.55 * height), int(FOOT * height))
    breadth = float((right - left + 1)[low].max())
    is_bent = float(beside.max()) > BESIDE_STEM * stroke or float(-beside.min()) > BOW * stroke
    return is_bent or breadth > LOW_BREADTH * stroke or lean > BACK


def _hanging(right: npt.NDArray[np.int_], stroke: float) -> float:
    """How far the right edge jumps back below the bar where it did not jump out before, in strokes."""
    edge = right[int(BAR * len(right)) :]
    high = max(1, round(stroke))
    if len(edge) <= high:
        return 0.0
    steps = edge[high:] - edge[:-high]
    back = int(steps.argmin())
    return float(-steps[back] - max(0, steps[: back + 1].max())) / stroke
