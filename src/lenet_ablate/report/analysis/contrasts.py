"""A factor's levels against each other: each seed's average over the other factors, and every pair by seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.letters import letters
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import REPLICATE

VALUES = ("outcome", "train_loss_running", "val_accuracy", "test_accuracy")
LEVEL_COLUMNS = (
    "factor", "level", "metric", "split", "epoch_rule", "n_planned", "n_used", "n_failed", "n_collapsed", "seeds",
    "mean", "sd", "ci_low", "ci_high", "ci_kind", "median", "min", "max", "sd_floor", "group", "is_best",
    "train_loss_running_mean", "train_loss_running_sd", "val_accuracy_mean", "val_accuracy_sd",
)  # fmt: skip
FAILED = (State.failed.value, State.diverged.value)


@dataclass(frozen=True)
class Outcomes:
    """What is compared of a factor: L levels with n seeds each.

    Attributes:
        key: The factor's key.
        labels: The levels that have runs, in the factor's order.
        figures: Each seed's average over the other factors, (L, n) by the names in `VALUES`.
        seeds: (n,) the seeds.
        num_images: (L,) images that an accuracy is a share of; NaN where not known.
        runs_per_seed: Combinations of the other factors that each seed is averaged over.
        test_share: Test images as a share of training and test images, 0..1; 0 where not known.
    """

    key: str
    labels: tuple[str, ...]
    figures: dict[str, Array]
    seeds: npt.NDArray[np.int64]
    num_images: Array
    runs_per_seed: int
    test_share: float = 0.0

    @property
    def accuracy(self) -> Array:
        """What is compared, (L, n), 0..1."""
        return self.figures["outcome"]

    @property
    def num_seeds(self) -> int:
        """Seeds of each level."""
        return len(self.seeds)

    @property
    def noise_floor(self) -> Array:
        """The SD between seeds that is expected of each level, (L,)."""
        error = 1 - self.accuracy.mean(axis=1)
        return statistics.noise_floor(error, self.num_images * self.runs_per_seed)


@dataclass(frozen=True)
class Pairs:
    """Every pair of L levels, P = L (L - 1) / 2 of them.

    Attributes:
        first: (P,) the place of the one level among the labels.
        second: (P,) the place of the other one, behind it.
        floors: (P,) the SD of the differences between seeds that noise alone lets expect.
        paired: The first against the second one by seed.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    floors: Array
    paired: statistics.Paired


def compare_levels(outcomes: Outcomes) -> Pairs:
    """Every pair of levels by the paired t-test, before any correction for their number."""
    first, second = np.triu_indices(len(outcomes.labels), 1)
    floor = outcomes.noise_floor
    floors = np.hypot(floor[first], floor[second])
    paired = statistics.compare_paired(outcomes.accuracy[first], outcomes.accuracy[second], floors)
    return Pairs(first, second, floors, paired)


