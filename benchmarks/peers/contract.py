"""What every contestant is given and what it answers: MNIST's images on the command line's terms, one JSON line.

A contestant is a program of its own, in an environment of its own; of this project it imports nothing but this file,
which needs NumPy alone.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

NUM_TRAIN = 55_000
"""The first 55,000 of MNIST's 60,000 training images; the others are left for validation."""
BATCH_SIZE, LEARNING_RATE = 64, 0.001
MEAN, STD = 0.1307, 0.3081


def arguments(**extra: str) -> argparse.Namespace:
    """What the contestant was started with: `data`, `epochs`, `seed`, and options of its own by name and default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder with MNIST/raw")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    for name, default in extra.items():
        parser.add_argument(f"--{name}", default=default)
    return parser.parse_args()


def images(data: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (N, 28, 28) in 0..255, and labels, uint8 (N,), of part `train` (55,000 of them) or `t10k`."""
    raw = data / "MNIST" / "raw"
    pixels = np.fromfile(raw / f"{part}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28)
    labels = np.fromfile(raw / f"{part}-labels-idx1-ubyte", np.uint8, offset=8)
    return (pixels[:NUM_TRAIN], labels[:NUM_TRAIN]) if part == "train" else (pixels, labels)


def prepared(pixels: np.ndarray) -> np.ndarray:
    """float32 (N, 32, 32): padded with background and normalised, as every contestant's network sees them."""
    padded = np.pad(pixels, ((0, 0), (2, 2), (2, 2)))
    return ((padded / np.float32(255) - np.float32(MEAN)) / np.float32(STD)).astype(np.float32)


class Clock:
    """Seconds of each epoch: `with clock:` around one pass over the training images."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self.seconds.append(time.perf_counter() - self._started)


def answer(seconds: Iterable[float], test_accuracy: float, packages: Iterable[str]) -> None:
    """Print the line that the driver reads.

    Args:
        seconds: Of each epoch's training, the first too.
        test_accuracy: Fraction of the 10,000 test images that are right after the last epoch.
        packages: Whose versions belong to the result.
    """
    versions = {name: importlib.metadata.version(name) for name in packages}
    found = {"epoch_seconds": [round(each, 4) for each in seconds], "test_accuracy": round(float(test_accuracy), 4)}
    print(json.dumps({**found, "versions": versions}), flush=True)
