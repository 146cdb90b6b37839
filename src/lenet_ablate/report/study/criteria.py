"""By what the levels of a factor are judged."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import Enum


class Metric(Enum):
    """An accuracy of the trained network, 0..1."""

    test_accuracy = "test_accuracy"
    val_accuracy = "val_accuracy"


class EpochRule(Enum):
    """The epoch whose weights are judged; the test set never chooses it."""

    last = "last"
    best_val = "best_val"


class Family(Enum):
    """Which tests are corrected together."""

    factor = "factor"
    study = "study"


@dataclass(frozen=True)
class Criteria:
    """What is compared, and which differences matter.

    Attributes:
        metric: The accuracy that is asked for; see `judged_metric`.
        epoch: At the fixed last epoch, or at the first epoch with the highest validation accuracy.
        margin: Differences below it do not matter in practice; a fraction of the test images, 0..1. The default is
            10 of MNIST's 10,000 test digits; 15 of them have a disputed label.
        target: The difference that the advice on further seeds wants to detect; a fraction, 0..1.
        alpha: Probability of a false alarm per family, 0..0.5.
        family: Whether the tests of each factor are corrected together, or those of all.
    """

    metric: Metric = Metric.test_accuracy
    epoch: EpochRule = EpochRule.last
    margin: float = 0.0010
    target: float = 0.0015
    alpha: float = 0.05
    family: Family = Family.factor

    @property
    def judged_metric(self) -> Metric:
        """The accuracy by which levels are compared.

        The highest validation accuracy of a run is the largest of many noisy ones: the noisier network has the higher
        one. So it is described, and levels are compared by test accuracy at the epoch that it chooses.
        """
        return Metric.test_accuracy if self.epoch is EpochRule.best_val else self.metric

    @property
    def is_described_only(self) -> bool:
        """Whether the accuracy that is asked for is not the one by which levels are compared."""
        return self.judged_metric is not self.metric

    @property
    def column(self) -> str:
        """The column of `records.frames.read_runs` that holds the figure compared."""
        return self.metric.value if self.epoch is EpochRule.last else "test_accuracy_at_best_val"

    @property
    def split(self) -> str:
        """The split on which the accuracy is taken: "test" or "val"."""
        return "test" if self.judged_metric is Metric.test_accuracy else "val"

    def fitted(self, num_images: float) -> Criteria:
        """With the usual margin and target no smaller than so many images can show: one image, and two, rounded up.

        Those that were chosen otherwise stay.

        Args:
            num_images: That an accuracy is a share of; NaN where not known.
        """
        if not math.isfinite(num_images) or num_images < 1:
            return self
        usual, image = Criteria(), math.ceil(1e4 / num_images) / 1e4  # whole hundredths of a percentage point
        margin = max(image, self.margin) if self.margin == usual.margin else self.margin
        target = max(2 * image, self.target) if self.target == usual.target else self.target
        return dataclasses.replace(self, margin=margin, target=target)

    @property
    def asked(self) -> str:
        """The option that calls for validation, as it is typed."""
        return f"--epoch {self.epoch.value}" if self.epoch is EpochRule.best_val else f"--metric {self.metric.value}"

    @property
    def needs_validation(self) -> bool:
        """Whether a run without validation split has no figure to compare."""
        return self.metric is Metric.val_accuracy or self.epoch is EpochRule.best_val

    @property
    def images_column(self) -> str:
        """The column of `records.frames.read_runs` with the number of images that the accuracy is a share of."""
        return f"num_{self.split}"


DEFAULT_CRITERIA = Criteria()


@dataclass(frozen=True)
class Condition:
    """A setting that must have one of some values.

    Attributes:
        key: The setting: a table's name or `seed`.
        values: The values as the tables label them.
    """

    key: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it was typed: `lr=0.01,0.001`."""
        return f"{self.key}={','.join(self.values)}"
