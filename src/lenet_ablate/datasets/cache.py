"""Each data set of a sweep, read once and shared by its runs."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.load import load


class DatasetCache:
    """The data sets asked for so far; may be used from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._loaded: dict[tuple[DataConfig, int], Dataset] = {}

    def get(self, config: DataConfig, size: int) -> Dataset:
        """The data set that a configuration names, at a network's input size.

        Raises:
            DataError: It is missing, damaged or of the wrong shape.
        """
        # Split and order are made of indices, not of copies.
        key = dataclasses.replace(config, val_size=0, train_size=None, shuffle=True), size
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load(config, size, self._data_dir)
            return self._loaded[key]
