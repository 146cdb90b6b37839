"""The order in which signs are read: in rows from top to bottom, each from left to right; rows may slant."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from lenet_ablate.predict.boxes import Box

OVERLAP = 0.4  # of the lower one's height: neighbours in a row share as much
SMALL_SIGN = 0.5  # of the writing's size: a comma or a bar takes the row of what is near it
FLAT = 2.0  # times as far across as down: neighbours in a row rather than in a column
FAR = 5.0  # times the writing's size: no neighbours


@dataclass(frozen=True)
class _Place:
    """A box where the rows are level: its number, its middle across, and its upper and lower end."""

    number: int
    middle: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top


def in_rows(boxes: Sequence[Box], size: float, bars: Collection[int] = ()) -> list[list[int]]:
    """The numbers of boxes in the order in which they are read, row by row.

    Args:
        boxes: Of signs, in any order.
        size: The writing's usual size.
        bars: The numbers of those that are a form's print: they take the row of what is near them.
    """
    slant = _slant([box for number, box in enumerate(boxes) if number not in bars], size)
    places = []
    for number, box in enumerate(boxes):
        middle = (box.left + box.right) / 2
        places.append(_Place(number, middle, box.top - slant * middle, box.bottom - slant * middle))
    places.sort(key=lambda place: (place.middle, place.number))
    rows: list[list[_Place]] = []
    is_small = [place.height < SMALL_SIGN * size or place.number in bars for place in places]
    for place in itertools.compress(places, np.logical_not(is_small)):
        _add(rows, place)
    for place in itertools.compress(places, is_small):
        _add_small(rows, place, size)
    rows.sort(key=lambda row: float(np.median([place.top + place.bottom for place in row])))
    return [[place.number for place in sorted(row, key=lambda place: place.middle)] for row in rows]


def _add(rows: list[list[_Place]], place: _Place) -> None:
    """To the row whose last sign shares most of its height, or to a new one."""
    shares = [_shared(row[-1], place) for row in rows]
    if shares and max(shares) >= OVERLAP:
        rows[shares.index(max(shares))].append(place)
    else:
        rows.append([place])


def _shared(one: _Place, other: _Place) -> float:
    return (min(one.bottom, other.bottom) - max(one.top, other.top)) / max(1.0, min(one.height, other.height))


def _add_small(rows: list[list[_Place]], place: _Place, size: float) -> None:
    """To the row whose nearest sign is less than half the writing's size above or below."""
    away = []
    for row in rows:
        nearest = min(row, key=lambda other: abs(other.middle - place.middle))
        away.append(max(nearest.top - place.bottom, place.top - nearest.bottom, 0.0))
    if away and min(away) < SMALL_SIGN * size:
        rows[away.index(min(away))].append(place)
    else:
        rows.append([place])


def _slant(boxes: Sequence[Box], size: float) -> float:
    """How far rows fall from left to right, in rows per column: the median over neighbours side by side."""
    slopes = []
    middles = [((box.left + box.right) / 2, (box.top + box.bottom) / 2, box.height) for box in boxes]
    for x, y, height in middles:
        right = [
            (other_x - x, other_y - y)
            for other_x, other_y, other_height in middles
            if other_x - x > FLAT * abs(other_y - y)
            and other_x - x < FAR * size
            and min(height, other_height) > SMALL_SIGN * size
        ]
        if right:
            across, down = min(right, key=lambda step: step[0] + FLAT * abs(step[1]))
            slopes.append(down / across)
    return float(np.median(slopes)) if len(slopes) > 2 else 0.0
