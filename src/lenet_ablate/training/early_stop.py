"""When a run ends before its last epoch, by the accuracy of its epochs so far."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_ablate.config.choices import EarlyStop, StopSplit
from lenet_ablate.config.settings import EarlyStopConfig
from lenet_ablate.records.record import EpochRow


def is_settled(rows: Sequence[EpochRow], rule: EarlyStopConfig) -> bool:
    """Whether a run with these epochs is to end now.

    `patience`: the accuracy has not risen above its best by more than `min_delta` for `patience` epochs.
    `delta`: it changed by less than `min_delta` from the epoch before.

    Args:
        rows: The finished epochs.
        rule: What is watched.
    """
    if rule.name is EarlyStop.off:
        return False
    watched = [row.val_accuracy if rule.split is StopSplit.val else row.test_accuracy for row in rows]
    accuracies = [accuracy for accuracy in watched if accuracy is not None]
    least = rule.min_delta or 0.0
    if rule.name is EarlyStop.delta:
        return len(accuracies) > 1 and abs(accuracies[-1] - accuracies[-2]) < least
    best, since = -1.0, 0
    for accuracy in accuracies:
        best, since = (accuracy, 0) if accuracy > best + least else (best, since + 1)
    return since >= (rule.patience or 1)
