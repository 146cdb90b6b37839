"""Sweeps of tiny runs for the tests of loggers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import Logger, Optimizer
from lenet_ablate.config.settings import OptimizerConfig, Options
from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner
from lenet_ablate.studies.jobs import Job, Sweep
from support.tiny import tiny_config, tiny_dataset

EXPLODES = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=10.0)


def logged_sweep(folder: Path, logger: Logger, *changes: dict[str, Any]) -> Sweep:
    """A sweep on the tiny data, which are written into `folder`; three epochs where nothing else is said."""
    data = tiny_dataset()
    arrays = {"x_train": data.train_images, "y_train": data.train_labels}
    np.savez(folder / "tiny.npz", **arrays, x_test=data.test_images, y_test=data.test_labels)
    base = tiny_config(epochs=3)
    base = dataclasses.replace(base, data=dataclasses.replace(base.data, path=str(folder / "tiny.npz")))
    jobs = tuple(
        Job(dataclasses.replace(base, **change), tuple(f"{k}={v}" for k, v in change.items())) for change in changes
    )
    factors = {key: [str(change[key]) for change in changes] for key in changes[0] if len(changes) > 1}
    return Sweep(jobs, Options(output_dir=str(folder / "out"), logger=logger), "lenet-ablate -m typed", factors)


class FailsOnce(TorchEngine):
    """Raises in the third epoch of the first run that comes so far, once; a resume then begins at the third."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.has_failed = False

    def learner(self, plan: Any, *rest: Any) -> TorchLearner:
        learner = super().learner(plan, *rest)
        train, steps = learner.train, 0

        def fail(batches: Any) -> Any:
            nonlocal steps
            steps += len(batches.learning_rates)
            if steps > 2 * plan.steps_per_epoch and not self.has_failed:
                self.has_failed = True
                raise MemoryError("no room")
            return train(batches)

        learner.train = fail  # type: ignore[method-assign]
        return learner
