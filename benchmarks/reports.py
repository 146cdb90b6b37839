"""How long a report takes: studies of drawn figures on disk, and `lenet-report` upon them.

usage: python benchmarks/reports.py [runs …] [--rounds N] [--keep FOLDER] [--program PYTHON] [-- words for lenet-report]

`runs` are among 12, 1000 and 10000 (the default: the first two). Every run has what a real one leaves: 10 or 30 epochs,
its weights, predictions for 10,000 test images. Told are, for each study and program, the seconds until the answer (the
first line on standard output), until the end and of CPU, and the most memory that a process took; medians.
`--program` names another Python, with another version installed, to be measured in turns. Last comes one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Runs: learning rates, batch sizes, activations, poolings, seeds, epochs.
SIZES = {12: (2, 1, 1, 2, 3, 30), 1000: (5, 5, 2, 2, 10, 10), 10_000: (25, 5, 4, 2, 10, 10)}
NUM_TEST = 10_000
FIGURES = ("answer", "done", "cpu", "mib")


@dataclass(frozen=True)
class Measured:
    """One call: seconds to the first line and to the end, of all cores together, and the most memory of one process."""

    answer: float
    done: float
    cpu: float
    mib: float


def configs_of(runs: int) -> Iterator[Any]:
    from lenet_ablate.config.choices import Activation, Pool
    from lenet_ablate.config.settings import RunConfig

    rates, batches, activations, pools, seeds, epochs = SIZES[runs]
    lrs = [float(f"{rate:.2g}") for rate in np.geomspace(1e-4, 1e-1, rates)]
    sizes = [16, 32, 64, 128, 256][:batches] if batches > 1 else [64]
    settings = itertools.product(lrs, sizes, list(Activation)[:activations], list(Pool)[:pools], range(seeds))
    for lr, size, activation, pool, seed in settings:
        yield RunConfig(lr=lr, batch_size=size, activation=activation, pool=pool, seed=seed, epochs=epochs)


def write_run(study: Path, config: Any, rng: np.random.Generator, weights: dict[str, Any]) -> None:
    """A run that is done, with figures drawn around what its settings let expect."""
    from lenet_ablate.config.plan import make_plan
    from lenet_ablate.records.record import EpochRow, Predictions, State
    from lenet_ablate.records.write import write_finished

    plan = make_plan(config, 60_000, NUM_TEST)
    level = 0.02 + 0.01 * abs(np.log10(config.lr / 0.003)) + 0.002 * (config.pool.value == "avg")
    rows = []
    for epoch in range(1, config.epochs + 1):
        error = (level + 0.1 / epoch**1.5) * np.exp(rng.normal(0, 0.04))
        val, test = (float(np.clip(error + rng.normal(0, 0.001), 0, 1)) for _ in range(2))
        loss = float(3 * error)
        rows.append(
            EpochRow(epoch, epoch * plan.steps_per_epoch, config.lr, loss, None, loss, 1 - val, loss, 1 - test, 1.0)
        )
    digits = rng.integers(0, 10, NUM_TEST, np.uint8)
    predictions = Predictions(digits, rng.uniform(0.5, 1, NUM_TEST).astype(np.float16))
    best = max(rows, key=lambda row: row.val_accuracy)
    result = {
        "num_train": plan.num_train,
        "num_val": plan.num_val,
        "num_test": plan.num_test,
        "num_parameters": 61_706,
        "wall_seconds": float(rng.uniform(20, 40)),
        "best_val": {"epoch": best.epoch, "val_accuracy": best.val_accuracy, "test_accuracy": best.test_accuracy},
        "provenance": {"engine": "compiled", "device": "cpu"},
    }
    folder = study / plan.name
    folder.mkdir(parents=True)
    write_finished(folder, State.done, config, rows, result, weights, predictions)


def write_study(study: Path, runs: int) -> None:
    """A study of this many runs, written by the records' own writers but for their flushes."""
    from lenet_ablate.config.settings import RunConfig
    from lenet_ablate.engines.weights import draw_weights

    rng, weights, flush = np.random.default_rng(0), draw_weights(RunConfig()), os.fsync
    os.fsync = lambda _: None  # nothing that could be lost here was hard to come by
    try:
        for config in configs_of(runs):
            write_run(study, config, rng, weights)
    finally:
        os.fsync = flush


def measure(python: str, outputs: Path, words: list[str]) -> Measured:
    """One report in a process of its own, into a folder that is new."""
    with tempfile.TemporaryDirectory(dir=outputs.parent) as out:
        command = [python, "-c", "import sys; from lenet_ablate.report.main import main; sys.exit(main())"]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, str(outputs), "--out", f"{out}/report", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        process.stdout.readline()
        answer = time.perf_counter() - started
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.stdout.close()
        done = time.perf_counter() - started
        assert os.waitstatus_to_exitcode(status) == 0, f"{command} failed"
    return Measured(answer, done, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure each study with each program, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=int, choices=sorted(SIZES), default=[12, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--program", action="append", default=[])
    own, _, words = (list(part) for part in _parted(sys.argv[1:], "--"))
    found = parser.parse_args(own)
    programs, folder = [sys.executable, *found.program], found.keep or Path(tempfile.mkdtemp(dir=Path.cwd()))
    results = []
    with contextlib.ExitStack() as stack:
        if found.keep is None:
            stack.callback(shutil.rmtree, folder)
        for runs in found.runs:
            outputs = folder / str(runs)
            if not outputs.exists():
                write_study(outputs / "drawn", runs)
            calls: dict[str, list[Measured]] = {program: [] for program in programs}
            for _, program in itertools.product(range(found.rounds), programs):
                calls[program].append(measure(program, outputs, words))
            for program, rounds in calls.items():
                row = {
                    name: statistics.median(getattr(one, name) for one in rounds) for name in Measured.__annotations__
                }
                results.append({"runs": runs, "program": program, **row})
                seconds = "  ".join(f"{name} {row[name]:.1f} s" for name in FIGURES[:3])
                print(f"{runs:>6} runs  {seconds}  {row['mib']:.0f} MiB  {program}", flush=True)
    print(json.dumps({"python": platform.python_version(), "rounds": found.rounds, "results": results}))


def _parted(words: list[str], mark: str) -> tuple[list[str], list[str], list[str]]:
    place = words.index(mark) if mark in words else len(words)
    return words[:place], words[place : place + 1], words[place + 1 :]


if __name__ == "__main__":
    main()
