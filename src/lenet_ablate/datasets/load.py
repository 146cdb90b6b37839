"""Any data set by its configuration, ready for the network."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from lenet_ablate.config.choices import DataSet, Normalize
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.base import Dataset, Images
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.datasets.idx import load_idx
from lenet_ablate.datasets.mnist import load_mnist
from lenet_ablate.datasets.npz import load_npz
from lenet_ablate.datasets.playground import load_playground
from lenet_ablate.datasets.relatives import RELATIVES, load_relative
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.rendering.console import warn

DATA_VARIABLE, DEFAULT_FOLDER = "LENET_ABLATE_DATA", "data"
_CHUNK_IMAGES = 4096


def _load_relative(name: DataSet, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    return load_relative(name, expand_home(data_dir, DataError), progress)


KEPT: Mapping[DataSet, Callable[[Path, Callable[[str], None]], Arrays]] = {
    DataSet.mnist: lambda data_dir, progress: load_mnist(expand_home(data_dir, DataError), progress),
    **{name: partial(_load_relative, name) for name in RELATIVES},
    DataSet.digits: lambda data_dir, progress: load_digits(),
}
"""Data sets that come by name; called with the data folder and what takes a line when a download begins."""
OWN: Mapping[DataSet, Callable[[Path], Arrays]] = {DataSet.idx: load_idx, DataSet.npz: load_npz}
"""Data sets of the user's; called with `data.path`."""


def data_folder(option: str | None) -> Path:
    """The folder that data sets are kept in: the option, else $LENET_ABLATE_DATA, else data/; `~` is the home.

    Where there is no home it is given as it is: not every data set needs the folder, and one that does says so.
    """
    told = option or os.environ.get(DATA_VARIABLE) or DEFAULT_FOLDER
    try:
        return expand_home(told)
    except ConfigError:
        return Path(told)


def load(config: DataConfig, size: int, data_dir: Path, progress: Callable[[str], None] = warn) -> Dataset:
    """The data set that a configuration names, its images brought to the side that the network takes; points as drawn.

    Args:
        config: The data set; where its mean or std is null, that of the training images before any split is taken.
        size: Side S of the network's input.
        data_dir: The data folder, see `data_folder`; MNIST is read from there, or downloaded to there.
        progress: Takes one line per file downloaded; where stderr is a terminal a bar is drawn instead.

    Raises:
        DataError: The data are missing, damaged, of the wrong shape, or too large for the memory.
    """
    if config.name.is_playground:
        return load_playground(config)
    try:
        arrays = _read(config, data_dir, progress)
        train_images, test_images = (
            fit(images, size, config.resize) for images in (arrays.train_images, arrays.test_images)
        )
        mean, std = _normalisation(config, train_images)
    except MemoryError:
        raise DataError(f"data={config.name.value}: does not fit in memory; use fewer or smaller images") from None
    return Dataset(train_images, arrays.train_labels, test_images, arrays.test_labels, mean, std)


def _read(config: DataConfig, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    if config.name in KEPT:
        return KEPT[config.name](data_dir, progress)
    if config.path is None:
        raise DataError(f"data={config.name.value}: needs data.path=…, the folder or file with the data")
    return OWN[config.name](expand_home(config.path, DataError))


def _normalisation(config: DataConfig, images: Images) -> tuple[float, float]:
    if config.normalize is Normalize.unit:
        return 0.0, 1.0
    is_own = config.normalize is Normalize.per_set
    if config.mean is not None and config.std is not None and not is_own:
        return config.mean, config.std
    mean, std = pixel_statistics(images)
    if (config.std is None or is_own) and std == 0:
        raise DataError(f"data={config.name.value}: all pixels of the training images are equal; nothing to learn from")
    return mean if config.mean is None or is_own else config.mean, std if config.std is None or is_own else config.std


def pixel_statistics(images: Images) -> tuple[float, float]:
    """Mean and population standard deviation of all pixels scaled to 0..1.

    Sums are exact whole numbers, so the result is the same on every machine.

    Args:
        images: (N, S, S) uint8, at least one.
    """
    counts = np.zeros(256, np.int64)
    for first in range(0, len(images), _CHUNK_IMAGES):
        counts += np.bincount(images[first : first + _CHUNK_IMAGES].ravel(), minlength=256)
    total = sum(level * int(count) for level, count in enumerate(counts))
    squares = sum(level**2 * int(count) for level, count in enumerate(counts))
    num_pixels = images.size
    return total / (255 * num_pixels), math.sqrt(num_pixels * squares - total**2) / (255 * num_pixels)
