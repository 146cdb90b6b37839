"""Test digits of the data set that a run learned from, with what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.base import Images, Labels
from lenet_ablate.datasets.idx import NAMES, find
from lenet_ablate.datasets.load import DATA_VARIABLE, load
from lenet_ablate.errors import DataError
from lenet_ablate.predict.prediction import Prediction
from lenet_ablate.predict.predictor import Predictor


@dataclass(frozen=True)
class Sample:
    """Some test digits.

    Attributes:
        images: (N, S, S) uint8, as the network takes them.
        labels: (N,) uint8, what they are.
        predictions: What the predictor says of each.
        num_wrong: How many it reads wrongly, among the whole test set where `wrong` was asked for, else here.
        num_test: How many it was asked to read.
    """

    images: Images
    labels: Labels
    predictions: Sequence[Prediction]
    num_wrong: int
    num_test: int


def draw_sample(predictor: Predictor, count: int, data_dir: Path, random: np.random.Generator, wrong: bool) -> Sample:
    """Random test digits, at most `count` of them.

    Args:
        predictor: Reads them; the data set is that of its first member.
        count: At least 1.
        data_dir: The data folder; nothing is downloaded.
        random: Draws them.
        wrong: Only such as the predictor reads wrongly.

    Raises:
        DataError: The data set is not at hand, or damaged.
    """
    first = predictor.members[0]
    _check_at_hand(first.config.data, data_dir)
    dataset = load(first.config.data, first.network.image_size, data_dir)
    images = cast(Images, dataset.test_images)  # points cannot be read
    chosen = random.permutation(len(images))
    if not wrong:
        chosen = chosen[:count]
    predictions = predictor.predict(images[chosen])
    is_wrong = np.array([found.digit for found in predictions]) != dataset.test_labels[chosen]
    kept = np.flatnonzero(is_wrong)[:count] if wrong else np.arange(len(chosen))
    return Sample(
        images[chosen[kept]],
        dataset.test_labels[chosen[kept]],
        [predictions[number] for number in kept],
        int(is_wrong.sum()),
        len(chosen),
    )


def _check_at_hand(config: DataConfig, data_dir: Path) -> None:
    folder = data_dir / "MNIST" / "raw"
    if config.name is DataSet.mnist and any(find(folder, name) is None for name in NAMES):
        raise DataError(f"{folder}: MNIST is not complete there; set {DATA_VARIABLE} to the data folder that holds it")
