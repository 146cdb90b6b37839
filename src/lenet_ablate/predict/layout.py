"""What stands where in a picture: signs in rows, ruled lines apart from them, and ink that is left out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from lenet_ablate.predict.choice import Judge, best_of, with_loners
from lenet_ablate.predict.digits import Digit, Found, find_digits
from lenet_ablate.predict.ink import Ink, find_ink
from lenet_ablate.predict.pictures import Picture
from lenet_ablate.predict.pieces import LeftOut
from lenet_ablate.predict.rows import in_rows
from lenet_ablate.predict.ruling import Ruling, find_lines, without_lines
from lenet_ablate.predict.sheet import on_paper

SMALL_WRITING = 26.0  # pixels: writing that is looked at again where the picture has more of them


@dataclass(frozen=True)
class Layout:
    """A picture's writing.

    Attributes:
        picture: Where it was found; boxes are in pixels of its `grey`.
        rows: Signs that may be digits, from top to bottom and from left to right.
        left_out: Ink that is no part of them.
        ruling: The ruled lines.
        size: The writing's usual size in pixels.
    """

    picture: Picture
    rows: tuple[tuple[Digit, ...], ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    ruling: Ruling = Ruling()
    size: float = 0.0


def find_layout(picture: Picture, judge: Judge | None = None) -> Layout:
    """The signs of a picture in the order in which they are read; small writing is looked for with more pixels."""
    found = _layout(on_paper(picture), judge)
    if picture.finer is None or not 0 < found.size < SMALL_WRITING:
        return found
    return _layout(on_paper(dataclasses.replace(picture, grey=picture.finer, finer=None)), judge)


def _layout(picture: Picture, judge: Judge | None) -> Layout:
    ink = find_ink(picture)
    if ink is None:
        return Layout(picture)
    ruling = find_lines(ink)
    ways = without_lines(ink, ruling)
    found = _found(ways[0], judge)
    if judge:
        found = best_of([found, *(_found(way, judge) for way in ways[1:])], judge)
    bars = {number for number, digit in enumerate(found.digits) if digit.is_bar}
    rows = in_rows([digit.box for digit in found.digits], found.size, bars)
    signs = tuple(tuple(found.digits[number] for number in row) for row in rows)
    return Layout(picture, signs, found.left_out, ruling, found.size)


def _found(ink: Ink, judge: Judge | None) -> Found:
    found = find_digits(ink)
    return with_loners(found, find_digits(ink, near=-1), judge) if judge else found
