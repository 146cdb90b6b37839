"""What an epoch's losses come to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.records.record import EpochRow


def mean_loss(plan: RunPlan, losses: Sequence[float]) -> float:
    """Mean over the images of the epoch so far, in nats; the last batch may be smaller than the others.

    Args:
        plan: The run's.
        losses: Mean loss of each batch so far, at least one.
    """
    size = plan.config.batch_size
    counts = np.minimum(size, plan.num_train - size * np.arange(len(losses)))
    return math.fsum((np.array(losses) * counts).tolist()) / int(counts.sum())


def diverged(row: EpochRow) -> bool:
    """Whether a loss of an epoch is not finite."""
    losses = (row.train_loss_running, row.train_loss, row.val_loss, row.test_loss)
    return any(loss is not None and not math.isfinite(loss) for loss in losses)
