"""A trained run that reads pictures; from Python:

from lenet_ablate import Predictor

predictor = Predictor.load("outputs/ablation/max_relu_adam_lr0.001_bs64_e30_s0-8c1cd09c")
for prediction in predictor.read("photo.jpg"):
    print(prediction.digit, prediction.probabilities, prediction.verdict)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lenet_ablate.config.callables import Factory
from lenet_ablate.datasets.base import Images, class_name, num_classes_of
from lenet_ablate.datasets.fit import fit
from lenet_ablate.engines.forward import forward
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.calibration import Calibration, softmax, top_margins
from lenet_ablate.predict.cells import cells_of
from lenet_ablate.predict.digits import Digit
from lenet_ablate.predict.form import FORMS, MNIST_FORM, Form, to_form
from lenet_ablate.predict.layout import find_layout
from lenet_ablate.predict.pictures import Grey, Picture, load_picture
from lenet_ablate.predict.pieces import LeftOut
from lenet_ablate.predict.prediction import DIGITS, NO_DIGIT, Certainty, Judged, Prediction, Reading
from lenet_ablate.predict.stems import contradicts
from lenet_ablate.predict.touching import may_be_several, split
from lenet_ablate.predict.trained import Trained, read_replicates, read_trained
from lenet_ablate.predict.upstroke import has_upstroke

TURNS = (-15.0, -7.5, 0.0, 7.5, 15.0)
"""Degrees by which test-time augmentation turns an image."""
AMONG_OTHERS = -0.5  # score below which nothing is sure beside other signs: letters and marks are as likely there
MOST_DIVIDED = 64  # signs of a picture that may be several digits
SLASH = 0.5  # of its height: a 1 beside other signs that leans so far may be a slash;
HIGH_SLASH, HIGHER = 0.3, 1.12  # one that is higher than usual already if it leans so far
UNCALIBRATED_MARGIN = 5.0  # in nats; without validation images nothing better is known


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
    def load(
        cls, folder: Path | str, *, ensemble: bool = False, tta: bool = False, factory: Factory = None
    ) -> Predictor:
        """The predictor of a run.

        Args:
            folder: The run's folder.
            ensemble: Average over all finished seeds of the run's variant in its study.
            tta: Average over small rotations.
            factory: `FILE.py:NAME`, or the function or class of a module: the code of an own network; it is run, and
                must be what the run was trained with.

        Raises:
            RecordError: The run is not finished, its files are damaged, or this version does not know its network.
            ConfigError: The code cannot be read or run.
        """
        first = read_trained(Path(folder), factory)
        members = tuple(read_replicates(Path(folder), factory)) if ensemble else (first,)
        if not members:
            raise RecordError(f"{folder}: its study has no finished run of the same variant")
        return cls(members, FORMS.get(first.config.data.name, MNIST_FORM), TURNS if tta else (0.0,))

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classes are called, by number."""
        config = self.members[0].config
        return tuple(class_name(config.data.classes, number) for number in range(num_classes_of(config.data)))

    @property
    def subject(self) -> str:
        """What it reads, in a word: a digit, or a sign of another kind."""
        return "digit" if self.classes == DIGITS else "sign"

    @property
    def is_calibrated(self) -> bool:
        """Whether every member was calibrated on validation images."""
        return all(member.calibration is not None for member in self.members)

    def read(self, picture: Picture | Path | str) -> list[Prediction]:
        """The digits of a picture, row by row, each from left to right; a single `NO_DIGIT` where there is none.

        Args:
            picture: The picture, or its file.

        Raises:
            PictureError: The file is no picture, or one that is too large.
        """
        return list(self.read_page(picture).predictions)

    def read_page(self, picture: Picture | Path | str) -> Reading:
        """The same with the ink that was not read.

        Args:
            picture: The picture, or its file.

        Raises:
            PictureError: The file is no picture, or one that is too large.
        """
        seen = picture if isinstance(picture, Picture) else load_picture(Path(picture))
        layout = find_layout(seen, self._likelihoods if self.has_rejection else None)
        seen = layout.picture
        left_out = tuple(LeftOut(seen.in_pixels(ink.box), ink.reason) for ink in layout.left_out)
        rows = self._divided(layout.rows)
        digits = [digit for row in rows for digit in row]
        if not digits:
            return Reading((NO_DIGIT,), left_out)
        places = [(row, index) for row, signs in enumerate(rows) for index in range(len(signs))]
        cells = cells_of([digit.box for digit in digits], layout.ruling, layout.size)
        judged = [
            _with_upstroke(found, digit)
            for found, digit in zip(self.predict(self._images([digit.ink for digit in digits])), digits, strict=True)
        ]
        usual = float(np.median([digit.box.height for digit in digits])) if len(digits) > 1 else None
        predictions = tuple(
            _placed(found, digit, cell, place, seen, usual)
            for found, digit, cell, place in zip(judged, digits, cells, places, strict=True)
        )
        return Reading(predictions, left_out)

    def _images(self, inks: Sequence[Grey]) -> Images:
        return np.stack([to_form(ink, self.form) for ink in inks])

    def _divided(self, rows: Sequence[Sequence[Digit]]) -> list[list[Digit]]:
        """The signs of each row, those that touch taken apart; without a rejection nothing tells a part from a whole.

        Of more than MOST_DIVIDED none is: the picture is no writing, and each takes many looks; none of them is sure.
        """
        signs = [digit for row in rows for digit in row]
        if not self.has_rejection or not signs:
            return [list(row) for row in rows]
        answers = self.predict(self._images([digit.ink for digit in signs]))
        wide = [
            may_be_several(sign, found.verdict is Certainty.sure) for sign, found in zip(signs, answers, strict=True)
        ]
        is_noise, left = sum(wide) > MOST_DIVIDED, iter(wide)

        def parts(digit: Digit) -> list[Digit]:
            if not next(left):
                return [digit]
            if is_noise:
                return [dataclasses.replace(digit, is_doubtful=True)]
            return list(split(digit, self._likelihoods, is_alone=len(signs) == 1))

        return [[part for digit in row for part in parts(digit)] for row in rows]

    @property
    def has_rejection(self) -> bool:
        """Whether every member learned what is no digit."""
        return all(member.calibration and member.calibration.rejection for member in self.members)

    def _likelihoods(self, inks: Sequence[Grey]) -> npt.NDArray[np.float64]:
        """How likely each ink is one digit that is read rightly, as a logarithm."""
        first = self.members[0]
        judged = self.judge(fit(self._images(inks), first.network.image_size, first.config.data.resize))
        assert judged.scores is not None
        likely: npt.NDArray[np.float64] = np.log(judged.probabilities.max(axis=1)) - np.logaddexp(0, -judged.scores)
        return likely

    def predict(self, images: Images) -> list[Prediction]:
        """One prediction for each image.

        Args:
            images: (N, H, W) uint8, 0 = background, in the form of the data set; brought to the network's size.
        """
        if not len(images):
            return []
        first = self.members[0]
        fitted = fit(images, first.network.image_size, first.config.data.resize)
        judged = self.judge(fitted)
        verdicts = judged.verdicts()
        return [
            Prediction(
                None if verdict is Certainty.not_a_digit else int(probabilities.argmax()),
                probabilities,
                verdict,
                float(margin),
                image,
                score=None if judged.scores is None else float(judged.scores[number]),
                classes=self.classes,
            )
            for number, (probabilities, margin, verdict, image) in enumerate(
                zip(judged.probabilities, judged.margins, verdicts, fitted, strict=True)
            )
        ]

    def judge(self, images: Images) -> Judged:
        """What the networks say of images (N, S, S) of the size that they take: means over members and turns."""
        turned = [_turn(images, degrees) for degrees in self.turns]
        logits, scores = [], []
        for member in self.members:
            calibration = member.calibration
            for views in turned:
                signals = forward(member.network, views)
                divided = signals.logits.astype(np.float64) / temperature_of(calibration)
                logits.append(divided)
                if calibration and calibration.rejection:
                    scores.append(calibration.rejection.scores(signals.units, divided, views))
        calibrations = [member.calibration for member in self.members]
        rejections = [found.rejection for found in calibrations if found and found.rejection]
        return Judged(
            np.mean([softmax(each) for each in logits], axis=0),
            top_margins(np.mean(logits, axis=0)),
            float(np.mean([margin_of(found) for found in calibrations])),
            np.mean(scores, axis=0) if scores else None,
            float(np.mean([found.not_sure for found in rejections])) if rejections else 0.0,
            float(np.mean([found.clear for found in rejections])) if rejections else 0.0,
            float(np.mean([found.no_digit for found in rejections])) if rejections else 0.0,
        )


