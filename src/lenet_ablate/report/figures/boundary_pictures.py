"""Which decision boundaries a study on the playground's points shows: a panel for each pair of two factors' levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd
import safetensors.numpy
from safetensors import SafetensorError

from lenet_ablate.records import MODEL
from lenet_ablate.report.collect import Study
from lenet_ablate.report.figures.boundaries import MAX_PANELS, Panel, Weights, boundaries_picture
from lenet_ablate.report.figures.notes import JOINT, protocol
from lenet_ablate.report.figures.picture import Picture

COLUMN_FIRST, ROW_FIRST = "data", "activation"
MAX_ROWS = 8
CHOICE = "each panel: the run with the best validation accuracy among its seeds and other settings"


def boundaries_of_study(study: Study) -> Iterator[tuple[str, Callable[[], Picture]]]:
    """The figure `boundaries`, where runs on points are done and the levels fit on it."""
    points = [identity for identity, config in study.configs.items() if config.data.name.is_playground]
    design = study.design[study.design["is_usable"] & study.design["variant_id"].isin(points)]
    factors = {factor.key: factor for factor in study.factors}
    wide = [key for key in (COLUMN_FIRST, *factors) if key in factors and len(factors[key].labels) <= MAX_PANELS]
    column = wide[0] if wide else ""
    tall = [key for key in (ROW_FIRST, *factors) if key in factors and key != column]
    row = next((key for key in tall if len(factors[key].labels) <= MAX_ROWS), "")
    if len(design) and bool(wide) == bool(factors):
        yield "boundaries", partial(_draw, study, design, row, column)


def _draw(study: Study, design: pd.DataFrame, row: str, column: str) -> Picture:
    keys = [key for key in (row, column) if key]
    best = design.sort_values("val_accuracy", ascending=False, kind="stable", na_position="last")
    shown = (best.drop_duplicates(keys) if keys else best.head(1)).sort_values(keys or ["seed"], kind="stable")
    panels = [
        Panel(
            str(run[row]) if row else "",
            str(run[column]) if column else "",
            study.configs[str(run["variant_id"])],
            _read(study, str(run["run"])),
        )
        for _, run in shown.iterrows()
    ]
    return boundaries_picture(panels, "Decision boundaries", JOINT.join([protocol(study.fixed), CHOICE]))


def _read(study: Study, run: str) -> Weights | None:
    try:
        return safetensors.numpy.load_file(study.folder / run / MODEL)
    except (OSError, ValueError, SafetensorError):
        return None
