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
from lenet_ablate.predict.negatives import NEGATIVES_STREAM, make_negatives, varied
from lenet_ablate.predict.reject import Rejection, features_of, learn_from, with_thresholds

WITH_DIGITS = (DataSet.mnist, DataSet.digits)
"""Data sets of which it is known that they hold the ten digits, and in which form."""
MIN_IMAGES = 150  # for validation: fewer tell too little of the thresholds
MIN_TRAINED = 250_000
"""Images that a run sees in all its epochs, five of MNIST's, before it learns what is no digit.

That takes a second of a core, many times as long as a few epochs on a small set, whose network reads no handwriting.
"""
PLAIN, VARIED, NEGATIVES, HELD = 600, 600, 1500, 1000  # images at most: 1 s of a core for LeNet-5
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
    """The rejection, from a part of the validation images; its thresholds from another part."""
    config, images = trained.config, cast(Images, trained.dataset.train_images)
    labels = trained.dataset.train_labels
    share = HEAVY_SHARE if config.model.name is Model.cnn4 else 1
    network = Network(config, trained.weights, trained.dataset.mean, trained.dataset.std)
    random = generator(config.seed, NEGATIVES_STREAM)
    order = random.permutation(len(trained.val))
    half = len(order) // 2
    plain, held = order[: min(PLAIN // share, half)], order[half:][: HELD // share]
    changed = random.choice(order[:half], min(VARIED // share, half))
    form = FORMS.get(config.data.name, MNIST_FORM)
    count = min(NEGATIVES // share, 2 * len(trained.val))
    digits = np.concatenate(
        [images[trained.val[plain]], _fitted(varied(images[trained.val[changed]], form, random), form, network)]
    )
    others = _fitted(make_negatives(images[trained.train], labels[trained.train], count, form, random), form, network)
    rejection = learn_from(*(_features(network, part, calibration) for part in (digits, others)))
    scores = rejection.scores(*_seen(network, images[trained.val[held]], calibration))
    logits = trained.val_logits[held]
    is_near = top_margins(logits.astype(np.float64) / calibration.temperature) < calibration.margin
    return with_thresholds(rejection, scores, is_near)


def _fitted(images: Images, form: Form, network: Network) -> Images:
    return fit(images, network.image_size, network.config.data.resize)


def _features(network: Network, images: Images, calibration: Calibration) -> npt.NDArray[np.float64]:
    return features_of(*_seen(network, images, calibration))


def _seen(network: Network, images: Images, calibration: Calibration) -> tuple[Floats, npt.NDArray[np.float64]]:
    """The units before the output layer, and the divided logits."""
    parts = [forward(network, images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
    logits = np.concatenate([part.logits for part in parts]).astype(np.float64)
    return np.concatenate([part.units for part in parts]), logits / calibration.temperature
