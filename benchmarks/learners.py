"""What many learners at once cost this program: a sweep on a GPU whose learners only wait, as for a card.

usage: python benchmarks/learners.py [runs] [epochs] [seconds]

By default 108 runs of 30 epochs of random bytes of MNIST's shape, which a card would train in 60 s: each slice and each
evaluation sleeps for its share. What is left is Python, NumPy and the disk, which all learners share: the processor
time of the whole process. What a run on MNIST learns at its end for `lenet-predict`, about a second of a core, is not
part of it. Prints one JSON line.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

EVALUATION = 0.36  # of the cost of training on an image: forward alone


class WaitingLearner:
    """Takes as long as a thread block would."""

    def __init__(self, plan: Any, seconds_per_image: float, weights: dict[str, Any]) -> None:
        self._plan, self._seconds, self._weights = plan, seconds_per_image, weights
        self.num_parameters = sum(array.size for array in weights.values())

    def train(self, batches: Any) -> Any:
        time.sleep(self._seconds * len(batches.indices))
        return np.ones(len(batches.learning_rates), np.float32)

    def evaluate(self, split: Any) -> Any:
        from lenet_ablate.engines.base import Evaluation, Split

        plan = self._plan
        count = {Split.train: plan.num_train, Split.val: plan.num_val, Split.test: plan.num_test}[split]
        time.sleep(EVALUATION * self._seconds * count)
        digits, probabilities = np.zeros(count, np.uint8), np.full(count, 0.1, np.float16)
        return Evaluation(2.3, 0.1, digits, probabilities, np.zeros((count, 10), np.float32))

    def weights(self) -> dict[str, Any]:
        return {name: array.copy() for name, array in self._weights.items()}

    def state(self) -> dict[str, Any]:
        kinds = ("weights", "exp_avg", "exp_avg_sq")
        return {f"{kind}/{name}": array.copy() for kind in kinds for name, array in self._weights.items()}

    def load_state(self, state: Any) -> None:
        pass


class WaitingEngine:
    """A card with room for any number of them."""

    name, device, card, threads = "waiting", "cpu", "", 1

    def __init__(self, runs: int, epochs: int, seconds: float) -> None:
        from lenet_ablate.config.settings import RunConfig
        from lenet_ablate.engines.weights import draw_weights

        self.side_by_side = runs
        self._seconds_per_image = seconds / epochs / (55_000 + EVALUATION * 15_000)
        self._weights = draw_weights(RunConfig())

    def learner(self, plan: Any, dataset: Any, train: Any, val: Any) -> WaitingLearner:
        return WaitingLearner(plan, self._seconds_per_image, self._weights)


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
    given = [*sys.argv[1:], "", "", ""]
    runs, epochs, seconds = int(given[0] or 108), int(given[1] or 30), float(given[2] or 60)
    import lenet_ablate.sweep.run
    from lenet_ablate.cli import main as cli

    engine = WaitingEngine(runs, epochs, seconds)
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
