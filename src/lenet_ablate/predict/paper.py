"""Drawing paper for images to learn from: lines of a pen, digits enlarged, other hands and other pens."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lenet_ablate.predict.pictures import Grey

SIDE = 84  # of the paper that is drawn on: three pixels for each of MNIST's
BENT_SIDE = 64
ROOM = 1.15  # times the paper's side is seen of it once it is bent
DARK = 60
MIN_INK = 12.0  # of 255, summed over the image and divided by 255: fewer is a dot

Random = np.random.Generator
Paper = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# Paper is bent by a grid of three nodes a side: its four pieces as boxes of the result, corners as the nodes' numbers.
_NODES = np.array([(x, y) for y in (-0.5, 0.0, 0.5) for x in (-0.5, 0.0, 0.5)])
_HALVES = ((0, BENT_SIDE // 2), (BENT_SIDE // 2, BENT_SIDE))
_PIECES = tuple(
    ((left, top, right, bottom), np.array([0, 3, 4, 1]) + 3 * row + column)
    for row, (top, bottom) in enumerate(_HALVES)
    for column, (left, right) in enumerate(_HALVES)
)


def box_of(paper: Paper) -> Paper:
    """The part that holds the ink; all of it where there is none."""
    dark = paper > DARK
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return paper[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else paper


def ink_of(paper: Paper) -> Grey | None:
    """The ink's box, 0..1; None where there is hardly any."""
    if paper.sum() < 255 * MIN_INK or paper.max() <= DARK:
        return None
    return (box_of(paper) / np.float32(255)).astype(np.float32)


def enlarged(image: Paper) -> Paper:
    """An image of a data set, three pixels for each."""
    side = image.shape[0] * 3
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def broader(paper: Paper, pixels: int) -> Paper:
    """The same drawn by a pen that is broader by so many pixels, or narrower where that is below 0."""
    widen = np.maximum if pixels > 0 else np.minimum
    for _ in range(abs(pixels)):
        rows = widen(paper[1:], paper[:-1])
        paper = np.pad(widen(rows[:, 1:], rows[:, :-1]), ((0, 1), (0, 1)))
    return paper


def bent(paper: Paper, matrix: Points, strength: float, random: Random) -> Paper:
    """Paper as another hand would have written it, (BENT_SIDE, BENT_SIDE).

    Args:
        paper: What is bent, about its middle.
        matrix: (2, 2), from places (x, y) of the result to places of the paper: turns, slants and stretches it.
        strength: How far the nodes of a grid are moved, as a part of the paper's side (standard deviation).
        random: Draws where they are moved.
    """
    height, width = paper.shape
    side = ROOM * max(height, width)
    places = _NODES @ matrix.T * side + (width / 2, height / 2) + random.normal(0, strength * side, _NODES.shape)
    pieces = [(box, tuple(places[nodes].ravel().tolist())) for box, nodes in _PIECES]
    image = Image.fromarray(np.ascontiguousarray(paper))
    size = BENT_SIDE, BENT_SIDE
    return np.asarray(image.transform(size, Image.Transform.MESH, pieces, Image.Resampling.BILINEAR))


def hand(degrees: float, slant: float, stretch: float, random: Random) -> Points:
    """A matrix for `bent` that turns by up to so many degrees, slants, and stretches both sides by up to so much."""
    wide, high = np.exp(random.uniform(-stretch, stretch, 2))
    slanted = np.array([[wide, random.uniform(-slant, slant)], [0, high]])
    return slanted @ rotation(math.radians(random.uniform(-degrees, degrees)))


def rotation(angle: float) -> Points:
    """The matrix that turns points (x, y) by an angle in radians, clockwise as pictures have y downwards."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def drawn(strokes: list[Points], pen: int) -> Paper:
    """Polylines (N, 2) of x and y on paper as large as they need, at least SIDE, with round ends and joints."""
    low = min(float(points.min()) for points in strokes)
    side = math.ceil(max(SIDE, max(float(points.max()) for points in strokes) - low + 2 * pen))
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    shift, half = max(0.0, pen - low), pen / 2
    for points in strokes:
        corners = [(x + shift, y + shift) for x, y in points.tolist()]
        draw.line(corners, fill=255, width=pen)
        for x, y in corners:  # faster than a joint="curve"
            draw.ellipse([x - half, y - half, x + half, y + half], fill=255)
    return np.asarray(image)


def rounded(points: Points, steps: int = 3) -> Points:
    """A smooth line through points (N, 2): the Catmull-Rom spline, with so many steps between two of them."""
    before = np.concatenate([[2 * points[0] - points[1]], points[:-1]])
    after = np.concatenate([points[1:], [2 * points[-1] - points[-2]]])
    slopes = (after - before) / 2
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    start, end = points[:-1], points[1:]
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - 2 * t**2 + t) * slopes[:-1]
        + (t**3 - t**2) * slopes[1:]
    )
    return np.concatenate([curve.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])
