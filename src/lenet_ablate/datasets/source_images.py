"""The training images of a data set as its source holds them, for people to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.base import Images, Labels
from lenet_ablate.datasets.load import read_arrays
from lenet_ablate.rendering.console import warn


def source_images(config: DataConfig, data_dir: Path) -> tuple[Images, Labels, tuple[str, ...]]:
    """The training images (N, H, W) uint8 with their labels, and the classes' names where they have any.

    Args:
        config: The data set, one with images.
        data_dir: The data folder, see `datasets.load.data_folder`.

    Raises:
        DataError: They are missing or damaged.
    """
    arrays = read_arrays(config, data_dir, warn)
    images = arrays.train_images
    grey = images if images.dtype == np.uint8 else np.rint(images).clip(0, 255).astype(np.uint8)
    return np.asarray(grey, np.uint8), arrays.train_labels, config.classes or ()
