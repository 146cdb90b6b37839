"""Every pair of a factor's levels, compared seed by seed on what the two share, before any correction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.failures import FAILURE_COLUMNS, counted_failures, exact_tests
from lenet_ablate.report.analysis.mistakes import digit_columns
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import Comparison, Grid, Places, Rectangle, paired_blocks
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.predictions import NO_PREDICTIONS, StudyPredictions


@dataclass(frozen=True)
class Block:
    """Pairs of levels that share the same combinations and seeds: P pairs of n seeds.

    Attributes:
        first: (P,) the place of the one level among the grid's labels.
        second: (P,) the place of the other one, behind it.
        within: What they share.
        a: (P, n) the first level's accuracy in each seed, averaged over combinations, 0..1.
        b: (P, n) the second one's.
        floors: (P,) the SD of the differences between seeds that noise alone lets expect.
        paired: The first against the second one by seed.
    """

    first: Places
    second: Places
    within: Rectangle
    a: Array
    b: Array
    floors: Array
    paired: statistics.Paired


def compare_block(grid: Grid, first: Places, second: Places, within: Rectangle) -> Block:
    """These pairs by the paired t-test; all figures are missing where they share nothing."""
    own, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = place[: len(first)], place[len(first) :]
    if not len(within.seeds):
        missing, nothing = np.full(len(first), np.nan), np.zeros((len(first), 0))
        no_interval = (missing, missing)
        paired = statistics.Paired(missing, missing, no_interval, no_interval, missing)
        return Block(first, second, within, nothing, nothing, missing, paired)
    accuracy = grid.values("outcome", own, within).mean(axis=1)
    images = grid.values("num_images", own, within).min(axis=(1, 2))
    floor = statistics.noise_floor(1 - accuracy.mean(axis=1), images * len(within.combinations))
    floors = np.hypot(floor[one], floor[other])
    a, b = accuracy[one], accuracy[other]
    return Block(first, second, within, a, b, floors, statistics.compare_paired(a, b, floors))


def measure_pairs(
    comparison: Comparison, criteria: Criteria, predictions: StudyPredictions = NO_PREDICTIONS
) -> pd.DataFrame:
    """Every pair of levels, before any correction for their number.

    Columns of `results.FactorAnalysis.pairs` that need no correction; besides sd (the differences', or what stands in
    for it), sd_floor (that noise alone lets expect), one, other (the levels that stand for these where others trained
    alike), is_single (whether both have but one seed) and p_both (of completed runs and with failed ones at chance, the
    larger one).
    """
    columns = measured_columns(comparison, criteria, predictions)
    return pd.DataFrame(columns, index=range(len(columns["p"])))[list(_MEASURED)]


def measured_columns(
    comparison: Comparison, criteria: Criteria, predictions: StudyPredictions = NO_PREDICTIONS
) -> dict[str, Any]:
    """The columns of `measure_pairs` as arrays of P pairs."""
    grid = _standing_in(comparison)
    first, second = np.triu_indices(len(grid.labels), 1)
    row = np.zeros((len(grid.labels),) * 2, np.int64)
    row[first, second] = np.arange(len(first))
    columns = {name: np.full(len(first), np.nan) for name in _MEASURED[_NAMED:]}
    for one, other, within in paired_blocks(grid.is_complete):
        block = compare_block(grid, one, other, within)
        digits = digit_columns(grid, one, other, within, criteria, predictions)
        for name, values in (_columns(grid, block, criteria) | digits).items():
            columns[name][row[one, other]] = values
    stand_in = np.array([comparison.alike.get(label, label) for label in grid.labels], dtype=object)
    is_same = stand_in[first] == stand_in[second]
    for name in _TESTED:
        columns[name][is_same] = np.nan
    for name, certain in (("p_better", 0.0), ("p_same", 1.0), ("p_worse", 0.0)):
        columns[name][is_same] = certain
    columns |= counted_failures(columns["p"], columns["diff"], grid, first, second)
    labels = np.array(grid.labels, dtype=object)
    is_single = grid.is_complete.any(axis=1).sum(axis=1) == 1
    named: dict[str, Any] = {
        "factor": np.full(len(first), comparison.factor.key, object),
        "level_a": labels[first],
        "level_b": labels[second],
        "metric": np.full(len(first), criteria.judged_metric.value, object),
        "one": stand_in[first],
        "other": stand_in[second],
        "is_single": is_single[first] & is_single[second],
    }
    columns |= exact_tests(comparison, labels[first].tolist(), labels[second].tolist())
    whole = {name: columns[name].astype(np.int64) for name in ("n_pairs", "n_combinations")}
    return named | columns | whole


def _standing_in(comparison: Comparison) -> Grid:
    """The grid in which levels that trained alike have the same runs."""
    grid = comparison.grid
    if not comparison.alike:
        return grid
    place, has_failed = grid.place.copy(), grid.has_failed.copy()
    for label, other in comparison.alike.items():
        to, of = grid.labels.index(label), grid.labels.index(other)
        place[to], has_failed[to] = grid.place[of], grid.has_failed[of]
    return dataclasses.replace(grid, place=place, has_failed=has_failed)


def _columns(grid: Grid, block: Block, criteria: Criteria) -> dict[str, Any]:
    paired, n = block.paired, len(block.within.seeds)
    share = grid.runs["test_share"].max()
    better, same, worse = statistics.posterior(paired, n, criteria.margin, share if share >= 0 else 0.0)
    seen = n > 0
    missing = np.full(len(block.first), np.nan)
    return {
        "n_pairs": n,
        "n_combinations": len(block.within.combinations),
        "diff": paired.difference,
        "ci_low": paired.ci95[0],
        "ci_high": paired.ci95[1],
        "ci90_low": paired.ci90[0],
        "ci90_high": paired.ci90[1],
        "p": paired.p,
        "p_welch": statistics.welch_p(block.a, block.b),
        "p_signflip": statistics.sign_flip_p(block.a - block.b),
        "hedges_gz": statistics.hedges_gz(paired.difference, paired.sd, n),
        "p_a_gt_b": statistics.wins(block.a, block.b) if seen else missing,
        "rho": statistics.correlation(block.a, block.b) if seen else missing,
        "se_seed": paired.sd / np.sqrt(n) if n > 1 else missing,
        "sd": paired.sd,
        "sd_floor": block.floors,
        "p_better": better,
        "p_same": same,
        "p_worse": worse,
    }


_MEASURED = (
    "factor", "level_a", "level_b", "metric", "one", "other", "is_single", "n_pairs", "n_combinations", "diff",
    "ci_low", "ci_high", "ci90_low", "ci90_high", "p", "p_both", "p_welch", "p_signflip", "hedges_gz", "p_a_gt_b",
    "rho", "se_seed", "sd", "sd_floor", "se_digits", "se_total", "p_mcnemar", "p_better", "p_same", "p_worse",
    *FAILURE_COLUMNS,
)  # fmt: skip
_TESTED = (
    "ci_low", "ci_high", "ci90_low", "ci90_high", "p", "p_welch", "p_signflip", "hedges_gz", "rho", "se_seed", "sd",
    "se_digits", "se_total",
)  # fmt: skip
"""What there is of a pair only where its levels differ."""
_NAMED = _MEASURED.index("n_pairs")
