"""What the runs answered to each test image, and what was right: read from the runs' folders and the data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.labels import load_test_labels
from lenet_ablate.errors import DataError, RecordError
from lenet_ablate.records.arrays import read_predictions as stored_predictions
from lenet_ablate.records.result import RunResult
from lenet_ablate.report.study.study import Study

Digits = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class StudyPredictions:
    """The final networks' answers to the test images.

    Attributes:
        predicted: (M,) predicted digits by run, of every usable run that has them.
        labels: (M,) true digits by run, of the runs in `predicted` whose labels are at hand and fit.
        missing: Why labels are not at hand, in words; empty where they are, or where nothing is predicted.
    """

    predicted: Mapping[str, Digits] = field(default_factory=dict)
    labels: Mapping[str, Digits] = field(default_factory=dict)
    missing: str = ""


NO_PREDICTIONS = StudyPredictions()


def read_predictions(study: Study, data_dir: Path) -> StudyPredictions:
    """The stored predictions of a study's usable runs with their true labels.

    Labels count only where they give every run the accuracy that it has recorded: another data set of the same
    name would tell nonsense.

    Args:
        study: What was found on disk.
        data_dir: The data folder; nothing is downloaded to it.
    """
    usable = set(study.design.loc[study.design["is_usable"], "run"])
    runs = study.runs[study.runs["run"].isin(usable)]
    read = {run: _read(study.run_folder(run), study.results.get(run)) for run in runs["run"]}
    predicted = {run: digits for run, digits in read.items() if digits is not None}
    labels: dict[str, Digits] = {}
    missing = []
    for config, rows in _by_test_set(study, runs[runs["run"].isin(predicted)]):
        try:
            found = load_test_labels(config, data_dir)
        except DataError as error:
            missing.append(str(error))
            continue
        if all(_fits(found, predicted[run], accuracy) for run, accuracy in _accuracies(rows)):
            labels |= dict.fromkeys(rows["run"], found)
        else:
            missing.append(f"those of data={config.name.value} do not give the runs' own test accuracy")
    return StudyPredictions(predicted, labels, "; ".join(missing))


def _by_test_set(study: Study, runs: pd.DataFrame) -> Iterator[tuple[DataConfig, pd.DataFrame]]:
    """The runs on each test set, with settings that it is found by."""
    for (name, path, sha256), rows in runs.groupby(["data", "data.path", "data.sha256"], dropna=False):
        known = study.configs.get(rows["variant_id"].iloc[0])
        if known is not None and isinstance(sha256, str):
            yield known.data, rows
        else:
            yield DataConfig(DataSet(name), path if isinstance(path, str) else None), rows


def _accuracies(runs: pd.DataFrame) -> list[tuple[str, float]]:
    return list(zip(runs["run"], runs["test_accuracy"].astype(float), strict=True))


def _fits(labels: Digits, predicted: Digits, accuracy: float) -> bool:
    return labels.shape == predicted.shape and abs(float((labels == predicted).mean()) - accuracy) < 0.5 / len(labels)


def _read(folder: Path, result: RunResult | None) -> Digits | None:
    """The stored predictions of a run; None where it has none that are whole."""
    try:
        digits = stored_predictions(folder, result.num_test if result else None).digits
    except RecordError:
        return None
    return digits if digits.size else None
