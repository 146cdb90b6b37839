"""From a family of comparisons to a verdict on each: corrected, with what it could have found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.results import DECIDED, Code
from lenet_ablate.report.analysis.sentences import rows_of, sentence
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.criteria import Criteria, Family

PAIR_COLUMNS = (
    "factor", "level_a", "level_b", "metric", "n_pairs", "n_combinations", "diff", "ci_low", "ci_high", "ci90_low",
    "ci90_high", "ci_all_low", "ci_all_high", "p", "p_holm", "p_corrected", "p_study", "m_tests", "look", "alpha",
    "p_welch", "p_signflip", "hedges_gz", "p_a_gt_b", "rho", "se_seed", "se_digits", "se_total", "p_mcnemar",
    "detectable", "seeds_more", "ended_a", "ended_b", "failed_a", "failed_b", "p_failures", "diff_failures",
    "p_at_chance", "is_fragile", "p_better", "p_same", "p_worse", "verdict_code", "verdict",
)  # fmt: skip
LARGEST = 1.0
"""No two accuracies differ by more; an interval that reaches further says nothing."""


def judge(
    pairs: pd.DataFrame,
    criteria: Criteria,
    look: int = 1,
    others: Array | None = None,
    reasons: Mapping[frozenset[str], str] | None = None,
) -> pd.DataFrame:
    """Pairs that are tested together, with correction, power and verdict; the columns of `FactorAnalysis.pairs`.

    Args:
        pairs: See `pairs.measure_pairs`; all of them are one family.
        criteria: Margin, target, alpha and family.
        look: How often the study has been looked at with these tests, from 1.
        others: (m,) p of the study's tests of other factors; None where there are no others.
        reasons: By two levels that trained alike, why; see `alike.reasons`.
    """
    columns = decide({str(name): pairs[name].to_numpy() for name in pairs}, criteria, look, others)
    why = reasons or {}
    columns["verdict"] = [
        sentence(
            Code(row.verdict_code), row, criteria, row.disagreeing, why.get(frozenset((row.level_a, row.level_b)), "")
        )
        for row in rows_of(columns)
    ]
    return pd.DataFrame({name: columns[name] for name in PAIR_COLUMNS})


def decide(
    measured: Mapping[str, Any], criteria: Criteria, look: int = 1, others: Array | None = None
) -> dict[str, Any]:
    """The columns of `judge` as arrays of P pairs, without sentences; besides p_completed and disagreeing.

    disagreeing are the names of the tests that do not share a verdict of "better".
    """
    columns = dict(measured)
    is_test, size = tests_of(columns), len(columns["p"])
    by_study = others is not None and criteria.family is Family.study
    count = int(is_test.sum())
    tests = max(1, count + (len(others) if others is not None and by_study else 0))
    columns["m_tests"] = np.full(size, count)
    columns["p_holm"] = _corrected(columns, is_test, columns["p"])
    columns["p_study"] = np.full(size, np.nan)
    if others is not None:
        columns["p_study"] = _for_looks(_corrected(columns, is_test, columns["p_both"], others), look)
    rest = others if by_study else None
    for name, p in (("p_corrected", "p_both"), ("p_completed", "p")):
        columns[name] = _for_looks(_corrected(columns, is_test, columns[p], rest), look)
    columns["look"], columns["alpha"] = np.full(size, look), np.full(size, criteria.alpha)
    columns |= _intervals(columns, statistics.spent(criteria.alpha, look) / tests)
    columns |= _power(columns, criteria, look, tests)
    codes = [_code(row, criteria) for row in rows_of(columns)]
    disagreeing = np.empty(size, object)
    for place, names in enumerate(_disagreeing(columns, is_test, look, criteria.alpha)):
        disagreeing[place] = names if codes[place] in DECIDED else ()
    columns["disagreeing"] = disagreeing
    columns["is_fragile"] = np.array([bool(names) for names in disagreeing], dtype=bool)
    columns["verdict_code"] = np.array(codes, dtype=int)
    return columns


def tests_of(columns: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which pairs are tests of their own: with a p, and the first of those that levels trained alike make the same."""
    seen: set[tuple[str, ...]] = set()
    found = np.zeros(len(columns["p"]), bool)
    for row, (family, p) in enumerate(zip(_families(columns), columns["p"], strict=True)):
        found[row] = np.isfinite(p) and family[1] != family[2] and family not in seen
        if found[row]:
            seen.add(family)
    return found


def _corrected(
    columns: Mapping[str, Any], is_test: npt.NDArray[np.bool_], p: Array, others: Array | None = None
) -> Array:
    """Holm's correction of the tests, with others, and the same for the pairs that are the same tests."""
    own = np.asarray(p, dtype=float)[is_test]
    corrected = statistics.holm(own if others is None else np.concatenate([own, others]))[: len(own)]
    families = _families(columns)
    tests = [family for family, is_own in zip(families, is_test, strict=True) if is_own]
    known = dict(zip(tests, corrected.tolist(), strict=True))
    return np.array([known.get(family, np.nan) for family in families], dtype=float)


