"""Which judged pairs speak for a factor, and in what order."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from lenet_ablate.report.analysis.failures import failure_verdicts
from lenet_ablate.report.analysis.results import DECIDED, Code, Posterior, Verdict
from lenet_ablate.report.analysis.sentences import rows_of
from lenet_ablate.report.study.comparison import FAILED, Comparison

COMPLETED_ONLY = " Completed runs only."
NOT_OF_ALL = " It would not stand a correction over all settings that vary."


def headlines(pairs: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """The rows of judged pairs that answer which level is best: the best mean against each other level, in order.

    With one seed only against the runner-up. Where levels trained alike, one of them speaks for all, and then each of
    the others is named once beside it.
    """
    ranked = levels[levels["n_used"] > 0].sort_values("mean", ascending=False, kind="stable")
    if len(ranked) < 2:
        return pairs.iloc[:0]
    alike = dict(zip(ranked["level"], ranked["alike"], strict=True))
    best, *others = (level for level in ranked["level"] if not alike[level])
    if (ranked["seeds"] < 2).all():
        others = others[:1]
    wanted = [frozenset((best, other)) for other in others]
    wanted += [frozenset((level, other)) for level, other in alike.items() if other]
    places = {frozenset(pair): place for place, pair in enumerate(zip(pairs["level_a"], pairs["level_b"], strict=True))}
    return pairs.iloc[[places[pair] for pair in wanted]]


def verdicts(
    comparison: Comparison,
    headline: pd.DataFrame,
    levels: pd.DataFrame,
    alpha: float,
    suffix: str = "",
    depends: str = "",
) -> list[Verdict]:
    """The sentences to print: what failed or collapsed first, then the headline pairs.

    Args:
        comparison: The runs behind them.
        headline: See `headlines`.
        levels: See `levels.levels_frame`.
        alpha: Probability of a false alarm.
        suffix: Sentences that each answer ends with, with a space in front.
        depends: A sentence before these, with a space in front, of levels that did not train identically.
    """
    means = levels.loc[levels["mean"].notna(), "mean"].astype(float)
    best = str(levels.at[means.idxmax(), "level"]) if len(means) else ""
    told = list(failure_verdicts(comparison, best, alpha))
    completed = COMPLETED_ONLY if comparison.planned["status"].isin(FAILED).any() else ""
    for row in rows_of({str(name): headline[name] for name in headline}):
        code = Code(row.verdict_code)
        end = completed + ("" if code is Code.identical else depends) + suffix
        if code in DECIDED and row.p_study >= alpha:
            end = NOT_OF_ALL + end
        names = (row.level_a, row.level_b)
        told.append(Verdict(code, row.verdict + end, names, bool(row.is_fragile), _posterior(row)))
    return told


def _posterior(pair: Any) -> Posterior | None:
    return Posterior(pair.p_better, pair.p_same, pair.p_worse) if math.isfinite(pair.p_same) else None
