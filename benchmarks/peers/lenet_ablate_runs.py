"""This program, from its command line: as many runs as there are seeds, one thread each, side by side.

The seconds are those of metrics.csv. Beside the training they count what the program does after each epoch: it
evaluates 5,000 validation and 10,000 test images, and writes its record. An epoch more is trained than is asked for,
since the last one also evaluates the training images.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import contract


def main() -> None:
    given = contract.arguments(engine="compiled", runs="1")
    runs = int(given.runs)
    with tempfile.TemporaryDirectory() as folder:
        seeds = ",".join(str(given.seed + number) for number in range(runs))
        words = [f"engine={given.engine}", f"seed={seeds}", f"epochs={given.epochs + 1}", f"data_dir={given.data}"]
        words += [f"output_dir={folder}", f"hydra.launcher.workers={runs}", "device=cpu"]
        command = [str(Path(sys.executable).with_name("lenet-ablate")), "-m", *words]
        subprocess.run(command, check=True, stdout=sys.stderr)
        for metrics in sorted(Path(folder).glob("*/*/metrics.csv")):
            with metrics.open(newline="") as file:
                rows = list(csv.DictReader(file))[: given.epochs]
            seconds = [float(row["seconds"]) for row in rows]
            contract.answer(seconds, float(rows[-1]["test_accuracy"]), ["lenet-ablate", "numba", "torch"])


if __name__ == "__main__":
    main()
