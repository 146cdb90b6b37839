"""Which decision boundaries a study on the playground's points shows.

A panel for each pair of two factors' levels; and, of runs that kept the weights of their epochs, how the boundary of
the best run at each level came about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lenet_ablate.config.own_code import has_own_network
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.stored import read_stored
from lenet_ablate.errors import RecordError
from lenet_ablate.records.record import MODEL
from lenet_ablate.records.snapshots import EPOCHS
from lenet_ablate.report.figures.boundaries import (
    MAX_PANELS,
    Panel,
    Weights,
    boundaries_picture,
    choose_epochs,
    epoch_panels,
)
from lenet_ablate.report.figures.notes import JOINT, protocol
from lenet_ablate.report.figures.picture import Picture
from lenet_ablate.report.figures.text import short
from lenet_ablate.report.study.study import Study

COLUMN_FIRST, ROW_FIRST = "data", "activation"
MAX_ROWS = 8
CHOICE = "each panel: the run with the best validation accuracy among its seeds and other settings"
CHOICE_OF_ROW = "each row: the run with the best validation accuracy among its seeds and other settings"


def boundaries_of_study(study: Study) -> Iterator[tuple[str, Callable[[], Picture]]]:
    """The figures `boundaries`, where runs on points are done and the levels fit on it, and `boundaries_epochs_…`.

    The latter stand for the levels of a factor, one sheet per data set, and need runs trained with `checkpoint=every`.
    """
    points = [
        identity
        for identity, config in study.configs.items()
        if config.data.name.is_playground and not has_own_network(config)  # no report runs anybody's code
    ]
    design = study.design[study.design["is_usable"] & study.design["variant_id"].isin(points)]
    if design.empty:
        return
    factors = {factor.key: factor for factor in study.factors}
    wide = [key for key in (COLUMN_FIRST, *factors) if key in factors and len(factors[key].labels) <= MAX_PANELS]
    column = wide[0] if wide else ""
    tall = [key for key in (ROW_FIRST, *factors) if key in factors and key != column]
    row = next((key for key in tall if len(factors[key].labels) <= MAX_ROWS), "")
    if bool(wide) == bool(factors):
        yield "boundaries", partial(_draw, study, design, row, column)
    kept = design[np.array([len(_epoch_files(study, str(run))) > 1 for run in design["run"]], dtype=bool)]
    sheets = dict(list(kept.groupby(COLUMN_FIRST, observed=True))) if COLUMN_FIRST in factors else {"": kept}
    side = next((key for key in (row, column) if key and key != COLUMN_FIRST), "")
    for number, (name, runs) in enumerate(sheets.items(), 1):
        if len(runs):
            end = f"_{number}" if len(sheets) > 1 else ""
            yield f"boundaries_epochs{end}", partial(_draw_epochs, study, runs, side, str(name))


def boundaries_of_sets(study: Study) -> Iterator[tuple[str, Callable[[], Picture]]]:
    """The figure `boundaries` of a study whose parts are data sets, side by side; none where they do not fit."""
    data = [factor for factor in study.factors if factor.key == COLUMN_FIRST]
    if data and len(data[0].labels) <= MAX_PANELS:
        yield from (found for found in boundaries_of_study(study) if found[0] == "boundaries")


def _draw(study: Study, design: pd.DataFrame, row: str, column: str) -> Picture:
    keys = [key for key in (row, column) if key]
    panels = [
        Panel(
            _label(row, run),
            _label(column, run),
            study.configs[str(run["variant_id"])],
            _read(study.run_folder(str(run["run"])), MODEL, study.configs[str(run["variant_id"])]),
        )
        for _, run in _best(design, keys).iterrows()
    ]
    return boundaries_picture(panels, "Decision boundaries", JOINT.join([protocol(study.fixed), CHOICE]))


def _draw_epochs(study: Study, design: pd.DataFrame, row: str, data: str) -> Picture:
    """The boundary over the epochs of the best run at each level of a factor, a row per level."""
    best = [(run, _epoch_files(study, str(run["run"]))) for _, run in _best(design, [row] if row else []).iterrows()]
    shown = choose_epochs(sorted(set.intersection(*(set(files) for _, files in best))))
    panels: list[Panel] = []
    for run, files in best:
        config, folder = study.configs[str(run["variant_id"])], study.run_folder(str(run["run"]))
        read = [(epoch, _read(folder, files[epoch], config)) for epoch in shown]
        own = epoch_panels(config, [(epoch, weights) for epoch, weights in read if weights is not None])
        panels += [dataclasses.replace(panel, row=_label(row, run)) for panel in own]
    title = "Decision boundaries over epochs" + (f": {short(data)}" if data else "")
    return boundaries_picture(panels, title, JOINT.join([protocol(study.fixed), CHOICE_OF_ROW]))


def _label(key: str, run: pd.Series[Any]) -> str:
    """A factor's level: a word says what it is, a number needs its setting's name."""
    level = str(run[key]) if key else ""
    return level if not level or level[0].isalpha() else f"{key}={level}"


def _best(design: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The run with the best validation accuracy at each combination of the factors' levels, in their order."""
    best = design.sort_values("val_accuracy", ascending=False, kind="stable", na_position="last")
    return (best.drop_duplicates(keys) if keys else best.head(1)).sort_values(keys or ["seed"], kind="stable")


def _epoch_files(study: Study, run: str) -> dict[int, str]:
    """The names of the weights that a run kept, by epoch."""
    found = {}
    for path in sorted((study.run_folder(run) / EPOCHS).glob("*.safetensors")):
        epoch = path.name.partition("-")[0]
        if epoch.isdecimal() and len(epoch) < 9:
            found[int(epoch)] = f"{EPOCHS}/{path.name}"
    return found


def _read(folder: Path, name: str, config: RunConfig) -> Weights | None:
    try:
        return read_stored(folder, name, config)
    except RecordError:
        return None
