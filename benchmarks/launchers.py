"""What a launcher costs: 24 runs of one epoch of digits, from the command to its end, two at a time everywhere.

usage: build/cluster/bin/python benchmarks/launchers.py [ROUNDS] [--only LAUNCHER …] [--record]

A SLURM of one node comes up by scripts/cluster-slurm for it and goes again; Ray brings up its own each time. The
environment needs Ray and hydra-joblib-launcher, which scripts/cluster-tests puts into build/cluster. Launchers take
turns. Prints a line of JSON; with --record that goes into docs/results/scaling.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measured import record

ROOT = Path(__file__).resolve().parents[1]
RUNS = 24
WORDS = {
    "local": ["hydra.launcher.workers=2"],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "slurm": ["hydra/launcher=slurm", "hydra.launcher.max_tasks=2"],
    "ray": ["hydra/launcher=ray", "hydra.launcher.max_tasks=2"],
}


def seconds(launcher: str, environment: dict[str, str]) -> float:
    """Of one sweep."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["data=digits", "epochs=1", f"seed=range({RUNS})", "output_dir=out", *WORDS[launcher]]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "lenet_ablate", *words],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        taken = time.perf_counter() - started
        count = len(list(Path(folder).glob("out/*/*/result.json")))
        assert done.returncode == 0 and count == RUNS, done.stdout + done.stderr
        return taken


def main() -> None:
    """Measure the launchers in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    parser.add_argument("--only", nargs="+", choices=list(WORDS), default=list(WORDS))
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in asked.only}
    script = ROOT / "scripts/cluster-slurm"
    with tempfile.TemporaryDirectory() as folder:
        environment: dict[str, str] = {}
        try:
            if "slurm" in found:
                up = subprocess.run([script, "up", folder, "2"], capture_output=True, text=True, check=True)
                environment = {"SLURM_CONF": up.stdout.strip().partition("SLURM_CONF=")[2]}
            for _ in range(asked.rounds):
                for name, taken in found.items():
                    taken.append(round(seconds(name, environment), 1))
        finally:
            subprocess.run([script, "down", folder], check=False)
    result: dict[str, Any] = {"runs": RUNS, "seconds": found}
    print(json.dumps(result))
    if asked.record:
        record("launchers", result)


if __name__ == "__main__":
    main()
