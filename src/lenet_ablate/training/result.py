"""What a finished run comes to: the content of its result.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_ablate.config.plan import RunPlan, variant_id
from lenet_ablate.config.settings import Options
from lenet_ablate.records.record import EpochRow, State

FORMAT = 1


def make_result(
    plan: RunPlan,
    rows: Sequence[EpochRow],
    state: State,
    options: Options,
    wall_seconds: float,
    provenance: Mapping[str, Any],
    num_parameters: int,
) -> dict[str, Any]:
    """Sizes, the last epoch's figures, those of the epoch with the best validation accuracy, and provenance.

    `best_val` is None where there is no validation split or the run diverged; of equally good epochs it is the first.

    Args:
        plan: What was trained.
        rows: All its epochs, at least one.
        state: How it ended, done or diverged.
        options: What was kept beside.
        wall_seconds: Time spent training and evaluating, over all its sittings.
        provenance: See `records.provenance.describe_environment`.
        num_parameters: How many numbers were learned.
    """
    candidates = [row for row in rows if row.val_accuracy is not None]
    best = max(candidates, key=lambda row: row.val_accuracy or 0.0, default=None)
    return {
        "format": FORMAT,
        "status": state.value,
        "variant_id": variant_id(plan.config),
        "epochs_planned": plan.config.epochs,
        "epochs_done": len(rows),
        "num_train": plan.num_train,
        "num_val": plan.num_val,
        "num_test": plan.num_test,
        "num_parameters": num_parameters,
        "log_every": options.log_every,
        "final": _plain(rows[-1]),
        "best_val": _plain(best) if best and state is State.done else None,
        "wall_seconds": wall_seconds,
        "provenance": dict(provenance),
    }


def _plain(row: EpochRow) -> dict[str, Any]:
    values = dataclasses.asdict(row)
    return {name: v if v is None or math.isfinite(v) else None for name, v in values.items() if name != "seconds"}
