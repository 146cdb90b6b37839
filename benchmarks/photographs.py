"""How well `lenet-predict` reads what is not MNIST: simulated photographs, fonts, letters, blank pages.

    python benchmarks/photographs.py outputs/ablation/<run> --digits 500 --fonts /usr/share/fonts

Every row takes test digits of MNIST (or another source), makes pictures of them and asks the run. Rows that only change
the file (polarity, transparency, orientation, crop, size) should leave the answer as it is; photographs may cost a few
points; blank pages and letters should be refused. Nothing here is trained on.
"""

from __future__ import annotations

import argparse
import io
import os
import string
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.predict.calibration import expected_calibration_error, softmax
from lenet_ablate.predict.pictures import from_image
from lenet_ablate.predict.prediction import Certainty
from lenet_ablate.predict.predictor import Predictor

Pixels = npt.NDArray[np.uint8]
Make = Callable[[Pixels, np.random.Generator], Image.Image]
WIDTH, HEIGHT = 640, 480
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhkmnprtuvwxy"  # those that no digit looks like


def smooth(digit: Pixels, side: int) -> npt.NDArray[np.float64]:
    """The digit's box enlarged to a longer side, with the edges of a pen: 0 = paper, 1 = ink."""
    box = Image.fromarray(digit).getbbox()
    cut = Image.fromarray(digit).crop(box)
    scale = side / max(cut.size)
    big = cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))), Image.Resampling.BICUBIC)
    return 1 / (1 + np.exp(-(np.asarray(big, np.float64) - 110) / 18))


def place(digit: Pixels, rng: np.random.Generator, low: float = 0.15, high: float = 0.7) -> npt.NDArray[np.float64]:
    """Ink 0..1 of a whole picture with the digit somewhere in it, tilted by up to 8 degrees."""
    ink = np.pad(smooth(digit, round(rng.uniform(low, high) * HEIGHT)), 12)
    turned = Image.fromarray((ink * 255).astype(np.uint8)).rotate(
        rng.uniform(-8, 8), Image.Resampling.BICUBIC, expand=True
    )
    page = Image.new("L", (WIDTH, HEIGHT))
    free_x, free_y = WIDTH - turned.width, HEIGHT - turned.height
    page.paste(turned, (round(rng.uniform(0.1, 0.9) * max(0, free_x)), round(rng.uniform(0.1, 0.9) * max(0, free_y))))
    return np.asarray(page, np.float64) / 255


