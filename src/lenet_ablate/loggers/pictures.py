"""Example images with their labels as one picture, for a first look at what a network gets right and wrong."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

COLUMNS, ROWS = 4, 4
SIDE, CAPTION, GAP = 78, 32, 8  # pixels; as wide as TensorBoard shows a picture
FONT_SIZE = 13


@dataclass(frozen=True)
class Picture:
    """A greyscale PNG image and its size in pixels."""

    png: bytes
    width: int
    height: int


def example_sheets(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    digits: npt.NDArray[np.uint8],
    probabilities: npt.NDArray[np.floating[Any]],
) -> dict[str, Picture]:
    """Up to 16 test images of each kind with what they were read as and how surely.

    Args:
        images: (M, S, S) uint8, 0 = background.
        labels: (M,) uint8, 0..9.
        digits: (M,) uint8, the predicted classes.
        probabilities: (M,) softmax probability of the predicted class, 0..1.

    Returns:
        `correctly_classified`, the first ones of the test set, and `wrongly_classified`, the surest first; a kind
        without images is left out.
    """
    wrong = np.flatnonzero(digits != labels)
    wrong = wrong[np.argsort(-probabilities[wrong].astype(np.float64), kind="stable")]
    kinds = {"correctly_classified": np.flatnonzero(digits == labels), "wrongly_classified": wrong}
    sheets = {}
    for kind, chosen in kinds.items():
        shown = chosen[: COLUMNS * ROWS]
        captions = [_caption(labels[i], digits[i], probabilities[i]) for i in shown]
        if captions:
            sheets[kind] = _sheet(images[shown], captions)
    return sheets


def _caption(label: int, digit: int, probability: float) -> str:
    read = f"{digit}" if digit == label else f"{label} read as {digit}"
    return f"{read}\n{float(probability):.1%}"


def _sheet(images: npt.NDArray[np.uint8], captions: Sequence[str]) -> Picture:
    rows = -(-len(captions) // COLUMNS)
    sheet = Image.new("L", (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + CAPTION + GAP) + GAP), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(place, COLUMNS)
        left, top = GAP + column * (SIDE + GAP), GAP + row * (SIDE + CAPTION + GAP)
        sheet.paste(Image.fromarray(255 - image).resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))
        draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), outline=200)
        draw.text((left + SIDE / 2, top + SIDE + 2), caption, fill=0, font=font, anchor="ma", align="center", spacing=2)
    packed = io.BytesIO()
    sheet.save(packed, "PNG")
    return Picture(packed.getvalue(), sheet.width, sheet.height)
