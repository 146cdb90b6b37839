"""What a sweep costs besides the training: many runs with a learner that does nothing.

usage: python benchmarks/overhead.py [runs] [extra overrides …]

Prints a table and, last, one JSON line. `ms_per_run` is wall time from the command line to the last record, over the
number of runs; `write_ms_per_run` is the part of it spent in writing files (summed over the worker threads).
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 3


class NothingLearner:
    """Trains nothing and knows no digit."""

    def __init__(self, plan: Any, weights: dict[str, Any]) -> None:
        self._plan, self._weights = plan, weights
        self.num_parameters = sum(array.size for array in weights.values())

    def train(self, batches: Any) -> Any:
        return np.ones(len(batches.learning_rates), np.float32)

    def evaluate(self, split: Any) -> Any:
        from lenet_ablate.engines.base import Evaluation, Split

        plan = self._plan
        count = {Split.train: plan.num_train, Split.val: plan.num_val, Split.test: plan.num_test}[split]
        digits, probabilities = np.zeros(count, np.uint8), np.full(count, 0.1, np.float16)
        return Evaluation(2.3, 0.1, digits, probabilities, np.zeros((count, 10), np.float32))

    def weights(self) -> dict[str, Any]:
        return self._weights

    def state(self) -> dict[str, Any]:
        return {f"weights/{name}": array for name, array in self._weights.items()}

    def load_state(self, state: Any) -> None:
        pass


class NothingEngine:
    """Makes learners that do nothing."""

    name, device, card, threads, side_by_side = "nothing", "cpu", "", 1, 2

    def __init__(self) -> None:
        from lenet_ablate.config.settings import RunConfig
        from lenet_ablate.engines.weights import draw_weights

        self._weights = draw_weights(RunConfig())

    def learner(self, plan: Any, dataset: Any, train: Any, val: Any) -> NothingLearner:
        return NothingLearner(plan, self._weights)


class Writes:
    """Counts and times every atomic write."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self._lock = threading.Lock()

    def wrap(self, write: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return write(*args, **kwargs)
            finally:
                with self._lock:
                    self.count, self.seconds = self.count + 1, self.seconds + time.perf_counter() - started

        return timed


def measure(runs: int, extra: list[str], again: bool = False) -> dict[str, float]:
    """One sweep from the command line on, in this process; `again` repeats the same command."""
    import lenet_ablate.sweep.run
    from lenet_ablate.cli import main as cli
    from lenet_ablate.records import atomic, write

    engine = NothingEngine()
    lenet_ablate.sweep.run.make_engines = lambda options, models, runs: dict.fromkeys(models, engine)
    writes, write_aside = Writes(), atomic.write_aside
    atomic.write_aside = write.write_aside = writes.wrap(write_aside)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        sys.argv = [
            "lenet-ablate",
            "-m",
            f"seed=range({runs})",
            "data=digits",
            "epochs=1",
            f"output_dir={folder}",
            *extra,
        ]
        for _ in range(2 if again else 1):
            writes.count, writes.seconds, started = 0, 0.0, time.perf_counter()
            cli.main()
            seconds = time.perf_counter() - started
        results = [json.loads(path.read_text()) for path in Path(folder).glob("*/*/result.json")]
        assert all(result["provenance"]["engine"] == engine.name for result in results), "it has really trained"
    atomic.write_aside = write.write_aside = write_aside
    return {"runs": len(results), "ms": 1e3 * seconds, "writes": writes.count, "write_ms": 1e3 * writes.seconds}


def main() -> None:
    """Measure a first sweep and the same command again."""
    runs, extra = int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2:]
    first = [measure(runs, extra) for _ in range(ROUNDS)]
    again = [measure(runs, extra, again=True) for _ in range(ROUNDS)]
    done = int(first[0]["runs"])
    result = {
        "runs": done,
        "rounds": ROUNDS,
        "ms_per_run": statistics.median(r["ms"] for r in first) / done,
        "writes_per_run": first[0]["writes"] / done,
        "write_ms_per_run": statistics.median(r["write_ms"] for r in first) / done,
        "again_ms_per_run": statistics.median(r["ms"] for r in again) / done,
        "python": platform.python_version(),
    }
    for key, value in result.items():
        print(f"{key:>18}  {value:.2f}" if isinstance(value, float) else f"{key:>18}  {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
