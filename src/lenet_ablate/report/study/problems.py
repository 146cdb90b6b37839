"""The runs that have no final figures though they ended: named one by one, never dropped silently."""

from __future__ import annotations

import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.study import Study

ENDED_BADLY = [State.failed.value, State.diverged.value, State.unreadable.value]


def problem_runs(study: Study) -> pd.DataFrame:
    """The runs that failed, diverged, cannot be read, or are done without finite final figures.

    Columns: run; where, the run's levels and seed in words, empty where unreadable; status; error, "" where none.
    """
    design = study.design.set_index("run")
    rows = []
    for run, status, error in study.runs[["run", "status", "error"]].itertuples(index=False):
        known = run in design.index
        figureless = known and status == State.done.value and not design.at[run, "is_usable"]
        if status in ENDED_BADLY or figureless:
            where = _where(design.at[run, "variant"], design.at[run, REPLICATE]) if known else ""
            text = "has no finite final figures" if figureless else error
            rows.append((run, where, status, text if isinstance(text, str) else ""))
    return pd.DataFrame(rows, columns=["run", "where", "status", "error"])


def _where(variant: object, seed: object) -> str:
    return ", ".join(part for part in (str(variant), f"seed {seed}") if part)
