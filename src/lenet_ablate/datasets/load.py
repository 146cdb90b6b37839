"""Any data set by its configuration, ready for the network."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from lenet_ablate.config.choices import DataSet, Normalize
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.plan import num_val
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.balance import check_classes
from lenet_ablate.datasets.base import Dataset, num_classes_of
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.fit import fit
from lenet_ablate.datasets.idx import load_idx
from lenet_ablate.datasets.known import load_known
from lenet_ablate.datasets.mnist import load_mnist
from lenet_ablate.datasets.npz import load_npz
from lenet_ablate.datasets.own.read import read_own
from lenet_ablate.datasets.playground import load_playground
from lenet_ablate.datasets.published import FACTS
from lenet_ablate.datasets.relatives import RELATIVES, load_relative
from lenet_ablate.datasets.splits import split
from lenet_ablate.datasets.statistics import moments, pixel_statistics, statistics_of
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.rendering.console import warn

DATA_VARIABLE, DEFAULT_FOLDER = "LENET_ABLATE_DATA", "data"


def _load_relative(name: DataSet, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    return load_relative(name, expand_home(data_dir, DataError), progress)


def _load_known(name: DataSet, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    return load_known(name, expand_home(data_dir, DataError), progress)


KEPT: Mapping[DataSet, Callable[[Path, Callable[[str], None]], Arrays]] = {
    DataSet.mnist: lambda data_dir, progress: load_mnist(expand_home(data_dir, DataError), progress),
    **{name: partial(_load_relative, name) for name in RELATIVES},
    **{name: partial(_load_known, name) for name in FACTS},
    DataSet.digits: lambda data_dir, progress: load_digits(),
}
"""Data sets that come by name; called with the data folder and what takes a line when a download begins."""
OWN: Mapping[DataSet, Callable[[Path, float | None, int], Arrays]] = {DataSet.idx: load_idx, DataSet.npz: load_npz}
"""Data sets of the user's in one form; called with `data.path`, `data.range` and how many classes there are."""


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
        if config.name is DataSet.file:
            return _load_own(config, size)
        arrays = read_arrays(config, data_dir, progress)
        train_images, test_images = (
            fit(images, size, config.resize) for images in (arrays.train_images, arrays.test_images)
        )
        mean, std = _normalisation(config, lambda: pixel_statistics(train_images))
    except MemoryError:
        raise DataError(f"data={config.name.value}: does not fit in memory; use fewer or smaller images") from None
    return Dataset(train_images, arrays.train_labels, test_images, arrays.test_labels, mean, std)


def _load_own(config: DataConfig, size: int) -> Dataset:
    own = read_own(config)
    arrays = own.arrays
    fitted = [fit(images, size, config.resize) for images in (arrays.train_images, arrays.test_images)]
    of_pixels = moments(arrays.train_images)
    mean, std = _normalisation(own.config, lambda: statistics_of(of_pixels))
    return Dataset(fitted[0], arrays.train_labels, fitted[1], arrays.test_labels, mean, std, of_pixels)


def normalised(dataset: Dataset, config: RunConfig) -> Dataset:
    """The data set of `data=file` with the mean and std of a run's own training split; any other as it is.

    Args:
        dataset: What `load` gave for the run's data.
        config: The run's settings; its seed draws the split. Numbers given there stay.
    """
    own, count = config.data, len(dataset.train_labels)
    held = num_val(own, count)
    of_pixels = dataset.moments
    if of_pixels is None or held >= count:
        return dataset
    trained_on, _ = split(count, held, config.seed, own.train_size)
    mean, std = _normalisation(own, lambda: statistics_of(of_pixels[trained_on]))
    return dataclasses.replace(dataset, mean=mean, std=std)


def read_arrays(config: DataConfig, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    """A data set of images as its source holds it; arguments and errors as `load`."""
    if config.name is DataSet.file:
        return read_own(config).arrays
    if config.name in KEPT:
        return KEPT[config.name](data_dir, progress)
    if config.path is None:
        raise DataError(f"data={config.name.value}: needs data.path=…, the folder or file with the data")
    arrays = OWN[config.name](expand_home(config.path, DataError), config.range, num_classes_of(config))
    for told in check_classes(config.path, arrays.train_labels, arrays.test_labels):
        progress(told)
    return arrays


def _normalisation(config: DataConfig, own: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    if config.normalize is Normalize.unit:
        return 0.0, 1.0
    is_own = config.normalize is Normalize.per_set
    if config.mean is not None and config.std is not None and not is_own:
        return config.mean, config.std
    mean, std = own()
    if (config.std is None or is_own) and std == 0:
        raise DataError(f"data={config.name.value}: all pixels of the training images are equal; nothing to learn from")
    return mean if config.mean is None or is_own else config.mean, std if config.std is None or is_own else config.std
