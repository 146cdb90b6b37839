"""What is learned of a run at its end: how far its answers can be believed, and what is no digit.

Nothing here changes what the run itself learned. Images without a digit are made of its own training images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import DataSet, Model
from lenet_ablate.config.own_code import has_own_network
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset, Images
from lenet_ablate.datasets.fit import fit
from lenet_ablate.datasets.splits import Indices, generator
from lenet_ablate.engines.forward import Floats, Network, forward
from lenet_ablate.predict.calibration import PASSED_BY_MARGIN, Calibration, calibrate, top_margins
from lenet_ablate.predict.form import FORMS, MNIST_FORM, Form
from lenet_ablate.predict.negatives import NEGATIVES_STREAM, make_negatives, printed_digits, varied
from lenet_ablate.predict.reject import Rejection, features_of, learn_from, with_thresholds

WITH_DIGITS = (DataSet.mnist, DataSet.digits)
"""Data sets of which it is known that they hold the ten digits, and in which form."""
MIN_IMAGES = 150  # for validation: fewer tell too little of the thresholds
MIN_TRAINED = 250_000
"""Images that a run sees in all its epochs, five of MNIST's, before it learns what is no digit.

That takes a second of a core, many times as long as a few epochs on a small set, whose network reads no handwriting.
"""
DIGITS, PRINTED, NEGATIVES = 2400, 240, 3200  # images at most that are learned from: digits, those of fonts, and others
NEAR = 3  # one in so many of those that are not sure anyway is learned from
HELD = 4000  # validation images at most for the thresholds; all of it takes 1.9 s of a core for LeNet-5
HEAVY_SHARE = 8  # times fewer for a network that computes 25 times as long
BATCH = 20  # images at a time: layers so small are one thread's work in every BLAS


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run that has come to its end.

    Attributes:
        config: Its settings.
        dataset: What it was trained on.
        train: Indices of its training images.
        val: Indices of its validation images, at least one.
        weights: Weights and biases by layer name.
        val_logits: (len(val), K) float32, of the validation images, finite.
    """

    config: RunConfig
    dataset: Dataset
    train: Indices
    val: Indices
    weights: Mapping[str, Floats]
    val_logits: Floats


def calibrate_run(trained: Trained) -> Calibration:
    """The calibration of a trained run."""
    dataset = trained.dataset
    labels = dataset.train_labels[trained.val]
    is_worth_it = trained.config.epochs * len(trained.train) >= MIN_TRAINED
    is_ours = not has_own_network(trained.config)  # NumPy computes no other
    has_digits = is_ours and trained.config.data.name in WITH_DIGITS and len(trained.val) >= MIN_IMAGES and is_worth_it
    calibration = calibrate(trained.val_logits, labels)
    if has_digits:
        calibration = calibrate(trained.val_logits, labels, PASSED_BY_MARGIN)
        calibration = dataclasses.replace(calibration, rejection=_learn(trained, calibration))
    return dataclasses.replace(calibration, mean=dataset.mean, std=dataset.std)


def _learn(trained: Trained, calibration: Calibration) -> Rejection:
    """The rejection, learned from training images and what is made of them; its thresholds from validation images."""
    config, dataset = trained.config, trained.dataset
    images, labels = cast(Images, dataset.train_images), dataset.train_labels
    share = HEAVY_SHARE if config.model.name is Model.cnn4 else 1
    network = Network(config, trained.weights, dataset.mean, dataset.std)
    random = generator(config.seed, NEGATIVES_STREAM)
    form = FORMS.get(config.data.name, MNIST_FORM)
    chosen = random.permutation(trained.train)[: DIGITS // share]
    plain, changed = images[chosen[::2]], images[chosen[1::2]]
    made = np.concatenate([varied(changed, form, random), printed_digits(PRINTED // share, form, random)])
    digits = np.concatenate([plain, _fitted(made, form, network)])
    count = min(NEGATIVES // share, 2 * len(trained.train))
    others = _fitted(make_negatives(images[chosen], labels[chosen], count, form, random), form, network)
    seen = (_seen(network, part, calibration) for part in (digits, others))
    rejection = learn_from(*(features_of(*part)[_told_apart_by_it(part[1], calibration)] for part in seen))
    held = random.permutation(len(trained.val))[: HELD // share]
    scores = rejection.scores(*_seen(network, images[trained.val[held]], calibration))
    margins = top_margins(trained.val_logits[held].astype(np.float64) / calibration.temperature)
    return with_thresholds(rejection, scores, margins, calibration.margin)


def _told_apart_by_it(logits: npt.NDArray[np.float64], calibration: Calibration) -> npt.NDArray[np.bool_]:
    """Which images the rejection is learned from: those that the margin lets pass, and a few of the others."""
    is_told = top_margins(logits) >= calibration.margin
    is_told[::NEAR] = True
    return is_told


def _fitted(images: Images, form: Form, network: Network) -> Images:
    return fit(images, network.image_size, network.config.data.resize)


def _seen(network: Network, images: Images, calibration: Calibration) -> tuple[Floats, npt.NDArray[np.float64], Images]:
    """The units before the output layer, the divided logits, and the images."""
    parts = [forward(network, images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
    logits = np.concatenate([part.logits for part in parts]).astype(np.float64)
    return np.concatenate([part.units for part in parts]), logits / calibration.temperature, images
