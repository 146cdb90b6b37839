"""What each level of a factor gave: its own seeds, each averaged over the other factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.letters import letters
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import FAILED, Comparison
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import REPLICATE

VALUES = ("outcome", "train_loss_running", "val_accuracy", "test_accuracy", "best_val_accuracy")
DESCRIBED = VALUES[1:]
LEVEL_COLUMNS = (
    "factor", "level", "metric", "split", "epoch_rule", "n_planned", "n_used", "n_failed", "n_collapsed", "seeds",
    "mean", "sd", "ci_low", "ci_high", "ci_kind", "median", "min", "max", "sd_floor", "group", "is_best", "alike",
    *(f"{name}_{how}" for name in DESCRIBED for how in ("mean", "sd")),
)  # fmt: skip


def values_frame(comparison: Comparison) -> pd.DataFrame:
    """See `results.FactorAnalysis.values`."""
    key = comparison.factor.key
    per_seed = comparison.runs.groupby([key, REPLICATE], observed=True)[list(VALUES)].mean().reset_index()
    return per_seed.rename(columns={key: "level"}).astype({"level": str, REPLICATE: np.int64})


def levels_frame(comparison: Comparison, values: pd.DataFrame, pairs: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """See `results.FactorAnalysis.levels`.

    Args:
        comparison: The runs of each level.
        values: See `values_frame`.
        pairs: Judged, see `judge.judge`.
        criteria: By what the levels are compared.
    """
    labels = comparison.factor.labels
    counts = _counts(comparison)
    columns: dict[str, Any] = {
        "factor": comparison.factor.key,
        "level": labels,
        "metric": criteria.judged_metric.value,
        "split": criteria.split,
        "epoch_rule": criteria.epoch.value,
        **counts,
        **_figures(comparison, values),
    }
    seeds = columns["seeds"]
    columns["ci_kind"] = np.select([seeds > 1, seeds == 1], ["t95", "wilson95"], "").tolist()
    means = dict(zip(labels, columns["mean"].tolist(), strict=True))
    group, is_best = _ranking(comparison, means, pairs, criteria.alpha)
    columns["group"] = [group.get(label, "") for label in labels]
    columns["is_best"] = [label in is_best for label in labels]
    columns["alike"] = [comparison.alike.get(label, "") for label in labels]
    return pd.DataFrame({name: columns[name] for name in LEVEL_COLUMNS})


def _counts(comparison: Comparison) -> dict[str, npt.NDArray[Any]]:
    planned, key = comparison.planned, comparison.factor.key
    size = len(comparison.factor.levels)
    codes = planned[key].cat.codes.to_numpy()
    masks = {
        "n_planned": np.ones(len(planned), bool),
        "n_failed": planned["status"].isin(FAILED).to_numpy(),
        "n_collapsed": planned["is_collapsed"].to_numpy(bool),
    }
    counts = {name: np.bincount(codes[mask], minlength=size) for name, mask in masks.items()}
    return counts | {"n_used": np.bincount(comparison.runs[key].cat.codes, minlength=size)}


def _figures(comparison: Comparison, values: pd.DataFrame) -> dict[str, Array]:
    """Seeds, accuracies and losses of all levels, (L,); missing where a level has no run."""
    labels, key = comparison.factor.labels, comparison.factor.key
    by_level = values.groupby("level", observed=True)
    found = by_level["outcome"].agg(["size", "mean", "std", "median", "min", "max"]).reindex(labels)
    mean, sd, n = (found[name].to_numpy(float) for name in ("mean", "std", "size"))
    images = comparison.runs.groupby(key, observed=False)["num_images"].min().reindex(labels).to_numpy(float)
    runs = comparison.runs.groupby(key, observed=False).size().reindex(labels).to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = special.stdtrit(n - 1, 0.975) * sd / np.sqrt(n)
        floor = statistics.noise_floor(1 - mean, images * runs / n)
    low, high = mean - half, mean + half
    for single in np.flatnonzero(n == 1):
        if np.isfinite(images[single]):
            total = int(images[single])
            low[single], high[single] = statistics.wilson(round(mean[single] * total), total)
    figures = {
        "seeds": np.nan_to_num(n).astype(int),
        "mean": mean,
        "sd": sd,
        "ci_low": np.maximum(low, 0.0),  # no accuracy lies beyond
        "ci_high": np.minimum(high, 1.0),
        "sd_floor": floor,
        **{name: found[name].to_numpy(float) for name in ("median", "min", "max")},
    }
    for name in DESCRIBED:
        described = by_level[name].agg(["mean", "std"]).reindex(labels)
        figures |= {f"{name}_mean": described["mean"].to_numpy(float), f"{name}_sd": described["std"].to_numpy(float)}
    return figures


def _ranking(
    comparison: Comparison, means: Mapping[str, float], pairs: pd.DataFrame, alpha: float
) -> tuple[dict[str, str], set[str]]:
    """The letters of each level, and the levels that are better than all others; nothing where nothing is tested."""
    labels, alike = comparison.grid.labels, comparison.alike
    apart = [label for label in labels if label not in alike and np.isfinite(means[label])]
    if len(apart) < 2 or not pairs["p_corrected"].notna().any():
        return {}, set()
    place = {label: number for number, label in enumerate(apart)}
    is_distinct = np.zeros((len(apart), len(apart)), bool)
    sure = pairs["p_corrected"].to_numpy(float) < alpha
    for a, b in zip(pairs.loc[sure, "level_a"], pairs.loc[sure, "level_b"], strict=True):
        if a in place and b in place:
            is_distinct[place[a], place[b]] = is_distinct[place[b], place[a]] = True
    own = [means[label] for label in apart]
    group = dict(zip(apart, letters(own, is_distinct), strict=True))
    group |= {label: group[other] for label, other in alike.items() if other in group}
    best = int(np.argmax(own))
    if is_distinct[best].sum() < len(apart) - 1:
        return group, set()
    return group, {apart[best], *(label for label, other in alike.items() if other == apart[best])}
