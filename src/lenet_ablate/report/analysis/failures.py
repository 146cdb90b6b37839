"""Runs that did not train: how often, whether that differs between levels, and whether a verdict hangs on them.

A run that failed or diverged has no figures, and a mean of the others may be that of the lucky ones. So a level is
better only where that also holds with such runs counted as guessing. One that ended near chance level has figures,
which stay in every mean; it counts among the failures where their rates are compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from lenet_ablate.records.record import State
from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.results import Code, Verdict
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import FAILED, Comparison, Grid, Mask, Places, largest_rectangle
from lenet_ablate.report.text.wording import p_text, percent, plural

FAILURE_COLUMNS = (
    "ended_a", "ended_b", "failed_a", "failed_b", "p_failures", "diff_failures", "p_at_chance", "alone_a", "alone_b",
)  # fmt: skip
ENDED = (State.done.value, *FAILED)


@dataclass(frozen=True)
class Counts:
    """How the runs of a level ended.

    Attributes:
        ended: Runs that are done, failed or diverged.
        failed: Those that failed.
        diverged: Those that diverged.
        collapsed: Those that are done near chance level.
    """

    ended: int
    failed: int
    diverged: int
    collapsed: int

    @property
    def troubled(self) -> int:
        """Runs that did not train."""
        return self.failed + self.diverged + self.collapsed

    @property
    def share(self) -> float:
        """The share of them, 0..1; 0 where none ended."""
        return self.troubled / self.ended if self.ended else 0.0

    @property
    def words(self) -> str:
        """As in `1 of 5 runs failed (20 %, Wilson 4–62 %)`."""
        kinds = {"failed": self.failed, "diverged": self.diverged, "collapsed": self.collapsed}
        return ", ".join(_share(count, self.ended, kind) for kind, count in kinds.items() if count)


def count_ends(runs: pd.DataFrame) -> Counts:
    """How some runs of a study's design ended."""
    status = runs["status"]
    failed, diverged = (int((status == state.value).sum()) for state in (State.failed, State.diverged))
    return Counts(int(status.isin(ENDED).sum()), failed, diverged, int(runs["is_collapsed"].sum()))


def level_counts(comparison: Comparison) -> dict[str, Counts]:
    """How the runs of each level ended."""
    planned, labels = comparison.planned, comparison.factor.labels
    codes, status = planned[comparison.factor.key].cat.codes.to_numpy(), planned["status"].to_numpy(object)
    masks = [
        np.isin(status, ENDED),
        *(status == state.value for state in (State.failed, State.diverged)),
        planned["is_collapsed"].to_numpy(bool),
    ]
    counts = [np.bincount(codes[mask], minlength=len(labels)).tolist() for mask in masks]
    return {label: Counts(*own) for label, own in zip(labels, zip(*counts, strict=True), strict=True)}


def exact_tests(comparison: Comparison, first: Sequence[str], second: Sequence[str]) -> dict[str, Array]:
    """Ended and troubled runs of both levels of each pair, and Fisher's exact two-sided p where either failed."""
    counts = level_counts(comparison)
    sides = [[counts[label] for label in own] for own in (first, second)]
    columns = {
        f"{what}_{side}": np.array([getattr(one, of) for one in own], dtype=float)
        for what, of in (("ended", "ended"), ("failed", "troubled"))
        for side, own in zip("ab", sides, strict=True)
    }
    p = [rate_p(a, b) for a, b in zip(*sides, strict=True)]
    return columns | {"p_failures": np.array(p, dtype=float)}


def rate_p(one: Counts, other: Counts) -> float:
    """Fisher's exact two-sided p of two levels' failure rates; missing where neither has a failure."""
    if not one.troubled + other.troubled:
        return float("nan")
    table = [[side.troubled, side.ended - side.troubled] for side in (one, other)]
    return float(stats.fisher_exact(table).pvalue)


def counted_failures(p: Array, lead: Array, grid: Grid, first: Places, second: Places) -> dict[str, Array]:
    """What becomes of pairs where failed runs count as guessing, (P,) each; missing where none of theirs failed.

    diff_failures (a minus b), p_at_chance (its paired t-test), alone_a and alone_b (runs that failed where the other
    level's run in that cell did not), and p_both: the larger of both p, or 1 where the signs differ. A level is not
    asked twice that is ahead and never failed alone: counting the other one's failures only widens its lead.

    Args:
        p: (P,) of completed runs.
        lead: (P,) their difference.
        grid: The runs.
        first: (P,) the place of each pair's first level.
        second: (P,) that of its second.
    """
    has_failures: Mask = np.asarray(grid.has_failed.any(axis=(1, 2)))
    found, p_both = np.full((4, len(p)), np.nan), p.copy()
    for pair in np.flatnonzero(has_failures[first] | has_failures[second]):
        found[:, pair] = counted = _at_chance(grid, int(first[pair]), int(second[pair]))
        difference, at_chance, *alone = counted
        if alone[int(lead[pair] < 0)] > 0:
            agrees = np.sign(difference) == np.sign(lead[pair]) and np.isfinite(at_chance)
            p_both[pair] = np.fmax(p_both[pair], at_chance if agrees else 1.0)
    names = ("diff_failures", "p_at_chance", "alone_a", "alone_b")
    return {"p_both": p_both} | dict(zip(names, found, strict=True))


def _at_chance(grid: Grid, a: int, b: int) -> tuple[float, float, float, float]:
    """Difference and p with failed runs at chance level, and how often each level failed alone."""
    both = np.array([a, b])
    within = largest_rectangle(np.asarray((grid.place[both] >= 0).all(axis=0)))
    cells = np.ix_(both, within.combinations, within.seeds)
    rows, failed = grid.place[cells], grid.has_failed[cells]
    chance, outcome = (grid.runs[name].to_numpy(float)[rows] for name in ("chance", "outcome"))
    values = np.where(failed, chance, outcome)
    values = values.mean(axis=1)
    alone = (failed & ~failed[::-1]).sum(axis=(1, 2))
    paired = statistics.compare_paired(values[:1], values[1:])
    return float(paired.difference[0]), float(paired.p[0]), float(alone[0]), float(alone[1])


def failure_verdicts(comparison: Comparison, best: str, alpha: float) -> Iterator[Verdict]:
    """A sentence for each level with runs that did not train, and whether that is more than where fewest did not.

    Args:
        comparison: The levels.
        best: The level with the highest mean, with which others are compared where none failed less often; may be "".
        alpha: Probability of a false alarm; p is multiplied by the number of pairs.
    """
    key, counts = comparison.factor.key, level_counts(comparison)
    ended = [label for label in comparison.factor.labels if counts[label].ended]
    safest = min(ended, key=lambda label: (counts[label].share, label != best), default="")
    for label in ended:
        if not counts[label].troubled:
            continue
        p = min(1.0, rate_p(counts[label], counts[safest]) * math.comb(len(ended), 2))
        told = f"{key}={label}: {counts[label].words}"
        if p < alpha:
            told += f"; more often than {key}={safest} (Fisher's exact test, {p_text(p)})"
        yield Verdict(Code.failures, told + ".", (label,))


def _share(count: int, total: int, kind: str) -> str:
    low, high = statistics.wilson(count, total)
    share = f"{percent(count / total)} %, Wilson {percent(low)}–{percent(high)} %"
    return f"{count} of {plural(total, 'run')} {kind} ({share})"
