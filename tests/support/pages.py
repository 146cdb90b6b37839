"""Pages of handwriting that are drawn here: rows, ruled paper, tables, forms, digits that touch, ink that is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from support.drawings import Pixels, strokes

INK, PAPER = 40, 240


def write(
    image: Image.Image, digits: Sequence[int], left: float, top: float, size: float = 80, gap: float = 30
) -> None:
    """Digits in a row, each `size` pixels high, `gap` pixels apart."""
    draw = ImageDraw.Draw(image)
    for digit in digits:
        points = [point for stroke in strokes(digit) for point in stroke]
        low, high = (min(x for x, _ in points), max(x for x, _ in points))
        first, last = (min(y for _, y in points), max(y for _, y in points))
        scale = size / (last - first)
        for stroke in strokes(digit):
            line = [(left + (x - low) * scale, top + (y - first) * scale) for x, y in stroke]
            draw.line(line, fill=INK, width=max(2, round(size / 11)), joint="curve")
        left += (high - low) * scale + gap


def page(width: int = 640, height: int = 400) -> Image.Image:
    return Image.new("L", (width, height), PAPER)


def rows(slant: float = 0.0) -> Image.Image:
    """2375 over 4689 over 520; the rows fall by `slant` rows per column."""
    image = page(700, 460)
    for number, digits in enumerate(((2, 3, 7, 5), (4, 6, 8, 9), (5, 2, 0))):
        for place, digit in enumerate(digits):
            left = 60 + 130 * place
            write(image, [digit], left, 60 + 120 * number + slant * left, 70)
    return image


def ruled(level: int = 120, thick: int = 3) -> Image.Image:
    """2375 with a line through the digits, one below and one above."""
    lines, image = page(), page()
    write(image, (2, 3, 7, 5), 80, 150, 110, 40)
    for y in (70, 215, 330):
        ImageDraw.Draw(lines).line([(0, y), (640, y + 9)], fill=level, width=thick)
    return ImageChops.darker(image, lines)


def squared(level: int = 150) -> Image.Image:
    lines, image = page(), page()
    write(image, (4, 6, 3), 120, 130, 120, 60)
    draw = ImageDraw.Draw(lines)
    for place in range(20, 640, 48):
        draw.line([(place, 0), (place, 400)], fill=level, width=2)
        draw.line([(0, place), (640, place)], fill=level, width=2)
    return ImageChops.darker(image, lines)


TABLE = ((7, 3, 2), (4, 5, 6))


def table(with_frame: bool = True) -> Image.Image:
    """`TABLE` with a digit in each cell."""
    image = page(620, 440)
    draw = ImageDraw.Draw(image)
    columns, lines = (60, 220, 380, 540), (50, 210, 370)
    inner = slice(None) if with_frame else slice(1, -1)
    for x in columns[inner]:
        draw.line([(x, lines[0]), (x, lines[-1])], fill=90, width=3)
    for y in lines[inner]:
        draw.line([(columns[0], y), (columns[-1], y)], fill=90, width=3)
    for row, digits in enumerate(TABLE):
        for column, digit in enumerate(digits):
            write(image, [digit], columns[column] + 50, lines[row] + 40, 80)
    return image


def framed() -> Image.Image:
    image = page()
    write(image, (5, 8), 230, 130, 120, 50)
    ImageDraw.Draw(image).rectangle([180, 80, 470, 310], outline=60, width=3)
    return image


def circled() -> Image.Image:
    """5 in a circle that is not quite closed, and 3 beside it."""
    image = page()
    write(image, [5], 150, 140, 110)
    write(image, [3], 430, 140, 110)
    ImageDraw.Draw(image).arc([70, 70, 330, 330], 20, 370, INK, 9)
    return image


def uneven_squares() -> Image.Image:
    """2375 on squared paper, darkly printed, with light from the left; each line leads out of the picture."""
    lines, image = page(1000, 700), page(1000, 700)
    write(image, (2, 3, 7, 5), 200, 290, 120, 60)
    draw = ImageDraw.Draw(lines)
    for place in range(20, 1000, 56):
        draw.line([(place, 0), (place, 700)], fill=70, width=4)
        draw.line([(0, place), (1000, place)], fill=70, width=4)
    light = np.linspace(1, 0.25, 1000)[None, :]
    return Image.fromarray((np.asarray(ImageChops.darker(image, lines)) * light).astype(np.uint8))


def dense_squares() -> Image.Image:
    """46 on squared paper of many lines, printed as dark as ink."""
    image = page(800, 600)
    write(image, (4, 6), 250, 230, 150, 60)
    draw = ImageDraw.Draw(image)
    for place in range(10, 800, 26):
        draw.line([(place, 0), (place, 600)], fill=INK, width=2)
        draw.line([(0, place), (800, place)], fill=INK, width=2)
    return image


def arrow() -> Image.Image:
    """A thick one to the upper right."""
    image = page(640, 700)
    draw = ImageDraw.Draw(image)
    draw.line([(180, 560), (400, 170)], fill=INK, width=46)
    draw.line([(205, 225), (400, 170), (455, 375)], fill=INK, width=46, joint="curve")
    return image


def comb() -> Image.Image:
    """Fields of a form, parted by bars; 2, 3 and 7 stand between them."""
    image = page(700, 240)
    draw = ImageDraw.Draw(image)
    for place in range(6):
        draw.line([(60 + 110 * place, 60), (60 + 110 * place, 170)], fill=INK, width=5)
    for place, digit in enumerate((2, 3, 7)):
        write(image, [digit], 90 + 110 * place, 80, 70)
    return image


def low_comb() -> Image.Image:
    """6947264583 over a comb whose bars reach up to half of the digits, joined by a line below."""
    image = page(1200, 330)
    draw = ImageDraw.Draw(image)
    draw.line([(40, 225), (1160, 225)], fill=INK, width=3)
    for place in range(11):
        draw.line([(40 + 112 * place, 176), (40 + 112 * place, 225)], fill=INK, width=3)
    for place, digit in enumerate((6, 9, 4, 7, 2, 6, 4, 5, 8, 3)):
        write(image, [digit], 70 + 112 * place, 105, 95)
    return image


def touching() -> Image.Image:
    """5 and 0, and 3 and 7, with strokes that touch."""
    image = page()
    write(image, (5, 0), 60, 140, 110, -4)
    write(image, (3, 7), 380, 140, 110, -6)
    return image


def cut_off() -> Image.Image:
    """23 whole, and an 8 of which the picture's edge has left half."""
    image = page(500, 300)
    write(image, (2, 3), 60, 90, 110, 50)
    write(image, [8], 455, 90, 110)
    return image


