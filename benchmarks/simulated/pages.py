"""Pages of several digits as people take them: shadows, glare, desks, margins, creases, fingers, digits cut off."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from simulated.pictures import Page, Pixels, develop, light, smooth

WIDTH, HEIGHT, MARGIN = 960, 720, 90
PAPER, PEN = 235.0, 40.0
SIZES = (70, 110)  # pixels, the longer side of a digit
FAINT = 0.05  # of the ink: no more than the edge of a pen

Random = np.random.Generator
Rows = list[list[int]]
Written = tuple[Image.Image, Rows]
"""A picture and the digits that stand in its rows."""


@dataclass(frozen=True)
class Hand:
    """Digits to write with: images (N, 28, 28) uint8 and labels (N,)."""

    images: Pixels
    labels: npt.NDArray[np.uint8]

    def digit(self, random: Random, side: int, label: int | None = None) -> tuple[Page, int]:
        """The ink of some digit, or of one with a label, and its label."""
        among = np.arange(len(self.labels)) if label is None else np.flatnonzero(self.labels == label)
        chosen = int(random.choice(among))
        ink = smooth(self.images[chosen], side)
        return np.where(ink < FAINT, 0, ink), int(self.labels[chosen])

    def page(
        self,
        random: Random,
        counts: Sequence[int] = (3, 3),
        sizes: tuple[int, int] = SIZES,
        side: tuple[int, int] = (WIDTH, HEIGHT),
        margin: int = MARGIN,
    ) -> tuple[Page, Rows]:
        """Ink 0..1 of a page with rows of digits, and these."""
        width, height = side
        ink, rows = np.zeros((height, width)), []
        tops = np.linspace(margin, height - margin - sizes[1], len(counts))
        for top, count in zip(tops if len(counts) > 1 else [(height - sizes[1]) / 2], counts, strict=True):
            row = []
            for left in np.linspace(margin, width - margin - sizes[1], count):
                digit, label = self.digit(random, int(random.integers(*sizes)))
                down, across = (max(0, int(place + random.integers(-8, 9))) for place in (top, left))
                there = ink[down : down + digit.shape[0], across : across + digit.shape[1]]
                there[:] = np.maximum(there, digit[: there.shape[0], : there.shape[1]])
                row.append(label)
            rows.append(row)
        return ink, rows


Kind = Callable[[Hand, Random], Written]


def inked(ink: Page, paper: float = PAPER, pen: float = PEN) -> Page:
    """Grey levels of ink on paper."""
    return paper + (pen - paper) * ink


def shaded(grey: Page, random: Random, severity: int, strength: float = 1.0) -> Page:
    """The page in even light (0), in light that falls off (1), with the edge of a shadow too (2)."""
    height, width = grey.shape
    return grey * light(random, severity, width, height) ** strength if severity else grey


def lit(severity: int, strength: float = 1.0, pen: float = PEN) -> Kind:
    """In light as `shaded` makes it."""

    def draw(hand: Hand, random: Random) -> Written:
        ink, rows = hand.page(random)
        return develop(shaded(inked(ink, pen=pen), random, severity, strength), random, 1), rows

    return draw


def whiteboard(hand: Hand, random: Random) -> Written:
    """With the glare of a lamp."""
    ink, rows = hand.page(random)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    glare = ((x - random.uniform(0, WIDTH)) / 180) ** 2 + ((y - random.uniform(0, HEIGHT)) / 140) ** 2
    return develop(inked(ink, 170, 60) + 85 * np.exp(-glare), random, 1), rows


def colour(hand: Hand, random: Random) -> Written:
    """Blue, red or green ink on yellow paper."""
    ink, rows = hand.page(random)
    pen = np.array([[30, 50, 170], [200, 30, 30], [20, 120, 40]])[random.integers(3)]
    paper = np.array([250, 240, 150])
    page = paper + (pen - paper) * ink[..., None] + random.normal(0, 3, (*ink.shape, 3))
    return Image.fromarray(page.clip(0, 255).astype(np.uint8)), rows


def dark_mode(hand: Hand, random: Random) -> Written:
    """A picture of a screen with light ink."""
    ink, rows = hand.page(random)
    return Image.fromarray(inked(ink, 18, 230).astype(np.uint8)), rows


def desk(turn: float, is_lined: bool = False) -> Kind:
    """A sheet on a darker desk, turned by up to so many degrees."""

    def draw(hand: Hand, random: Random) -> Written:
        width, height = 700, 520
        ink, rows = hand.page(random, sizes=(60, 90), side=(width, height), margin=60)
        lines = ruling(random, width, height, random.uniform(70, 110)) * 0.4 if is_lined else 0 * ink
        sheet = Image.fromarray(inked(np.maximum(ink, lines)).astype(np.uint8))
        degrees = random.uniform(-turn, turn)
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        wood = random.uniform(50, 110) + 10 * np.sin(x / random.uniform(8, 30) + y / 200)
        picture = Image.fromarray((wood + random.normal(0, 5, wood.shape)).clip(0, 255).astype(np.uint8))
        mask = Image.new("L", sheet.size, 255).rotate(degrees, expand=True)
        corner = [
            (whole - part) // 2 + int(random.integers(-30, 30))
            for whole, part in zip(picture.size, mask.size, strict=True)
        ]
        picture.paste(sheet.rotate(degrees, Image.Resampling.BICUBIC, expand=True), (corner[0], corner[1]), mask)
        return develop(np.asarray(picture) * light(random, 1, WIDTH, HEIGHT), random, 1), rows

    return draw


def ruling(random: Random, width: int, height: int, pitch: float, is_squared: bool = False) -> Page:
    """Ruled lines 0..1 that lean a little."""
    image = Image.new("L", (width, height))
    draw, lean = ImageDraw.Draw(image), random.uniform(-0.02, 0.02)
    for y in np.arange(-pitch * random.uniform(), height + pitch, pitch):
        draw.line([(0, y), (width, y + lean * width)], fill=255, width=2)
    for x in np.arange(-pitch * random.uniform(), width + pitch, pitch) if is_squared else ():
        draw.line([(x, 0), (x - lean * height, height)], fill=255, width=2)
    return np.asarray(image) / 255


def ruled(strength: float, severity: int = 0, is_squared: bool = False, has_margin: bool = False) -> Kind:
    """Lined or squared paper, with a line along the margin or without."""

    def draw(hand: Hand, random: Random) -> Written:
        ink, rows = hand.page(random)
        lines = ruling(random, WIDTH, HEIGHT, random.uniform(*((40, 60) if is_squared else (90, 130))), is_squared)
        if has_margin:
            lines[:, 60:63] = 1
        grey = inked(np.maximum(ink, lines * strength), random.uniform(200, 245), random.uniform(20, 80))
        return develop(shaded(grey, random, severity), random, 1), rows

    return draw


def cut_off(severity: int) -> Kind:
    """The right ends of the rows are beyond the picture's edge."""

    def draw(hand: Hand, random: Random) -> Written:
        ink, rows = hand.page(random, margin=60)
        seen = WIDTH - 60 - int(random.integers(45, 70))
        return develop(shaded(inked(ink[:, :seen]), random, severity, 1.5), random, 1), rows

    return draw


