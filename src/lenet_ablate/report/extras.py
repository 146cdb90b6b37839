"""The test digits with what the best variant's runs say of them, for the pictures of errors."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.config import RunConfig
from lenet_ablate.datasets.labels import load_test_images
from lenet_ablate.errors import DataError
from lenet_ablate.records import PREDICTIONS
from lenet_ablate.report.answers import Answers
from lenet_ablate.report.collect import Study
from lenet_ablate.report.figures.digit_grids import TestDigits
from lenet_ablate.report.figures.gallery import Extras


def read_extras(
    study: Study, variant: str, answers: Answers, data_dir: Path, references: pd.DataFrame | None = None
) -> Extras:
    """What figures need besides the records; without images or predictions the reason why.

    Args:
        study: The study.
        variant: The variant whose errors are shown.
        answers: Predictions and labels.
        data_dir: The data folder; nothing is downloaded to it.
        references: Published figures.
    """
    design = study.design
    own = design[design["is_usable"] & (design["variant"] == variant)]
    runs = [run for run in own["run"] if run in answers.labels]
    if not runs:
        why = "the true labels are not on this machine" if answers.predicted else "no predictions are at hand"
        return Extras(None, why, references)
    config = study.configs[str(own["variant_id"].iloc[0])]
    try:
        return Extras(_read(study.folder, runs, config, answers, data_dir), references=references)
    except DataError as error:
        return Extras(None, f"the test images are not at hand ({error})", references)


def _read(folder: Path, runs: Sequence[str], config: RunConfig, answers: Answers, data_dir: Path) -> TestDigits:
    images, labels = load_test_images(config.data, data_dir), answers.labels[runs[0]]
    if len(images) != len(labels):
        raise DataError(f"{len(images)} images for {len(labels)} labels")
    predictions = np.stack([answers.predicted[run] for run in runs])
    probabilities = np.stack([_read_probabilities(folder / run / PREDICTIONS, len(labels)) for run in runs])
    return TestDigits(images, labels, predictions, probabilities)


def _read_probabilities(path: Path, count: int) -> npt.NDArray[np.float64]:
    """(count,) probabilities of the answers, NaN where they cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = file["probabilities"].astype(np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        found = np.full(count, np.nan)
    return found if found.shape == (count,) else np.full(count, np.nan)
