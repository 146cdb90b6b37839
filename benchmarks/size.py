"""A study of a hundred thousand runs from the first to the report, with a learner that does nothing.

usage: python benchmarks/size.py FOLDER [RUNS] [--levels] [--only STEP …]

In FOLDER, which stays: trains what is missing there, so that the same command goes on after a kill, then the same
command again, `lenet-runs` and `lenet-report`, each in a process of its own. With `--levels` every run is a level of
one setting; else they are 200 variants of four settings, each with as many seeds. Accuracies are drawn around a mean
that depends on the settings. A line of JSON for each step: seconds, CPU seconds, the most memory held, exit status,
and the last line that was said.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from overhead import NothingLearner

VARIANTS = (
    "lr=0.03,0.01,0.003,0.001,0.0003",
    "batch_size=16,32,64,128,256",
    "pool=max,avg",
    "activation=relu,tanh,gelu,sigmoid",
)
HERE = Path(__file__).parent
STEPS = {
    "train": "import size; size.train()",
    "again": "import size; size.train()",
    "runs": "from lenet_ablate.runs.main import main; main()",
    "report": "from lenet_ablate.report.main import main; main()",
}


class DrawingLearner(NothingLearner):
    """Trains nothing; what it answers is right as often as its settings say, but for chance."""

    def __init__(self, plan: Any, dataset: Any, val: Any, weights: dict[str, Any]) -> None:
        super().__init__(plan, weights)
        self._labels = {"val": dataset.train_labels[val], "test": dataset.test_labels}
        self._random = np.random.default_rng(int(plan.identity[:16], 16))
        config = plan.config
        at = 0.02 * np.log10(float(config.lr) / 0.003) ** 2 + 0.001 * np.log2(config.batch_size / 16)
        self._rate = float(np.clip(0.05 + at + 0.01 * (config.pool.value == "avg"), 0.01, 0.9))

    def evaluate(self, split: Any) -> Any:
        from lenet_ablate.engines.base import Evaluation, Split

        labels = self._labels["test" if split is Split.test else "val"]
        is_wrong = self._random.random(len(labels)) < self._rate
        digits = np.where(is_wrong, (labels + 1) % 10, labels).astype(np.uint8)
        rate = float(is_wrong.mean())
        probabilities = np.full(len(labels), 1 - self._rate, np.float16)
        return Evaluation(3 * rate, 1 - rate, digits, probabilities, np.eye(10, dtype=np.float32)[digits] * 4)


class DrawingEngine:
    """Makes learners that draw what they answer; a few numbers are all weights that they have."""

    name, device, card, threads, side_by_side = "nothing", "cpu", "", 1, 2

    def learner(self, plan: Any, dataset: Any, train: Any, val: Any) -> DrawingLearner:
        return DrawingLearner(plan, dataset, val, {"output.bias": np.zeros(4, np.float32)})


def train() -> None:
    """The command in `sys.argv`, with such learners."""
    import lenet_ablate.sweep.run
    from lenet_ablate.cli import main as cli

    engine = DrawingEngine()
    lenet_ablate.sweep.run.make_engines = lambda options, models, runs: dict.fromkeys(models, engine)
    cli.main()


def words(folder: Path, runs: int, is_levels: bool) -> list[str]:
    """The command's words."""
    if is_levels:
        points = ["lr=" + ",".join(f"{1e-6 * (number + 1):.6f}" for number in range(runs))]
    else:
        points = [*VARIANTS, f"seed=range({max(1, runs // 200)})"]
    return ["-m", *points, "data=digits", "epochs=1", "study=s", f"output_dir={folder}"]


def step(name: str, arguments: list[str], folder: Path) -> dict[str, Any]:
    """What a step took, from its start to its end."""
    script = f"import sys; sys.path.insert(0, {str(HERE)!r}); {STEPS[name]}"
    log = folder / f"{name}.log"
    with log.open("wb") as told:
        started = time.time()
        process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=told, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
    lines = log.read_text(errors="replace").splitlines() or [""]
    return {
        "step": name,
        "seconds": round(time.time() - started, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "megabytes": used.ru_maxrss // 1024,
        "status": os.waitstatus_to_exitcode(status),
        "lines": len(lines),
        "said": lines[-1][:300],
    }


def main() -> None:
    """Take the steps asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=int, nargs="?", default=100_000)
    parser.add_argument("--levels", action="store_true")
    parser.add_argument("--record", action="store_true", help="put what was found into the pages' data")
    parser.add_argument("--only", nargs="+", choices=list(STEPS), default=list(STEPS))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    told = []
    command = words(asked.folder, asked.runs, asked.levels)
    for name in asked.only:
        found = step(name, command if name in ("train", "again") else [str(asked.folder)], asked.folder)
        found |= {"runs": asked.runs, "levels": asked.levels}
        found["done"] = sum(1 for _ in asked.folder.glob("s/*/model.safetensors"))
        print(json.dumps(found), flush=True)
        told.append({key: value for key, value in found.items() if key != "said"})
    if asked.record:
        from measured import record

        record("size", told)


if __name__ == "__main__":
    main()
