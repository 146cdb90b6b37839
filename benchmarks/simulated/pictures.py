"""Pictures of digits that are drawn here: photographs, files of other kinds, ruled paper, blank pages, scribbles."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

Pixels = npt.NDArray[np.uint8]
Page = npt.NDArray[np.float64]
Make = Callable[[Pixels, np.random.Generator], Image.Image]
WIDTH, HEIGHT = 640, 480


def smooth(digit: Pixels, side: int) -> Page:
    """The digit's box enlarged to a longer side, with the edges of a pen: 0 = paper, 1 = ink."""
    box = Image.fromarray(digit).getbbox()
    cut = Image.fromarray(digit).crop(box)
    scale = side / max(cut.size)
    big = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), Image.Resampling.BICUBIC)
    return 1 / (1 + np.exp(-(np.asarray(big, np.float64) - 110) / 18))


def place(digit: Pixels, rng: np.random.Generator, low: float = 0.15, high: float = 0.7) -> Page:
    """Ink 0..1 of a whole picture with the digit somewhere in it, tilted by up to 8 degrees."""
    ink = np.pad(smooth(digit, round(rng.uniform(low, high) * HEIGHT)), 12)
    turned = Image.fromarray((ink * 255).astype(np.uint8)).rotate(
        rng.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True
    )
    page = Image.new("L", (WIDTH, HEIGHT))
    free_x, free_y = WIDTH - turned.width, HEIGHT - turned.height
    page.paste(turned, (round(rng.uniform(0.1, 0.9) * max(0, free_x)), round(rng.uniform(0.1, 0.9) * max(0, free_y))))
    return np.asarray(page, np.float64) / 255


def light(rng: np.random.Generator, severity: int, width: int = WIDTH, height: int = HEIGHT) -> Page:
    """Light that falls on the page: a gradient, and with severity 2 the edge of a shadow."""
    y, x = np.mgrid[0:height, 0:width] / height
    angle = rng.uniform(0, 2 * np.pi)
    ramp = x * np.cos(angle) + y * np.sin(angle)
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    lit = 1 - rng.uniform(0.1, 0.35 if severity == 1 else 0.6) * ramp
    if severity > 1:
        angle = rng.uniform(0, 2 * np.pi)
        distance = (x - rng.uniform(0.3, 1)) * np.cos(angle) + (y - rng.uniform(0.3, 0.7)) * np.sin(angle)
        lit *= 1 - rng.uniform(0.25, 0.5) / (1 + np.exp(-distance / rng.uniform(0.005, 0.05)))
    return lit


def develop(page: Page, rng: np.random.Generator, severity: int) -> Image.Image:
    """Blur, noise of the sensor and JPEG."""
    image = Image.fromarray(page.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.6)))
    noisy = np.asarray(image, np.float64) + rng.normal(0, 4 if severity == 1 else 9, page.shape)
    packed = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(packed, "JPEG", quality=int(rng.integers(55, 93)))
    return Image.open(packed)


def photograph(severity: int, board: bool = False) -> Make:
    """Dark ink on paper, or chalk on a board."""

    def make(digit: Pixels, rng: np.random.Generator) -> Image.Image:
        ink = place(digit, rng)
        paper, pen = (rng.uniform(40, 80), rng.uniform(170, 230)) if board else (rng.uniform(170, 245), None)
        pen = rng.uniform(20, 90) if pen is None else pen
        return develop((paper + (pen - paper) * ink) * light(rng, severity), rng, severity)

    return make


def page_of(row: Page, paper: int = 255, pen: int = 0) -> Image.Image:
    return Image.fromarray((paper + (pen - paper) * row).clip(0, 255).astype(np.uint8))


def thin_pen(digit: Pixels, rng: np.random.Generator) -> Image.Image:
    page = page_of(np.pad(smooth(digit, 400), 80))
    return page.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.MaxFilter(9))


def transparent(colour: int) -> Make:
    def make(digit: Pixels, rng: np.random.Generator) -> Image.Image:
        rgba = Image.new("RGBA", (28, 28), (colour, colour, colour, 0))
        rgba.putalpha(Image.fromarray(digit))
        return rgba

    return make


def crop(digit: Pixels, rng: np.random.Generator) -> Image.Image:
    image = Image.fromarray(digit)
    return image.crop(image.getbbox())


