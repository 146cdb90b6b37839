"""A data set of a few hundred images and runs on it that take a fraction of a second."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.plan import RunPlan, make_plan
from lenet_ablate.config.settings import DataConfig, Options, RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.engines.networks import image_size
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.records.record import State
from lenet_ablate.records.write import write_config, write_status
from lenet_ablate.training.loop import RunContext, train_run

NUM_IMAGES, NUM_TEST, NUM_VAL = 230, 50, 30


@functools.cache
def tiny_dataset(side: int = 32) -> Dataset:
    """Noise with a bright square whose place tells the class: learnable within a few steps; the middle of 32×32."""
    random = np.random.default_rng(7)

    def draw(count: int) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.uint8]]]:
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = random.integers(0, 60, (count, 32, 32), np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = 4 + 12 * (int(label) // 5), 2 + 6 * (int(label) % 5)
            image[row : row + 8, column : column + 5] += 180
        border = (32 - side) // 2
        return np.ascontiguousarray(images[:, border : border + side, border : border + side]), labels

    return Dataset(*draw(NUM_IMAGES), *draw(NUM_TEST), mean=0.2, std=0.3)


def tiny_config(**changes: Any) -> RunConfig:
    """Two epochs of 13 steps on the tiny data, the last batch smaller than the others."""
    data = DataConfig(name=DataSet.npz, path="tiny.npz", val_size=NUM_VAL, mean=0.2, std=0.3)
    return dataclasses.replace(RunConfig(epochs=2, batch_size=16, data=data), **changes)


def tiny_plan(**changes: Any) -> RunPlan:
    return make_plan(tiny_config(**changes), NUM_IMAGES, NUM_TEST)


def train_tiny(
    folder: Path,
    plan: RunPlan,
    should_stop: Callable[[], bool] = lambda: False,
    engine: Any = None,
    **options: Any,
) -> State:
    """Train a plan on the tiny data into a folder, as a sweep would."""
    folder.mkdir(parents=True, exist_ok=True)
    write_status(folder, State.running, plan.identity)
    write_config(folder, plan.config)
    around = RunContext(
        folder,
        Options(**options),
        {},
        should_stop,
        lambda images, loss: None,
        lambda images: None,
        logging.Logger("tiny"),
    )
    return train_run(plan, tiny_dataset(image_size(plan.config.model)), engine or TorchEngine("cpu"), around)


def stop_after(slices: int) -> Callable[[], bool]:
    """Says stop after so many slices."""
    left = iter(range(slices))
    return lambda: next(left, None) is None


def without_seconds(metrics: Path) -> list[str]:
    """The lines of a metrics.csv without their last column, which is the time."""
    return [line.rpartition(",")[0] for line in metrics.read_text().splitlines()]
