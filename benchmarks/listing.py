"""How long `lenet-runs` takes to list many runs, made up for the purpose, each as a sweep leaves it.

usage: python benchmarks/listing.py [RUNS …] [--repeat N]     (default: 1000 10000, 5 times)

Prints a JSON object for each number of runs: medians of the whole command's wall and CPU seconds, and the least.
Nothing is left behind.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.plan import identity, run_name, variant_id
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.records.record import EpochRow, Predictions, State
from lenet_ablate.records.write import write_finished

EPOCHS, TEST_IMAGES, PARAMETERS = 30, 10_000, 61_706
COMMAND = "import sys; from lenet_ablate.runs.main import main; sys.exit(main())"


def configs(count: int) -> list[RunConfig]:
    """So many runs over rate, pooling, batch size and seed."""
    grid = list(itertools.product((0.1, 0.01, 0.003, 0.001, 0.0003), Pool, (32, 64)))
    made = (RunConfig(lr=lr, pool=pool, batch_size=size, seed=seed) for seed in range(count) for lr, pool, size in grid)
    return list(itertools.islice(made, count))


def write_study(study: Path, count: int) -> None:
    """A study of finished runs with its plan; their weights, which no list opens, are small."""
    random = np.random.default_rng(0)
    weights = {"output.bias": np.zeros(10, np.float32)}
    predictions = Predictions(random.integers(0, 10, TEST_IMAGES).astype(np.uint8), np.ones(TEST_IMAGES, np.float16))
    planned = []
    for config in configs(count):
        folder = study / run_name(config)
        folder.mkdir(parents=True)
        rows = [_row(epoch, random.uniform(0.97, 0.99)) for epoch in range(1, EPOCHS + 1)]
        write_finished(folder, State.done, config, rows, _result(config, rows[-1]), weights, predictions)
        planned.append({"run": folder.name, "identity": identity(config), "config": to_mapping(config)})
    (study / "sweeps").mkdir()
    plan = {"format": 1, "created": "2026-01-01T00:00:00+00:00", "command": "lenet-ablate", "runs": planned}
    (study / "sweeps/one.json").write_text(json.dumps(plan, indent=1))


def _row(epoch: int, accuracy: float) -> EpochRow:
    return EpochRow(epoch, epoch * 860, 0.001, 0.1 / epoch, None, 0.05, accuracy, 0.05, accuracy, 9.5)


def _result(config: RunConfig, last: EpochRow) -> dict[str, object]:
    figures = {
        name: getattr(last, name) for name in ("epoch", "val_loss", "val_accuracy", "test_loss", "test_accuracy")
    }
    sizes = {"num_train": 55_000, "num_val": 5000, "num_test": TEST_IMAGES, "num_parameters": PARAMETERS}
    done = {
        "epochs_done": EPOCHS,
        "epochs_planned": EPOCHS,
        "final": figures,
        "best_val": figures,
        "wall_seconds": 285.0,
    }
    where = {"engine": "compiled", "device": "cpu", "threads": 1, "command": "lenet-ablate", "lenet_ablate": "0.1.0"}
    return {"format": 1, "variant_id": variant_id(config), **sizes, **done, "provenance": where}


def measure(folder: Path, repeat: int) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds of each listing."""
    walls, cpus = [], []
    for _ in range(repeat):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", COMMAND], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return walls, cpus


def main() -> None:
    """Make the studies, list them, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    os.fsync = lambda descriptor: None  # type: ignore[assignment,misc] # what is made up may be lost
    for count in options.runs:
        with tempfile.TemporaryDirectory() as folder:
            write_study(Path(folder, "outputs/ablation"), count)
            walls, cpus = measure(Path(folder), options.repeat)
        found = {"runs": count, "n": options.repeat, "wall_seconds": round(statistics.median(walls), 2)}
        found |= {"wall_seconds_least": round(min(walls), 2), "cpu_seconds": round(statistics.median(cpus), 2)}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