def with_exif(orientation: int) -> Make:
    """Stored turned, with the tag that turns it back."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes what a viewer will do

    def make(digit: Pixels, rng: np.random.Generator) -> Image.Image:
        image = Image.fromarray(255 - digit)
        exif = Image.Exif()
        exif[0x0112] = orientation
        packed = io.BytesIO()
        image.transpose(Image.Transpose(back[orientation])).save(packed, "PNG", exif=exif)
        return Image.open(packed)

    return make


def resized(side: int) -> Make:
    def make(digit: Pixels, rng: np.random.Generator) -> Image.Image:
        return ImageOps.invert(Image.fromarray(digit)).resize((side, side), Image.Resampling.BICUBIC)

    return make


def drawn(digit: Pixels, rng: np.random.Generator) -> Image.Image:
    return page_of(place(digit, rng, 0.2, 0.6))


def ruled(strength: float, kind: str, severity: int = 0) -> Make:
    """A photograph of paper with lines, squares or frames, printed as strongly as a part of the ink; lit by `light`."""

    def make(digit: Pixels, rng: np.random.Generator) -> Image.Image:
        ink = place(digit, rng, 0.2, 0.6)
        rows, columns = np.flatnonzero((ink > 0.5).any(axis=1)), np.flatnonzero((ink > 0.5).any(axis=0))
        height = rows[-1] - rows[0] + 1
        image = Image.new("L", (WIDTH, HEIGHT))
        draw, thick = ImageDraw.Draw(image), int(rng.integers(1, 4))
        lean = rng.uniform(-0.03, 0.03)
        if kind == "frame":
            far = rng.uniform(0.12, 0.5, 4) * height
            corners = [(columns[0] - far[0], rows[0] - far[1]), (columns[-1] + far[2], rows[-1] + far[3])]
            draw.rectangle([(float(x), float(y)) for x, y in corners], outline=255, width=thick)
        else:
            pitch = height * rng.uniform(0.3 if kind == "squares" else 1.0, 1.6)
            for y in np.arange(-pitch * rng.uniform(), HEIGHT + pitch, pitch):
                draw.line([(0, y), (WIDTH, y + lean * WIDTH)], fill=255, width=thick)
            for x in np.arange(-pitch * rng.uniform(), WIDTH + pitch, pitch) if kind == "squares" else ():
                draw.line([(x, 0), (x - lean * HEIGHT, HEIGHT)], fill=255, width=thick)
        lines = np.asarray(image, np.float64) / 255 * strength
        paper, pen = rng.uniform(190, 245), rng.uniform(20, 70)
        page = paper + (pen - paper) * np.maximum(ink, lines)
        return develop(page * light(rng, severity) if severity else page, rng, max(1, severity))

    return make


def blanks(rng: np.random.Generator) -> Iterator[Image.Image]:
    """Pages with nothing on them: flat, noisy, graded, lit unevenly."""
    for level in (0, 40, 128, 200, 255):
        yield Image.new("L", (WIDTH, HEIGHT), level)
    for side in (28, 100, 400, 640):
        for sigma in (1, 5, 20, 60):
            noise = rng.normal(128, sigma, (side, side))
            yield Image.fromarray(noise.clip(0, 255).astype(np.uint8))
    for side in (28, 100, 300, 640):
        for turns in range(3):
            ramp = np.tile(np.linspace(20 + 60 * turns, 240, side), (side, 1))
            yield Image.fromarray(np.rot90(ramp, turns).astype(np.uint8))
            y, x = np.mgrid[0:side, 0:side] / side
            yield Image.fromarray((255 * np.exp(-((x - 0.5) ** 2 + (y - 0.3 * turns) ** 2) * 2)).astype(np.uint8))
    for number in range(40):
        page = np.full((HEIGHT, WIDTH), rng.uniform(60, 245)) * light(rng, 1 + number % 2)
        yield develop(page, rng, 1 + number % 2)


def written(text: str, font: Path) -> Image.Image:
    face = ImageFont.truetype(font, 200)
    image = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(image).text((200, 200), text, 0, face, anchor="mm")
    return image


def scribble(rng: np.random.Generator) -> Image.Image:
    """A random wandering line."""
    image = Image.new("L", (400, 400), 255)
    points = np.cumsum(rng.normal(0, 45, (int(rng.integers(12, 40)), 2)), axis=0)
    points = (points - points.mean(axis=0)) / max(np.ptp(points), 1) * 260 + 200
    ImageDraw.Draw(image).line([tuple(point) for point in points.tolist()], fill=20, width=int(rng.integers(6, 16)))
    return image
