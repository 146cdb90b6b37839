"""Runs as pandas frames, for the report and for notebooks:

from lenet_ablate import read_runs
read_runs("outputs").groupby(["lr", "pool"]).test_accuracy.mean()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lenet_ablate.config.experiments import word
from lenet_ablate.config.plan import lr_label, variant_id
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.records.read import RunRecord, find_studies, iter_records
from lenet_ablate.records.record import COLUMNS
from lenet_ablate.records.result import EpochFigures
from lenet_ablate.rendering.escape import well_formed

SPLITS = ("train", "val", "test")


def read_runs(outputs: str | Path) -> pd.DataFrame:
    """One row per run of every study in a folder, unfinished and failed ones too.

    Columns: study, run, variant_id, status, error; the settings (`pool`, `lr`, `batch_size`, `optimizer`, …; a
    group's further settings as `optimizer.momentum`; `lr` is a float or a schedule's name); epochs_done and the last
    row of metrics.csv (train_loss_running … test_accuracy); best_epoch, best_val_accuracy and
    test_accuracy_at_best_val by validation; num_val and num_test (images), num_parameters, wall_seconds, engine,
    device, version and commit of the program. Losses are nats per image, accuracies 0..1.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
    """
    return runs_frame([record for study in find_studies(Path(outputs)) for record in iter_records(study)])


def read_epochs(outputs: str | Path) -> pd.DataFrame:
    """The epochs of all runs in tidy form: study, run, epoch (from 1), step (updates so far), split, metric, value.

    Raises:
        RecordError: The folder does not exist, or holds no runs.
    """
    return epochs_frame([record for study in find_studies(Path(outputs)) for record in iter_records(study)])


def runs_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """One row per record; see `read_runs`."""
    rows = [_well_formed(_run_row(record)) for record in records]
    frame = pd.DataFrame(rows)
    for name in frame:
        kinds = {type(row.get(str(name))) for row in rows}
        if kinds == {int, type(None)}:  # else a run that lacks a count would turn every count into a float
            frame[name] = frame[name].astype("Int64")
    return frame


def epochs_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """The records' epochs in tidy form; see `read_epochs`. `lr` and `seconds` belong to the train split."""
    lines = [
        (
            well_formed(record.folder.parent.name),
            well_formed(record.folder.name),
            row.epoch,
            row.step,
            *_split_metric(column),
            value,
        )
        for record in records
        for row in record.rows
        for column in COLUMNS
        if column not in ("epoch", "step") and (value := getattr(row, column)) is not None
    ]
    return pd.DataFrame(lines, columns=["study", "run", "epoch", "step", "split", "metric", "value"])


def _well_formed(row: Mapping[str, Any]) -> dict[str, Any]:
    # pandas keeps text in Arrow's memory where pyarrow is installed, and Arrow takes nothing else.
    return {key: well_formed(value) if isinstance(value, str) else value for key, value in row.items()}


def _split_metric(column: str) -> tuple[str, str]:
    split, _, metric = column.partition("_")
    return (split, metric) if split in SPLITS else ("train", column)


def _run_row(record: RunRecord) -> dict[str, Any]:
    result, last = record.result, record.rows[-1] if record.rows else None
    best, provenance = result.best_val or EpochFigures(), result.provenance
    return {
        "study": record.folder.parent.name,
        "run": record.folder.name,
        "variant_id": variant_id(record.config) if record.config else None,
        "status": record.state.value,
        **(_settings(record.config) if record.config else dict.fromkeys(settings_row(RunConfig()))),
        "epochs_done": len(record.rows),
        **{name: getattr(last, name, None) for name in COLUMNS if _split_metric(name)[0] in SPLITS and "_" in name},
        "best_epoch": best.epoch,
        "best_val_accuracy": best.val_accuracy,
        "test_accuracy_at_best_val": best.test_accuracy,
        "num_val": result.num_val,
        "num_test": result.num_test,
        "num_parameters": result.num_parameters,
        "wall_seconds": result.wall_seconds,
        "engine": provenance.engine,
        "device": provenance.device,
        "version": provenance.versions.get("lenet-ablate"),
        "commit": provenance.commit,
        "error": record.error or None,
    }


def _settings(config: RunConfig) -> dict[str, Any]:
    """The settings as columns that a frame can be grouped by: lists as they are typed, `[64,64]`."""
    return {key: word(value) if isinstance(value, list) else value for key, value in settings_row(config).items()}


def settings_row(config: RunConfig) -> dict[str, Any]:
    """The settings as columns: a group's name under the group's key, its other settings dotted.

    `lr` is a float or a schedule's name, and a schedule's values stand in `lr.initial`, `lr.gamma`, ….
    """
    row: dict[str, Any] = {}
    for key, value in to_mapping(config).items():
        if key == "lr":
            row["lr"] = lr_label(config.lr) if isinstance(config.lr, Schedule) else config.lr
            row |= {f"lr.{k}": v for k, v in value.items() if k != "name"} if isinstance(value, dict) else {}
        elif isinstance(value, dict):
            row[key] = value["name"]
            row |= {f"{key}.{k}": v for k, v in value.items() if k != "name"}
        else:
            row[key] = value
    return row
