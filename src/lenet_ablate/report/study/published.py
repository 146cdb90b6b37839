"""Published figures that came with an experiment, to stand beside a study's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from lenet_ablate.config.settings import RunConfig

COLUMNS = ("factor", "level", "label", "test_accuracy", "train_loss_running", "n", "test_accuracy_by_epoch")
ALL_RUNS = "variant"
"""The factor of figures that belong to the study as a whole, not to a level."""
LABEL = "published, 1 run"
NUM_TEST = 10_000


def published_frame(sweeps: Sequence[Mapping[str, Any]], configs: Collection[RunConfig]) -> pd.DataFrame:
    """One row per figure, each once; those of other models or data sets than these runs have are left out.

    Columns: factor and level, as the study's own are called; label; test_accuracy (0..1); train_loss_running (nats
    per image, NaN where none was published); n, the number of test images; test_accuracy_by_epoch, a tuple, empty
    where none was published.

    Args:
        sweeps: The study's plans; see `records.read.read_sweeps`. What cannot be understood is left out.
        configs: Configurations of the study's variants.
    """
    own = {key: {getattr(config, key).name.value for config in configs} for key in ("model", "data")}
    rows: dict[tuple[Any, ...], None] = {}
    for entry in (entry for sweep in sweeps for entry in sweep.get("references") or ()):
        try:
            if all(key not in entry or entry[key] in names for key, names in own.items()):
                rows[_row(entry)] = None
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def _row(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    by_epoch = tuple(map(float, entry.get("test_accuracy_by_epoch") or ()))
    loss = float(entry.get("train_loss_running") or math.nan)
    accuracy, count = float(entry["test_accuracy"]), int(entry.get("n") or NUM_TEST)
    if not 0 <= accuracy <= 1 or count < 1:
        raise ValueError
    return str(entry["factor"]), str(entry["level"]), LABEL, accuracy, loss, count, by_epoch
