"""What is said of an image, of a sign in a picture, and of a whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.calibration import Probabilities
from lenet_ablate.predict.pieces import LeftOut


class Certainty(Enum):
    """How far a prediction can be relied on."""

    sure = "sure"
    not_sure = "not sure"
    not_a_digit = "not a digit"
    no_digit = "no digit"


DIGITS = tuple(map(str, range(NUM_CLASSES)))
"""What the classes of a network for digits are called."""


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of one digit, or of one image of a class.

    Attributes:
        digit: Number of the class, from 0; None where no digit was found, and of a sign that is none.
        probabilities: (K,) float64, of each class, summing to 1; all 0 where none was found.
        verdict: `sure` where margin and score reach what nearly all rightly read validation images reach; `not a digit`
            where the score is one that hardly any of them has.
        margin: Difference between the two largest logits, divided by the temperature, in nats.
        image: (S, S) uint8, what the network saw, 0 = background; None where no digit was found.
        box: Where the digit is, in pixels of the picture as it is seen; None for images that came without a picture.
        row: Number of its row from the top, from 0.
        index: Its place in the row from the left, from 0.
        cell: Row and column of its cell in a table, from 0; None outside of one.
        score: How much it looks like a digit, the log odds against what is none; None where that was not learned.
        classes: What the classes are called.
    """

    digit: int | None
    probabilities: Probabilities
    verdict: Certainty
    margin: float
    image: npt.NDArray[np.uint8] | None = None
    box: Box | None = None
    row: int = 0
    index: int = 0
    cell: tuple[int, int] | None = None
    score: float | None = None
    classes: Sequence[str] = DIGITS

    @property
    def name(self) -> str | None:
        """What the class is called; None where there is none."""
        return None if self.digit is None else self.classes[self.digit]

    @property
    def likeliest(self) -> str:
        """What the likeliest class is called, of a sign that is no digit too."""
        return self.classes[int(self.probabilities.argmax())]


NO_DIGIT = Prediction(None, np.zeros(NUM_CLASSES), Certainty.no_digit, 0.0)


@dataclass(frozen=True)
class Reading:
    """What a predictor says of a picture.

    Attributes:
        predictions: Row by row from the top, each from the left; a single `NO_DIGIT` where there is none.
        left_out: Ink that was not read, with boxes in pixels of the picture as it is seen.
    """

    predictions: tuple[Prediction, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def verdict(self) -> Certainty:
        """`sure` where every sign is a sure digit and nothing was left out; `no digit` where there is no sign, `not a
        digit` where none of the signs is one."""
        if all(prediction.digit is None for prediction in self.predictions):
            has_signs = any(prediction.image is not None for prediction in self.predictions)
            return Certainty.not_a_digit if has_signs else Certainty.no_digit
        is_sure = all(prediction.verdict is Certainty.sure for prediction in self.predictions)
        return Certainty.sure if is_sure and not self.left_out else Certainty.not_sure


@dataclass(frozen=True)
class Judged:
    """What networks say of images.

    Attributes:
        probabilities: (N, K) float64, of each class.
        margins: (N,) float64, in nats.
        margin: From which an answer is sure.
        scores: (N,) float64, how much each looks like a digit; None where that was not learned.
        not_sure: Sum of score and margin below which nothing is sure.
        clear: How much of the margin counts at most in that.
        no_digit: Score below which an image shows no digit.
    """

    probabilities: Probabilities
    margins: npt.NDArray[np.float64]
    margin: float
    scores: npt.NDArray[np.float64] | None
    not_sure: float
    clear: float
    no_digit: float

    def verdicts(self) -> list[Certainty]:
        """How far each answer can be relied on."""
        found = [Certainty.sure if margin >= self.margin else Certainty.not_sure for margin in self.margins]
        if self.scores is None:
            return found
        for number, (score, margin) in enumerate(zip(self.scores, self.margins, strict=True)):
            if score < self.no_digit:
                found[number] = Certainty.not_a_digit
            elif score + min(margin, self.clear) < self.not_sure:
                found[number] = Certainty.not_sure
        return found
