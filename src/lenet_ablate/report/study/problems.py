"""The runs that have no final figures though they ended: named one by one, never dropped silently."""

from __future__ import annotations

import pandas as pd

from lenet_ablate.records.plans import SWEEPS
from lenet_ablate.records.record import State
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.study import Study

ENDED_BADLY = [State.failed.value, State.diverged.value, State.unreadable.value]


def problem_runs(study: Study) -> pd.DataFrame:
    """The runs that failed, diverged, cannot be read, or are done without finite final figures.

    Columns: run; where, the run's levels and seed in words, empty where unreadable; status; error, "" where none.
    """
    design = study.design.set_index("run")
    figureless = design.index[(design["status"] == State.done.value) & ~design["is_usable"].astype(bool)]
    is_problem = study.runs["status"].isin(ENDED_BADLY) | study.runs["run"].isin(figureless)
    rows = []
    for run, status, error in study.runs.loc[is_problem, ["run", "status", "error"]].itertuples(index=False):
        where = _where(design.at[run, "variant"], design.at[run, REPLICATE]) if run in design.index else ""
        text = "has no finite final figures" if run in figureless else error
        rows.append((run, where, status, text if isinstance(text, str) else ""))
    return pd.DataFrame(rows, columns=["run", "where", "status", "error"])


def _where(variant: object, seed: object) -> str:
    return ", ".join(part for part in (str(variant), f"seed {seed}") if part)


def left_out_lines(study: Study, most: int) -> list[str]:
    """What lies in the study's folder and is no part of the report: folders set aside, plans that are none.

    Args:
        study: The study.
        most: Names and plans to tell of; of the others their number.
    """
    lines = []
    if study.aside:
        were = "folder was" if len(study.aside) == 1 else "folders were"
        shown = ", ".join(study.aside[:most]) + (", …" if len(study.aside) > most else "")
        lines += [f"{study.folder}: {len(study.aside)} {were} set aside: {shown}"]
    lines += [f"{study.folder / SWEEPS}: {reason}; this plan is ignored" for reason in study.ignored_plans[:most]]
    if len(study.ignored_plans) > most:
        lines += [f"{study.folder / SWEEPS}: {len(study.ignored_plans) - most} more plans are ignored"]
    return lines


def unreadable_lines(study: Study, most: int) -> list[str]:
    """The runs of a study that cannot be read, with the reason; beyond `most` their number."""
    runs = study.runs[study.runs["status"] == State.unreadable.value]
    lines = [
        f"{study.run_folder(str(run))}: {error}; {_advice(str(error))}"
        for run, error in runs[["run", "error"]].head(most).itertuples(index=False)
    ]
    more = f"{len(runs) - most} more run{'s' if len(runs) - most > 1 else ''} cannot be read"
    return [*lines, f"{study.folder}: {more}"] if len(runs) > most else lines


def _advice(error: str) -> str:
    """What to do about a run that cannot be read: one that another version wrote is left alone by every command."""
    is_others = error.endswith("is not known to this version")
    return "use that version, or move it away" if is_others else "the same lenet-ablate command trains it again"
