"""The numbers of the tables that no analysis holds: pure functions from a study to frames."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lenet_ablate.report.study.collect import FIGURES
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.study.lookup import look_up


def variant_table(design: pd.DataFrame, factors: Sequence[Factor]) -> pd.DataFrame:
    """One row per variant, sorted by its levels.

    Columns: one per factor, with the level; variant_id; runs_used, its finished runs, and runs_planned; seeds; mean
    (ddof=1) over the variant's own seeds of train_loss_running (nats per image, last epoch) and test_accuracy (0..1),
    missing where no run is usable, the SD with one seed.
    """
    keys = [factor.key for factor in factors]
    order = design[[*keys, "variant_id"]].drop_duplicates().set_index("variant_id")
    table = _summary(design[design["is_usable"]], ["variant_id"]).reindex(order.index)
    counts = table[["runs_used", "seeds"]].fillna(0).astype(int)
    table[["runs_used", "seeds"]] = counts
    table.insert(1, "runs_planned", design.groupby("variant_id").size().reindex(table.index))
    return pd.concat([order.astype(object), table], axis=1).reset_index()[[*keys, "variant_id", *table.columns]]


def _summary(runs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Per level: runs_used, seeds, and mean and SD over seeds of each figure's average within the seed."""
    per_seed = runs.groupby([*keys, REPLICATE], observed=True)[list(FIGURES)].mean().reset_index()
    by_level = per_seed.groupby(keys, observed=False)
    summary = pd.DataFrame(
        {"runs_used": runs.groupby(keys, observed=False).size(), "seeds": by_level.size()},
    )
    for figure in FIGURES:
        summary[f"{figure}_mean"] = by_level[figure].mean()
        summary[f"{figure}_sd"] = by_level[figure].std(ddof=1)
    return summary.astype({"runs_used": int, "seeds": int})


def epoch_table(epochs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Test accuracy of each level after each epoch, over the same runs as the level's row in the factor's table.

    Columns: epoch (from 1), level, seeds, test_accuracy_mean and test_accuracy_sd (0..1, ddof=1): mean and SD over
    seeds of the seed's average over the other factors. An epoch that a run of the level did not reach is left out.
    """
    key = comparison.factor.key
    rows = epochs[(epochs["split"] == "test") & (epochs["metric"] == "accuracy")]
    runs = comparison.runs[["run", key, REPLICATE]].rename(columns={key: "level"})
    figures = runs.merge(rows[["run", "epoch", "value"]], on="run")
    planned = runs.groupby("level", observed=True)["run"].size()
    reached = figures.groupby(["level", "epoch"], observed=True)["run"].transform("size")
    figures = figures[reached == look_up(figures["level"], planned)]
    per_seed = figures.groupby(["epoch", "level", REPLICATE], observed=True)["value"].mean()
    by_level = per_seed.groupby(["epoch", "level"], observed=True).agg(["size", "mean", "std"]).reset_index()
    names = {"size": "seeds", "mean": "test_accuracy_mean", "std": "test_accuracy_sd"}
    return by_level.rename(columns=names).astype({"level": object})
