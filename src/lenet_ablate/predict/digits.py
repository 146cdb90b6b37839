"""The digits in a picture's ink: pieces put together to what is one sign, each cut out without its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.comb import comb_bars
from lenet_ablate.predict.ink import EIGHT, Ink, Mask
from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.pieces import Labels, LeftOut, Piece, Pieces, Reason, find_pieces
from lenet_ablate.predict.strokes import stroke_width

MIN_HEIGHT, MIN_BOX = 0.5, 0.175  # of the writing's size, and its square: what is smaller is part of a sign near it
SLIM_HEIGHT, SLIM_RATIO = 0.7, 2.5  # of the writing's size, of its width: a 1, whose box is small
APART = 0.3  # of the writing's size: a sign of its own where nothing is near
NEAR = 0.15  # of a sign's size: how far off its pieces may lie
TOWER = 1.35  # times the writing's size: higher are two signs, one above the other
WIDEST, MIN_SURE = 1.5, 0.5  # width over height of a digit, and its part of the writing's size: no other is sure
HALO = 5  # pixels around a sign in which its grey edge lies
TOO_BROAD = 0.28  # stroke width of a digit's length: shadows and spots are broader, no digit is


@dataclass(frozen=True)
class Digit:
    """One sign as found in a picture.

    Attributes:
        box: Where it is, in the picture at working size.
        ink: (height, width) float32, 0..1, the ink of the box's pieces alone; 1 where it is densest.
        is_doubtful: Whether it is never sure, however it reads: some of it may be missing at the picture's edge, it was
            cut from what touches it, it is much smaller than the rest or broader than digits are.
        is_bar: Whether it is one of the equal bars of a form, and no 1.
    """

    box: Box
    ink: Grey
    is_doubtful: bool = False
    is_bar: bool = False


@dataclass(frozen=True)
class Found:
    """What stands in a picture.

    Attributes:
        digits: Signs that may be digits, in no order.
        left_out: Ink that belongs to none of them.
        size: The writing's usual size in pixels.
    """

    digits: tuple[Digit, ...]
    left_out: tuple[LeftOut, ...]
    size: float


def find_digits(ink: Ink, near: float = NEAR) -> Found:
    """What may be digits; nothing where the ink has no pieces that could be one.

    Args:
        ink: Without ruled lines.
        near: Of a sign's size: how far off its pieces may lie; below 0 every piece is a sign of its own.
    """
    pieces = find_pieces(ink)
    digits, left_out = [], list(pieces.left_out)
    groups, single = _group(pieces, near)
    left_out += [LeftOut(piece.box, Reason.small) for piece in single]
    for group in groups:
        digit = cut(ink, pieces, group)
        if stroke_width(digit.ink > 0.5) <= TOO_BROAD:
            digits.append(digit)
        elif not any(piece.at_edge for piece in group):
            left_out.append(LeftOut(digit.box, Reason.broad))
    bars = comb_bars([digit.box for digit in digits])
    digits = [replace(digit, is_bar=number in bars) for number, digit in enumerate(digits)]
    return Found(tuple(digits), tuple(left_out), pieces.size)


def _group(pieces: Pieces, distance: float) -> tuple[list[list[Piece]], list[Piece]]:
    """Signs as the pieces that make them up, and pieces too small to be one."""
    size = pieces.size
    big = [piece for piece in pieces.pieces if _is_big(piece.box, size)]
    groups: list[list[Piece]] = []
    boxes: list[Box] = []
    single = []
    for piece in pieces.pieces:
        near = [k for k, whole in enumerate(boxes) if piece.box.gap(whole) <= distance * max(whole.height, whole.width)]
        home = min(near, key=lambda k: piece.box.gap(boxes[k])) if near else None
        if home is not None and _is_big(piece.box, size) and _is_apart(piece.box, boxes[home], size, len(big)):
            home = None
        if home is not None:
            groups[home].append(piece)
            boxes[home] = boxes[home].join(piece.box)
        elif piece.size >= APART * size or not groups:
            groups.append([piece])
            boxes.append(piece.box)
        else:
            single.append(piece)
    return groups, single


def _is_big(box: Box, size: float) -> bool:
    is_slim = box.height >= SLIM_HEIGHT * size and box.height >= SLIM_RATIO * box.width
    return box.height >= MIN_HEIGHT * size and (is_slim or box.height * box.width >= MIN_BOX * size**2)


def _is_apart(box: Box, other: Box, size: float, num_big: int) -> bool:
    """Whether two large pieces that are near each other are two signs: side by side, or too high together."""
    return not box.is_above_or_below(other) or (num_big > 2 and box.join(other).height > TOWER * size)


def cut(ink: Ink, pieces: Pieces, group: list[Piece]) -> Digit:
    """A sign's ink without that of others, with its grey edge as far as its box goes."""
    box = group[0].box
    for piece in group:
        box = box.join(piece.box)
    there = pieces.labels[box.top : box.bottom, box.left : box.right]
    inside = np.isin(there, [piece.number for piece in group])
    is_odd = box.width > WIDEST * box.height or max(box.height, box.width) < MIN_SURE * pieces.size
    return Digit(box, soft(ink, box, inside, there), is_odd or any(piece.at_edge for piece in group))


def soft(ink: Ink, box: Box, inside: Mask, labels: Labels) -> Grey:
    """The strength of ink in a box, of some pixels and of the grey edge around them; 1 where it is densest."""
    halo = ndimage.binary_dilation(inside, EIGHT, iterations=HALO) & (inside | (labels == 0))
    strength = np.where(halo, ink.strength[box.top : box.bottom, box.left : box.right].clip(0, 1), 0)
    densest: Grey = (strength / strength.max()).astype(np.float32)  # a faint digit beside a dark one is a digit
    return densest
