"""From a study to what can be said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.report.analysis import alike, statistics
from lenet_ablate.report.analysis.advice import advise
from lenet_ablate.report.analysis.anova import EMPTY, anova, interacting
from lenet_ablate.report.analysis.best import best_setting, best_variant
from lenet_ablate.report.analysis.corrections import corrections
from lenet_ablate.report.analysis.interactions import is_turned_round
from lenet_ablate.report.analysis.judge import judge, tests_of
from lenet_ablate.report.analysis.levels import levels_frame, values_frame
from lenet_ablate.report.analysis.mistakes import confusion_frame, noise_frame
from lenet_ablate.report.analysis.pairs import measure_pairs
from lenet_ablate.report.analysis.results import DECIDED, FactorAnalysis, StudyAnalysis
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.analysis.verdicts import headlines, verdicts
from lenet_ablate.report.analysis.warnings import study_warnings
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.study.looks import count_looks
from lenet_ablate.report.study.predictions import NO_PREDICTIONS, StudyPredictions
from lenet_ablate.report.study.protocol import protocol_notes
from lenet_ablate.report.study.study import Study


@dataclass(frozen=True)
class Measured:
    """One factor's levels, measured and not yet judged.

    Attributes:
        comparison: Its levels' runs.
        pairs: See `pairs.measure_pairs`.
        reasons: By two levels that trained alike, why; see `alike.reasons`.
    """

    comparison: Comparison
    pairs: pd.DataFrame
    reasons: Mapping[frozenset[str], str] = field(default_factory=dict)

    @property
    def tests(self) -> Array:
        """The p of the pairs that are tests of their own."""
        columns = {str(name): self.pairs[name].to_numpy() for name in self.pairs}
        return np.asarray(columns["p_both"][tests_of(columns)], dtype=float)


@dataclass(frozen=True)
class Surroundings:
    """What a factor's verdicts depend on beside its own runs.

    Attributes:
        look: How often the study has been looked at, from 1.
        others: (m,) p of the other factors' tests; None where there are no other factors.
        partners: Titles of the factors on whose levels its effect depends.
        simple_effects: See `results.FactorAnalysis`.
        marks: What each verdict ends with; see `protocol.protocol_notes`.
    """

    look: int = 1
    others: Array | None = None
    partners: Sequence[str] = ()
    simple_effects: pd.DataFrame = field(default_factory=pd.DataFrame)
    marks: Sequence[str] = ()


def analyse(
    study: Study, predictions: StudyPredictions = NO_PREDICTIONS, sweeps: Sequence[SweepPlan] = ()
) -> StudyAnalysis:
    """What can be said about a study by its own criteria.

    Args:
        study: What was found on disk.
        predictions: Predictions and labels; see `predictions.read_predictions`.
        sweeps: The plans of its sweeps, the oldest first; see `records.plans.read_plans`.
    """
    look, marks = count_looks(sweeps), protocol_notes(study)
    compared = [factor for factor in study.factors if factor.is_compared]
    measured = [measure(study, factor, predictions) for factor in compared]
    usable = study.design[study.design["is_usable"]]
    same = {one.comparison.factor.key: one.comparison.alike for one in measured if one.comparison.alike}
    measured = [
        measure(study, factor, predictions, same) if set(same) - {factor.key} else one
        for factor, one in zip(compared, measured, strict=True)
    ]
    table = anova(usable, study.factors, same) if 1 < len(study.factors) == len(compared) else EMPTY
    factors = tuple(_judged(study, number, measured, table, predictions, look) for number in range(len(measured)))
    best = best_variant(study)
    num_test = study.runs.set_index("run")["num_test"].astype(float)
    noise = noise_frame(usable, num_test, predictions)
    return StudyAnalysis(
        factors=factors,
        anova=table,
        confusion=confusion_frame(usable.loc[usable["variant"] == best, "run"].tolist(), predictions),
        best_variant=best,
        noise=noise,
        warnings=study_warnings(study, predictions, noise),
        best=best_setting(study, marks, look),
        protocol_notes=marks,
        corrections=corrections(factors, study.criteria, look),
    )


def measure(
    study: Study,
    factor: Factor,
    predictions: StudyPredictions = NO_PREDICTIONS,
    same: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Measured:
    """One factor's levels and pairs; of other factors' levels that trained alike, by key in `same`, one counts."""
    others = {key: levels for key, levels in same.items() if key != factor.key}
    comparison = compare(alike.without_copies(study.design, study.factors, others), factor, study.factors)
    why = alike.reasons(comparison, study.configs)
    return Measured(comparison, measure_pairs(comparison, study.criteria, predictions), why)


def analyse_comparison(
    comparison: Comparison, criteria: Criteria, predictions: StudyPredictions = NO_PREDICTIONS, look: int = 1
) -> FactorAnalysis:
    """What can be said about one factor by itself."""
    measured = Measured(comparison, measure_pairs(comparison, criteria, predictions))
    return analyse_factor(measured, criteria, Surroundings(look))


def analyse_factor(measured: Measured, criteria: Criteria, around: Surroundings) -> FactorAnalysis:
    """What can be said about one factor of a study."""
    pairs = judge(measured.pairs, criteria, around.look, around.others, measured.reasons)
    return _told(measured, pairs, criteria, around)


def _told(measured: Measured, pairs: pd.DataFrame, criteria: Criteria, around: Surroundings) -> FactorAnalysis:
    """The same of pairs that are judged already."""
    comparison = measured.comparison
    values = values_frame(comparison)
    levels = levels_frame(comparison, values, pairs, criteria)
    headline = headlines(pairs, levels)
    table = "simple effects" if len(around.simple_effects) else "variants"
    depends = f" Depends on {' and '.join(around.partners)}: see the table of {table}." if around.partners else ""
    suffix = "".join(f" {sentence}" for sentence in around.marks if sentence)
    used_seeds = comparison.planned[REPLICATE].astype(int).unique().tolist()
    return FactorAnalysis(
        comparison=comparison,
        values=values,
        levels=levels,
        pairs=pairs,
        verdicts=tuple(verdicts(comparison, headline, levels, criteria.alpha, suffix, depends)),
        advice=advise(measured.pairs, headline, used_seeds, criteria, around.look),
        simple_effects=around.simple_effects,
    )


def _judged(
    study: Study,
    number: int,
    measured: Sequence[Measured],
    table: pd.DataFrame,
    predictions: StudyPredictions,
    look: int,
) -> FactorAnalysis:
    own, criteria = measured[number], study.criteria
    rest = [one.tests for place, one in enumerate(measured) if place != number]
    others = np.concatenate(rest) if rest else None
    keys = interacting(table, own.comparison.factor.key, statistics.spent(criteria.alpha, look))
    pairs = judge(own.pairs, criteria, look, others, own.reasons)
    turning = _turning(study, own, pairs)
    partners = [other for other in study.factors if other.key in keys or other in turning]
    effects = [_simple_effects(study, own, other, predictions, look) for other in partners]
    around = Surroundings(
        look,
        others,
        [other.title for other in partners],
        pd.concat(effects, ignore_index=True) if effects else pd.DataFrame(),
        protocol_notes(study),
    )
    return _told(own, pairs, criteria, around)


def _turning(study: Study, own: Measured, pairs: pd.DataFrame) -> list[Factor]:
    """The other factors at one of whose levels the factor's level is worse that is found better on average."""
    factor = own.comparison.factor
    found = pairs[pairs["verdict_code"].isin(DECIDED)]
    told = zip(found["level_a"].astype(str), found["level_b"].astype(str), found["diff"].astype(float), strict=True)
    better = [(one, other) if difference > 0 else (other, one) for one, other, difference in told]
    usable = own.comparison.planned[own.comparison.planned["is_usable"]]
    return [
        other for other in study.factors if other.key != factor.key and is_turned_round(usable, factor, other, better)
    ]


def _simple_effects(
    study: Study, own: Measured, other: Factor, predictions: StudyPredictions, look: int
) -> pd.DataFrame:
    """The factor's pairs at each level of another factor, corrected as one family."""
    parts = []
    for label in other.labels:
        planned = own.comparison.planned
        comparison = compare(planned[planned[other.key] == label], own.comparison.factor, study.factors)
        pairs = measure_pairs(comparison, study.criteria, predictions)
        parts.append(pairs.assign(within=f"{other.key}={label}"))
    together = pd.concat(parts, ignore_index=True)
    judged = judge(together, study.criteria, look, reasons=own.reasons)
    judged.insert(0, "within", together["within"])
    return judged