def pale() -> Image.Image:
    """23 in ink, and a 7 so pale that it is no ink."""
    image = page(600, 300)
    write(image, (2, 3), 60, 90, 110, 50)
    faint = page(600, 300)
    write(faint, [7], 400, 90, 110)
    return Image.blend(image, Image.composite(image, faint, image.point(lambda level: 255 if level < 200 else 0)), 0.3)


def other_inks() -> dict[str, Image.Image]:
    """23 in ink, and beside it what is easily lost: a 7 that is paler still, light on a darker ground, or smaller."""
    pale, ground, small, point = page(600, 300), page(600, 300), page(600, 400), page(600, 300)
    for image in (pale, ground, point):
        write(image, (2, 3), 60, 90, 110, 50)
    faint = page(600, 300)
    write(faint, [7], 400, 90, 110)
    pale = ImageChops.darker(pale, faint.point(lambda level: PAPER - (PAPER - level) // 7))
    light = ImageChops.invert(faint).point(lambda level: 140 if level < 130 else 240)
    ground = ImageChops.lighter(ground.point(lambda level: min(level, 140)), light)
    ground.paste(30, mask=page_mask(point))
    write(small, [3], 60, 20, 340)
    write(small, [7], 480, 200, 24)
    ImageDraw.Draw(point).ellipse((340, 190, 349, 199), fill=INK)
    return {"paler ink": pale, "light ink": ground, "small beside large": small, "a point": point}


def page_mask(image: Image.Image) -> Image.Image:
    """Where a page is written on."""
    return image.point(lambda level: 255 if level < 130 else 0)


def large_seven() -> Image.Image:
    """235 in a row, and a 7 four times as high, whose bar is longer than they are high."""
    image = page(700, 460)
    write(image, (2, 3, 5), 60, 60, 70, 60)
    draw = ImageDraw.Draw(image)
    draw.line([(400, 80), (570, 84), (470, 380)], fill=INK, width=12, joint="curve")
    return image


def large_one() -> Image.Image:
    """2375 in two rows, and a 1 twice as high, as broad as its strokes."""
    image = page(700, 460)
    write(image, (2, 3), 60, 60, 70, 120)
    write(image, (7, 5), 60, 300, 70, 120)
    ImageDraw.Draw(image).line([(560, 150), (552, 300)], fill=INK, width=7)
    return image


def bar_beside_a_line() -> Image.Image:
    """27 on squared paper; the bar of the 7 runs a little below a line of it."""
    image = page(900, 600)
    draw = ImageDraw.Draw(image)
    for place in range(50, 900, 50):
        draw.line([(place, 0), (place, 600)], fill=110, width=2)
        draw.line([(0, place), (900, place)], fill=110, width=2)
    write(image, (2,), 160, 155, 95)
    draw.line([(310, 158), (362, 158), (336, 248)], fill=INK, width=5, joint="curve")
    return image


def dark_squares() -> Image.Image:
    """A 0 with a broad pen on squared paper that is printed as darkly, many lines of which end at the edges."""
    lines, image = page(640, 480), page(640, 480)
    ImageDraw.Draw(image).ellipse((240, 120, 370, 310), outline=INK, width=26)
    draw = ImageDraw.Draw(lines)
    for place in range(8, 640, 60):
        draw.line([(place, 0), (place - 14, 480)], fill=INK, width=2)
        draw.line([(0, place), (640, place + 18)], fill=INK, width=2)
    return ImageChops.darker(image, lines)


def cut_off_in_shadow() -> Image.Image:
    """46 in light that falls off to a side, and an 8 that the picture's edge cuts off."""
    image = page(640, 480)
    write(image, (4, 6), 150, 180, 110, 60)
    write(image, (8,), 590, 200, 110)
    light = np.tile(np.linspace(1, 0.35, 640), (480, 1))
    random = np.random.default_rng(0)
    return Image.fromarray((np.asarray(image) * light + random.normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8))


def on_desk(degrees: float = 5) -> Image.Image:
    """A sheet with 46 that lies askew on a dark, striped desk."""
    random = np.random.default_rng(3)
    desk = np.tile(70 + 15 * np.sin(np.arange(700) / 9), (520, 1)) + random.normal(0, 5, (520, 700))
    image = Image.fromarray(desk.clip(0, 255).astype(np.uint8))
    sheet = page(430, 300)
    write(sheet, (4, 6), 100, 90, 110, 60)
    mask = Image.new("L", sheet.size, 255).rotate(degrees, expand=True)
    image.paste(sheet.rotate(degrees, expand=True), ((700 - mask.width) // 2, (520 - mask.height) // 2), mask)
    return image.filter(ImageFilter.GaussianBlur(1))


def chalk(digit: int = 0) -> Image.Image:
    """A large digit with a broad stroke, light on a dark board."""
    image = Image.new("L", (640, 480), 60)
    draw = ImageDraw.Draw(image)
    if digit == 8:
        draw.ellipse((230, 40, 400, 250), outline=200, width=45)
    draw.ellipse((210, 60 if digit == 0 else 205, 430, 430), outline=200, width=45)
    return image.filter(ImageFilter.GaussianBlur(1))


def small_writing() -> Image.Image:
    """A wide page with digits of 40 pixels, a fortieth of its width."""
    image = page(1600, 900)
    write(image, (2, 3, 7, 5), 200, 300, 40, 60)
    write(image, (4, 6, 8), 220, 420, 40, 60)
    return image


def pages() -> dict[str, Pixels]:
    """All of them by name."""
    images = {
        "rows": rows(),
        "slanted rows": rows(0.1),
        "ruled": ruled(),
        "ruled in ink": ruled(INK, 5),
        "squared": squared(),
        "table": table(),
        "table without a frame": table(with_frame=False),
        "framed": framed(),
        "circled": circled(),
        "uneven squares": uneven_squares(),
        "dense squares": dense_squares(),
        "arrow": arrow(),
        "comb": comb(),
        "low comb": low_comb(),
        "touching": touching(),
        "cut off": cut_off(),
        "pale": pale(),
        "on a desk": on_desk(),
        "far askew on a desk": on_desk(20),
        "dark squares": dark_squares(),
        "bar beside a line": bar_beside_a_line(),
        "large 1": large_one(),
        "large 7": large_seven(),
        **other_inks(),
        "cut off in shadow": cut_off_in_shadow(),
        "chalk": chalk(),
        "chalk, two holes": chalk(8),
        "small writing": small_writing(),
    }
    return {name: np.asarray(image) for name, image in images.items()}
