"""What every data set is handed on as: uint8 images of the network's size, or points, with their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.classes import CLASSES, NUM_CLASSES
from lenet_ablate.config.settings import DataConfig

_POINT_CLASSES = 2

Images = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Labels = npt.NDArray[np.unsignedinteger[Any]]


def label_type(num_classes: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The type that class numbers are kept in: uint8, or uint16 where there are more than 256 classes."""
    return np.dtype(np.uint8 if num_classes <= 256 else np.uint16)


def num_classes_of(config: DataConfig) -> int:
    """How many classes a network on this data set tells apart."""
    if config.name.is_playground:
        return _POINT_CLASSES
    return config.num_classes or CLASSES.get(config.name, NUM_CLASSES)


def class_name(names: Sequence[str] | None, number: int) -> str:
    """What a class is called: its name where it has one, else its number."""
    return names[number] if names and number < len(names) else str(number)


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, shared by all runs that use it.

    Attributes:
        train_images: (N, S, S) uint8, 0 = background, S the side that the network takes; before any split. In colour
            (N, 3, S, S). Of the playground's sets (N, 1, F) float32: F features of each point, not normalised.
        train_labels: (N,) class numbers from 0, see `label_type`.
        test_images: (M, S, S) or (M, 3, S, S) uint8, or (M, 1, F) float32.
        test_labels: (M,) class numbers.
        mean: Subtracted from pixels scaled to 0..1.
        std: Divides the centred pixels.
        moments: (N, 3) int64, of each training image before any border its number of pixels, their sum and the sum of
            their squares; None where mean and std are of the set as a whole.
    """

    train_images: Images | Points
    train_labels: Labels
    test_images: Images | Points
    test_labels: Labels
    mean: float
    std: float
    moments: npt.NDArray[np.int64] | None = None

    @cached_property
    def sha256(self) -> str:
        """Digest of all images and labels as they enter the network, without the normalisation."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
