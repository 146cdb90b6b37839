"""The protocol that every engine keeps, so that the training loop knows none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.base import Dataset, Labels
from lenet_ablate.datasets.splits import Indices

State = Mapping[str, npt.NDArray[Any]]


class Split(Enum):
    """A part of the data set."""

    train = "train"
    val = "val"
    test = "test"


@dataclass(frozen=True)
class Batches:
    """Some consecutive steps of one epoch.

    Attributes:
        indices: (images,) int32 into the training images, batch after batch; only the last batch may be smaller
            than the plan's batch size.
        learning_rates: (steps,) float64.
        transforms: (images, 6) float32, how each image is varied; None: not at all. See `datasets.augment`.
    """

    indices: Indices
    learning_rates: npt.NDArray[np.float64]
    transforms: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Evaluation:
    """What the network makes of a split, weights fixed.

    Attributes:
        loss: Mean cross-entropy in nats per image.
        accuracy: Fraction of images classified rightly, 0..1.
        digits: (images,) of the labels' type, the predicted classes.
        probabilities: (images,) float16, the softmax probability of the predicted class.
        logits: (images, classes) float32, what the network's last layer gives.
    """

    loss: float
    accuracy: float
    digits: Labels
    probabilities: npt.NDArray[np.float16]
    logits: npt.NDArray[np.float32]


class Learner(Protocol):
    """One network in training; used by one thread."""

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned."""

    def train(self, batches: Batches) -> npt.NDArray[np.float32]:
        """Make one update per batch; returns each batch's mean loss in nats, (steps,), taken before its update."""

    def evaluate(self, split: Split) -> Evaluation:
        """Judge the current weights on a whole split."""

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by layer name (`c1.weight`, `c1.bias`, …), in PyTorch's shapes."""

    def state(self) -> State:
        """Everything that decides the next updates: weights and the optimizer's memory."""

    def load_state(self, state: State) -> None:
        """Go on from a state that the same engine gave on the same device and card."""


class Engine(Protocol):
    """Makes learners that share the data set on one device."""

    name: str
    device: str
    card: str
    """What the GPU is called, on which bits may depend; empty on the CPU."""
    threads: int
    """Intra-op threads of one learner; 1 on the CPU, so that bits do not depend on how many run side by side."""
    side_by_side: int
    """How many learners work at once without being in each other's way, at least 1."""

    def learner(self, plan: RunPlan, dataset: Dataset, train: Indices, val: Indices) -> Learner:
        """A learner at step 0, its weights drawn from the plan's seed; called in the thread that will use it."""
