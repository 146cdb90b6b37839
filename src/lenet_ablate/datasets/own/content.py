"""What a reader of `data=file` hands on: images and labels as they are stored, by split, and what was noticed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Color
from lenet_ablate.datasets.arrays import MAX_PIXELS, check_image_shape
from lenet_ablate.errors import DataError

Array = npt.NDArray[Any]
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's "L"
_CHUNK_IMAGES = 4096


class Part(Enum):
    """What a piece of a data set is for; `whole` where nothing says so."""

    train = "train"
    test = "test"
    val = "val"
    whole = "whole"


@dataclass(frozen=True)
class Piece:
    """Images with their labels, as stored.

    Attributes:
        where: What it is called in messages.
        images: (N, H, W) numbers.
        labels: (N,) whole numbers, floats or text.
    """

    where: str
    images: Array
    labels: Array


@dataclass(frozen=True)
class Content:
    """A data set as found.

    Attributes:
        kind: What it is, in words.
        pieces: By what they are for.
        notes: What was noticed while reading, a few words each.
        names: Names of the labels 0, 1, …, where the file has them.
        is_transposed: Whether rows and columns are known to be swapped.
    """

    kind: str
    pieces: dict[Part, Piece]
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_transposed: bool = False

    def noting(self, *more: str) -> Content:
        """The same with more that was noticed."""
        return dataclasses.replace(self, notes=(*self.notes, *more))


def check_size(where: str, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuses an array that is too large, or not of numbers, before it is read.

    Raises:
        DataError: It has over `MAX_PIXELS` entries, or entries that are no numbers or text.
    """
    if dtype.hasobject or dtype.kind not in "biufUS":
        raise DataError(f"{where}: is of type {dtype}, expected numbers; store it with images.astype('uint8')")
    if math.prod(shape) > MAX_PIXELS or math.prod(shape) * dtype.itemsize > 8 * MAX_PIXELS:
        raise DataError(
            f"{where}: has shape {tuple(shape)}, more than {MAX_PIXELS} numbers; use fewer or smaller images"
        )


def as_images(where: str, stored: Array, num_labels: int, color: Color = Color.grey) -> tuple[Array, str]:
    """Images (N, H, W), in colour (N, 3, H, W), and what was done in a few words; empty where they were like that.

    Taken are (N, H, W), a channel of 1 or 3 behind or before H and W, rows (N, H·W) of square images, and each of
    these with the images along the last axis, where N is the number of labels.

    Args:
        where: What they are called.
        stored: Numbers of two to four dimensions.
        num_labels: How many images there must be.
        color: What becomes of colours; rgb needs them.

    Raises:
        DataError: They are arranged in none of these ways.
    """
    images, done = stored, ""
    if images.ndim >= 2 and images.shape[0] != num_labels == images.shape[-1]:
        images, done = np.moveaxis(images, -1, 0), "images along the last axis"
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images[:, 0] if images.shape[1] == 1 else images[..., 0]
    elif images.ndim == 4 and 3 in (images.shape[1], images.shape[3]):
        colour = images if images.shape[3] == 3 else np.moveaxis(images, 1, 3)
        images = _to_grey(colour) if color is Color.grey else np.moveaxis(colour, 3, 1)
        done = ", ".join(filter(None, [done, f"colour read as {color.value}"]))
    elif images.ndim == 2:
        side = math.isqrt(images.shape[1])
        if side**2 != images.shape[1] or side == 0:
            raise DataError(
                f"{where}: has rows of {images.shape[1]} numbers, which are no square images; store "
                "images.reshape(-1, height, width)"
            )
        images, done = images.reshape(-1, side, side), ", ".join(filter(None, [done, f"rows read as {side}×{side}"]))
    if color is Color.rgb and images.ndim == 3:
        raise DataError(f"{where}: has shape {stored.shape}, which are no colour images; data.color=grey takes them")
    if images.ndim != (4 if color is Color.rgb else 3):
        raise DataError(
            f"{where}: has shape {stored.shape}, expected (N, H, W), (N, H·W), or with a channel of 1 or 3; store "
            "images.reshape(-1, height, width)"
        )
    check_image_shape(where, (images.shape[0], *images.shape[-2:]))
    return images, done


def _to_grey(colour: Array) -> Array:
    """Luminance of images (N, H, W, 3), of the same type; exact where the three are equal."""
    grey = np.empty(colour.shape[:3], colour.dtype)
    for first in range(0, len(colour), _CHUNK_IMAGES):
        chunk = colour[first : first + _CHUNK_IMAGES].astype(np.float64)
        mixed = chunk @ np.array(LUMINANCE)
        grey[first : first + _CHUNK_IMAGES] = np.rint(mixed) if colour.dtype.kind in "iu" else mixed
    return grey
