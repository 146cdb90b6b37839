"""The test digits with what the best variant's runs say of them, for the pictures of errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.labels import load_test_images
from lenet_ablate.errors import DataError, RecordError
from lenet_ablate.records.arrays import read_predictions as stored_predictions
from lenet_ablate.report.figures.digit_grids import TestDigits
from lenet_ablate.report.figures.gallery import FigureInputs
from lenet_ablate.report.study.predictions import StudyPredictions
from lenet_ablate.report.study.study import Study


def read_figure_inputs(
    study: Study, variant: str, predictions: StudyPredictions, data_dir: Path, references: pd.DataFrame | None = None
) -> FigureInputs:
    """What figures need besides the records; without images or predictions the reason why.

    Args:
        study: The study.
        variant: The variant whose errors are shown.
        predictions: Predictions and labels.
        data_dir: The data folder; nothing is downloaded to it.
        references: Published figures.
    """
    design = study.design
    own = design[design["is_usable"] & (design["variant"] == variant)]
    runs = [run for run in own["run"] if run in predictions.labels]
    if not runs:
        why = "the true labels are not on this machine" if predictions.predicted else "no predictions are at hand"
        return FigureInputs(None, why, references)
    config = study.configs[str(own["variant_id"].iloc[0])]
    try:
        return FigureInputs(_read(study, runs, config, predictions, data_dir), references=references)
    except DataError as error:
        return FigureInputs(None, f"the test images are not at hand ({error})", references)


def _read(
    study: Study, runs: Sequence[str], config: RunConfig, predictions: StudyPredictions, data_dir: Path
) -> TestDigits:
    images, labels = load_test_images(config.data, data_dir), predictions.labels[runs[0]]
    if len(images) != len(labels):
        raise DataError(f"{len(images)} images for {len(labels)} labels")
    predicted = np.stack([predictions.predicted[run] for run in runs])
    probabilities = np.stack([_read_probabilities(study.run_folder(run), len(labels)) for run in runs])
    return TestDigits(images, labels, predicted, probabilities, config.data.classes)


def _read_probabilities(folder: Path, count: int) -> npt.NDArray[np.float64]:
    """(count,) probabilities of the answers, NaN where they cannot be read."""
    try:
        found = stored_predictions(folder, count).probabilities.astype(np.float64)
    except RecordError:
        found = np.full(count, np.nan)
    return found if found.shape == (count,) else np.full(count, np.nan)
