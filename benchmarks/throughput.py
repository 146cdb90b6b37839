"""Images per second of training LeNet-5 on the CPU, beside the recipe that everyone starts from.

usage: python benchmarks/throughput.py [--quick]

Contestants take turns over several rounds and medians count, since a machine's speed drifts. Reads the real MNIST from
$LENET_ABLATE_DATA (else data/); without it, random bytes of the same shape. Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import functools
import json
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.config.plan import make_plan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.idx import find
from lenet_ablate.datasets.load import data_folder, load
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.records.cores import num_usable_cores

# Forward, weight and input gradients of one 32×32 image; two operations per multiplication with its addition.
FLOPS_PER_IMAGE = 2.264e6
MATRIX_SIDE = 768
SIZES = (8, 16, 32, 128)  # of batches, beside the usual 64


def read_data() -> tuple[Dataset, str]:
    """MNIST padded to 32×32, or bytes of its shape."""
    folder = data_folder(None)
    if find(folder / "MNIST" / "raw", "train-images-idx3-ubyte"):
        return load(RunConfig().data, 32, folder), "MNIST"
    random = np.random.default_rng(0)
    images, labels = (
        random.integers(0, 256, (60_000, 32, 32), np.uint8),
        random.integers(0, 10, 60_000).astype(np.uint8),
    )
    return Dataset(images, labels, images[:10_000], labels[:10_000], 0.1307, 0.3081), "random bytes"


class Pictures(TorchDataset[Any]):
    """As `torchvision.datasets.MNIST` gives them: a PIL image through the transforms, one by one."""

    def __init__(self, data: Dataset) -> None:
        self._images, self._labels = np.ascontiguousarray(data.train_images[:, 2:-2, 2:-2]), data.train_labels
        steps = [transforms.Resize((32, 32)), transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        self._transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Any:
        return self._transform(Image.fromarray(self._images[index])), int(self._labels[index])


class Recipe:
    """The plain training loop: DataLoader, transforms, Adam, PyTorch's default threads."""

    def __init__(self, data: Dataset) -> None:
        self._loader = DataLoader(Pictures(data), batch_size=64, shuffle=True)
        self._model: nn.Module = build_model(RunConfig(), draw_weights(RunConfig()))
        self._optimizer, self._threads = torch.optim.Adam(self._model.parameters()), torch.get_num_threads()

    def rate(self, images: int) -> float:
        torch.set_num_threads(self._threads)
        batches, steps = iter(self._loader), images // 64
        started = time.perf_counter()
        for _ in range(steps):
            pixels, labels = next(batches)
            self._optimizer.zero_grad()
            functional.cross_entropy(self._model(pixels), labels).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return steps * 64 / (time.perf_counter() - started)


class Contestant:
    """An engine's learner on the training images, in their order."""

    def __init__(self, engine: Any, data: Dataset, **settings: Any) -> None:
        plan = make_plan(RunConfig(**settings), len(data.train_labels), len(data.test_labels))
        self._indices, val = split(len(data.train_labels), 5000, 0)
        self._size = plan.config.batch_size
        self._learner: Learner = engine.learner(plan, data, self._indices, val)

    def rate(self, images: int) -> float:
        torch.set_num_threads(1)
        steps = images // self._size
        batches = Batches(self._indices[: steps * self._size], np.full(steps, 1e-3))
        started = time.perf_counter()
        self._learner.train(batches)
        return steps * self._size / (time.perf_counter() - started)

    def evaluation_rate(self, images: int) -> float:
        started = time.perf_counter()
        return len(self._learner.evaluate(Split.test).digits) / (time.perf_counter() - started)


def side_by_side(contestants: list[Contestant], images: int) -> float:
    """Images per second of all together, one thread each."""
    threads = [threading.Thread(target=each.rate, args=(images,)) for each in contestants]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return images // 64 * 64 * len(contestants) / (time.perf_counter() - started)


