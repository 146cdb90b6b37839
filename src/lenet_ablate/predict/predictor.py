"""A trained run that reads pictures; from Python:

from lenet_ablate import Predictor

predictor = Predictor.load("outputs/ablation/max_relu_adam_lr0.001_bs64_e30_s0-8c1cd09c")
for prediction in predictor.read("photo.jpg"):
    print(prediction.digit, prediction.probabilities, prediction.verdict)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lenet_ablate.datasets.base import Images
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import Calibration, Probabilities, softmax, top_margins
from lenet_ablate.predict.digits import FORMS, MNIST_FORM, Box, Form, find_digits, to_form
from lenet_ablate.predict.ink import find_ink
from lenet_ablate.predict.pictures import Picture, load_picture
from lenet_ablate.predict.trained import Trained, read_replicates, read_trained

TURNS = (-15.0, -7.5, 0.0, 7.5, 15.0)
"""Degrees by which test-time augmentation turns an image."""
UNCALIBRATED_MARGIN = 5.0  # in nats; without validation images nothing better is known


class Certainty(Enum):
    """How far a prediction can be relied on."""

    sure = "sure"
    not_sure = "not sure"
    no_digit = "no digit"


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of one digit.

    Attributes:
        digit: 0..9; None where no digit was found.
        probabilities: (10,) float64, of each digit, summing to 1; all 0 where none was found.
        verdict: `sure` where the margin reaches what nearly all rightly read validation images reach.
        margin: Difference between the two largest logits, divided by the temperature, in nats.
        image: (S, S) uint8, what the network saw, 0 = background; None where no digit was found.
        box: Where the digit is, in the picture at working size; None for images that came without a picture.
    """

    digit: int | None
    probabilities: Probabilities
    verdict: Certainty
    margin: float
    image: npt.NDArray[np.uint8] | None = None
    box: Box | None = None


NO_DIGIT = Prediction(None, np.zeros(10), Certainty.no_digit, 0.0)


@dataclass(frozen=True)
class Predictor:
    """One trained network, or several that answer together.

    Attributes:
        members: The networks, at least one, all of one variant.
        form: How the data set that they learned from has its digits.
        turns: Degrees by which every image is turned; the answers are averaged.
    """

    members: tuple[Trained, ...]
    form: Form
    turns: tuple[float, ...] = (0.0,)

    @classmethod
    def load(cls, folder: Path | str, *, ensemble: bool = False, tta: bool = False) -> Predictor:
        """The predictor of a run.

        Args:
            folder: The run's folder.
            ensemble: Average over all finished seeds of the run's variant in its study.
            tta: Average over small rotations.

        Raises:
            RecordError: The run is not finished, its files are damaged, or this version does not know its network.
        """
        first = read_trained(Path(folder))
        members = tuple(read_replicates(Path(folder))) if ensemble else (first,)
        if not members:
            raise RecordError(f"{folder}: its study has no finished run of the same variant")
        return cls(members, FORMS.get(first.config.data.name, MNIST_FORM), TURNS if tta else (0.0,))

    @property
    def is_calibrated(self) -> bool:
        """Whether every member was calibrated on validation images."""
        return all(member.calibration is not None for member in self.members)

    def read(self, picture: Picture | Path | str) -> list[Prediction]:
        """The digits of a picture from left to right; a single `NO_DIGIT` where there is none.

        Args:
            picture: The picture, or its file.

        Raises:
            PictureError: The file is no picture, or one that is too large.
        """
        ink = find_ink(picture if isinstance(picture, Picture) else load_picture(Path(picture)))
        digits = find_digits(ink) if ink is not None else []
        if not digits:
            return [NO_DIGIT]
        images = np.stack([to_form(digit, self.form) for digit in digits])
        return self.predict(images, [digit.box for digit in digits])

    def predict(self, images: Images, boxes: list[Box] | None = None) -> list[Prediction]:
        """One prediction for each image.

        Args:
            images: (N, H, W) uint8, 0 = background, in the form of the data set; brought to the network's size.
            boxes: Where they come from.
        """
        if not len(images):
            return []
        first = self.members[0]
        fitted = fit(images, first.network.image_size, first.config.data.resize)
        probabilities, margins, limit = self._judge(fitted)
        return [
            Prediction(
                int(row.argmax()),
                row,
                Certainty.sure if margin >= limit else Certainty.not_sure,
                float(margin),
                image,
                boxes[number] if boxes else None,
            )
            for number, (row, margin, image) in enumerate(zip(probabilities, margins, fitted, strict=True))
        ]

    def _judge(self, images: Images) -> tuple[Probabilities, npt.NDArray[np.float64], float]:
        """Probabilities (N, 10), margins (N,) and the margin from which an answer is sure: means over all members."""
        turned = [_turn(images, degrees) for degrees in self.turns]
        scaled = [
            forward(member.network, views).logits.astype(np.float64) / temperature_of(member.calibration)
            for member in self.members
            for views in turned
        ]
        probabilities = np.mean([softmax(logits) for logits in scaled], axis=0)
        limit = float(np.mean([margin_of(member.calibration) for member in self.members]))
        return probabilities, top_margins(np.mean(scaled, axis=0)), limit


def temperature_of(calibration: Calibration | None) -> float:
    """What divides the logits; 1 where nothing was calibrated."""
    return calibration.temperature if calibration else 1.0


def margin_of(calibration: Calibration | None) -> float:
    """The margin from which an answer is sure, in nats."""
    return calibration.margin if calibration else UNCALIBRATED_MARGIN


def _turn(images: Images, degrees: float) -> Images:
    if not degrees:
        return images
    kernel = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).rotate(degrees, kernel)) for image in images])
