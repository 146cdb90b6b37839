"""What every data set is handed on as: uint8 images of the network's size with their labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

NUM_CLASSES = 10

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, shared by all runs that use it.

    Attributes:
        train_images: (N, S, S) uint8, 0 = background, S the side that the network takes; before any split.
        train_labels: (N,) uint8, 0..9.
        test_images: (M, S, S) uint8.
        test_labels: (M,) uint8, 0..9.
        mean: Subtracted from pixels scaled to 0..1.
        std: Divides the centred pixels.
    """

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    mean: float
    std: float

    @cached_property
    def sha256(self) -> str:
        """Digest of all images and labels as they enter the network, without the normalisation."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
