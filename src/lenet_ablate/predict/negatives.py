"""Images of what is no digit, and digits of other hands, to learn from: made of digits, drawn, and written in fonts.

Digits give fragments, pairs, pieces turned and mirrored; a pen gives letters, strokes, signs and scribbles; the fonts
that come with matplotlib give letters, and digits too. What nobody can tell from a digit (O, l, an upright line, a
turned 0, 1, 6, 8 or 9) is not among what is none. Both kinds are bent alike: nothing but their shapes tells them apart.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lenet_ablate.datasets.base import Images, Labels
from lenet_ablate.predict import penned
from lenet_ablate.predict.form import Form, place
from lenet_ablate.predict.paper import SIDE, Paper, Random, bent, box_of, broader, enlarged, hand, ink_of

NEGATIVES_STREAM = 32  # of a run's seed
VARIANTS = 2  # of each paper
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabdefhkmnprtuvwxy&@#%?" + "SZgijqsz"  # O, I, l and o are digits in shape
FONTS = (
    *("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    *("DejaVuSansMono", "DejaVuSansMono-Oblique", "STIXGeneral", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmmi10", "cmr10", "cmss10", "cmtt10"),
)
FONT_SIZE = 60
QUARTER_TURNED = (2, 3, 4, 5, 7)
HALF_TURNED = (3, 4, 7)
MIRRORED = (3, 4, 6, 7, 9)

Make = Callable[[Images, Labels, Random], Paper]


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
    made: list[Images] = []
    number = 0
    while len(made) < count:
        paper = MAKERS[number % len(MAKERS)](images, labels, random)
        number += 1
        for _ in range(VARIANTS):
            ink = ink_of(bent(paper, hand(12, 0.3, 0.25, random), 0.03, random))
            made += [] if ink is None else [place(ink, form)]
    return np.stack(made[:count])


def varied(images: Images, form: Form, random: Random) -> Images:
    """Digits as other pens and hands have them.

    Args:
        images: (N, S, S) uint8, 0 = background.
        form: What they are brought to.
        random: Draws the changes.

    Returns:
        (N, size, size) uint8.
    """
    papers = [broader(enlarged(image), int(random.choice((-1, 0, 0, 1, 2, 3)))) for image in images]
    return np.stack([_of_another_hand(paper, form, random) for paper in papers])


def printed_digits(count: int, form: Form, random: Random) -> Images:
    """Digits of fonts, (count, size, size) uint8; none where there are no fonts."""
    papers = [_printed("0123456789"[number % 10], random) for number in range(count)] if _faces() else []
    made = [_of_another_hand(paper, form, random) for paper in papers]
    return np.stack(made) if made else np.zeros((0, form.size, form.size), np.uint8)


def _of_another_hand(paper: Paper, form: Form, random: Random) -> Images:
    """A digit that stays one; nothing where it has hardly any ink."""
    ink = ink_of(bent(paper, hand(12, 0.1, 0.1, random), 0.02, random))
    return np.zeros((form.size, form.size), np.uint8) if ink is None else place(ink, form)


def _one(images: Images, random: Random) -> Paper:
    return enlarged(images[random.integers(len(images))])


def fragment(images: Images, labels: Labels, random: Random) -> Paper:
    """A digit on one side of a straight cut: 25 to 70 % of its ink; no part of a 1, which is one itself."""
    wanted = np.flatnonzero(labels != 1)
    if not len(wanted):
        return np.zeros((SIDE, SIDE), np.uint8)
    paper = enlarged(images[random.choice(wanted)])
    angle = random.uniform(0, 2 * math.pi)
    rows, columns = np.nonzero(paper > 100)
    if not len(rows):
        return paper * 0
    least = np.quantile(columns * math.cos(angle) + rows * math.sin(angle), random.uniform(0.25, 0.7))
    y, x = np.ogrid[: paper.shape[0], : paper.shape[1]]
    return np.where(x * math.cos(angle) + y * math.sin(angle) < least, paper, 0).astype(np.uint8)


def pair(images: Images, labels: Labels, random: Random) -> Paper:
    """Two or three digits that touch, side by side or, seldom, one above the other."""
    parts = [box_of(_one(images, random)) for _ in range(2 if random.random() < 0.8 else 3)]
    if random.random() < 0.15:
        return np.ascontiguousarray(_beside([part.T for part in parts], random).T)
    return _beside(parts, random)


def _beside(parts: list[Paper], random: Random) -> Paper:
    height = max(len(part) for part in parts) + 12
    wide = np.zeros((height, sum(part.shape[1] for part in parts) + 12), np.uint8)
    left = 0
    for part in parts:
        top = int(random.integers(0, height - len(part)))
        at = wide[top : top + len(part), left : left + part.shape[1]]
        np.maximum(at, part, out=at)
        left = max(0, left + part.shape[1] - int(random.integers(-2, 10)))
    return wide


def turned(images: Images, labels: Labels, random: Random) -> Paper:
    """A digit that is turned or mirrored so that it is none any more."""
    kind = int(random.integers(3))
    wanted = (QUARTER_TURNED, HALF_TURNED, MIRRORED)[kind]
    for _ in range(30):
        number = int(random.integers(len(images)))
        if int(labels[number]) in wanted:
            large = enlarged(images[number])
            turns = int(random.choice((1, 3))) if kind == 0 else 2
            return np.ascontiguousarray(large[:, ::-1] if kind == 2 else np.rot90(large, turns))
    return np.zeros((SIDE, SIDE), np.uint8)


def printed(images: Images, labels: Labels, random: Random) -> Paper:
    """A letter of one of matplotlib's fonts; one of a pen where there are no fonts."""
    return _printed(LETTERS[int(random.integers(len(LETTERS)))], random) if _faces() else penned.letter(random)


def _printed(text: str, random: Random) -> Paper:
    return _glyph(int(random.integers(len(_faces()))), text, int(random.integers(0, 3)))


@functools.lru_cache(4096)
def _glyph(number: int, text: str, outline: int) -> Paper:
    image = Image.new("L", (SIDE, SIDE))
    middle = SIDE / 2, SIDE / 2
    ImageDraw.Draw(image).text(middle, text, 255, _faces()[number], anchor="mm", stroke_width=outline)
    return np.asarray(image)


@functools.cache
def _faces() -> tuple[ImageFont.FreeTypeFont, ...]:
    """Those fonts of matplotlib's that are there; matplotlib is not imported."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return ()
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    files = [folder / f"{name}.ttf" for name in FONTS]
    return tuple(ImageFont.truetype(file, FONT_SIZE) for file in files if file.is_file())


def _by_pen(draw: Callable[[Random], Paper]) -> Make:
    return lambda images, labels, random: draw(random)


MAKERS: tuple[Make, ...] = (
    *((printed,) * 6 + (_by_pen(penned.letter),) * 6),
    *(fragment, fragment, pair, pair, turned),
    *((_by_pen(penned.scribble),) * 3 + (_by_pen(penned.stroke),)),
    *((_by_pen(penned.sign),) * 3 + (_by_pen(penned.arrow),) * 2),
)
"""In turn; letters and signs are what stands beside digits most often."""
