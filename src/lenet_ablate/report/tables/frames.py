"""The numbers of the tables: pure functions from a study's design to frames."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lenet_ablate.report.cells import Comparison
from lenet_ablate.report.collect import FIGURES
from lenet_ablate.report.factors import REPLICATE, Factor

STATISTICS = tuple(f"{figure}_{statistic}" for figure in FIGURES for statistic in ("mean", "sd"))


def factor_table(comparison: Comparison) -> pd.DataFrame:
    """One row per level of a factor, in the factor's order.

    Columns: level; runs_used, those in cells that every level shares, and runs_planned; seeds; mean and SD (ddof=1)
    of train_loss_running (nats per image, last epoch) and test_accuracy (0..1). A seed's figure is its average over
    the other factors, mean and SD go over seeds; both are missing where no run is used, the SD with one seed.
    """
    key = comparison.factor.key
    planned = comparison.planned.groupby(key, observed=False).size()
    table = _summary(comparison.runs, [key])
    table.insert(1, "runs_planned", planned.reindex(table.index).astype(int))
    return table.reset_index().rename(columns={key: "level"}).astype({"level": object})


def variant_table(design: pd.DataFrame, factors: Sequence[Factor]) -> pd.DataFrame:
    """One row per variant, sorted by its levels.

    Columns: one per factor, with the level; variant_id; runs_used, its finished runs, and runs_planned; seeds; mean
    and SD as in `factor_table`, over the variant's own seeds.
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
