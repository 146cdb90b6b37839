"""The setting to take, of all that were tried: chosen by validation, reported on the test set, with those like it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.contrasts import compare_levels, outcomes_of
from lenet_ablate.report.analysis.results import BestSetting
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.criteria import Criteria, EpochRule
from lenet_ablate.report.study.factors import Factor, Level
from lenet_ablate.report.study.lookup import look_up
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.text.rounding import percent_texts

MAX_NAMED = 3
VARIANT = "variant"


@dataclass(frozen=True)
class _Others:
    """How the other candidates compare with the best one in test accuracy; None of them where it cannot be told."""

    alike: tuple[str, ...] | None
    above: tuple[str, ...]
    count: int


def best_variant(study: Study) -> str:
    """The variant with the highest mean validation accuracy; see `results.StudyAnalysis.best_variant`."""
    return str(_selection(study).idxmax()) if study.design["is_usable"].any() else ""


def _selection(study: Study) -> pd.Series[float]:
    """By which the best variant is chosen: each candidate's mean accuracy, in validation where there is any."""
    candidates = _candidates(study.design[study.design["is_usable"]])
    column = "best_val_accuracy" if study.criteria.epoch is EpochRule.best_val else "val_accuracy"
    validation = look_up(candidates["run"], study.runs.set_index("run")[column])
    accuracy = validation if is_chosen_by_validation(study) else candidates["test_accuracy"]
    return accuracy.groupby(candidates[VARIANT], sort=False, observed=True).mean()


def is_chosen_by_validation(study: Study) -> bool:
    """Whether any candidate has a validation split, so that the test set chooses nothing."""
    candidates = _candidates(study.design[study.design["is_usable"]])
    return bool(candidates["val_accuracy"].notna().any())


def best_setting(study: Study, marks: Sequence[str] = ()) -> BestSetting | None:
    """What is known of the best variant; None unless two variants have two seeds each, or there is but one variant.

    It is told from the others by test accuracy as levels of a factor are: t-tests paired by the seeds that all
    candidates share, corrected by Holm for all pairs of them, since which one is best was not known beforehand.

    Args:
        study: What was found on disk.
        marks: What its sentence ends with; see `protocol.protocol_notes`.
    """
    usable = study.design[study.design["is_usable"]]
    candidates = _candidates(usable)
    count = candidates[VARIANT].nunique()
    has_seeds = bool(candidates[VARIANT].duplicated().any())
    if usable.empty or (study.design[VARIANT].nunique() > 1 and (count < 2 or not has_seeds)):
        return None
    tested = _tested(study, candidates)
    best = best_variant(study)
    own = tested[tested[VARIANT] == best]
    others = _others(tested, best, study.criteria.alpha)
    mean, sd = float(own["outcome"].mean()), float(own["outcome"].std(ddof=1)) if len(own) > 1 else math.nan
    figure = _figure(study, best, mean, sd, len(own))
    told = [_choice(study, best, figure), *_comparison(others)] if others.count else [_only(study, figure)]
    told += ["Settings with one seed are left out"] if len(candidates) < len(usable) else []
    sentence = " ".join([*(f"{part}." for part in told), *marks])
    identity, by_validation = str(own["variant_id"].iloc[0]), is_chosen_by_validation(study)
    return BestSetting(best, identity, mean, sd, len(own), by_validation, others.alike or (), sentence)


def _tested(study: Study, candidates: pd.DataFrame) -> pd.DataFrame:
    """The candidates' runs with their test accuracy as outcome, whatever levels are compared by."""
    runs = study.runs.set_index("run")
    outcome = look_up(candidates["run"], runs[Criteria(epoch=study.criteria.epoch).column])
    return candidates.assign(outcome=outcome, num_images=look_up(candidates["run"], runs["num_test"]))


def _candidates(usable: pd.DataFrame) -> pd.DataFrame:
    """The runs of variants with two seeds or more, so that luck with a single one is not taken for merit; else all."""
    seeds = usable.groupby(VARIANT, observed=True)[VARIANT].transform("size")
    return usable[seeds > 1] if (seeds > 1).any() else usable


def _others(tested: pd.DataFrame, best: str, alpha: float) -> _Others:
    variants = tested[VARIANT].drop_duplicates().tolist()
    factor = Factor(VARIANT, tuple(Level(name, (place,)) for place, name in enumerate(variants)))
    labels = pd.Categorical(tested[VARIANT], categories=variants, ordered=True)
    outcomes = outcomes_of(compare(tested.assign(**{VARIANT: labels}), factor, [factor]))
    if outcomes.num_seeds < 2 or len(outcomes.labels) < len(variants):
        return _Others(None, (), len(variants) - 1)
    pairs = compare_levels(outcomes)
    is_distinct = statistics.holm(pairs.paired.p) < alpha
    place = variants.index(best)
    own = np.flatnonzero((pairs.first == place) | (pairs.second == place))
    other = [variants[pairs.second[pair] if pairs.first[pair] == place else pairs.first[pair]] for pair in own]
    sign = np.where(pairs.first[own] == place, 1, -1)
    alike = tuple(name for name, pair in zip(other, own, strict=True) if not is_distinct[pair])
    is_above = is_distinct[own] & (sign * pairs.paired.difference[own] < 0)
    return _Others(alike, tuple(name for name, above in zip(other, is_above, strict=True) if above), len(other))


def _figure(study: Study, best: str, mean: float, sd: float, seeds: int) -> str:
    (accuracy,) = percent_texts([mean], [sd])
    at = " at the epoch of best validation" if study.criteria.epoch is EpochRule.best_val else ""
    planned = int((study.design[VARIANT] == best).sum())
    return f"{accuracy} % test accuracy{at} (n={seeds}{f' of {planned}' if planned > seeds else ''})"


def _only(study: Study, figure: str) -> str:
    return f"One setting{_where(study)}, so nothing is chosen: {figure}"


def _where(study: Study) -> str:
    return f" for {study.part}" if study.part else ""


def _choice(study: Study, best: str, figure: str) -> str:
    if not is_chosen_by_validation(study):
        how = "chosen on the test set, so that its figure is optimistic"
    else:
        means = _selection(study)
        level = int((means > means.max() - statistics.SMALLEST_SD).sum())
        how = "chosen by validation" + (f", where {level} are level" if level > 1 else "")
    return f"Best known setting{_where(study)}, {how}: {best}: {figure}"


def _comparison(others: _Others) -> list[str]:
    if others.alike is None:
        return ["Too few seeds are common to all settings to tell it from the others"]
    whom = "the other one" if others.count == 1 else f"any of the {others.count} others"
    if len(others.alike) == others.count:
        return [f"Not distinguishable from {whom}"]
    told = [f"Not distinguishable from it: {_named(others.alike)}"] if others.alike else []
    told += [f"More accurate in test, which chooses nothing: {_named(others.above)}"] if others.above else []
    return told or [f"Better than {whom.replace('any', 'each')}"]


def _named(names: Sequence[str]) -> str:
    rest = f"; and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return "; ".join(names[:MAX_NAMED]) + rest