def vignette(hand: Hand, random: Random) -> Written:
    """Dark corners."""
    ink, rows = hand.page(random)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    return develop(inked(ink) * (1 - 0.38 * (x**2 + y**2)), random, 1), rows


def finger(hand: Hand, random: Random) -> Written:
    """A finger at the lower edge."""
    ink, rows = hand.page(random)
    image, middle = Image.new("L", (WIDTH, HEIGHT)), random.uniform(0, WIDTH)
    ImageDraw.Draw(image).ellipse((middle - 90, HEIGHT - 70, middle + 90, HEIGHT + 200), fill=255)
    skin = np.asarray(image.filter(ImageFilter.GaussianBlur(4))) / 255
    return develop(inked(ink) * (1 - 0.55 * skin), random, 1), rows


def punched(hand: Hand, random: Random) -> Written:
    """Holes along the left edge."""
    ink, rows = hand.page(random, margin=110)
    image = Image.new("L", (WIDTH, HEIGHT))
    for y in range(40, HEIGHT, 60):
        ImageDraw.Draw(image).ellipse((18, y - 12, 42, y + 12), fill=230)
    return develop(inked(np.maximum(ink, np.asarray(image) / 255)), random, 1), rows


def folded(hand: Hand, random: Random) -> Written:
    """A crease, one side of which is darker."""
    ink, rows = hand.page(random)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    away = x + random.uniform(-0.1, 0.1) * y - random.uniform(0.3, 0.7) * WIDTH
    crease = (1 - 0.25 / (1 + np.exp(-away / 3))) * (1 - 0.2 * np.exp(-((away / 4) ** 2)))
    return develop(inked(ink) * crease, random, 1), rows


