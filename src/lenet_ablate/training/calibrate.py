"""What a run that has come to its end leaves for prediction."""

from __future__ import annotations

import logging
import threading

import numpy as np

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.base import Evaluation, Learner
from lenet_ablate.predict.calibration import to_json
from lenet_ablate.records.cores import num_usable_cores

_AT_ONCE = threading.BoundedSemaphore(num_usable_cores())
"""A second of a core and 60 MB each: a hundred runs on a GPU end together."""


def calibrate(
    plan: RunPlan,
    learner: Learner,
    dataset: Dataset,
    splits: tuple[Indices, Indices],
    judged: Evaluation | None,
    log: logging.Logger,
) -> str:
    """How far the network's answers can be believed, and what it takes for no digit, as text.

    Args:
        plan: Of the run.
        learner: After its last epoch.
        dataset: What it was trained on.
        splits: Indices of its training and of its validation images.
        judged: What it says of the validation images; None where there are none.
        log: Its log.

    Returns:
        What goes with the weights; empty where nothing can be learned.
    """
    if judged is None or not np.isfinite(judged.logits).all():
        return ""
    from lenet_ablate.predict.run_end import Trained, calibrate_run  # SciPy comes with it

    with _AT_ONCE:
        found = calibrate_run(Trained(plan.config, dataset, *splits, learner.weights(), judged.logits))
    log.info("calibrated: temperature %.3f, expected calibration error %.4f", found.temperature, found.ece)
    return to_json(found)
