"""The pieces that ink falls into, how large writing is, and what is left out, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.ink import EIGHT, Ink, Mask
from lenet_ablate.predict.pictures import Grey
from lenet_ablate.predict.strokes import stroke_pixels

MIN_AREA = 2e-5  # of the picture: what is smaller is dust
DUST, DOT = 0.1, 0.7  # of the writing's size: no part of a digit; of its strokes: a point, or much smaller writing
MIN_INNER = 0.15  # of the picture's shorter side: where ink inside is larger, ink at the edge is cut off
CUT = 2.5  # strokes, or 0.3 of its own size: as much of a digit may touch the edge; of what is cut off more does
SHADOW = 3.0  # times the usual stroke: shadows at the edge are broader
MAX_PIECES = 400  # the largest: a grid of digits of 20 pixels; with more, a pattern of dots would take minutes
PALE, NOISE = 0.1, 4.0  # of the usual ink's strength, and of the paper's standard deviation: what is pale is stronger
LEAST_PALE, MOST_PALE = 0.4, 2.5  # of the writing's size: pale pieces that one would miss
DARK = 0.5  # of the usual ink's strength: what the picture's edge cuts off, where shadows lie there, is as strong
INNER, ROUND = 0.25, 0.8  # of a piece's size: another one inside; of whose rows and columns has ink on both sides
NEAR_INK = 7  # pixels, side of the square around ink in which its grey edge lies

Labels = npt.NDArray[np.int32]


class Reason(Enum):
    """Why ink is left out."""

    edge = "at the edge"
    small = "too small"
    broad = "too broad"
    pale = "too pale"
    many = "among too many"
    around = "around others"


@dataclass(frozen=True)
class LeftOut:
    """Ink that is not read.

    Attributes:
        box: Where it is, in the picture at working size.
        reason: Why.
    """

    box: Box
    reason: Reason


@dataclass(frozen=True)
class Piece:
    """Ink that hangs together.

    Attributes:
        number: Its label.
        box: Where it is.
        at_edge: Whether it touches the picture's edge although other ink does not.
    """

    number: int
    box: Box
    at_edge: bool = False

    @property
    def size(self) -> int:
        """Its box's longer side in pixels."""
        return max(self.box.height, self.box.width)


@dataclass(frozen=True)
class Pieces:
    """The pieces of a picture's ink.

    Attributes:
        labels: (H, W) int32, the number of each pixel's piece, 0 of paper.
        pieces: Those that can be part of a digit, the largest boxes first.
        size: The writing's usual size in pixels, 0 where there is none.
        left_out: What was left out.
    """

    labels: Labels
    pieces: tuple[Piece, ...]
    size: float
    left_out: tuple[LeftOut, ...]


def find_pieces(ink: Ink) -> Pieces:
    """The pieces of ink; those that the picture's edge cuts off, that go around others, and pale ones, are left out."""
    labels, _ = ndimage.label(ink.mask, structure=EIGHT)
    found = _boxes(labels)
    around = _around(labels, found)
    found = [piece for piece in found if piece not in around]
    inner = [piece for piece in found if not _touches(piece.box, labels.shape)]
    is_inside = max((piece.size for piece in inner), default=0) >= MIN_INNER * min(labels.shape)
    size = usual_size(inner if is_inside else found)
    stroke = stroke_pixels(ink.mask) if found else 0.0
    kept, left_out = [], [LeftOut(piece.box, Reason.around) for piece in around]
    for piece in found:
        if not is_inside or not _touches(piece.box, labels.shape):
            kept.append(piece)
        elif not _is_cut(labels, piece, stroke):
            kept.append(Piece(piece.number, piece.box, at_edge=True))
        elif piece.size >= DUST * size and not _is_shadow(labels, piece, stroke):
            left_out.append(LeftOut(piece.box, Reason.edge))
    dots = [piece for piece in kept if DOT * stroke <= piece.size < DUST * size]
    left_out += [LeftOut(piece.box, Reason.small) for piece in dots]
    kept = [piece for piece in kept if piece.size >= DUST * size]
    kept.sort(key=lambda piece: -piece.box.height * piece.box.width)
    left_out += [LeftOut(piece.box, Reason.many) for piece in kept[MAX_PIECES:]]
    return Pieces(labels, tuple(kept[:MAX_PIECES]), size, (*left_out, *_unread(ink, size, stroke)))


