"""The cuda engine behind the engine protocol: one GPU, a thread block per learner, the data set there once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset, Labels
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.cuda.device import Device, Reserve
from lenet_ablate.engines.cuda.kind import make_kind
from lenet_ablate.engines.cuda.learner import CLASSES, CudaLearner, DeviceData

MOST_SIDE_BY_SIDE = 128  # kernels that CUDA keeps going at once


class CudaEngine:
    """LeNet-5 as machine code for a GPU, compiled for each kind of network when its first learner is made.

    Args:
        device: What it runs on; None: the first GPU.

    Raises:
        EngineError: There is none that can be used, or nothing can be compiled for it.
    """

    name = "cuda"
    device = "cuda"
    threads = 1

    def __init__(self, device: Device | None = None) -> None:
        if device is None:
            from lenet_ablate.engines.cuda.driver import CudaDevice  # asks the driver: only where it is wanted

            device = CudaDevice()
        self.card = device.card
        self.side_by_side = min(device.multiprocessors, MOST_SIDE_BY_SIDE)
        device.program(make_kind(RunConfig(), device.shared_bytes))  # whether it can be compiled is told at once
        self._reserve = Reserve(device)
        self._lock = threading.Lock()
        self._data: dict[int, tuple[Dataset, DeviceData]] = {}

    def learner(self, plan: RunPlan, dataset: Dataset, train: Indices, val: Indices) -> CudaLearner:
        """A learner at step 0."""
        return CudaLearner(self._reserve, plan, dataset, self._on_device(dataset), train, val)

    def _on_device(self, dataset: Dataset) -> DeviceData:
        with self._lock:
            images = id(dataset.train_images)  # runs may differ in the normalisation alone
            if images not in self._data:
                self._data[images] = dataset, keep_data(dataset, self._reserve.device)
            return self._data[images][1]


def keep_data(dataset: Dataset, device: Device) -> DeviceData:
    """A data set of grey images, copied to a device."""

    def images(array: npt.NDArray[Any]) -> int:
        return device.keep(np.ascontiguousarray(array))

    def labels(array: Labels) -> int:
        return device.keep(np.ascontiguousarray(array, dtype=CLASSES))

    return DeviceData(
        images(dataset.train_images),
        labels(dataset.train_labels),
        images(dataset.test_images),
        labels(dataset.test_labels),
    )
