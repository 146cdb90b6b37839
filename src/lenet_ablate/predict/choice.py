"""Of several ways to take ruled lines away, at each place the one whose signs read best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.digits import Digit, Found
from lenet_ablate.predict.pictures import Grey

SAME_PLACE = 0.25  # of the smaller box: signs that share as much stand in one place
BETTER = 0.3  # nats by which another way must read better than the first
MAIN, SURELY = 0.6, -0.6  # of a sign's height: its largest piece, and how well that reads alone, to be taken for all
ALIKE_NATS, ALONE_NATS = 1.0, -1.0  # where a whole reads better by no more, and its piece so well, it is doubtful
LOST = 3.0  # nats that a sign costs where the other way has nothing, if it is surely a digit

Likelihoods = npt.NDArray[np.float64]
Judge = Callable[[Sequence[Grey]], Likelihoods]
"""The logarithm of how likely each ink is one digit, (N,) float64, at most 0."""


def best_of(ways: Sequence[Found], judge: Judge) -> Found:
    """What stands in a picture, at each place as the way says that reads best there.

    Args:
        ways: What was found, at least once; the first one counts where others read no better.
        judge: Tells how well ink reads.
    """
    best = ways[0]
    for other in ways[1:]:
        best = _joined(best, other, judge)
    return best


def with_loners(found: Found, apart: Found, judge: Judge) -> Found:
    """What was found, but for signs whose largest piece alone is surely a digit and all of their pieces are not.

    Where the piece reads nearly as well the sign is doubtful.

    Args:
        found: Signs of one piece or of several that are near each other.
        apart: The same pieces, each a sign of its own or left out.
        judge: Tells how well ink reads.
    """
    pairs = []
    for sign in found.digits:
        inside = [other for other in apart.digits if _is_in(other.box, sign.box)]
        largest = max(inside, key=lambda other: other.box.height * other.box.width, default=None)
        if largest is not None and largest.box != sign.box and largest.box.height >= MAIN * sign.box.height:
            pairs.append((sign, largest, inside))
    if not pairs:
        return found
    values = judge([digit.ink for sign, largest, _ in pairs for digit in (sign, largest)]).reshape(-1, 2)
    digits, left_out = list(found.digits), list(found.left_out)
    for (sign, _, inside), (whole, alone) in zip(pairs, values.tolist(), strict=True):
        if alone >= SURELY and alone > whole + BETTER:
            digits = [digit for digit in digits if digit is not sign] + inside
            left_out += [mark for mark in apart.left_out if mark not in left_out and _is_in(mark.box, sign.box)]
        elif alone >= ALONE_NATS and alone > whole - ALIKE_NATS:
            digits = [replace(digit, is_doubtful=True) if digit is sign else digit for digit in digits]
    return replace(found, digits=tuple(digits), left_out=tuple(left_out))


def _joined(one: Found, other: Found, judge: Judge) -> Found:
    places = [(mine, theirs) for mine, theirs in _places(one.digits, other.digits) if not _are_same(mine, theirs)]
    if not places:
        return one
    signs = [digit for mine, theirs in places for digit in (*mine, *theirs)]
    values = dict(zip(map(id, signs), judge([digit.ink for digit in signs]).tolist(), strict=True))
    digits, left_out = list(one.digits), list(one.left_out)
    for mine, theirs in places:
        if _value(theirs, mine, values) <= _value(mine, theirs, values) + BETTER:
            continue
        digits = [digit for digit in digits if not any(digit is old for old in mine)] + list(theirs)
        left_out += [mark for mark in other.left_out if any(_is_at(mark.box, old.box) for old in mine)]
        left_out = [mark for mark in left_out if not any(_is_at(mark.box, new.box) for new in theirs)]
    return replace(one, digits=tuple(digits), left_out=tuple(left_out))


def _value(signs: Sequence[Digit], others: Sequence[Digit], values: dict[int, float]) -> float:
    """How likely all signs of a place are digits; what only the other way has, and may be a digit, counts as lost."""
    lost = [other for other in others if not any(_is_at(sign.box, other.box) for sign in signs)]
    return sum(values[id(sign)] for sign in signs) - sum(max(0.0, LOST + values[id(sign)]) for sign in lost)


def _places(one: Sequence[Digit], other: Sequence[Digit]) -> list[tuple[list[Digit], list[Digit]]]:
    """The signs of both ways that stand in the same place, directly or through others."""
    places: list[tuple[list[Digit], list[Digit]]] = []
    for side, signs in enumerate((one, other)):
        for sign in signs:
            near = [place for place in places if any(_is_at(sign.box, there.box) for part in place for there in part)]
            joined: tuple[list[Digit], list[Digit]] = ([], [])
            for place in near:
                joined[0].extend(place[0])
                joined[1].extend(place[1])
            joined[side].append(sign)
            places = [place for place in places if not any(place is old for old in near)] + [joined]
    return places


def _are_same(mine: Sequence[Digit], theirs: Sequence[Digit]) -> bool:
    return len(mine) == len(theirs) == 1 and mine[0].box == theirs[0].box and np.array_equal(mine[0].ink, theirs[0].ink)


def _is_in(one: Box, other: Box) -> bool:
    return one.join(other) == other


def _is_at(one: Box, other: Box) -> bool:
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    across = min(one.right, other.right) - max(one.left, other.left)
    smaller = min(one.height * one.width, other.height * other.width)
    return down > 0 and across > 0 and down * across >= SAME_PLACE * smaller