def usual_size(pieces: list[Piece]) -> float:
    """The size that half of all ink's length belongs to pieces up to: neither dust nor one large blot moves it much."""
    sizes = np.sort([piece.size for piece in pieces])
    if not sizes.size:
        return 0.0
    lengths = np.cumsum(sizes)
    return float(sizes[np.searchsorted(lengths, lengths[-1] / 2)])


def _boxes(labels: Labels) -> list[Piece]:
    areas = np.bincount(labels.ravel())
    least = max(2, MIN_AREA * labels.size)
    return [
        Piece(number, Box(rows.start, columns.start, rows.stop, columns.stop))
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
        if areas[number] >= least
    ]


def _touches(box: Box, shape: tuple[int, ...]) -> bool:
    return box.top == 0 or box.left == 0 or box.bottom == shape[0] or box.right == shape[1]


def _around(labels: Labels, pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces that go around others, as a circle does around a digit."""
    boxes = [(piece.box.top, piece.box.left, -piece.box.bottom, -piece.box.right) for piece in pieces]
    places, sizes = np.array(boxes).reshape(-1, 4), np.array([piece.size for piece in pieces])
    found = []
    for piece, place in zip(pieces, places, strict=True):
        inner = np.flatnonzero((places > place).all(axis=1) & (sizes >= INNER * piece.size))
        if any(_surrounds(labels, piece, pieces[number]) for number in inner.tolist()):
            found.append(piece)
    return found


def _surrounds(labels: Labels, piece: Piece, other: Piece) -> bool:
    ink, box = _inside(labels, piece), other.box
    top, left = box.top - piece.box.top, box.left - piece.box.left
    bottom, right = top + box.height, left + box.width
    rows, columns = ink[top:bottom], ink[:, left:right]
    sides = rows[:, :left].any(axis=1) & rows[:, right:].any(axis=1)
    ends = columns[:top].any(axis=0) & columns[bottom:].any(axis=0)
    return bool(sides.mean() >= ROUND and ends.mean() >= ROUND)


def _is_cut(labels: Labels, piece: Piece, stroke: float) -> bool:
    """Whether more of a piece touches the picture's edge than the end of a stroke."""
    contact = sum(int((side == piece.number).sum()) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return contact > max(CUT * stroke, 0.3 * piece.size)


def _is_shadow(labels: Labels, piece: Piece, stroke: float) -> bool:
    return stroke_pixels(_inside(labels, piece)) > SHADOW * stroke


def _part(strength: Grey, box: Box) -> Grey:
    return strength[box.top : box.bottom, box.left : box.right]


def _inside(labels: Labels, piece: Piece) -> Mask:
    box = piece.box
    inside: Mask = labels[box.top : box.bottom, box.left : box.right] == piece.number
    return inside


def _unread(ink: Ink, size: float, stroke: float) -> list[LeftOut]:
    """What is no ink and looks written: paler than the rest, light where that is dark, or cut off where shadows lie."""
    if not size:
        return []
    paper = ~ndimage.maximum_filter(ink.mask, NEAR_INK, mode="constant")
    if not paper.any():
        return []
    noise = NOISE * float(ink.strength[paper].std())
    pale = paper & (ink.strength > max(PALE, noise))
    light = paper & (ink.strength < -max(DARK, noise))
    return [*_written(ink.strength, pale, size, stroke), *_written(-ink.strength, light, size, stroke)]


def _written(strength: Grey, mask: Mask, size: float, stroke: float) -> list[LeftOut]:
    """The pieces of a mask that are as large and as broad as what is written."""
    labels, _ = ndimage.label(mask, structure=EIGHT)
    found = []
    for piece in _boxes(labels):
        inside = _inside(labels, piece)
        is_flat = 2 * min(piece.box.height, piece.box.width) < stroke  # the grey edge of a ruled line
        is_seen = LEAST_PALE * size <= piece.size <= MOST_PALE * size and not is_flat
        if not is_seen or not stroke / 3 <= stroke_pixels(inside) <= 2 * stroke:
            continue
        if not _touches(piece.box, labels.shape):
            found.append(LeftOut(piece.box, Reason.pale))
        elif np.median(_part(strength, piece.box)[inside]) >= DARK:
            found.append(LeftOut(piece.box, Reason.edge))
    return found
