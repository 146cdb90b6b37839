"""The five studies that R was asked about: `python studies.py > studies.csv`; then `Rscript studies.R`."""

from __future__ import annotations

import csv
import sys

import numpy as np


def main() -> None:
    random = np.random.default_rng(7)
    shapes = {
        "balanced": (3, 1, 6),
        "unbalanced": (3, 1, 6),
        "failures": (3, 1, 8),
        "interaction": (2, 3, 5),
        "one": (3, 1, 1),
    }
    lost = {("unbalanced", 0, 5), ("unbalanced", 1, 0), ("unbalanced", 2, 1), ("unbalanced", 2, 2)}
    diverged = {("failures", 1, 2), *(("failures", 2, seed) for seed in (0, 2, 3, 5, 6))}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("study", "a", "b", "seed", "status", "outcome"))
    for study, shape in shapes.items():
        common = random.normal(0, 0.0005, shape[2])
        for a, b, seed in np.ndindex(shape):
            meeting = 0.003 * (study == "interaction" and a == 1 and b == 2)
            accuracy = round(0.98 + 0.002 * a + meeting + common[seed] + random.normal(0, 0.0008), 4)
            status = "planned" if (study, a, seed) in lost else "diverged" if (study, a, seed) in diverged else "done"
            writer.writerow((study, a, b, seed, status, accuracy if status == "done" else "NA"))


main()
