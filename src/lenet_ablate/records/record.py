"""The run folder: what a run leaves on disk, written so that it can be trusted and read back.

Layout (one folder per run, `outputs/<study>/<run>/`): status.json, config.yaml, metrics.csv, result.json,
predictions.npz (with it the optimizer's memory, which a run of more epochs goes on with), model.safetensors, run.log
and, while unfinished, checkpoint.safetensors. `done` in status.json is written last and names every file's SHA-256:
only a folder whose files agree with it counts as finished.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # what lists runs does without NumPy
    import numpy as np
    import numpy.typing as npt

FORMAT = 1
STATUS, CONFIG, METRICS, RESULT = "status.json", "config.yaml", "metrics.csv", "result.json"
PREDICTIONS, MODEL, CHECKPOINT, LOG = "predictions.npz", "model.safetensors", "checkpoint.safetensors", "run.log"
OPTIMIZER = "optimizer.safetensors"  # in PREDICTIONS; a file of its own in runs of an earlier version
CALIBRATION = "calibration"  # in the metadata of MODEL

Weights: TypeAlias = "Mapping[str, npt.NDArray[np.float32]]"


class State(Enum):
    """Where a run stands. `done` and `diverged` are finished; every other one runs again."""

    planned = "planned"
    running = "running"
    done = "done"
    failed = "failed"
    diverged = "diverged"
    interrupted = "interrupted"
    unreadable = "unreadable"

    @property
    def is_finished(self) -> bool:
        """Whether the run has its result."""
        return self in (State.done, State.diverged)


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One row of metrics.csv; losses in nats per image, accuracies 0..1, None where not evaluated.

    Everything but `seconds` (of that epoch, evaluation included) is determined by the configuration.
    """

    epoch: int
    step: int
    lr: float
    train_loss_running: float
    train_loss: float | None
    val_loss: float | None
    val_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float


COLUMNS = tuple(f.name for f in dataclasses.fields(EpochRow))
values_of: Callable[[EpochRow], tuple[Any, ...]] = operator.attrgetter(*COLUMNS)
"""A row's values in the order of `COLUMNS`."""


@dataclass(frozen=True)
class Predictions:
    """What the trained network says of the test images.

    Attributes:
        digits: (M,) the predicted class of each test image in the data set's order; uint8, or uint16 where there are
            more than 256 classes.
        probabilities: (M,) float16, the softmax probability of that class, 0..1.
    """

    digits: npt.NDArray[np.unsignedinteger[Any]]
    probabilities: npt.NDArray[np.float16]


def lacks_train_loss(rows: Sequence[EpochRow], every: int) -> bool:
    """Whether an epoch whose training loss was to be evaluated, each `every`-th, has none; 0 asks for none."""
    return any(row.train_loss is None for row in rows if every and row.epoch % every == 0)
