"""Trained runs on disk, for what reads them to predict with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.plan import run_name, variant_id
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.predict.calibration import CALIBRATION, Calibration, to_json
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.predict.reject import Rejection
from lenet_ablate.records.record import EpochRow, Predictions, State
from lenet_ablate.records.write import write_config, write_finished

DIGITS = DataConfig(DataSet.digits, val_size=200)
ALWAYS_SURE = Calibration(1.0, 0.0, 0.1, 0.1, 10)


NEVER_SURE = Calibration(1.0, 99.0, 0.1, 0.1, 10)


def _rejecting() -> Calibration:
    """A rejection as drawn, which calls some signs no digit and others not sure."""
    random = np.random.default_rng(4)
    weights, bias, output = random.normal(0, 0.3, (158, 5)), random.normal(0, 0.3, 5), random.normal(0, 1.5, 5)
    return Calibration(0.05, 0.5, 0.1, 0.1, 10, rejection=Rejection(weights, bias, output, 0.3, 0.5, -0.8, 10, 1.0))


REJECTING = _rejecting()


def write_run(
    study: Path, accuracy: float | None = 0.9, calibration: Calibration | None = ALWAYS_SURE, **changes: Any
) -> Path:
    """A finished run with weights as they were drawn; its answers mean nothing, but they are always the same."""
    config = RunConfig(**({"data": DIGITS} | changes))
    folder = study / run_name(config)
    folder.mkdir(parents=True)
    write_config(folder, config)
    row = EpochRow(1, 10, 0.001, 0.5, 0.5, None if accuracy is None else 1 - accuracy, accuracy, 0.5, 0.91, 1.0)
    final = {"epoch": 1, "val_accuracy": accuracy, "val_loss": row.val_loss, "test_accuracy": 0.91}
    result = {"format": 1, "status": "done", "variant_id": variant_id(config), "final": final}
    predictions = Predictions(np.zeros(360, np.uint8), np.zeros(360, np.float16))
    weights = draw_weights(config)
    write_finished(folder, State.done, config, [row], result, weights, predictions)
    if calibration is not None:
        (folder / CALIBRATION).write_text(to_json(calibration))  # as an earlier version left it
    return folder


HOSTILE = "<script>alert(1)<img src=x onerror=alert(2)><!-- {{ 1 }} &lt;"


def write_predictor(folder: Path, **changes: Any) -> Predictor:
    return Predictor.load(write_run(folder / "ablation", **changes))
