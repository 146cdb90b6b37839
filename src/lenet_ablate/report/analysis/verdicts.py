"""From a comparison's figures to one of six sentences; no others are printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.contrasts import FAILED
from lenet_ablate.report.analysis.results import Code, Posterior, Verdict
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.criteria import Criteria, Metric
from lenet_ablate.report.text.wording import limit_points, p_text, percent, plural, points, signed_points

PAIR_COLUMNS = (
    "factor", "level_a", "level_b", "metric", "n_pairs", "diff", "ci_low", "ci_high", "ci90_low", "ci90_high", "p",
    "p_holm", "m_tests", "alpha", "p_welch", "p_signflip", "hedges_gz", "p_a_gt_b", "rho", "se_seed", "se_digits",
    "se_total", "p_mcnemar", "detectable", "seeds_more", "is_fragile", "p_better", "p_same", "p_worse",
    "verdict_code", "verdict",
)  # fmt: skip
COMPLETED_ONLY = " Completed runs only."
_NORMAL_95 = 1.96


def judge(pairs: pd.DataFrame, criteria: Criteria) -> pd.DataFrame:
    """Pairs that are tested together, with correction, power and verdict; the columns of `FactorAnalysis.pairs`.

    Args:
        pairs: See `contrasts.measure_pairs`, with se_digits, se_total and p_mcnemar; all of them are one family.
        criteria: Margin, target and alpha.
    """
    columns: dict[str, Any] = {str(name): pairs[name].to_numpy() for name in pairs}
    tests = int(np.isfinite(columns["p"]).sum())
    strictest = criteria.alpha / max(1, tests)
    spread = list(zip(np.fmax(columns["sd"], columns["sd_floor"]).tolist(), columns["n_pairs"].tolist(), strict=True))
    columns["p_holm"] = statistics.holm(columns["p"])
    columns["m_tests"], columns["alpha"] = np.full(len(pairs), tests), np.full(len(pairs), criteria.alpha)
    columns["detectable"] = np.array([power.detectable_difference(sd, n, strictest) for sd, n in spread], dtype=float)
    columns["seeds_more"] = pd.array([_seeds_more(sd, n, strictest, criteria) for sd, n in spread], dtype="Int64")
    rows = _rows(columns)
    codes = [_code(row, criteria) for row in rows]
    disagreeing = _disagreeing(columns, criteria.alpha)
    fragile = [code in _BETTER and bool(names) for code, names in zip(codes, disagreeing, strict=True)]
    columns["is_fragile"] = np.array(fragile, dtype=bool)
    columns["verdict_code"] = np.array(codes, dtype=int)
    columns["verdict"] = [
        _SENTENCES[code](row, criteria) + (_fragile(names) if is_fragile else "") + "."
        for row, code, names, is_fragile in zip(rows, codes, disagreeing, fragile, strict=True)
    ]
    return pd.DataFrame({name: columns[name] for name in PAIR_COLUMNS})


def headlines(pairs: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """The rows of judged pairs that answer which level is best.

    With one seed: the best mean against the worst. Where one level is best: it against the runner-up. Else: the best
    mean against each other level, in the order of the means.
    """
    ranked = levels[levels["n_used"] > 0].sort_values("mean", ascending=False, kind="stable")
    if len(ranked) < 2:
        return pairs.iloc[:0]
    best, *others = ranked["level"]
    if (ranked["seeds"] < 2).all():
        others = others[-1:]
    elif ranked["is_best"].any():
        others = others[:1]
    places = {frozenset(pair): place for place, pair in enumerate(zip(pairs["level_a"], pairs["level_b"], strict=True))}
    return pairs.iloc[[places[frozenset((best, other))] for other in others]]


def verdicts(comparison: Comparison, headline: pd.DataFrame, suffix: str = "") -> list[Verdict]:
    """The sentences to print: what failed or collapsed first, then the headline pairs.

    Args:
        comparison: The runs behind them.
        headline: See `headlines`.
        suffix: A sentence that each answer ends with, with a space in front.
    """
    told = list(_failures(comparison))
    suffix = (COMPLETED_ONLY if comparison.planned["status"].isin(FAILED).any() else "") + suffix
    for row in _rows({str(name): headline[name] for name in headline}):
        levels = (row.level_a, row.level_b)
        code, sentence = Code(row.verdict_code), row.verdict + suffix
        told.append(Verdict(code, sentence, levels, bool(row.is_fragile), _posterior(row)))
    return told


def _posterior(pair: Any) -> Posterior | None:
    return Posterior(pair.p_better, pair.p_same, pair.p_worse) if math.isfinite(pair.p_same) else None


def _failures(comparison: Comparison) -> Iterator[Verdict]:
    key, planned = comparison.factor.key, comparison.planned
    troubled = planned[planned["status"].isin(FAILED) | planned["is_collapsed"]]
    if troubled.empty:
        return
    for label in comparison.factor.labels:
        rows = troubled[troubled[key] == label]
        total = int((planned[key] == label).sum()) if len(rows) else 0
        kinds = {
            "failed": int((rows["status"] == State.failed.value).sum()),
            "diverged": int((rows["status"] == State.diverged.value).sum()),
            "collapsed": int(rows["is_collapsed"].sum()),
        }
        parts = [_share(count, total, kind) for kind, count in kinds.items() if count]
        if parts:
            yield Verdict(Code.failures, f"{key}={label}: {', '.join(parts)}.", (label,))


def _share(count: int, total: int, kind: str) -> str:
    low, high = statistics.wilson(count, total)
    share = f"{percent(count / total)} %, Wilson {percent(low)}–{percent(high)} %"
    return f"{count} of {plural(total, 'run')} {kind} ({share})"


def _rows(columns: Mapping[str, Any]) -> list[Any]:
    """The rows with their columns as attributes."""
    values = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in values]


def _seeds_more(sd: float, n: int, alpha: float, criteria: Criteria) -> int | None:
    needed = power.seeds_needed(criteria.target, sd, alpha)
    return None if needed is None else max(0, needed - n)


def _disagreeing(columns: Mapping[str, Any], alpha: float) -> list[tuple[str, ...]]:
    """For each pair the other tests that, corrected alike, find no difference; the sign-flip only where it could."""
    smallest = 2.0 ** (1 - columns["n_pairs"]) * max(1, len(columns["n_pairs"]))
    welch = statistics.holm(columns["p_welch"]) >= alpha
    flips = (statistics.holm(columns["p_signflip"]) >= alpha) & (smallest < alpha)
    names = ("Welch", "sign-flip")
    return [
        tuple(name for name, is_so in zip(names, row, strict=True) if is_so) for row in zip(welch, flips, strict=True)
    ]


def _fragile(names: tuple[str, ...]) -> str:
    return f" (fragile: {'/'.join(names)} disagree{'s' if len(names) == 1 else ''})"


def _code(row: Any, criteria: Criteria) -> Code:
    if row.n_pairs < 2:
        return Code.one_run
    if row.p_holm < criteria.alpha:
        nearest = row.ci_low if row.diff > 0 else -row.ci_high
        return Code.better if nearest > criteria.margin else Code.better_maybe_less_than_margin
    is_same = statistics.is_equivalent(row.ci90_low, row.ci90_high, criteria.margin)
    return Code.practically_same if is_same else Code.not_distinguishable


def _one_run(row: Any, criteria: Criteria) -> str:
    what = "run" if row.runs_per_seed == 1 else "seed"
    told = f"One {what} per level: values are descriptive"
    if not row.sd_floor > 0:
        return told
    place = "within" if abs(row.diff) <= _NORMAL_95 * row.sd_floor else "beyond the usual"
    told += f"; a {points(abs(row.diff))} pp gap is {place} seed noise (≈{points(row.sd_floor)} pp SD of a difference)"
    return told + (f"; for these two networks McNemar's {p_text(row.p_mcnemar)}" if row.p_mcnemar >= 0 else "")


def _better(row: Any, criteria: Criteria) -> str:
    return f"{_more_accurate(row, criteria)}, above the {limit_points(criteria.margin)} pp margin"


def _maybe_less(row: Any, criteria: Criteria) -> str:
    return f"{_more_accurate(row, criteria)}; may be smaller than the {limit_points(criteria.margin)} pp margin"


def _more_accurate(row: Any, criteria: Criteria) -> str:
    sign = 1 if row.diff > 0 else -1
    first, second = _names(row)[::sign]
    low, high = sorted((sign * row.ci_low, sign * row.ci_high))
    where = " in validation" if criteria.metric is Metric.val_accuracy else ""
    p = ("Holm " if row.m_tests > 1 else "") + p_text(row.p_holm)
    return (
        f"{first} is {points(abs(row.diff))} pp more accurate{where} than {second} "
        f"(95 % CI {points(low)} to {points(high)}, n={row.n_pairs} paired seeds, {p})"
    )


def _same(row: Any, criteria: Criteria) -> str:
    interval = f"{signed_points(row.ci90_low)} to {signed_points(row.ci90_high)}"
    return (
        f"{' and '.join(_names(row))} are practically the same: difference {signed_points(row.diff)} pp, "
        f"90 % CI {interval}, inside ±{limit_points(criteria.margin)} pp"
    )


def _not_distinguishable(row: Any, criteria: Criteria) -> str:
    told = (
        f"{' and '.join(_names(row))} are not distinguishable at n={row.n_pairs} seeds: "
        f"difference {signed_points(row.diff)} pp"
    )
    if math.isfinite(row.ci_low):
        told += f" (95 % CI {signed_points(row.ci_low)} to {signed_points(row.ci_high)})"
    if math.isfinite(row.detectable):
        told += f"; differences under {points(row.detectable)} pp would usually be missed"
    if pd.notna(row.seeds_more) and row.seeds_more:
        most = power.MAX_ADVISED
        more = f"More than {most} more seeds" if row.seeds_more > most else plural(row.seeds_more, "more seed")
        told += f". {more} for {limit_points(criteria.target)} pp"
    return told


def _names(row: Any) -> tuple[str, str]:
    return f"{row.factor}={row.level_a}", f"{row.factor}={row.level_b}"


_BETTER = (Code.better, Code.better_maybe_less_than_margin)
_SENTENCES: dict[Code, Callable[[Any, Criteria], str]] = {
    Code.one_run: _one_run,
    Code.better: _better,
    Code.better_maybe_less_than_margin: _maybe_less,
    Code.practically_same: _same,
    Code.not_distinguishable: _not_distinguishable,
}
