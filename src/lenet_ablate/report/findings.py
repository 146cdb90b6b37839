"""What was found in runs that can all be compared, before anything of it is drawn or written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.analysis.results import FactorAnalysis, StudyAnalysis
from lenet_ablate.report.study.predictions import StudyPredictions, read_predictions
from lenet_ablate.report.study.published import published_frame
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.anova import anova_table
from lenet_ablate.report.tables.factor import factor_table
from lenet_ablate.report.tables.frames import epoch_table, variant_table
from lenet_ablate.report.tables.simple_effects import simple_effects_table
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.tables.variants import epochs_table, variants_table


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        study: A study whose runs can all be compared, or a part of one.
        analysis: What can be said of it; its factors are the ones shown.
        predictions: The runs' predictions and the true labels.
        references: Published single runs; see `published.published_frame`.
        tables: By name: a factor's key, the same with `_epochs` or `_simple` behind, `variants` and perhaps `anova`.
        frames: What stands in the CSV file of each table, by its name.
    """

    study: Study
    analysis: StudyAnalysis
    predictions: StudyPredictions
    references: pd.DataFrame
    tables: Mapping[str, Table]
    frames: Mapping[str, pd.DataFrame]


def find(study: Study, data_dir: Path, factors: Sequence[str] = ()) -> Findings:
    """Analyse a study.

    Args:
        study: One with a finished run.
        data_dir: The data folder, for the true digits.
        factors: Keys of the factors to show; empty for all.
    """
    predictions = read_predictions(study, data_dir)
    return findings_of(study, only_factors(analyse(study, predictions, study.sweeps), factors), predictions)


def findings_of(study: Study, analysis: StudyAnalysis, predictions: StudyPredictions) -> Findings:
    """The findings of an analysis."""
    references = published_frame(study.sweeps, study.configs.values())
    tables, frames = {}, {}
    for plain, frame in _tables(study, analysis, references):
        tables[plain.name], frames[plain.name] = plain.noted(analysis.protocol_notes), frame
    return Findings(study, analysis, predictions, references, tables, frames)


def only_factors(analysis: StudyAnalysis, keys: Sequence[str]) -> StudyAnalysis:
    """The analysis with the factors of these keys alone; all of them where there are no keys."""
    kept: tuple[FactorAnalysis, ...] = tuple(
        factor for factor in analysis.factors if not keys or factor.comparison.factor.key in keys
    )
    return dataclasses.replace(analysis, factors=kept)


def _tables(study: Study, analysis: StudyAnalysis, references: pd.DataFrame) -> Iterable[tuple[Table, pd.DataFrame]]:
    for factor in analysis.factors:
        yield factor_table(study, factor, references), factor.levels
        if len(factor.simple_effects):
            yield simple_effects_table(factor), factor.simple_effects
        by_epoch = epoch_table(study.epochs, factor.comparison)
        if len(by_epoch):
            yield epochs_table(study, factor.comparison, by_epoch, references), by_epoch
    variants = variant_table(study.design, study.factors)
    yield variants_table(study, variants, references), variants
    if len(analysis.anova):
        yield anova_table(analysis.anova), analysis.anova
