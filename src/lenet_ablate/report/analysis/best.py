"""The setting to take, of all that were tried: chosen by validation, reported on the test set, with those like it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.failures import count_ends
from lenet_ablate.report.analysis.pairs import compare_block
from lenet_ablate.report.analysis.results import BestSetting
from lenet_ablate.report.study.comparison import Grid, compare, largest_rectangle
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
    copies: tuple[str, ...] = ()


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


def best_setting(study: Study, marks: Sequence[str] = (), look: int = 1) -> BestSetting | None:
    """What is known of the best variant; None unless two variants have two seeds each, or there is but one variant.

    It is told from the others by test accuracy: t-tests paired by the seeds that it shares with each of them, corrected
    by Holm for their number. Validation chose it, so that only it is asked about, not every pair.

    Args:
        study: What was found on disk.
        marks: What its sentence ends with; see `protocol.protocol_notes`.
        look: How often the study has been looked at, from 1.
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
    others = _others(tested, best, statistics.spent(study.criteria.alpha, look))
    mean, sd = float(own["outcome"].mean()), float(own["outcome"].std(ddof=1)) if len(own) > 1 else math.nan
    ends = count_ends(study.design[study.design[VARIANT] == best])
    figure = _figure(study, best, mean, sd, len(own))
    is_choice = bool(others.count or others.copies)
    told = [_choice(study, best, figure), *_comparison(others)] if is_choice else [_only(study, figure)]
    told += [f"It is not best without this: {ends.words}"] if ends.troubled and is_choice else []
    told += [f"Mind: {ends.words}"] if ends.troubled and not is_choice else []
    told += _left_out(study, candidates, usable)
    sentence = " ".join([*(f"{part}." for part in told), *marks])
    identity, by_validation = str(own["variant_id"].iloc[0]), is_chosen_by_validation(study)
    return BestSetting(
        variant=best,
        variant_id=identity,
        test_accuracy=mean,
        sd=sd,
        seeds=len(own),
        by_validation=by_validation,
        alike=others.alike or (),
        sentence=sentence,
        ended=ends.ended,
        failed=ends.troubled,
        is_tested=others.alike is not None,
    )


def _left_out(study: Study, candidates: pd.DataFrame, usable: pd.DataFrame) -> list[str]:
    """Settings with one seed, and whether one of them is ahead."""
    if len(candidates) == len(usable):
        return []
    rest = usable[~usable[VARIANT].isin(candidates[VARIANT])]
    column = "val_accuracy" if is_chosen_by_validation(study) else "test_accuracy"
    where = "in validation" if column == "val_accuracy" else "in test"
    top = candidates.groupby(VARIANT, observed=True)[column].mean().max()
    ahead = rest[rest[column] > top].sort_values(column, ascending=False, kind="stable")
    told = "Settings with one seed are left out, since one may be luck"
    if ahead.empty:
        return [told]
    (accuracy,) = percent_texts(ahead[column].tolist()[:1], [math.nan])
    return [f"{told}; of these {ahead[VARIANT].iloc[0]} is higher with {accuracy} % {where}: give it more seeds"]


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
    comparison = compare(tested.assign(**{VARIANT: labels}), factor, [factor])
    alike = comparison.alike
    copies = tuple(name for name in variants if name != best and alike.get(name, name) == alike.get(best, best))
    rest = [name for name in variants if name not in copies and name != best and name not in alike]
    p, lead = (np.array(found, dtype=float) for found in _against(comparison.grid, best, rest))
    if np.isnan(p).any():
        return _Others(None, (), len(rest), copies)
    is_distinct = statistics.holm(p) < alpha
    same = tuple(name for name, distinct in zip(rest, is_distinct, strict=True) if not distinct)
    above = tuple(name for name, distinct in zip(rest, is_distinct & (lead < 0), strict=True) if distinct)
    return _Others(same, above, len(rest), copies)


def _against(grid: Grid, best: str, rest: Sequence[str]) -> tuple[list[float], list[float]]:
    """P of the best variant against each other one, on the seeds that both have, and how far it is ahead."""
    own = grid.labels.index(best)
    p, lead = [], []
    for name in rest:
        pair = np.array([own]), np.array([grid.labels.index(name)])
        within = largest_rectangle(grid.is_complete[own] & grid.is_complete[pair[1][0]])
        block = compare_block(grid, *pair, within)
        p.append(float(block.paired.p[0]))
        lead.append(float(block.paired.difference[0]))
    return p, lead


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
    copies = [f"Trained identically: {_named(others.copies)}"] if others.copies else []
    if not others.count:
        return copies
    if others.alike is None:
        return [*copies, "Too few seeds are shared with some of the others to tell it from all of them"]
    whom = "the other one" if others.count == 1 else f"any of the {others.count} others"
    if len(others.alike) == others.count:
        return [*copies, f"Not distinguishable from {whom}"]
    told = [f"Not distinguishable from it: {_named(others.alike)}"] if others.alike else []
    told += [f"More accurate in test, which chooses nothing: {_named(others.above)}"] if others.above else []
    return copies + (told or [f"Better than {whom.replace('any', 'each')}"])


def _named(names: Sequence[str]) -> str:
    rest = f"; and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return "; ".join(names[:MAX_NAMED]) + rest
