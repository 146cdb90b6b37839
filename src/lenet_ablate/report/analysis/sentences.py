"""What is said of a pair of levels: a sentence for each kind of verdict; no others are printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from lenet_ablate.report.analysis import power
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.study.criteria import Criteria, Metric
from lenet_ablate.report.text.wording import limit_points, p_text, plural, points, signed_points

NORMAL_95 = 1.96
"""Standard deviations within which 95 % of chance differences lie."""


def sentence(code: Code, row: Any, criteria: Criteria, disagreeing: Sequence[str] = (), reason: str = "") -> str:
    """The sentence about a judged pair.

    Args:
        code: What is to be said.
        row: The pair, its columns as attributes; see `judge.judge`.
        criteria: Margin, target and alpha.
        disagreeing: Names of other tests that find no difference where one is said.
        reason: Why the levels trained alike.
    """
    told = _SENTENCES[code](row, criteria)
    if disagreeing:
        told += f" (fragile: {'/'.join(disagreeing)} disagree{'s' if len(disagreeing) == 1 else ''})"
    return f"{told}: {reason}." if reason and code is Code.identical else f"{told}."


def rows_of(columns: Mapping[str, Any]) -> list[Any]:
    """The rows with their columns as attributes."""
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in values]


def _one_run(row: Any, criteria: Criteria) -> str:
    what = "run" if row.n_combinations == 1 else "seed"
    told = f"One {what} per level: values are descriptive"
    if not row.sd_floor > 0:
        return told
    place = "within" if abs(row.diff) <= NORMAL_95 * row.sd_floor else "beyond the usual"
    (first, second), _ = _higher_first(row)
    told += (
        f"; {first} is {points(abs(row.diff))} pp above {second}, which is {place} seed noise "
        f"(≈{points(row.sd_floor)} pp SD of a difference)"
    )
    same = "on the same images, for these two networks only" if row.p_mcnemar >= 0 else ""
    return told + (f"; {same}, McNemar's {p_text(row.p_mcnemar)}" if same else "")


def _not_shared(row: Any, criteria: Criteria) -> str:
    first, second = _names(row)
    if row.n_pairs:
        return f"{first} and {second} share one seed only, too few to compare them"
    return f"{first} and {second} share no seed, so that they cannot be compared"


def _identical(row: Any, criteria: Criteria) -> str:
    return f"{' and '.join(_names(row))} trained identically here"


def _better(row: Any, criteria: Criteria) -> str:
    return f"{_more_accurate(row, criteria)}, above the {limit_points(criteria.margin)} pp margin"


def _maybe_less(row: Any, criteria: Criteria) -> str:
    margin = f"may be smaller than the {limit_points(criteria.margin)} pp margin"
    sign = 1 if row.diff > 0 else -1
    if not min(sign * row.ci_low, sign * row.ci_high) > criteria.margin:
        return f"{_more_accurate(row, criteria)}; {margin}"
    # The interval of its own lies above the margin; the corrected one, which the verdict is from, does not.
    low, high = sorted((sign * row.ci_all_low, sign * row.ci_all_high))
    return f"{_more_accurate(row, criteria)}; corrected, {points(low)} to {points(high)}, it {margin}"


def _more_accurate(row: Any, criteria: Criteria) -> str:
    where = " in validation" if criteria.judged_metric is Metric.val_accuracy else ""
    return f"{_lead(row)[0]} pp more accurate{where} than {_lead(row)[1]} ({_evidence(row)}, {p_text(row.p_corrected)})"


def _lead(row: Any) -> tuple[str, str]:
    """`lr=0.1 is 0.31` and the other level's name."""
    (first, second), _ = _higher_first(row)
    return f"{first} is {points(abs(row.diff))}", second


def _evidence(row: Any) -> str:
    sign = 1 if row.diff > 0 else -1
    seeds = f"n={row.n_pairs} paired seeds"
    if not math.isfinite(row.ci_low):
        return seeds
    low, high = sorted((sign * row.ci_low, sign * row.ci_high))
    return f"95 % CI {points(low)} to {points(high)}, {seeds}"


