"""A run as one row of a table: its settings, figures and provenance by column; plain values, without pandas."""

from __future__ import annotations

import math
from typing import Any

from lenet_ablate.config.experiments import word
from lenet_ablate.config.plan import variant_id
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.settings import RunConfig, to_mapping
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import COLUMNS
from lenet_ablate.records.result import EpochFigures
from lenet_ablate.rendering.escape import well_formed

SPLITS = ("train", "val", "test")
_FIGURES = tuple(name for name in COLUMNS if name.partition("_")[0] in SPLITS and "_" in name)


def run_row(record: RunRecord) -> dict[str, Any]:
    """The row of a run; the columns are told by `frames.read_runs`, and what is not known is None."""
    result, last = record.result, record.rows[-1] if record.rows else record.result.final
    best, provenance = result.best_val or EpochFigures(), result.provenance
    row = {
        "study": record.folder.parent.name,
        "run": record.folder.name,
        "variant_id": variant_id(record.config) if record.config else None,
        "status": record.state.value,
        **(_columns(record.config) if record.config else dict.fromkeys(_columns(RunConfig()))),
        "epochs_done": len(record.rows) or result.epochs_done or 0,
        **{name: getattr(last, name) for name in _FIGURES},
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
        "tags": " ".join(record.notes.tags) or None,
        "note": record.notes.note or None,
        "error": record.error or None,
    }
    # pandas keeps text in Arrow's memory where pyarrow is installed, and Arrow takes nothing else.
    return {key: well_formed(value) if isinstance(value, str) else value for key, value in row.items()}


def settings_row(config: RunConfig) -> dict[str, Any]:
    """The settings by column: a group's name under the group's key, its other settings dotted.

    An own network's arguments stand in `model.args.width`, …; a run without such has no such columns.
    `lr` is a float or a schedule's name, and a schedule's values stand in `lr.initial`, `lr.gamma`, ….
    """
    row: dict[str, Any] = {}
    for key, value in to_mapping(config).items():
        if key == "lr":
            row["lr"] = config.lr.name if isinstance(config.lr, Schedule) else config.lr
            row |= {f"lr.{k}": v for k, v in value.items() if k != "name"} if isinstance(value, dict) else {}
        elif isinstance(value, dict):
            row[key] = value["name"]
            row |= {f"{key}.{k}": v for k, v in value.items() if k not in ("name", "args")}
            row |= {f"{key}.args.{k}": v for k, v in (value.get("args") or {}).items()}
        else:
            row[key] = value
    return row


def _columns(config: RunConfig) -> dict[str, Any]:
    """The settings as columns of one type each: lists as they are typed, `[64,64]`; a rate apart from its label."""
    columns: dict[str, Any] = {}
    for key, value in settings_row(config).items():
        columns[key] = word(value) if isinstance(value, (list, dict)) else value
        if key == "lr":
            columns["lr"] = math.nan if isinstance(value, str) else value
            columns["lr_label"] = value if isinstance(value, str) else number_text(value)
    return columns


def number_text(value: float) -> str:
    """A number in as few digits as tell it from every other: `0.001`, `1e-05`."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
