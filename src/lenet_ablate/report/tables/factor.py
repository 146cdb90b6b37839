"""The table of a factor: what each level gave, how sure that is, and how far it is from the best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd
from scipy.stats import binomtest

from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.study.criteria import Criteria, EpochRule, Metric
from lenet_ablate.report.study.published import ALL_RUNS
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.captions import factor_caption, factor_notes, study_notes
from lenet_ablate.report.tables.table import Column, Row, Table
from lenet_ablate.report.text.rounding import (
    NOTHING,
    difference_text,
    interval_text,
    loss_text,
    p_text,
    percent_decimals,
    percent_texts,
)

FAILED, COLLAPSED = "‡", "§"


def factor_table(study: Study, analysis: FactorAnalysis, references: pd.DataFrame | None = None) -> Table:
    """The table of a factor's levels.

    Args:
        study: The study.
        analysis: What was found about the factor.
        references: Published single runs; see `published.published_frame`.
    """
    factor, levels, criteria = analysis.comparison.factor, analysis.levels, study.criteria
    decimals = percent_decimals(levels["mean"].tolist(), levels["sd"].tolist())
    compared = percent_texts(levels["mean"].tolist(), levels["sd"].tolist())
    name, other_name = _accuracy_names(criteria)
    other = percent_texts(*_other_accuracy(analysis, criteria))
    versus = {str(level): (NOTHING, NOTHING) for level in levels["level"]} | dict(_versus_best(analysis, decimals))
    columns = {
        Column(factor.key, is_number=False): list(levels["level"].astype(str)),
        Column("runs"): [_runs_text(row) for _, row in levels.iterrows()],
        Column("training loss", rank=1): list(
            map(loss_text, levels["train_loss_running_mean"], levels["train_loss_running_sd"])
        ),
        Column(other_name, rank=5): other,
        Column(name): compared,
        Column("95 % CI", rank=3): [
            interval_text(low, high, decimals) for low, high in zip(levels["ci_low"], levels["ci_high"], strict=True)
        ],
        Column("Δ vs best, pp [CI]", rank=2): [versus[str(level)][0] for level in levels["level"]],
        Column("p (corrected)", rank=4): [versus[str(level)][1] for level in levels["level"]],
        Column("group"): [str(group) or NOTHING for group in levels["group"]],
    }
    place = list(columns).index(Column(name))
    best = [number for number, is_best in enumerate(levels["is_best"]) if is_best]
    title = factor.title.capitalize()
    return Table(
        factor.key,
        f"{title} ({factor.key})" if factor.title != factor.key else title,
        factor_caption(study, analysis.comparison),
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        frozenset((number, place) for number in best),
        reference_rows(references, factor.key, tuple(columns)),
        (*_statistics_notes(analysis, criteria), *_failure_notes(levels), *factor_notes(analysis.comparison)),
        tuple(study_notes(study)),
    )


def _accuracy_names(criteria: Criteria) -> tuple[str, str]:
    """Heads of the accuracy compared and of the other one."""
    at = " at best val" if criteria.epoch is EpochRule.best_val else ""
    if criteria.is_described_only:
        return f"test accuracy{at}, %", "highest val accuracy, %"
    if criteria.metric is Metric.test_accuracy:
        return f"test accuracy{at}, %", "val accuracy, %"
    return "val accuracy, %", "test accuracy, %"


def _other_accuracy(analysis: FactorAnalysis, criteria: Criteria) -> tuple[list[float], list[float]]:
    column = "val_accuracy" if criteria.metric is Metric.test_accuracy else "test_accuracy"
    column = "best_val_accuracy" if criteria.is_described_only else column
    mean, sd = (analysis.levels[f"{column}_{how}"].astype(float).tolist() for how in ("mean", "sd"))
    return mean, sd


def _runs_text(level: pd.Series) -> str:
    used, planned = int(level["n_used"]), int(level["n_planned"])
    marks = (FAILED if level["n_failed"] else "") + (COLLAPSED if level["n_collapsed"] else "")
    return (str(used) if used == planned else f"{used}/{planned}") + marks


def _versus_best(analysis: FactorAnalysis, decimals: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each level's difference to the best one with its interval, and its p value."""
    means = analysis.levels.set_index(analysis.levels["level"].astype(str))["mean"].astype(float)
    if means.notna().sum() < 2:
        return
    best = str(means.idxmax())
    for _, pair in analysis.pairs.iterrows():
        a, b = str(pair["level_a"]), str(pair["level_b"])
        if best not in (a, b):
            continue
        sign = 1.0 if b == best else -1.0
        low, high = sorted((sign * float(pair["ci_low"]), sign * float(pair["ci_high"])))
        difference = difference_text(sign * float(pair["diff"]), low, high, decimals)
        yield (a if b == best else b), (difference, p_text(float(pair["p_corrected"])))