def matrix_product_rate(threads: int | None) -> float:
    """GFLOP/s of NumPy's float32 matrix product."""
    matrix, seconds = np.random.default_rng(0).random((MATRIX_SIDE, MATRIX_SIDE), np.float32), []
    with threadpool_limits(threads):
        for _ in range(12):
            started = time.perf_counter()
            _ = matrix @ matrix
            seconds.append(time.perf_counter() - started)
    return 2 * MATRIX_SIDE**3 / statistics.median(seconds) / 1e9


def contestants(data: Dataset, images: int, full: bool) -> dict[str, Callable[[], float]]:
    """What is measured, by name; each call is one turn."""
    compiled, cores = CompiledEngine(), num_usable_cores()
    many = [Contestant(compiled, data) for _ in range(cores)]
    found: dict[str, Callable[[], float]] = {
        "peak_gflops": lambda: matrix_product_rate(1),
        "compiled": functools.partial(Contestant(compiled, data).rate, images),
        "compiled_all": lambda: side_by_side(many, images),
        "torch": functools.partial(Contestant(TorchEngine("cpu"), data).rate, images // 4),
        "loader": functools.partial(Recipe(data).rate, images // 8),
        "peak_all_gflops": lambda: matrix_product_rate(cores),
    }
    if full:
        tanh = {"pool": Pool.avg, "activation": Activation.tanh}
        for size in SIZES:
            found[f"compiled batch {size}"] = functools.partial(
                Contestant(compiled, data, batch_size=size).rate, images
            )
        found["compiled tanh/avg"] = functools.partial(Contestant(compiled, data, **tanh).rate, images)
        found["torch tanh/avg"] = functools.partial(Contestant(TorchEngine("cpu"), data, **tanh).rate, images // 4)
        found["compiled evaluation"] = functools.partial(Contestant(compiled, data).evaluation_rate, images)
        found["torch evaluation"] = functools.partial(Contestant(TorchEngine("cpu"), data).evaluation_rate, images)
    return found


def summary(turns: dict[str, list[float]]) -> dict[str, float]:
    """Medians; quotients are medians over the rounds, so that what slows a round down cancels."""

    def quotient(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(turns[one], turns[other], strict=True))

    def fraction(name: str) -> float:
        return quotient(name, "peak_gflops") * gflops_per_image

    gflops_per_image = FLOPS_PER_IMAGE / 1e9
    sizes = [size for size in SIZES if f"compiled batch {size}" in turns]
    return {
        **{
            f"{k}_images_per_second": statistics.median(turns[k])
            for k in ("loader", "torch", "compiled", "compiled_all")
        },
        "ratio_loader": quotient("compiled_all", "loader"),
        "ratio_torch": quotient("compiled_all", "torch"),
        "gflops": statistics.median(turns["compiled"]) * gflops_per_image,
        "peak_gflops": statistics.median(turns["peak_gflops"]),
        "fraction_of_peak": fraction("compiled"),
        "scaling": quotient("compiled_all", "compiled"),
        **{f"fraction_of_peak_batch_{size}": fraction(f"compiled batch {size}") for size in sizes},
    }


def main() -> None:
    """Measure in turns, print the table and the JSON line."""
    quick = "--quick" in sys.argv[1:]
    rounds, images = (7, 8_192) if quick else (15, 25_600)
    data, source = read_data()
    turns: dict[str, list[float]] = {}
    measured = contestants(data, images, full=not quick)
    for number in range(rounds + 1):
        for name, turn in measured.items():
            rate = turn()
            if number:  # the first round warms up
                turns.setdefault(name, []).append(rate)
    print(f"{source}, {num_usable_cores()} cores, {platform.machine()}, {rounds} rounds")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}\n")
    print(f"{'':24}{'median':>10}{'lowest':>10}{'highest':>10}")
    for name, rates in turns.items():
        unit = "GFLOP/s" if "gflops" in name else "images/s"
        label = name.replace("_gflops", "").replace("_", ", ")
        print(f"{label:24}{statistics.median(rates):10,.0f}{min(rates):10,.0f}{max(rates):10,.0f}  {unit}")
    print(json.dumps({key: round(value, 4) for key, value in summary(turns).items()}))


if __name__ == "__main__":
    main()
