"""Bars that part the fields of a form: equally high, equally broad and equally far apart; no ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lenet_ablate.predict.boxes import Box

SLIM = 3.0  # height over width
FEWEST = 4
ALIKE = 0.08  # of their height, and of the distance between them: how much bars differ at most
BARS_APART = 0.5  # of their height: how far apart they are at least


def comb_bars(boxes: Sequence[Box]) -> set[int]:
    """The numbers of the boxes that are bars of a comb.

    Args:
        boxes: Of signs, in any order.
    """
    found: set[int] = set()
    slim = [number for number, box in enumerate(boxes) if box.height >= SLIM * box.width]
    for number in slim:
        first = boxes[number]
        alike = sorted((other for other in slim if _is_alike(first, boxes[other])), key=lambda other: boxes[other].left)
        middles = np.array([(boxes[other].left + boxes[other].right) / 2 for other in alike])
        if len(alike) < FEWEST:
            continue
        gaps = np.diff(middles)
        usual = float(np.median(gaps))
        if usual >= BARS_APART * first.height and (np.abs(gaps - usual) <= ALIKE * usual + 1).all():
            found |= set(alike)
    return found


def _is_alike(one: Box, other: Box) -> bool:
    most = ALIKE * one.height + 1
    return abs(one.top - other.top) <= most and abs(one.bottom - other.bottom) <= most