def _families(columns: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What makes pairs the same test: the levels that stand for theirs, and where they are compared."""
    places = columns.get("within", [""] * len(columns["p"]))
    return [
        (str(place), *sorted((str(one), str(other))))
        for place, one, other in zip(places, columns["one"], columns["other"], strict=True)
    ]


def _for_looks(p: Array, look: int) -> Array:
    return np.minimum(p / statistics.spent(1.0, look), 1.0)


def _intervals(columns: Mapping[str, Any], alpha: float) -> dict[str, Array]:
    """Intervals, the one that all tests and looks share too; missing where accuracies cannot differ by so much."""
    n, sd, diff = (np.asarray(columns[name], dtype=float) for name in ("n_pairs", "sd", "diff"))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = special.stdtrit(n - 1, 1 - alpha / 2) * sd / np.sqrt(n)
    found = {"ci_all_low": diff - half, "ci_all_high": diff + half}
    ends = {name: np.asarray(columns[name], dtype=float) for name in ("ci_low", "ci_high", "ci90_low", "ci90_high")}
    found |= ends
    for low, high in (("ci_low", "ci_high"), ("ci90_low", "ci90_high"), ("ci_all_low", "ci_all_high")):
        is_void = ~((found[low] >= -LARGEST) & (found[high] <= LARGEST))
        found |= {name: np.where(is_void, np.nan, found[name]) for name in (low, high)}
    return found


def _power(columns: Mapping[str, Any], criteria: Criteria, look: int, tests: int) -> dict[str, Any]:
    """What so many seeds find with 80 % power now, and how many more it takes for the target at the next look."""
    spread = np.fmax(columns["sd"].astype(float), columns["sd_floor"].astype(float)).tolist()
    seeds = [int(n) for n in columns["n_pairs"]]
    divisor = power.usual_tests(tests, len({*columns["one"], *columns["other"]}))
    now, next_time, first = (statistics.spent(criteria.alpha, number) / divisor for number in (look, look + 1, 1))
    detectable = np.array(
        [power.detectable_difference(sd, n, now) for sd, n in zip(spread, seeds, strict=True)], dtype=float
    )
    more = [
        None if one == other else _seeds_more(sd, n, next_time if n > 1 else first, criteria)
        for sd, n, one, other in zip(spread, seeds, columns["one"], columns["other"], strict=True)
    ]
    return {
        "detectable": np.where(detectable <= LARGEST, detectable, np.nan),
        "seeds_more": pd.array(more, dtype="Int64"),
    }


def _seeds_more(sd: float, n: int, alpha: float, criteria: Criteria) -> int | None:
    needed = power.seeds_needed(criteria.target, sd, alpha)
    return None if needed is None else max(0, needed - n)


def _disagreeing(
    columns: Mapping[str, Any], is_test: npt.NDArray[np.bool_], look: int, alpha: float
) -> list[tuple[str, ...]]:
    """For each pair the other tests that, corrected alike, find no difference; the sign-flip only where it could."""
    smallest = 2.0 ** (1 - columns["n_pairs"].astype(float)) * max(1, int(is_test.sum()))
    welch, flips = (
        _for_looks(_corrected(columns, is_test, columns[name]), look) >= alpha for name in ("p_welch", "p_signflip")
    )
    flips &= smallest < statistics.spent(alpha, look)
    names = ("Welch", "sign-flip")
    return [
        tuple(name for name, is_so in zip(names, row, strict=True) if is_so) for row in zip(welch, flips, strict=True)
    ]


def _code(row: Any, criteria: Criteria) -> Code:
    if row.one == row.other:
        return Code.identical
    if row.n_pairs < 2:
        return Code.one_run if row.n_pairs and row.is_single else Code.not_shared
    if row.p_corrected < criteria.alpha:
        nearest = row.ci_all_low if row.diff > 0 else -row.ci_all_high
        is_sure = nearest > criteria.margin and not _failed_alone(row, row.diff > 0)
        return Code.better if is_sure else Code.better_maybe_less_than_margin
    if row.p_completed < criteria.alpha and row.p_both > row.p:
        return Code.depends_on_failures
    if not statistics.is_equivalent(row.ci_all_low, row.ci_all_high, criteria.margin):
        return Code.not_distinguishable
    return Code.depends_on_failures if row.alone_a > 0 or row.alone_b > 0 else Code.practically_same


def _failed_alone(row: Any, is_first: bool) -> bool:
    return bool((row.alone_a if is_first else row.alone_b) > 0)