def _same(row: Any, criteria: Criteria) -> str:
    (first, second), sign = _higher_first(row)
    return (
        f"{first} and {second} are practically the same: difference {signed_points(sign * row.diff)} pp, "
        f"{_corrected_interval(row, sign)}, inside ±{limit_points(criteria.margin)} pp"
    )


def _corrected_interval(row: Any, sign: int = 1) -> str:
    low, high = sorted((sign * row.ci_all_low, sign * row.ci_all_high))
    return f"corrected 95 % CI {signed_points(low)} to {signed_points(high)}"


def _depends(row: Any, criteria: Criteria) -> str:
    if row.p_completed < row.alpha:
        lead, other = _lead(row)
        told = f"{lead} pp more accurate than {other} where both trained ({_evidence(row)}, {p_text(row.p_completed)})"
        what = "which is better"
    else:
        told = f"{' and '.join(_names(row))} are practically the same where both trained ({_corrected_interval(row)})"
        what = "whether they are the same"
    failed = [
        f"{name} did not in {int(failed)} of {plural(int(ended), 'run')}"
        for name, failed, ended in zip(
            _names(row), (row.failed_a, row.failed_b), (row.ended_a, row.ended_b), strict=True
        )
        if failed
    ]
    counted = ""
    if math.isfinite(row.p_at_chance):
        counted = f"counted as guessing, the difference is {signed_points(row.diff_failures)} pp, so "
    return f"{told}, but {' and '.join(failed)}: {counted}{what} depends on how failures count"


def _not_distinguishable(row: Any, criteria: Criteria) -> str:
    (first, second), sign = _higher_first(row)
    names, difference = f"{first} and {second}", f"difference {signed_points(sign * row.diff)} pp"
    if not math.isfinite(row.ci_low) and row.sd_floor >= 0:
        return f"{names}: too few runs to say; {difference} at n={row.n_pairs} seeds" + _more_seeds(row, criteria)
    told = f"{names} are not distinguishable at n={row.n_pairs} seeds: {difference}"
    if math.isfinite(row.ci_low):
        low, high = sorted((sign * row.ci_low, sign * row.ci_high))
        # An interval of its own that leaves out zero would read as a difference; the correction says why it is none.
        corrected = f", corrected {p_text(row.p_corrected)}" if low > 0 or high < 0 else ""
        told += f" (95 % CI {signed_points(low)} to {signed_points(high)}{corrected})"
    if math.isfinite(row.detectable):
        told += f"; differences under {points(row.detectable)} pp would usually be missed"
    return told + _more_seeds(row, criteria)


def _more_seeds(row: Any, criteria: Criteria) -> str:
    if pd.isna(row.seeds_more) or not row.seeds_more:
        return ""
    most = power.MAX_ADVISED
    more = f"more than {most} more seeds" if row.seeds_more > most else plural(row.seeds_more, "more seed")
    return f". Telling {limit_points(criteria.target)} pp takes {more}"


def _higher_first(row: Any) -> tuple[tuple[str, str], int]:
    """The names, that with the higher mean first, and the sign that turns the row's difference the same way."""
    first, second = _names(row)
    return ((first, second), 1) if not row.diff < 0 else ((second, first), -1)


def _names(row: Any) -> tuple[str, str]:
    return f"{row.factor}={row.level_a}", f"{row.factor}={row.level_b}"


_SENTENCES: dict[Code, Callable[[Any, Criteria], str]] = {
    Code.one_run: _one_run,
    Code.better: _better,
    Code.better_maybe_less_than_margin: _maybe_less,
    Code.practically_same: _same,
    Code.not_distinguishable: _not_distinguishable,
    Code.identical: _identical,
    Code.depends_on_failures: _depends,
    Code.not_shared: _not_shared,
}
