"""Runs as pandas frames, for the report and for notebooks:

from lenet_ablate import read_runs
read_runs("outputs").groupby(["lr_label", "pool"]).test_accuracy.mean()
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lenet_ablate.records.read import RunRecord, find_studies, iter_records
from lenet_ablate.records.record import COLUMNS
from lenet_ablate.records.rows import SPLITS, run_row
from lenet_ablate.rendering.escape import well_formed


def read_runs(outputs: str | Path) -> pd.DataFrame:
    """One row per run of every study in a folder, unfinished and failed ones too.

    Columns: study, run, variant_id, status, error; the settings (`pool`, `batch_size`, `optimizer`, …; a group's
    further settings as `optimizer.momentum`). `lr` is a number, missing where the rate follows a schedule, whose values
    stand in `lr.initial`, `lr.gamma`, …; `lr_label` is text everywhere, `0.01` or the schedule's name, and what to
    group by. Then epochs_done and the last row of metrics.csv (train_loss_running … test_accuracy); best_epoch,
    best_val_accuracy and test_accuracy_at_best_val by validation; num_val and num_test (images), num_parameters,
    wall_seconds, engine, device, version and commit of the program; tags (with a space between two) and note, as
    `lenet-runs` keeps them. Losses are nats per image, accuracies 0..1.

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
    rows = [run_row(record) for record in records]
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


def _split_metric(column: str) -> tuple[str, str]:
    split, _, metric = column.partition("_")
    return (split, metric) if split in SPLITS else ("train", column)