def light(rng: np.random.Generator, severity: int) -> npt.NDArray[np.float64]:
    """Light that falls on the page: a gradient, and with severity 2 the edge of a shadow."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    angle = rng.uniform(0, 2 * np.pi)
    ramp = x * np.cos(angle) + y * np.sin(angle)
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    lit = 1 - rng.uniform(0.1, 0.35 if severity == 1 else 0.6) * ramp
    if severity > 1:
        angle = rng.uniform(0, 2 * np.pi)
        distance = (x - rng.uniform(0.3, 1)) * np.cos(angle) + (y - rng.uniform(0.3, 0.7)) * np.sin(angle)
        lit *= 1 - rng.uniform(0.25, 0.5) / (1 + np.exp(-distance / rng.uniform(0.005, 0.05)))
    return lit


def develop(page: npt.NDArray[np.float64], rng: np.random.Generator, severity: int) -> Image.Image:
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


def page_of(row: npt.NDArray[np.float64], paper: int = 255, pen: int = 0) -> Image.Image:
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


EXACT: dict[str, Make] = {
    "28 px, white on black": lambda digit, rng: Image.fromarray(digit),
    "28 px, black on white": lambda digit, rng: Image.fromarray(255 - digit),
    "tight crop": crop,
    "tight crop, black on white": lambda digit, rng: ImageOps.invert(crop(digit, rng)),
    "black on transparent": transparent(0),
    "white on transparent": transparent(255),
    **{f"EXIF orientation {number}": with_exif(number) for number in range(2, 9)},
    **{f"{side} px": resized(side) for side in (64, 256, 1000, 4000)},
}
PHOTOGRAPHS: dict[str, Make] = {
    "drawing, off centre": drawn,
    "photograph": photograph(1),
    "photograph with shadow": photograph(2),
    "chalkboard": photograph(1, board=True),
    "thin pen": thin_pen,
}
RULED: dict[str, Make] = {
    f"{kind}, strength {strength}": ruled(strength, kind)
    for kind in ("lines", "squares", "frame")
    for strength in (0.2, 0.4, 0.6, 0.8, 1.0)
} | {f"{kind}, with shadow": ruled(0.8, kind, severity=2) for kind in ("lines", "squares", "frame")}


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


def fonts_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".ttf", ".otf") and "klee" not in path.parts)


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


def first(predictor: Predictor, image: Image.Image) -> tuple[int | None, Certainty, int]:
    found = predictor.read(from_image(image))
    return found[0].digit, found[0].verdict, len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--digits", type=int, default=300, metavar="N")
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    options = parser.parse_args()
    from lenet_ablate.datasets.load import data_folder
    from lenet_ablate.datasets.mnist import load_mnist

    arrays = load_mnist(data_folder(os.environ.get("LENET_ABLATE_DATA")), print)
    chosen = np.random.default_rng(0).permutation(len(arrays.test_images))[: options.digits]
    digits, labels = arrays.test_images[chosen].astype(np.uint8), arrays.test_labels[chosen]
    predictor = Predictor.load(options.run)
    plain = predictor.predict(digits)
    answers = np.array([prediction.digit for prediction in plain])
    sure = np.mean([prediction.verdict is Certainty.sure for prediction in plain])
    print(f"as the data set has them: {np.mean(answers == labels):.1%} right, {sure:.1%} sure")
    tell_calibration(predictor, arrays.test_images.astype(np.uint8), arrays.test_labels)
    tell_time(predictor, digits[:100])
    rows = {**EXACT, **PHOTOGRAPHS, **RULED}
    for name, make in rows.items():
        if options.only in name:
            tell(
                name,
                [first(predictor, make(d, np.random.default_rng(i))) for i, d in enumerate(digits)],
                labels,
                answers,
            )
    tell_others(predictor, options.fonts)


def tell_calibration(predictor: Predictor, images: Pixels, labels: npt.NDArray[np.uint8]) -> None:
    """Expected calibration error over the whole test set, before and after the temperature."""
    unsure = np.mean([found.verdict is not Certainty.sure for found in predictor.predict(images)])
    print(f"not sure of {unsure:.1%} of {len(labels)} test digits")
    (trained,) = predictor.members
    fitted = fit(images, trained.network.image_size, trained.config.data.resize)
    logits = forward(trained.network, fitted).logits
    temperature = trained.calibration.temperature if trained.calibration else 1.0
    before, after = (expected_calibration_error(softmax(logits / t), labels) for t in (1.0, temperature))
    print(
        f"calibration error on {len(labels)} test digits: {before:.4f}, with temperature {temperature:.2f} {after:.4f}"
    )


def tell_time(predictor: Predictor, digits: Pixels) -> None:
    """Milliseconds from a decoded photograph to its answer."""
    make, seconds = photograph(2), []
    for number, digit in enumerate(digits):
        picture = make(digit, np.random.default_rng(number))
        started = time.perf_counter()
        first(predictor, picture)
        seconds.append(time.perf_counter() - started)
    median, slow = 1e3 * np.percentile(seconds, [50, 95])
    print(f"time per photograph of {WIDTH}×{HEIGHT} with shadow: median {median:.0f} ms, 95 % within {slow:.0f} ms")


def tell(name: str, found: list[tuple[int | None, Certainty, int]], labels: Any, answers: Any) -> None:
    given = np.array([-1 if digit is None else digit for digit, _, _ in found])
    is_sure = np.array([verdict is Certainty.sure for _, verdict, _ in found])
    right, same = np.mean(given == labels), np.mean(given == answers)
    print(
        f"{name:32} right {right:6.1%}  as the plain one {same:6.1%}  sure {is_sure.mean():6.1%}"
        f"  right where sure {np.mean((given == labels)[is_sure]):6.1%}  none {np.mean(given < 0):5.1%}"
        f"  several {np.mean([count > 1 for _, _, count in found]):5.1%}",
        flush=True,
    )


def tell_others(predictor: Predictor, fonts: Path | None) -> None:
    from sklearn.datasets import load_digits

    small = load_digits()
    images = (small.images[:900] * 15.9).astype(np.uint8)
    found = [first(predictor, Image.fromarray(image)) for image in images]
    tell("scikit-learn's 8×8 digits", found, small.target[:900], small.target[:900])
    rng = np.random.default_rng(1)
    refused("blank pages", [first(predictor, image) for image in blanks(rng)])
    refused("scribbles", [first(predictor, scribble(rng)) for _ in range(600)])
    if fonts is not None:
        faces = fonts_in(fonts)
        found = [first(predictor, written(str(n), face)) for face in faces for n in range(10)]
        labels = np.tile(np.arange(10), len(faces))
        tell(f"digits in {len(faces)} fonts", found, labels, labels)
        letters = {
            letter: [first(predictor, written(letter, face)) for face in faces] for letter in string.ascii_letters
        }
        refused("letters", [found for letter in LETTERS for found in letters[letter]])
        refused("letters, digits in shape too", [found for each in letters.values() for found in each])


def refused(name: str, found: list[tuple[int | None, Certainty, int]]) -> None:
    is_refused = np.array([verdict is not Certainty.sure for _, verdict, _ in found])
    nothing = np.array([verdict is Certainty.no_digit for _, verdict, _ in found])
    surely = sorted({digit for digit, verdict, _ in found if verdict is Certainty.sure})
    print(
        f"{name:32} not sure {is_refused.mean():6.1%}, of these no digit at all {nothing.sum()} (of {len(found)})"
        f"; surely taken for {', '.join(map(str, surely)) or 'nothing'}"
    )


if __name__ == "__main__":
    main()
