"""Run folders for the report's tests, written through the records' own writers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.plan import RunPlan, make_plan
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.record import EpochRow, Predictions, State, Weights
from lenet_ablate.records.write import write_config, write_finished, write_metrics, write_status

Figures = Callable[[RunConfig, int], tuple[float, float]]


def plan_of(config: RunConfig) -> RunPlan:
    return make_plan(config, 60_000, 10_000)


def rows_of(config: RunConfig, figures: Figures, num_epochs: int | None = None) -> list[EpochRow]:
    """Rows whose training loss and test accuracy are `figures(config, epoch)`."""
    steps = plan_of(config).steps_per_epoch
    rows = []
    for epoch in range(1, (config.epochs if num_epochs is None else num_epochs) + 1):
        loss, accuracy = figures(config, epoch)
        rows.append(EpochRow(epoch, epoch * steps, 0.001, loss, None, loss, accuracy, loss, accuracy, 1.0))
    return rows


def write_run(
    study: Path,
    config: RunConfig,
    rows: Sequence[EpochRow],
    state: State = State.done,
    error: str = "",
) -> Path:
    """A run's folder in any state but planned and unreadable."""
    plan = plan_of(config)
    folder = study / plan.name
    folder.mkdir(parents=True)
    write_config(folder, config)
    if state.is_finished:
        last = rows[-1]
        result: dict[str, Any] = {
            "num_val": plan.num_val,
            "num_test": plan.num_test,
            "num_parameters": 61_706,
            "wall_seconds": 30.0,
            "best_val": {"epoch": last.epoch, "val_accuracy": last.val_accuracy, "test_accuracy": last.test_accuracy},
            "provenance": {"engine": "torch", "device": "cpu"},
        }
        done = state is State.done
        weights = _weights(config) if done else None
        predictions = Predictions(np.zeros(5, np.uint8), np.ones(5, np.float16)) if done else None
        write_finished(folder, state, config, rows, result if done else {}, weights, predictions)
    else:
        write_metrics(folder, rows)
        write_status(folder, state, plan.identity, **({"error": error} if error else {}))
    return folder


def _weights(config: RunConfig) -> Weights:
    if config.data.name.is_playground:
        return draw_weights(config)
    return {"output.bias": np.zeros(10, np.float32)}


def write_study(study: Path, configs: Iterable[RunConfig], figures: Figures) -> list[Path]:
    """A study whose runs are all done."""
    return [write_run(study, config, rows_of(config, figures)) for config in configs]


def plan_file(configs: Iterable[RunConfig], factors: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """What a sweep over these runs writes; without factors as a version did that did not tell them."""
    runs = [
        {"run": plan_of(config).name, "identity": plan_of(config).identity, "config": to_mapping(config)}
        for config in configs
    ]
    sweep = {"format": 1, "created": "2026-01-01T00:00:00+00:00", "runs": runs}
    return sweep if factors is None else sweep | {"factors": factors}


def write_sweep(
    study: Path, configs: Iterable[RunConfig], factors: Mapping[str, Sequence[str]] | None = None, name: str = "one"
) -> None:
    """The plan of a sweep over these runs, whether they have folders or not."""
    (study / "sweeps").mkdir(parents=True, exist_ok=True)
    write_bytes(study / "sweeps" / f"{name}.json", json.dumps(plan_file(configs, factors)).encode(), flush=False)
