"""What the verdicts of a study are corrected for, and how many false alarms that leaves, in words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.results import DECIDED, FactorAnalysis
from lenet_ablate.report.study.criteria import Criteria, Family
from lenet_ablate.report.text.wording import plural


def corrections(factors: Sequence[FactorAnalysis], criteria: Criteria, look: int) -> str:
    """What p-values and claims about the margin are corrected for; empty where no pair is tested.

    Args:
        factors: What was found of each factor.
        criteria: Alpha and family.
        look: How often the study has been looked at, from 1.
    """
    tested = [factor.pairs for factor in factors if factor.pairs["p_corrected"].notna().any()]
    if not tested:
        return ""
    counts = sorted({int(pairs["m_tests"].max()) for pairs in tested})
    alpha = f"{100 * criteria.alpha:g} %"
    spent = f"{100 * statistics.spent(criteria.alpha, look):.2g} %"
    by_study = criteria.family is Family.study and len(tested) > 1
    total = sum(int(pairs["m_tests"].max()) for pairs in tested)
    of = f"all {total} pairs of all factors" if by_study else f"the {_pairs(counts)} of each factor"
    told = f"p-values and claims about the margin are corrected for {of} (Holm; Bonferroni) and for {_looks(look)}"
    told += f": {spent} of the {alpha} allowed for a false alarm are spent at this look."
    if criteria.is_described_only:
        told += (
            " The highest validation accuracy is described only: the more an accuracy varies from epoch to epoch, the "
            "higher its maximum. Levels are compared by test accuracy at the epoch that validation chooses."
        )
    return told + ("" if by_study or len(tested) < 2 else _by_chance(tested, criteria, total))


def _pairs(counts: Sequence[int]) -> str:
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} pairs"
    return plural(counts[0], "pair")


def _looks(look: int) -> str:
    if look == 1:
        return "seeds that may be added later"
    return f"{look} looks, since seeds were added {'once' if look == 2 else f'{look - 1} times'}"


def _by_chance(tested: Sequence[pd.DataFrame], criteria: Criteria, total: int) -> str:
    expected = criteria.alpha * len(tested)
    found = pd.concat([pairs.loc[pairs["verdict_code"].isin(DECIDED), ["p_study"]].astype(float) for pairs in tested])
    told = (
        f" With {len(tested)} factors that change nothing, {expected:.2g} would be expected to show a difference by "
        "chance"
    )
    if found.empty:
        return told + "."
    stand = int((found["p_study"] < criteria.alpha).sum())
    return (
        f"{told}; of {plural(len(found), 'difference')} found here {stand} stand a correction over all {total} pairs."
    )
