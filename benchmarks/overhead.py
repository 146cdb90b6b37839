"""What a sweep costs besides the training: many runs with a learner that does nothing.

usage: python benchmarks/overhead.py [runs] [extra overrides …]
       python benchmarks/overhead.py --before CHECKOUT [runs]     against another checkout, in turn, three times
       python benchmarks/overhead.py --floor [runs]     a bare loop that writes the same files with the same waits

Prints a table and, last, one JSON line. `ms_per_run` is wall time from the command line to the last record, over the
number of runs; `write_ms_per_run` is the part of it spent in writing files (summed over the worker threads).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
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


def floor(runs: int) -> float:
    """Milliseconds per run of a loop that does nothing but what has to be asked of the disk."""
    from lenet_ablate.records.flushing import flush_runs

    sizes = {"config.yaml": 822, "metrics.csv": 188, "model.safetensors": 248_000, "predictions.npz": 1100}
    sizes |= {"result.json": 1518}
    contents = {name: os.urandom(size) for name, size in sizes.items()}

    def write(path: str, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.write(descriptor, content)
        os.close(descriptor)

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as study:
        (Path(study) / ".locks").mkdir()
        started, waiting = time.perf_counter(), dict[Path, tuple[str, ...]]()
        for number in range(runs):
            folder = f"{study}/digits_max_relu_adam_lr0.001_bs64_e1_s{number}"
            write(f"{study}/.locks/{number}.lock", b"")
            Path(folder).mkdir()
            for name, content in contents.items():
                write(f"{folder}/.{name}.tmp", content)
                os.replace(f"{folder}/.{name}.tmp", f"{folder}/{name}")  # noqa: PTH105
            write(f"{folder}/.status.json.tmp", b"x" * 562)
            waiting[Path(folder)] = ()
            if len(waiting) == 32 or number == runs - 1:
                flush_runs(waiting)
                for each in waiting:
                    os.replace(f"{each}/.status.json.tmp", f"{each}/status.json")  # noqa: PTH105
                flush_runs(waiting)
                waiting.clear()
        return 1e3 * (time.perf_counter() - started) / runs


def against(before: Path, runs: str) -> None:
    """Measure another checkout of this project and this one in turn, and put what was found into the pages' data."""
    from measured import record

    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(ROUNDS):
        for name, root in (("before", before), ("after", Path(__file__).resolve().parents[1])):
            done = subprocess.run(
                [sys.executable, str(root / "benchmarks/overhead.py"), runs],
                env=os.environ | {"PYTHONPATH": str(root / "src")},
                capture_output=True,
                text=True,
                check=True,
            )
            told = json.loads(done.stdout.splitlines()[-1])
            for key, value in (("new", told["ms_per_run"]), ("again", told["again_ms_per_run"])):
                found.setdefault(name, {}).setdefault(key, []).append(round(value, 2))
    record("overhead", {"runs": int(runs), **found})
    print(json.dumps(found))


def main() -> None:
    """Measure a first sweep and the same command again."""
    if sys.argv[1:2] == ["--floor"]:
        from measured import record

        runs = int((sys.argv[2:] or ["400"])[0])
        found = {"runs": runs, "ms_per_run": [round(floor(runs), 2) for _ in range(ROUNDS)]}
        record("floor", found)
        print(json.dumps(found))
        return
    if sys.argv[1:2] == ["--before"]:
        against(Path(sys.argv[2]), (sys.argv[3:] or ["400"])[0])
        return
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