def _with_upstroke(found: Prediction, digit: Digit) -> Prediction:
    """What was said of a sign, or a 1 that is not sure where its strokes say so and the network is not sure."""
    is_asked = found.classes == DIGITS and found.verdict is Certainty.not_sure and found.digit != 1
    if not is_asked or not has_upstroke(digit.ink):
        return found
    probabilities = found.probabilities / 2
    probabilities[1] += 0.5
    return dataclasses.replace(found, digit=1, probabilities=probabilities)


def _placed(
    found: Prediction,
    digit: Digit,
    cell: tuple[int, int] | None,
    place: tuple[int, int],
    picture: Picture,
    usual: float | None,
) -> Prediction:
    """What was said of an image, with what is known of where it comes from; `usual` is the height of several signs."""
    row, index = place
    verdict = found.verdict
    if digit.is_bar:
        verdict = Certainty.not_a_digit
    elif verdict is Certainty.sure and (
        digit.is_doubtful
        or (usual is not None and _is_odd(found, digit, usual))
        or (found.classes == DIGITS and contradicts(found.digit, digit.ink))
    ):
        verdict = Certainty.not_sure
    number = None if verdict is Certainty.not_a_digit else found.digit
    box = picture.in_pixels(digit.box)
    return dataclasses.replace(found, digit=number, verdict=verdict, box=box, row=row, index=index, cell=cell)


def _is_odd(found: Prediction, digit: Digit, usual: float) -> bool:
    """Whether a sign beside others is as likely a letter, or a slash."""
    leaning = HIGH_SLASH if digit.box.height > HIGHER * usual else SLASH
    is_slash = found.digit == 1 and found.classes == DIGITS and digit.box.width > leaning * digit.box.height
    return is_slash or (found.score is not None and found.score < AMONG_OTHERS)


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
