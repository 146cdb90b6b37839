"""What many learners at once cost this program: a sweep of the cuda engine on a card that only takes its time.

    python benchmarks/learners.py [runs] [epochs] [seconds]

By default 108 runs of 30 epochs of random bytes of MNIST's shape, which a card would train in 60 s: each slice and each
evaluation sleeps for its share. What is left is Python, NumPy and the disk, which all learners share: the processor
time of the whole process. Calls to the driver are not part of it, nor is what a run on MNIST learns at its end for
`lenet-predict`. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.engines.cuda.device import JUDGE, Memory
from lenet_ablate.engines.cuda.engine import CudaEngine

EVALUATION = 0.36  # of the cost of training on an image: forward alone


class WaitingStream:
    """Takes as long as a thread block would; what it gives is what lies there, zeros."""

    def __init__(self, seconds_per_image: float) -> None:
        self._seconds, self._ends = seconds_per_image, 0.0

    def send(self, memory: Memory, begin: int, end: int) -> None:
        pass

    def launch(self, program: Any, entry: str, argument: Any, blocks: int) -> None:
        share = EVALUATION if entry == JUDGE else 1.0
        self._ends = time.monotonic() + share * self._seconds * argument.images

    def fetch(self, memory: Memory, begin: int, end: int) -> None:
        self.wait()

    def wait(self) -> None:
        time.sleep(max(0.0, self._ends - time.monotonic()))


class WaitingDevice:
    """A card with room for any number of learners."""

    card, shared_bytes = "waiting", 227 * 1024

    def __init__(self, runs: int, epochs: int, seconds: float) -> None:
        self.multiprocessors = runs
        self._seconds_per_image = seconds / epochs / (55_000 + EVALUATION * 15_000)

    def program(self, kind: Any) -> None:
        pass

    def keep(self, array: Any) -> int:
        return 0

    def allocate(self, size: int) -> Memory:
        return Memory(0, np.zeros(size, np.uint8))

    def open_stream(self) -> WaitingStream:
        return WaitingStream(self._seconds_per_image)


def write_bytes_of_its_shape(folder: Path) -> str:
    """An npz file of the size of MNIST; its path."""
    random, path = np.random.default_rng(0), folder / "random.npz"
    parts = {}
    for part, count in (("train", 60_000), ("test", 10_000)):
        parts[f"x_{part}"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        parts[f"y_{part}"] = random.integers(0, 10, count).astype(np.uint8)
    np.savez(path, **parts)
    return str(path)


def main() -> None:
    """Run the sweep in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="?", default=108)
    parser.add_argument("epochs", type=int, nargs="?", default=30)
    parser.add_argument("seconds", type=float, nargs="?", default=60)
    asked = parser.parse_args()
    runs, epochs, seconds = asked.runs, asked.epochs, asked.seconds
    import lenet_ablate.sweep.run
    from lenet_ablate.cli import main as cli

    engine = CudaEngine(WaitingDevice(runs, epochs, seconds))
    lenet_ablate.sweep.run.make_engines = lambda options, kinds, num_runs: dict.fromkeys(kinds, engine)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        data = ["data=npz", f"data.path={write_bytes_of_its_shape(Path(folder))}"]
        sys.argv = ["lenet-ablate", "-m", f"seed=range({runs})", f"epochs={epochs}", f"output_dir={folder}/out", *data]
        wall, cpu = time.perf_counter(), time.process_time()
        cli.main()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        done = len(list(Path(folder).glob("out/*/*/result.json")))
    found = {"runs": done, "epochs": epochs, "card_seconds": seconds, "seconds": wall, "cpu_seconds": cpu}
    found |= {"share": cpu / seconds, "python": platform.python_version()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
