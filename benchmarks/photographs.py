"""How well `lenet-predict` reads what is not MNIST: simulated photographs, fonts, letters, blank pages.

    python benchmarks/photographs.py outputs/ablation/<run> --digits 500 --fonts /usr/share/fonts

Every row takes test digits of MNIST (or another source), makes pictures of them and asks the run. Rows that only change
the file (polarity, transparency, orientation, crop, size) should leave the answer as it is; photographs may cost a few
points; blank pages and letters should be refused. Nothing here is trained on.
"""

from __future__ import annotations

import argparse
import os
import string
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from simulated.pictures import (
    HEIGHT,
    WIDTH,
    Make,
    Pixels,
    blanks,
    crop,
    drawn,
    photograph,
    resized,
    ruled,
    scribble,
    thin_pen,
    transparent,
    with_exif,
    written,
)

from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.predict.calibration import expected_calibration_error, softmax
from lenet_ablate.predict.pictures import from_image
from lenet_ablate.predict.prediction import Certainty
from lenet_ablate.predict.predictor import Predictor

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhkmnprtuvwxy"  # those that no digit looks like


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


def fonts_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".ttf", ".otf") and "klee" not in path.parts)


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