def shaped(counts: Sequence[int], side: tuple[int, int], sizes: tuple[int, int] = SIZES, margin: int = MARGIN) -> Kind:
    """A page of other proportions, or with digits of other sizes."""

    def draw(hand: Hand, random: Random) -> Written:
        ink, rows = hand.page(random, counts, sizes, side, margin)
        return develop(inked(ink), random, 1), rows

    return draw


def large_one(hand: Hand, random: Random) -> Written:
    """At the end of the first of two rows a 1 that is up to two and a half times as high."""
    ink, rows = hand.page(random, sizes=(60, 90), side=(WIDTH - 200, HEIGHT), margin=70)
    wide = np.pad(ink, ((0, 0), (0, 200)))
    digit, label = hand.digit(random, int(random.uniform(1.4, 2.4) * 75), 1)
    there = wide[50 : 50 + digit.shape[0], WIDTH - 180 :]
    there[:, : digit.shape[1]] = digit[:, : there.shape[1]]
    return develop(inked(wide), random, 1), [[*rows[0], label], rows[1]]


def compressed(hand: Hand, random: Random) -> Written:
    """A JPEG of the lowest quality."""
    ink, rows = hand.page(random)
    packed = io.BytesIO()
    Image.fromarray(inked(ink).astype(np.uint8)).save(packed, "JPEG", quality=12)
    return Image.open(packed), rows


def moved(hand: Hand, random: Random) -> Written:
    """Blurred along the rows by nine pixels."""
    ink, rows = hand.page(random)
    return develop(np.mean([np.roll(inked(ink), pixels, 1) for pixels in range(9)], axis=0), random, 1), rows


KINDS: dict[str, Kind] = {
    "even light": lit(0),
    "strong shadow": lit(2, 1.7),
    "pencil": lit(1, pen=165),
    "whiteboard with glare": whiteboard,
    "coloured ink and paper": colour,
    "dark screen": dark_mode,
    "sheet on a desk": desk(6),
    "lined sheet on a desk": desk(6, is_lined=True),
    "sheet askew on a desk": desk(12),
    "cut off at the edge": cut_off(0),
    "cut off, in shadow": cut_off(2),
    "dark corners": vignette,
    "a finger": finger,
    "punched": punched,
    "folded": folded,
    "one long row": shaped((8,), (1800, 200)),
    "one column": shaped((1,) * 8, (220, 1600), (70, 100), 50),
    "6 megapixels": shaped((6, 6, 6), (3000, 2200), (90, 140), 200),
    "many sizes": shaped((3, 3), (WIDTH, HEIGHT), (45, 150), 100),
    "a large 1": large_one,
    "compressed": compressed,
    "moved": moved,
    "lined": ruled(0.4),
    "lined, with a margin": ruled(0.6, 1, has_margin=True),
    "lined, in shadow": ruled(0.5, 2),
    "squared": ruled(0.4, is_squared=True),
    "squared, in shadow": ruled(0.5, 2, is_squared=True),
}