def outcomes_of(comparison: Comparison) -> Outcomes:
    """The levels' outcomes by seed."""
    key, runs = comparison.factor.key, comparison.runs
    per_seed = runs.groupby([key, REPLICATE], observed=True)[[*VALUES, "num_images"]]
    means = per_seed.mean().sort_index()
    labels = tuple(label for label in comparison.factor.labels if len(runs) and label not in comparison.empty_levels)
    shape = (len(labels), max(1, len(means) // max(1, len(labels))))  # (0, 1) where there is nothing to compare
    figures = {name: means[name].to_numpy(float).reshape(shape) for name in VALUES}
    seeds = means.index.get_level_values(REPLICATE).to_numpy(np.int64)[: shape[1]]
    num_images = means["num_images"].to_numpy(float).reshape(shape)
    share = runs["test_share"].max()
    runs_per_seed = len(runs) // max(1, len(means))
    return Outcomes(
        key, labels, figures, seeds, num_images.min(axis=1), runs_per_seed, float(share) if share >= 0 else 0.0
    )


def values_frame(outcomes: Outcomes) -> pd.DataFrame:
    """See `results.FactorAnalysis.values`."""
    columns: dict[str, object] = {
        "level": np.repeat(np.array(outcomes.labels, dtype=object), outcomes.num_seeds),
        REPLICATE: np.tile(outcomes.seeds, len(outcomes.labels)),
    }
    return pd.DataFrame(columns | {name: figures.ravel() for name, figures in outcomes.figures.items()})


def measure_pairs(outcomes: Outcomes, criteria: Criteria) -> pd.DataFrame:
    """Every pair of levels, before any correction for their number.

    Columns of `results.FactorAnalysis.pairs` from factor to se_seed, without p_holm, m_tests and alpha; besides
    sd (the differences', or what stands in for it), sd_floor (that noise alone lets expect) and runs_per_seed.
    """
    pairs, n = compare_levels(outcomes), outcomes.num_seeds
    first, second, paired = pairs.first, pairs.second, pairs.paired
    a, b = outcomes.accuracy[first], outcomes.accuracy[second]
    better, same, worse = statistics.posterior(paired, n, criteria.margin, outcomes.test_share)
    return pd.DataFrame(
        {
            "factor": outcomes.key,
            "level_a": [outcomes.labels[level] for level in first],
            "level_b": [outcomes.labels[level] for level in second],
            "metric": criteria.metric.value,
            "n_pairs": n,
            "diff": paired.difference,
            "ci_low": paired.ci95[0],
            "ci_high": paired.ci95[1],
            "ci90_low": paired.ci90[0],
            "ci90_high": paired.ci90[1],
            "p": paired.p,
            "p_welch": statistics.welch_p(a, b),
            "p_signflip": statistics.sign_flip_p(a - b),
            "hedges_gz": statistics.hedges_gz(paired.difference, paired.sd, n),
            "p_a_gt_b": statistics.wins(a, b),
            "rho": statistics.correlation(a, b),
            "se_seed": paired.sd / np.sqrt(n) if n > 1 else np.nan,
            "sd": paired.sd,
            "sd_floor": pairs.floors,
            "runs_per_seed": outcomes.runs_per_seed,
            "p_better": better,
            "p_same": same,
            "p_worse": worse,
        }
    )


def levels_frame(comparison: Comparison, outcomes: Outcomes, pairs: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """See `results.FactorAnalysis.levels`; `pairs` are judged, see `verdicts.judge`."""
    labels = comparison.factor.labels
    enters = np.isin(labels, outcomes.labels)
    columns: dict[str, object] = {
        "factor": outcomes.key,
        "level": labels,
        "metric": criteria.metric.value,
        "split": criteria.split,
        "epoch_rule": criteria.epoch.value,
        **_counts(comparison),
        "seeds": np.where(enters, outcomes.num_seeds, 0),
    }
    columns["n_used"] = np.where(enters, outcomes.num_seeds * outcomes.runs_per_seed, 0)
    for name, values in _figures(outcomes).items():
        column = np.full(len(labels), np.nan)
        column[enters] = values
        columns[name] = column
    group, is_best = _ranking(outcomes, pairs, criteria.alpha)
    kind = {0: "", 1: "wilson95"}.get(outcomes.num_seeds, "t95")
    columns["ci_kind"] = [kind if label in outcomes.labels else "" for label in labels]
    columns["group"] = [group.get(label, "") for label in labels]
    columns["is_best"] = [label in is_best for label in labels]
    return pd.DataFrame({name: columns[name] for name in LEVEL_COLUMNS})


def _counts(comparison: Comparison) -> dict[str, npt.NDArray[Any]]:
    planned = comparison.planned
    codes = planned[comparison.factor.key].cat.codes.to_numpy()
    masks = {
        "n_planned": np.ones(len(planned), bool),
        "n_failed": planned["status"].isin(FAILED).to_numpy(),
        "n_collapsed": planned["is_collapsed"].to_numpy(bool),
    }
    size = len(comparison.factor.levels)
    return {name: np.bincount(codes[mask], minlength=size) for name, mask in masks.items()}


def _figures(outcomes: Outcomes) -> dict[str, Array]:
    """The columns with accuracies and losses, (L,) for the levels that have runs."""
    accuracy, n = outcomes.accuracy, outcomes.num_seeds
    found = statistics.summarise(accuracy)
    low, high = _wilson(found.mean, outcomes.num_images) if n == 1 else (found.low, found.high)
    figures = {
        "mean": found.mean,
        "sd": found.sd,
        "ci_low": np.maximum(low, 0.0),  # no accuracy lies beyond
        "ci_high": np.minimum(high, 1.0),
        "median": np.median(accuracy, axis=1),
        "min": accuracy.min(axis=1),
        "max": accuracy.max(axis=1),
        "sd_floor": outcomes.noise_floor,
    }
    for name in ("train_loss_running", "val_accuracy"):
        summary = statistics.summarise(outcomes.figures[name])
        figures |= {f"{name}_mean": summary.mean, f"{name}_sd": summary.sd}
    return figures


def _wilson(means: Array, num_images: Array) -> tuple[Array, Array]:
    ends = [
        statistics.wilson(round(mean * total), int(total)) if np.isfinite(total) else (np.nan, np.nan)
        for mean, total in zip(means, num_images, strict=True)
    ]
    low, high = np.array(ends, dtype=float).reshape(-1, 2).T
    return low, high


def _ranking(outcomes: Outcomes, pairs: pd.DataFrame, alpha: float) -> tuple[dict[str, str], set[str]]:
    """The letters of each level, and the level that is better than all others; nothing with one seed."""
    count = len(outcomes.labels)
    if outcomes.num_seeds < 2 or count < 2:
        return {}, set()
    is_distinct = np.zeros((count, count), bool)
    first, second = np.triu_indices(count, 1)
    is_distinct[first, second] = is_distinct[second, first] = pairs["p_holm"].to_numpy() < alpha
    means = outcomes.accuracy.mean(axis=1)
    group = dict(zip(outcomes.labels, letters(means.tolist(), is_distinct), strict=True))
    best = int(means.argmax())
    return group, {outcomes.labels[best]} if is_distinct[best].sum() == count - 1 else set()
