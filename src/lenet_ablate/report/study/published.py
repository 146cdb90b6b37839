"""Published figures that came with an experiment, to stand beside a study's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.plans import Reference, SweepPlan

COLUMNS = ("factor", "level", "label", "test_accuracy", "train_loss_running", "n", "test_accuracy_by_epoch")
ALL_RUNS = "variant"
"""The factor of figures that belong to the study as a whole, not to a level."""
LABEL = "published, 1 run"
NUM_TEST = 10_000


def published_frame(sweeps: Sequence[SweepPlan], configs: Collection[RunConfig]) -> pd.DataFrame:
    """One row per figure, each once; those of other models or data sets than these runs have are left out.

    Columns: factor and level, as the study's own are called; label; test_accuracy (0..1); train_loss_running (nats
    per image, NaN where none was published); n, the number of test images; test_accuracy_by_epoch, a tuple, empty
    where none was published.

    Args:
        sweeps: The study's plans; see `records.plans.read_plans`.
        configs: Configurations of the study's variants.
    """
    own = {key: {getattr(config, key).name.value for config in configs} for key in ("model", "data")}
    entries = dict.fromkeys(
        _row(entry)
        for sweep in sweeps
        for entry in sweep.references
        if all(entry.limits.get(key) in (None, *names) for key, names in own.items())
    )
    return pd.DataFrame(list(entries), columns=list(COLUMNS))


def _row(entry: Reference) -> tuple[Any, ...]:
    loss = math.nan if entry.train_loss_running is None else entry.train_loss_running
    count = entry.num_images or NUM_TEST
    return entry.factor, entry.level, LABEL, entry.test_accuracy, loss, count, entry.by_epoch
