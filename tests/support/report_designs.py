"""Designs for the tests of the analysis, as `collect` makes them, without any file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import EpochRow, State
from lenet_ablate.records.result import parse_result
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.factors import Factor, Level
from lenet_ablate.report.study.study import Study
from support.report_runs import plan_of

NUM_IMAGES = 10_000


def factors_of(levels: Mapping[str, Sequence[str]]) -> tuple[Factor, ...]:
    return tuple(Factor(key, tuple(Level(label, (3, label)) for label in labels)) for key, labels in levels.items())


def design_of(
    levels: Mapping[str, Sequence[str]], accuracy: npt.ArrayLike, num_images: float = NUM_IMAGES
) -> pd.DataFrame:
    """A full grid; accuracy has an axis per factor and a last one for the seeds 0, 1, …"""
    outcome = np.asarray(accuracy, dtype=float)
    places = np.indices(outcome.shape).reshape(outcome.ndim, -1)
    design = pd.DataFrame({"seed": places[-1], "outcome": outcome.ravel(), "num_images": float(num_images)})
    for place, (key, labels) in zip(places, levels.items(), strict=False):
        design[key] = pd.Categorical([labels[i] for i in place], categories=list(labels), ordered=True)
    design["variant"] = [
        ", ".join(f"{key}={value}" for key, value in zip(levels, row, strict=True))
        for row in zip(*(design[key] for key in levels), strict=True)
    ]
    design["run"] = [f"run{number}" for number in range(len(design))]
    design["status"], design["test_share"], design["chance"] = "done", np.nan, 0.1
    design["curve"] = np.arange(len(design))
    design["is_usable"], design["is_collapsed"] = True, False
    design["train_loss_running"] = 1 - design["outcome"]
    design["val_accuracy"] = design["best_val_accuracy"] = design["test_accuracy"] = design["outcome"]
    return design


def comparison_of(
    levels: Mapping[str, Sequence[str]], accuracy: npt.ArrayLike, key: str = "", num_images: float = NUM_IMAGES
) -> Comparison:
    """The comparison of a factor, by default the first, in such a grid."""
    factors = factors_of(levels)
    factor = next(factor for factor in factors if factor.key == (key or factors[0].key))
    return compare(design_of(levels, accuracy, num_images), factor, factors)


def record_of(
    config: RunConfig,
    test: float,
    val: float | None = 0.9,
    state: State = State.done,
    loss: float | None = None,
    **provenance: object,
) -> RunRecord:
    """A run of one epoch with these accuracies; at its best epoch both are 0.01 higher."""
    plan = plan_of(config)
    loss = 1 - test + config.seed / 1e6 if loss is None else loss
    rows = (EpochRow(1, 1, 0.001, loss, None, None, val, 0.1, test, 1.0),) if state.is_finished else ()
    result = {
        "num_val": plan.num_val,
        "num_test": NUM_IMAGES,
        "best_val": val and {"epoch": 1, "val_accuracy": min(val + 0.01, 1.0), "test_accuracy": min(test + 0.01, 1.0)},
        "provenance": provenance,
    }
    done = result if state is State.done else {}
    return RunRecord(Path("outputs/s") / plan.name, state, plan.identity, config, rows, parse_result(done), "")


def study_of(records: Sequence[RunRecord], **changes: object) -> Study:
    return make_study(Path("outputs/s"), records, **changes)  # type: ignore[arg-type]
