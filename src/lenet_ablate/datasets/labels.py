"""The test split alone, of data that are at hand: nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.settings import MAX_CLASSES, DataConfig
from lenet_ablate.datasets.arrays import check_labels
from lenet_ablate.datasets.base import Images, Labels
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.idx import TEST_IMAGES, TEST_LABELS, find, read_idx
from lenet_ablate.datasets.known import read_test_images, read_test_labels
from lenet_ablate.datasets.npz import load_npz
from lenet_ablate.datasets.own.read import read_own
from lenet_ablate.datasets.playground import draw_plane
from lenet_ablate.datasets.published import FACTS
from lenet_ablate.datasets.ranges import find_range, to_bytes
from lenet_ablate.datasets.relatives import RELATIVES
from lenet_ablate.errors import DataError


def load_test_labels(config: DataConfig, data_dir: Path) -> Labels:
    """The labels of the test images of a data set, (M,) class numbers, in its order.

    Args:
        config: The data set.
        data_dir: The data folder, see `datasets.load.data_folder`; MNIST is only looked for there.

    Raises:
        DataError: They are not at hand or damaged.
    """
    if config.name is DataSet.digits:
        return load_digits().test_labels
    if config.name.is_playground:
        return draw_plane(config).test_labels
    if config.name is DataSet.file:
        return read_own(config).arrays.test_labels
    if config.name in FACTS:
        return read_test_labels(FACTS[config.name], expand_home(data_dir, DataError))
    path = _path(config, data_dir)
    if config.name is DataSet.npz:
        return _from_npz(path)
    file = _find(path, TEST_LABELS)
    return check_labels(str(file), read_idx(file, TEST_LABELS).array, MAX_CLASSES)


def load_test_images(config: DataConfig, data_dir: Path) -> Images:
    """The test images as their source holds them, (M, H, W) uint8, 0 = background; arguments as above.

    Raises:
        DataError: They are not at hand or damaged.
    """
    if config.name.is_playground:
        raise DataError(f"data={config.name.value} has points, not images")
    if config.name is DataSet.file:
        return np.asarray(read_own(config).arrays.test_images, np.uint8)
    if config.name in FACTS:
        return read_test_images(FACTS[config.name], expand_home(data_dir, DataError))
    path = _path(config, data_dir)
    if config.name in (DataSet.digits, DataSet.npz):
        arrays = load_digits() if config.name is DataSet.digits else load_npz(path, config.range, MAX_CLASSES)
        images = arrays.test_images
    else:
        images = read_idx(_find(path, TEST_IMAGES), TEST_IMAGES).array
        images = to_bytes(images, find_range({str(path): images}, config.range))
    if images.dtype != np.uint8:  # rounding ten thousand images would take a quarter of a second
        images = np.rint(images).clip(0, 255)
    return images.astype(np.uint8, copy=False)


def _path(config: DataConfig, data_dir: Path) -> Path:
    folder = {DataSet.mnist: "MNIST", **RELATIVES}.get(config.name)
    whole = expand_home(data_dir if folder else config.path or "", DataError)
    return whole / folder / "raw" if folder else whole


def _find(path: Path, name: str) -> Path:
    folders = (path, path / "MNIST" / "raw", path / "raw")
    file = next((found for folder in folders if (found := find(folder, name))), None)
    if file is None:
        raise DataError(f"{path}: has no {name}")
    return file


def _from_npz(path: Path) -> Labels:
    try:
        with np.load(path, allow_pickle=False) as file:
            labels = file["y_test"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path}: has no readable y_test ({type(error).__name__})") from None
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path}: y_test is not a row of whole numbers")
    return check_labels(str(path), labels, MAX_CLASSES)
