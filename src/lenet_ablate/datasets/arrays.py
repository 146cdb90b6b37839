"""What every source hands on before its images are brought to the network's size, and what is checked of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.settings import MAX_CLASSES
from lenet_ablate.datasets.base import Labels, label_type
from lenet_ablate.errors import DataError

MAX_SIDE = 1024
MAX_PIXELS = 2**30  # in one array: 1.3 million images of 28×28; a few kilobytes can unpack to any size

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arrays:
    """A data set as its source holds it.

    Attributes:
        train_images: (N, H, W), in colour (N, 3, H, W), uint8 or float64, 0..255, 0 = background.
        train_labels: (N,) class numbers from 0.
        test_images: (M, H, W) or (M, 3, H, W), of the same type and range.
        test_labels: (M,) class numbers.
    """

    train_images: Pixels
    train_labels: Labels
    test_images: Pixels
    test_labels: Labels


def check_image_shape(where: str, shape: tuple[int, ...]) -> None:
    """Refuses images (N, H, W) that no network here could take.

    Raises:
        DataError: There are no images, a side is 0 or above `MAX_SIDE`, or the array has over `MAX_PIXELS` pixels.
    """
    num_images, height, width = shape
    found = f"{where}: holds {num_images} images of {height}×{width} pixels"
    if num_images < 1:
        raise DataError(f"{found}, expected at least one image")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise DataError(f"{found}, expected sides of 1 to {MAX_SIDE}")
    if math.prod(shape) > MAX_PIXELS:
        raise DataError(f"{found}, expected at most {MAX_PIXELS} pixels in all; use fewer or smaller images")


def check_same_side(train: str, train_shape: tuple[int, ...], test: str, test_shape: tuple[int, ...]) -> None:
    """Refuses training and test images (N, H, W) or (N, 3, H, W) of different sizes.

    Raises:
        DataError: Height or width differ.
    """
    if train_shape[1:] != test_shape[1:]:
        sizes = [_size(shape) for shape in (test_shape, train_shape)]
        raise DataError(f"{test}: images of {sizes[0]} pixels, expected {sizes[1]} as in {train}")


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-2]}×{shape[-1]}{' of three colours' if len(shape) == 4 else ''}"


def check_count(images: str, num_images: int, labels: str, num_labels: int) -> None:
    """Refuses labels that are not one for each image.

    Raises:
        DataError: The numbers differ.
    """
    if num_images != num_labels:
        raise DataError(f"{labels}: {num_labels} labels, expected {num_images}, one for each image of {images}")


def check_labels(where: str, labels: npt.NDArray[np.integer[Any]], num_classes: int) -> Labels:
    """The labels as class numbers.

    Raises:
        DataError: A label is not below `num_classes`.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if wrong.size:
        first = int(wrong[0])
        found = f"{where}: label {labels[first]} at position {first}, expected 0 to {num_classes - 1}"
        needed = int(labels.max()) + 1
        way_out = f"; data.num_classes={needed} tells as many classes apart" * (num_classes < needed <= MAX_CLASSES)
        if int(labels.min()) == 1 and needed == num_classes + 1:
            way_out = "; where they begin at 1, store labels - 1, or let data=file number them"
        raise DataError(found + way_out * (int(labels.min()) >= 0))
    return labels.astype(label_type(num_classes), copy=False)
