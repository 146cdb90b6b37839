"""What is known of each factor: its best level against every other one, the best first, and none left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from lenet_ablate.report.analysis.results import DECIDED, Code, FactorAnalysis, Posterior, Verdict
from lenet_ablate.report.text.wording import plural, points, signed_points

CLEARLY_MORE = 0.1  # of the runs
EMPTY: Mapping[str, str] = MappingProxyType({})
SETTLED = (*DECIDED, Code.practically_same, Code.identical)


@dataclass(frozen=True)
class Against:
    """The best level against another one.

    Attributes:
        level: The other level.
        difference: How far it lies below, in percentage points with its sign: `+1.24`; "–" where not known.
        interval: The 95 % interval of that, `+0.80 to +1.69`; empty where there is none.
        code: What is said of the two.
        sentence: The same as a sentence.
        posterior: That the best level is better, as good, or worse; None where it is not known.
    """

    level: str
    difference: str
    interval: str
    code: Code
    sentence: str
    posterior: Posterior | None


@dataclass(frozen=True)
class Effect:
    """What is known of a factor.

    Attributes:
        key: The setting.
        title: The setting in words.
        best: The level of the setting to use where none is known to be better, else that with the highest mean; empty
            where no level has runs.
        against: It against each other level, in the order of their means.
        more: What else is said of its levels, such as failures.
        troubles: Levels at which more runs failed, diverged or collapsed than at others: and how many, in words.
        missing: Levels without any finished run.
        depends_on: Keys of the settings on whose value the effect depends.
        seeds: How many seeds each level has at most.
    """

    key: str
    title: str
    best: str
    against: tuple[Against, ...]
    more: tuple[Verdict, ...]
    troubles: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    depends_on: tuple[str, ...]
    seeds: int

    @property
    def worse(self) -> tuple[Against, ...]:
        """The levels that are known to be worse."""
        return tuple(other for other in self.against if other.code in DECIDED)

    @property
    def has_odds(self) -> bool:
        """Whether it is known how probable it is that the best level is better than the next."""
        return any(other.posterior for other in self.against[:1])

    @property
    def is_settled(self) -> bool:
        """Whether it is known of every level how it compares with the best one."""
        return bool(self.against) and all(other.code in SETTLED for other in self.against)


def effects_of(factors: tuple[FactorAnalysis, ...], use: Mapping[str, str] = EMPTY) -> tuple[Effect, ...]:
    """The effects of factors, those of which most is known first.

    Args:
        factors: What was found of each.
        use: The level of each factor in the setting to use, by key.
    """
    found = [_effect(factor, use.get(factor.comparison.factor.key, "")) for factor in factors]
    return tuple(sorted(found, key=_importance))


def _importance(effect: Effect) -> tuple[bool, bool, float]:
    largest = max((abs(_number(other.difference)) for other in effect.worse), default=0.0)
    return (not effect.worse, not effect.is_settled, -largest)


def _effect(factor: FactorAnalysis, use: str) -> Effect:
    of, levels = factor.comparison.factor, factor.levels
    by_mean = levels[levels["n_used"] > 0].sort_values("mean", ascending=False, kind="stable")["level"].astype(str)
    ranked = by_mean.tolist()
    if use in ranked and not _is_beaten(factor.pairs, use):
        ranked.sort(key=lambda level: level != use)
    best = ranked[0] if ranked else ""
    told = {frozenset(verdict.levels): verdict.sentence for verdict in factor.verdicts if len(verdict.levels) == 2}
    pairs: dict[frozenset[str], dict[str, Any]] = {
        frozenset((str(pair["level_a"]), str(pair["level_b"]))): {str(name): value for name, value in pair.items()}
        for pair in factor.pairs.to_dict("records")
    }
    known = [(level, pairs[frozenset((best, level))]) for level in ranked[1:] if frozenset((best, level)) in pairs]
    within = factor.simple_effects["within"] if len(factor.simple_effects) else pd.Series(dtype=object)
    return Effect(
        of.key,
        of.title,
        best,
        tuple(_against(best, level, pair, told.get(frozenset((best, level)), "")) for level, pair in known),
        tuple(_other_verdicts(factor, [level for level, _ in known], best)),
        tuple(_troubles(levels)),
        tuple(str(level) for level in levels["level"].astype(str) if level not in set(ranked)),
        tuple(dict.fromkeys(str(text).partition("=")[0] for text in within)),
        int(levels["seeds"].max()) if "seeds" in levels and len(levels) else 0,
    )


def _is_beaten(pairs: pd.DataFrame, level: str) -> bool:
    """Whether another level is known to be better."""
    if pairs.empty:
        return False
    worse = pairs["level_a"].astype(str).where(pairs["diff"] < 0, pairs["level_b"].astype(str))
    return bool((pairs["verdict_code"].isin(DECIDED) & (worse == level)).any())


def _against(best: str, level: str, pair: dict[str, Any], told: str) -> Against:
    sign = 1 if str(pair["level_a"]) == best else -1
    low, high = sorted((sign * float(pair["ci_low"]), sign * float(pair["ci_high"])))
    is_known = math.isfinite(low) and max(abs(low), abs(high)) <= 1
    probabilities = [float(pair.get(name, math.nan)) for name in ("p_better", "p_same", "p_worse")][::sign]
    return Against(
        level,
        signed_points(sign * float(pair["diff"])) if math.isfinite(float(pair["diff"])) else "–",
        f"{signed_points(low)} to {signed_points(high)}" if is_known else "",
        Code(int(pair["verdict_code"])),
        told or str(pair["verdict"]),
        Posterior(*probabilities) if all(map(math.isfinite, probabilities)) else None,
    )


def _other_verdicts(factor: FactorAnalysis, others: list[str], best: str) -> list[Verdict]:
    pairs = {frozenset((best, other)) for other in others}
    return [verdict for verdict in factor.verdicts if frozenset(verdict.levels) not in pairs]


def _troubles(levels: pd.DataFrame) -> list[tuple[str, str]]:
    """The levels at which more runs go wrong than at others: what goes wrong everywhere is no level's fault."""
    told = []
    bad = levels[["n_failed", "n_collapsed"]].sum(axis=1) / levels["n_planned"].clip(lower=1)
    for level in levels[bad >= bad.min() + CLEARLY_MORE].to_dict("records"):
        counts = [
            (int(level.get("n_failed", 0)), "failed or diverged"),
            (int(level.get("n_collapsed", 0)), "collapsed"),
        ]
        words = [f"{count} of {plural(int(level['n_planned']), 'run')} {what}" for count, what in counts if count]
        if words:
            told.append((str(level["level"]), ", ".join(words)))
    return told


def _number(text: str) -> float:
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        return 0.0


def below(other: Against) -> str:
    """`1.24 pp below`: how a level lies to the best one."""
    number = _number(other.difference)
    return f"{points(abs(number) / 100)} pp {'below' if number >= 0 else 'above'}"
