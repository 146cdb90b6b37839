"""From a study to what can be said about it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.report.analysis.advice import advise
from lenet_ablate.report.analysis.anova import EMPTY, anova, interacting
from lenet_ablate.report.analysis.best import best_setting, best_variant
from lenet_ablate.report.analysis.contrasts import levels_frame, measure_pairs, outcomes_of, values_frame
from lenet_ablate.report.analysis.mistakes import confusion_frame, noise_frame, with_digit_errors
from lenet_ablate.report.analysis.results import FactorAnalysis, StudyAnalysis
from lenet_ablate.report.analysis.verdicts import headlines, judge, verdicts
from lenet_ablate.report.analysis.warnings import study_warnings
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.study.predictions import NO_PREDICTIONS, StudyPredictions
from lenet_ablate.report.study.protocol import protocol_notes
from lenet_ablate.report.study.study import Study


def analyse(
    study: Study, predictions: StudyPredictions = NO_PREDICTIONS, sweeps: Sequence[SweepPlan] = ()
) -> StudyAnalysis:
    """What can be said about a study by its own criteria.

    Args:
        study: What was found on disk.
        predictions: Predictions and labels; see `predictions.read_predictions`.
        sweeps: The plans of its sweeps, the oldest first; see `records.plans.read_plans`.
    """
    usable = study.design[study.design["is_usable"]]
    table = anova(usable, [factor.key for factor in study.factors]) if len(study.factors) > 1 else EMPTY
    best = best_variant(study)
    num_test = study.runs.set_index("run")["num_test"].astype(float)
    noise = noise_frame(usable, num_test, predictions)
    marks = protocol_notes(study)
    return StudyAnalysis(
        factors=tuple(_analyse_factor(study, factor, table, predictions, marks) for factor in study.factors),
        anova=table,
        confusion=confusion_frame(usable.loc[usable["variant"] == best, "run"].tolist(), predictions),
        best_variant=best,
        noise=noise,
        warnings=study_warnings(study, predictions, sweeps, noise),
        best=best_setting(study, marks),
        protocol_notes=marks,
    )


def analyse_comparison(
    comparison: Comparison,
    criteria: Criteria,
    predictions: StudyPredictions = NO_PREDICTIONS,
    partners: Sequence[str] = (),
    simple_effects: pd.DataFrame | None = None,
    marks: Sequence[str] = (),
) -> FactorAnalysis:
    """What can be said about one factor.

    Args:
        comparison: Its levels' runs.
        criteria: By what they are compared.
        predictions: Predictions and labels.
        partners: Titles of the factors on whose levels its effect depends.
        simple_effects: See `results.FactorAnalysis`.
        marks: What each verdict ends with; see `protocol.protocol_notes`.
    """
    outcomes = outcomes_of(comparison)
    measured = with_digit_errors(measure_pairs(outcomes, criteria), comparison, outcomes, criteria, predictions)
    pairs = judge(measured, criteria)
    levels = levels_frame(comparison, outcomes, pairs, criteria)
    headline = headlines(pairs, levels)
    depends = [f"Depends on {' and '.join(partners)}: see the table of variants."] if partners else []
    suffix = "".join(f" {sentence}" for sentence in (*depends, *marks))
    used_seeds = comparison.planned[REPLICATE].astype(int).unique().tolist()
    return FactorAnalysis(
        comparison=comparison,
        values=values_frame(outcomes),
        levels=levels,
        pairs=pairs,
        verdicts=tuple(verdicts(comparison, headline, suffix)),
        advice=advise(measured, headline, used_seeds, criteria),
        simple_effects=pd.DataFrame() if simple_effects is None else simple_effects,
    )


def _analyse_factor(
    study: Study, factor: Factor, table: pd.DataFrame, predictions: StudyPredictions, marks: Sequence[str]
) -> FactorAnalysis:
    comparison, criteria = compare(study.design, factor, study.factors), study.criteria
    keys = interacting(table, factor.key, criteria.alpha) if comparison.runs[REPLICATE].nunique() > 1 else []
    others = [other for other in study.factors if other.key in keys]
    effects = [_simple_effects(study, factor, other, predictions) for other in others]
    simple = pd.concat(effects, ignore_index=True) if effects else None
    partners = [other.title for other in others]
    return analyse_comparison(comparison, criteria, predictions, partners, simple, marks)


def _simple_effects(study: Study, factor: Factor, other: Factor, predictions: StudyPredictions) -> pd.DataFrame:
    """The factor's pairs at each level of another factor, corrected as one family."""
    parts = []
    for label in other.labels:
        comparison = compare(study.design[study.design[other.key] == label], factor, study.factors)
        outcomes = outcomes_of(comparison)
        pairs = with_digit_errors(
            measure_pairs(outcomes, study.criteria), comparison, outcomes, study.criteria, predictions
        )
        parts.append(pairs.assign(within=f"{other.key}={label}"))
    together = pd.concat(parts, ignore_index=True)
    judged = judge(together, study.criteria)
    judged.insert(0, "within", together["within"])
    return judged
