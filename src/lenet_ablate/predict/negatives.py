"""Images of what is no digit, to learn from: made of digits themselves, drawn, and written in fonts.

Digits give fragments, pairs, pieces turned and mirrored; a pen gives strokes, lines, signs and shapes; the fonts that
come with matplotlib give letters. What a digit looks like (O, S, Z, an upright line, a turned 0, 1, 6, 8 or 9) is not
among them.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lenet_ablate.datasets.base import Images, Labels
from lenet_ablate.predict.form import Form, to_form
from lenet_ablate.predict.pictures import Grey

NEGATIVES_STREAM = 32  # of a run's seed
SIDE = 84  # of the paper that is drawn on: three pixels for each of MNIST's
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabdefhkmnprtuvwxy&@#%?"  # others look like digits
FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSansMono", "STIXGeneralItalic", "cmmi10", "cmss10")
QUARTER_TURNED = (2, 3, 4, 5, 7)
HALF_TURNED = (3, 4, 7)
MIRRORED = (3, 4, 6, 7, 9)
MIN_INK = 20.0  # of 255, summed over the image and divided by 255: fewer is a dot

Random = np.random.Generator
Paper = npt.NDArray[np.uint8]


def make_negatives(images: Images, labels: Labels, count: int, form: Form, random: Random) -> Images:
    """Images in a data set's form that show no digit.

    Args:
        images: (N, S, S) uint8, digits to be cut up.
        labels: (N,) uint8, what they are.
        count: How many are wanted.
        form: What they are brought to.
        random: Draws them.

    Returns:
        (count, size, size) uint8, 0 = background.
    """
    made: list[npt.NDArray[np.uint8]] = []
    while len(made) < count:
        make = MAKERS[len(made) % len(MAKERS)]
        paper = make(images, labels, random)
        ink = _cut(paper)
        if ink is not None:
            made.append(to_form(ink, form))
    return np.stack(made)


def varied(images: Images, form: Form, random: Random) -> Images:
    """Digits as other pens and hands have them: turned by up to 12 degrees, thinner or broader.

    Args:
        images: (N, S, S) uint8, 0 = background.
        form: What they are brought to.
        random: Draws the changes.

    Returns:
        (N, size, size) uint8.
    """
    made = []
    for image in images:
        large = _large(image)
        angle, kind = random.uniform(-12, 12), random.random()
        paper = np.asarray(Image.fromarray(large).rotate(angle, Image.Resampling.BILINEAR))
        if kind < 0.3:
            paper = ndimage.grey_erosion(paper, 3)
        elif kind < 0.6:
            paper = ndimage.grey_dilation(paper, int(random.integers(2, 5)))
        ink = next((ink for ink in (_cut(paper), _cut(large)) if ink is not None), None)
        made.append(np.zeros((form.size, form.size), np.uint8) if ink is None else to_form(ink, form))
    return np.stack(made)


def _cut(paper: Paper) -> Grey | None:
    """The ink's box, 0..1; None where there is hardly any."""
    if paper.sum() < 255 * MIN_INK:
        return None
    dark = paper > 60
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not len(rows):
        return None
    box = paper[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return (box / np.float32(255)).astype(np.float32)


def _one(images: Images, random: Random) -> Paper:
    """A digit, enlarged threefold."""
    return _large(images[random.integers(len(images))])


def _large(image: Images) -> Paper:
    side = image.shape[0] * 3
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def fragment(images: Images, labels: Labels, random: Random) -> Paper:
    """A digit on one side of a straight cut: 25 to 70 % of its ink."""
    paper = _one(images, random)
    y, x = np.mgrid[0 : paper.shape[0], 0 : paper.shape[1]]
    angle = random.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    inked = along[paper > 100]
    if not inked.size:
        return paper * 0
    return np.where(along < np.quantile(inked, random.uniform(0.25, 0.7)), paper, 0).astype(np.uint8)


def pair(images: Images, labels: Labels, random: Random) -> Paper:
    """Two or three digits that touch, side by side or, seldom, one above the other."""
    parts = [_box(_one(images, random)) for _ in range(2 if random.random() < 0.8 else 3)]
    if random.random() < 0.15:
        return np.ascontiguousarray(_beside([part.T for part in parts], random).T)
    return _beside(parts, random)


def _box(paper: Paper) -> Paper:
    rows, columns = np.flatnonzero((paper > 60).any(axis=1)), np.flatnonzero((paper > 60).any(axis=0))
    return paper[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else paper


def _beside(parts: list[Paper], random: Random) -> Paper:
    height = max(len(part) for part in parts) + 12
    wide = np.zeros((height, sum(part.shape[1] for part in parts) + 12), np.uint8)
    left = 0
    for part in parts:
        top = int(random.integers(0, height - len(part)))
        place = wide[top : top + len(part), left : left + part.shape[1]]
        np.maximum(place, part, out=place)
        left = max(0, left + part.shape[1] - int(random.integers(-2, 10)))
    return wide


def turned(images: Images, labels: Labels, random: Random) -> Paper:
    """A digit that is turned or mirrored so that it is none any more."""
    kind = int(random.integers(3))
    wanted = (QUARTER_TURNED, HALF_TURNED, MIRRORED)[kind]
    for _ in range(30):
        number = int(random.integers(len(images)))
        if int(labels[number]) in wanted:
            large = _large(images[number])
            turns = int(random.choice((1, 3))) if kind == 0 else 2
            return np.ascontiguousarray(large[:, ::-1] if kind == 2 else np.rot90(large, turns))
    return np.zeros((SIDE, SIDE), np.uint8)


def scribble(images: Images, labels: Labels, random: Random) -> Paper:
    """A line that wanders about."""
    steps = random.normal(0, 1, (int(random.integers(6, 45)), 2))
    if random.random() < 0.5:
        steps = steps + 0.6 * np.roll(steps, 1, axis=0)
    points = np.cumsum(steps, axis=0)
    points = (points - points.min(axis=0)) / max(float(np.ptp(points)), 1e-6) * 64 + 10
    return _drawn([points], _pen(random))


def stroke(images: Images, labels: Labels, random: Random) -> Paper:
    """A bar that is not upright, a hook or a wave."""
    kind = random.random()
    if kind < 0.5:
        angle = math.radians(random.uniform(-50, 50))
        bend = random.uniform(-0.15, 0.15)
        t = np.linspace(-1, 1, 9)
        points = np.stack([t, bend * (1 - t**2)], axis=1) @ _rotation(angle).T * 34 + 42
        return _drawn([points], _pen(random))
    t = np.linspace(0, 1, 14)
    waves = random.uniform(0.8, 3)
    wave = np.stack([t * 2 - 1, random.uniform(0.15, 0.5) * np.sin(2 * math.pi * waves * t)], axis=1)
    return _drawn([wave @ _rotation(math.radians(random.uniform(-40, 40))).T * 32 + 42], _pen(random))


def sign(images: Images, labels: Labels, random: Random) -> Paper:
    """Signs of arithmetic, brackets, arrows, boxes and circles with a cross, by hand."""
    shapes = SIGNS[int(random.integers(len(SIGNS)))]
    matrix = _rotation(math.radians(random.uniform(-12, 12))) @ np.diag(random.uniform(0.75, 1.25, 2))
    matrix = matrix @ np.array([[1, random.uniform(-0.25, 0.25)], [0, 1]])
    strokes = []
    for shape in shapes:
        points = np.asarray(shape, float) + random.normal(0, 0.05, (len(shape), 2))
        strokes.append(points @ matrix.T * 28 + 42)
    return _drawn(strokes, _pen(random))


def letter(images: Images, labels: Labels, random: Random) -> Paper:
    """A letter of one of matplotlib's fonts, slanted, stretched and bent; a sign where there are no fonts."""
    faces = _faces()
    if not faces:
        return sign(images, labels, random)
    face = faces[int(random.integers(len(faces)))]
    image = Image.new("L", (2 * SIDE, 2 * SIDE))
    text = LETTERS[int(random.integers(len(LETTERS)))]
    draw = ImageDraw.Draw(image)
    draw.text((SIDE, SIDE), text, 255, face, anchor="mm", stroke_width=int(random.integers(0, 3)))
    slant, wide, high = random.uniform(-0.35, 0.35), random.uniform(0.75, 1.4), random.uniform(0.8, 1.2)
    turn = math.radians(random.uniform(-12, 12))
    matrix = np.array([[wide, slant], [0, high]]) @ _rotation(turn)
    shift = np.array([SIDE, SIDE]) - matrix @ np.array([SIDE, SIDE])
    data = (*matrix[0], shift[0], *matrix[1], shift[1])
    return np.asarray(image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR))


@functools.cache
def _faces() -> tuple[ImageFont.FreeTypeFont, ...]:
    """Those fonts of matplotlib's that are there; matplotlib is not imported."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return ()
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    files = [folder / f"{name}.ttf" for name in FONTS]
    return tuple(ImageFont.truetype(file, 72) for file in files if file.is_file())


def _rotation(angle: float) -> npt.NDArray[np.float64]:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _pen(random: Random) -> int:
    return int(random.integers(4, 12))


def _drawn(strokes: list[npt.NDArray[np.float64]], pen: int) -> Paper:
    """Polylines on paper, with round ends and joints."""
    low = min(float(points.min()) for points in strokes)
    side = math.ceil(max(SIDE, max(float(points.max()) for points in strokes) - low + 2 * pen))
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    shift = max(0.0, pen - low)
    for points in strokes:
        corners = [(x + shift, y + shift) for x, y in points.tolist()]
        draw.line(corners, fill=255, width=pen, joint="curve")
        for x, y in corners:
            draw.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return np.asarray(image)


def _circle(radius: float = 1.0) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * math.pi, 18)
    return [(radius * float(np.cos(turn)), radius * float(np.sin(turn))) for turn in turns]


_BAR = [(-1.0, 0.0), (1.0, 0.0)]
_POST = [(0.0, -1.0), (0.0, 1.0)]
_RISE, _FALL = [(-0.9, 0.9), (0.9, -0.9)], [(-0.9, -0.9), (0.9, 0.9)]
_ARC = [(float(0.5 * np.cos(turn)), float(np.sin(turn))) for turn in np.linspace(-math.pi / 2, math.pi / 2, 9)]
SIGNS: tuple[list[list[tuple[float, float]]], ...] = (
    [_BAR, _POST],
    [_BAR, _POST],
    [_RISE, _FALL],
    [_RISE, _FALL],
    [_BAR],
    [_RISE],
    [[(x, -0.4) for x, _ in _BAR], [(x, 0.4) for x, _ in _BAR]],
    [_BAR, [(0.0, -0.65), (0.02, -0.65)], [(0.0, 0.65), (0.02, 0.65)]],
    [_ARC],
    [[(-x, y) for x, y in _ARC]],
    [
        _RISE,
        [(-0.7 + 0.3 * x, -0.6 + 0.3 * y) for x, y in _circle()],
        [(0.7 + 0.3 * x, 0.6 + 0.3 * y) for x, y in _circle()],
    ],
    [[(-1.0, 1.0), (1.0, -1.0)], [(0.1, -1.0), (1.0, -1.0), (1.0, -0.1)]],
    [[(-1.0, 0.0), (1.0, 0.0)], [(0.4, -0.6), (1.0, 0.0), (0.4, 0.6)]],
    [[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)]],
    [[(0.0, -1.0), (1.0, 0.9), (-1.0, 0.9), (0.0, -1.0)]],
    [_circle(), _BAR, _POST],
    [_BAR, _POST, _RISE, _FALL],
    [[(-0.9, 0.0), (-0.2, 0.9), (1.0, -1.0)]],
    [[(1.0, -0.9), (-1.0, 0.0), (1.0, 0.9)]],
    [[(0.0, 0.0), (0.03, 0.03)]],
    [[(0.1, -0.2), (-0.1, 0.3)]],
)
MAKERS: tuple[Callable[[Images, Labels, Random], Paper], ...] = (
    *(letter, letter, letter, letter, letter, letter),
    *(fragment, fragment, pair, pair, turned),
    *(scribble, scribble, stroke, sign, sign, sign),
)
"""In turn; letters and signs are what stands beside digits most often."""
