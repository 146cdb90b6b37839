"""How many more seeds would settle what is open, from their spread and never from the difference that was seen."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.text.wording import limit_points, plural

OPEN = (Code.one_run, Code.not_distinguishable, Code.not_shared)
MAX_LISTED = 10
LARGEST_SEED = 2**32 - 1


def advise(
    pairs: pd.DataFrame, headline: pd.DataFrame, used_seeds: Sequence[int], criteria: Criteria, look: int = 1
) -> str:
    """What to add to the sweep's command; empty where all is settled, or where more than 10,000 seeds were needed.

    It is about the pair that takes the fewest seeds; the one that takes the most is named beside it. The number is
    planned for the next look's test, which is stricter than this one's where this one tested already.

    Args:
        pairs: The pairs of a factor with `sd` and `sd_floor`; see `contrasts.measure_pairs`.
        headline: Those of them that are spoken of, judged.
        used_seeds: Every seed of the study, finished or not.
        criteria: Margin, target and alpha.
        look: How often the study has been looked at, from 1.
    """
    undecided = headline[headline["verdict_code"].isin(OPEN) & (headline["seeds_more"].fillna(0) > 0)]
    if undecided.empty:
        return ""
    undecided = undecided.sort_values("seeds_more", kind="stable")
    more = undecided["seeds_more"].astype(int).tolist()
    have, target = int(undecided["n_pairs"].iloc[0]), limit_points(criteria.target)
    if more[0] > power.MAX_ADVISED:
        return _too_many(have, more[0], target, undecided.iloc[0])
    later = look + 1 if have > 1 else 1
    told = (
        f"{plural(more[0], 'more seed')} per level would find a difference of {target} pp between "
        f"{_names(undecided.iloc[0])} with 80 % power ({have + more[0]} needed, {have} now"
        + (f"; planned for the stricter test of look {later}" if later > 1 else "")
        + f"): add {_seed_words(used_seeds, more[0])} to the sweep's command."
    )
    if more[-1] > more[0]:
        told += f" Seeds of {_names(undecided.iloc[-1])} differ more and would take {more[-1]} more."
    spread = float(pairs.loc[undecided.index[0], ["sd", "sd_floor"]].astype(float).max())
    tests = max(1, int(undecided["m_tests"].iloc[0]))
    alike = power.seeds_for_equivalence(criteria.margin, spread, statistics.spent(criteria.alpha, later) / tests / 2)
    if alike is None or alike <= have:
        return told
    margin = limit_points(criteria.margin)
    return (
        f"{told} Levels that are alike take about {alike} seeds to be found practically the same within ±{margin} pp."
    )


def _too_many(have: int, more: int, target: str, pair: pd.Series[Any]) -> str:
    """Where so many seeds are needed that none are advised: why, which with one seed only the test set can tell."""
    if have < 2:
        return (
            f"With this test set a difference of {target} pp would take about {have + more} seeds per level; aim at a "
            "larger difference (--target), or test on more images."
        )
    return (
        f"Seeds of {_names(pair)} differ so much that a difference of {target} pp would take {have + more} per level; "
        "look for what makes training unstable, or aim at a larger difference (--target)."
    )


def _names(pair: pd.Series[Any]) -> str:
    return f"{pair['factor']}={pair['level_a']} and {pair['factor']}={pair['level_b']}"


def _seed_words(used: Sequence[int], count: int) -> str:
    """The next seeds as Hydra takes them: `seed=5,6,7`, or `'seed=range(5,40)'`."""
    first = max(used, default=-1) + 1
    if first + count > LARGEST_SEED:
        taken = set(used)
        free = (seed for seed in range(LARGEST_SEED) if seed not in taken)
        return "seed=" + ",".join(map(str, itertools.islice(free, count)))
    if count > MAX_LISTED:
        return f"'seed=range({first},{first + count})'"
    return "seed=" + ",".join(map(str, range(first, first + count)))
