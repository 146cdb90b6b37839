"""Commands in forked children of a process that has everything imported, so that thousands of trials take minutes."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FINAL = ("config.yaml", "predictions.npz", "model.safetensors", "best.safetensors")
"""Files of a finished run that equal settings make equal to the last byte."""


@dataclass(frozen=True)
class Figure:
    """What came of the trials of one promise.

    Attributes:
        promise: What is promised, in a few words.
        trials: How many were made.
        broken: A line for each that did not hold.
        detail: What was varied.
    """

    promise: str
    trials: int
    broken: tuple[str, ...]
    detail: str = ""

    @property
    def line(self) -> str:
        """The figure in one line."""
        held = f"{self.trials - len(self.broken)} of {self.trials}"
        return f"{self.promise}: {held}" + (f" ({self.detail})" if self.detail else "")


def contents(study: Path) -> dict[str, bytes]:
    """What the finished runs of a study hold that depends on their settings alone, by path within it."""
    found: dict[str, bytes] = {}
    for status in sorted(study.glob("*/status.json")):
        run = status.parent
        if ".damaged-" in run.name:  # set aside
            continue
        if json.loads(status.read_bytes())["status"] != "done":
            continue
        kept = [run / name for name in FINAL] + sorted(run.glob("epochs/*")) + [run / "batch_losses.csv"]
        found |= {str(path.relative_to(study)): path.read_bytes() for path in kept if path.is_file()}
        found[f"{run.name}/metrics.csv"] = without_seconds((run / "metrics.csv").read_bytes())
    return found


def without_seconds(metrics: bytes) -> bytes:
    """A metrics.csv without the column that tells time."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(io.StringIO(metrics.decode()))]
    return json.dumps(rows).encode()


def differences(wanted: Mapping[str, bytes], found: Mapping[str, bytes]) -> str:
    """The first path in which two studies differ, and how; empty where they are alike."""
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            return f"{path} is missing"
        if path not in wanted:
            return f"{path} is there besides"
        if wanted[path] != found[path]:
            return f"{path} differs"
    return ""


def first_line_of_trouble(text: str) -> str:
    """A line that no command may print."""
    return next((line for line in text.splitlines() if "Traceback (most recent call last)" in line), "")


def fresh(folder: Path) -> Path:
    """The folder, emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def generator(promise: str) -> random.Random:
    """Draws of a promise's own, the same each time."""
    return random.Random(promise)