def _statistics_notes(analysis: FactorAnalysis, criteria: Criteria) -> list[str]:
    kinds = set(analysis.levels.loc[analysis.levels["mean"].notna(), "ci_kind"].astype(str))
    notes = []
    if "t95" in kinds:
        notes.append("CI: 95 % t-interval of the mean over seeds; for the same test images.")
    if "wilson95" in kinds:
        notes.append("CI of a single run: 95 % Wilson interval over the test images; it knows nothing of other seeds.")
    if analysis.pairs["p_corrected"].notna().any():
        look = int(analysis.pairs["look"].iloc[0])
        notes.append(
            f"Δ and p: on the seeds that both levels have, {_seed_counts(analysis)}; interval of each pair by itself; "
            f"two-sided paired t-test, corrected over {_num_tests(analysis)} (Holm) and for "
            f"{'later looks' if look == 1 else f'{look} looks'}; levels that share a letter are not distinguishable at "
            f"α = {criteria.alpha:g}. Bold: better than all others."
        )
    return notes


def _seed_counts(analysis: FactorAnalysis) -> str:
    counts = analysis.pairs.loc[analysis.pairs["p_corrected"].notna(), "n_pairs"].astype(int)
    few, many = int(counts.min()), int(counts.max())
    return f"n = {few}" if few == many else f"n = {few} to {many}"


def _num_tests(analysis: FactorAnalysis) -> str:
    tests = int(analysis.pairs["m_tests"].max())
    return f"{tests} pair" + ("" if tests == 1 else "s")


def _failure_notes(levels: pd.DataFrame) -> list[str]:
    notes = []
    for _, level in levels.iterrows():
        for mark, column, what in ((FAILED, "n_failed", "failed or diverged"), (COLLAPSED, "n_collapsed", "collapsed")):
            count, planned = int(level[column]), int(level["n_planned"])
            if count:
                stays = "; it stays in the mean" if column == "n_collapsed" else ""
                notes.append(f"{mark} {level['level']}: {count} of {planned} runs {what}{stays}.")
    return notes


def reference_rows(references: pd.DataFrame | None, key: str, columns: Sequence[Column]) -> tuple[Row, ...]:
    """The published figures of a factor as rows of a table with these columns.

    Args:
        references: See `published.published_frame`.
        key: The factor's key; `published.ALL_RUNS` for those of the whole study, which have no level.
        columns: The table's columns; the first one names the level.
    """
    if references is None:
        return ()
    rows = []
    for _, reference in references[references["factor"] == key].iterrows():
        accuracy, n = float(reference["test_accuracy"]), int(reference["n"])
        interval = binomtest(round(accuracy * n), n).proportion_ci(method="wilson")
        told = {
            columns[0].name: reference["label"] if key == ALL_RUNS else f"{reference['level']} ({reference['label']})",
            "runs": "1",
            "training loss": loss_text(float(reference["train_loss_running"]), math.nan),
            "test accuracy, %": f"{100 * accuracy:.2f}",
            "95 % CI": interval_text(interval.low, interval.high, 2),
        }
        rows.append(tuple(told.get(column.name, NOTHING) for column in columns))
    return tuple(rows)
