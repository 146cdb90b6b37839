"""Whatever surrounds a run changes none of its bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from soak.harness import Figure, contents, differences, fresh
from support.forked import command

PROMISE = "workers, locales, time zones, hash seeds, threads and clocks change no byte"
POINTS = ("data=digits", "epochs=2", "lr=0.01,0.001", "activation=relu,tanh", "study=same")
START = "from lenet_ablate.cli.main import main; main()"
SURROUNDINGS: list[tuple[str, tuple[str, ...], dict[str, str]]] = [
    ("1 worker", ("hydra.launcher.workers=1",), {}),
    ("4 workers", ("hydra.launcher.workers=4",), {}),
    ("LC_ALL=C", (), {"LC_ALL": "C"}),
    ("LC_ALL=tr_TR.UTF-8", (), {"LC_ALL": "tr_TR.UTF-8"}),
    ("TZ=Asia/Kathmandu", (), {"TZ": "Asia/Kathmandu"}),
    ("PYTHONHASHSEED=1", (), {"PYTHONHASHSEED": "1"}),
    ("PYTHONHASHSEED=2", (), {"PYTHONHASHSEED": "2"}),
    ("OMP_NUM_THREADS=7", (), {"OMP_NUM_THREADS": "7"}),
    ("NUMBA_NUM_THREADS=1", (), {"NUMBA_NUM_THREADS": "1"}),
    ("PYTHONOPTIMIZE=2", (), {"PYTHONOPTIMIZE": "2"}),
    ("another folder", ("output_dir=elsewhere/outputs",), {}),
    ("a logger", ("logger=tensorboard",), {}),
    ("more recorded", ("checkpoint=every", "log_every=3"), {}),
]


def run(folder: Path, share: float = 1.0) -> Figure:
    """Each surrounding once, against a plain run."""
    reference = fresh(folder / "reference")
    command(["lenet-ablate", *POINTS], reference)
    wanted = contents(reference / "outputs/same")
    chosen = SURROUNDINGS if share >= 1 else SURROUNDINGS[:: max(1, round(0.5 / share))]
    broken = []
    for name, words, variables in chosen:
        place = fresh(folder / "trial")
        done = subprocess.run(
            [sys.executable, "-c", START, *POINTS, *words], cwd=place, env=os.environ | variables, capture_output=True
        )
        study = next(place.glob("**/outputs/same"), place)
        found = {path: content for path, content in contents(study).items() if path in wanted or not _is_kept(path)}
        trouble = f"exit status {done.returncode}" if done.returncode else differences(wanted, found)
        broken += [f"{name}: {trouble}"] if trouble else []
    return Figure(PROMISE, len(chosen), tuple(broken), ", ".join(name for name, _, _ in chosen))


def _is_kept(path: str) -> bool:
    return "/epochs/" in path or path.endswith("batch_losses.csv")
