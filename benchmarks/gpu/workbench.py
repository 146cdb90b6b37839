"""What the parts of `benchmarks/gpu.py` share: how much of everything, data, plans, learners, threads."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.config.plan import RunPlan, make_plan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Engine, Learner

SIDE = 32
GRID = (
    "pool=max,avg",
    "activation=relu,tanh,sigmoid",
    "lr=0.01,0.001,step",
    "optimizer=adam,sgd",
    "batch_size=32,64,128",
)


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Attributes:
        images: Training images, of which a twelfth is for validation; a sixth as many are for testing.
        kinds: Networks that are compiled.
        batch_sizes: Of the rates.
        runs: Side by side, as far as the card has room.
        seconds: That one rate is measured for.
        steps: Of what must be the same bits.
        grid: The sweep.
        epochs: Of the sweep, one after the other.
        resumed_epochs: Of the sweep that is killed.
    """

    images: int
    kinds: tuple[tuple[Pool, Activation], ...]
    batch_sizes: tuple[int, ...]
    runs: tuple[int, ...]
    seconds: float
    steps: int
    grid: tuple[str, ...]
    epochs: tuple[int, ...]
    resumed_epochs: int

    @property
    def num_val(self) -> int:
        """Images for validation."""
        return self.images // 12


EVERY = tuple(itertools.product(Pool, Activation))
TWO = ((Pool.max, Activation.relu), (Pool.avg, Activation.gelu))
RUNS = (1, 8, 36, 108, 128)
SIZES = {
    "full": Size(60_000, EVERY, (32, 64, 128), RUNS, 2.0, 50, GRID, (1, 30), 12),
    "quick": Size(60_000, TWO, (64,), RUNS, 0.2, 50, GRID, (1,), 6),
    "rehearse": Size(240, TWO, (64,), (1, 2), 0.01, 2, ("lr=0.01,0.001",), (1,), 5),
}


def size() -> Size:
    """What the command line asks for."""
    return SIZES[sys.argv[1] if len(sys.argv) > 1 else "full"]


def finish(found: Any) -> None:
    """Print a part's result, its last line."""
    print(json.dumps(found))


def make_engine() -> Engine:
    """The cuda engine."""
    from lenet_ablate.engines.cuda.engine import CudaEngine

    return CudaEngine()


@functools.cache
def random_data() -> Dataset:
    """Bytes of MNIST's shape whose classes can be learned: a bright row tells them."""
    random, images = np.random.default_rng(0), size().images
    labels = random.integers(0, 10, images).astype(np.uint8)
    pixels = random.integers(0, 128, (images, SIDE, SIDE), np.uint8)
    pixels[np.arange(images), 2 + 3 * labels.astype(int)] += 100
    return Dataset(pixels, labels, pixels[: images // 6], labels[: images // 6], 0.1307, 0.3081)


def plan(**settings: Any) -> RunPlan:
    """A run's plan on that data."""
    config = RunConfig(**settings)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, val_size=size().num_val))
    return make_plan(config, size().images, size().images // 6)


def splits(seed: int) -> Any:
    """Indices of the training and of the validation images."""
    return split(size().images, size().num_val, seed)


def learner(engine: Engine, run: RunPlan) -> Learner:
    """A learner on that data."""
    return engine.learner(run, random_data(), *splits(run.config.seed))


def slice_of(run: RunPlan, steps: int) -> Batches:
    """So many steps of it."""
    order = epoch_order(splits(run.config.seed)[0], run.config.seed, 0)
    return Batches(np.resize(order, steps * run.config.batch_size), np.full(steps, 1e-3))


def distance(found: dict[str, Any], wanted: dict[str, Any]) -> float:
    """Greatest norm-wise error of any layer."""
    return max(float(np.linalg.norm(found[name] - wanted[name]) / np.linalg.norm(wanted[name])) for name in wanted)


def side_by_side(work: list[Callable[[], Any]]) -> float:
    """Seconds of all, each in a thread.

    Raises:
        BaseException: What one of them raised.
    """
    errors: list[BaseException] = []

    def guarded(task: Callable[[], Any]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in work]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started


def data_words(folder: Path) -> list[str]:
    """Settings of the real MNIST where it is, else of bytes of its shape, which are written."""
    is_whole = size().images == SIZES["full"].images
    if is_whole and (Path(os.environ.get("LENET_ABLATE_DATA") or "data") / "MNIST/raw").is_dir():
        return ["data=mnist"]
    path, data, cut = folder / "random.npz", random_data(), slice(2, -2)
    images = {"x_train": data.train_images[:, cut, cut], "x_test": data.test_images[:, cut, cut]}
    np.savez(path, y_train=data.train_labels, y_test=data.test_labels, **images)
    return ["data=npz", f"data.path={path}", f"data.val_size={size().num_val}"]


def command(words: list[str], folder: Path, study: str) -> list[str]:
    """The command line of a sweep."""
    start = [sys.executable, "-m", "lenet_ablate", "-m", "engine=cuda"]
    return [*start, *words, f"output_dir={folder}", f"study={study}"]
