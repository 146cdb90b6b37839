"""What weakens a study's conclusions, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import MAX_COMPARED, REPLICATE
from lenet_ablate.report.study.predictions import StudyPredictions
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.text.wording import plural, points

PROVENANCE = {"version": "versions of the program", "commit": "commits", "engine": "engines", "device": "devices"}
MAX_NAMED = 3
LOST = (State.failed, State.diverged, State.unreadable)
MIN_SEEDS_FOR_NOISE, UNSTABLE_RATIO = 3, 2


def study_warnings(study: Study, predictions: StudyPredictions, noise: pd.DataFrame) -> tuple[str, ...]:
    """A sentence for each weakness, the gravest first.

    Args:
        study: What was found on disk.
        predictions: Predictions and labels; see `predictions.read_predictions`.
        noise: See `results.StudyAnalysis.noise`.
    """
    usable = study.design[study.design["is_usable"]]
    told = [
        _unwired(usable, predictions),
        _lost(study),
        *_not_compared(study),
        _one_seed(usable),
        _collapsed(study, usable),
        _unstable(noise),
        _small_test_set(study),
        _without_validation(study),
        *_mixed_provenance(study, usable),
        _one_at_a_time(study, usable),
        _unequal_updates(study),
        _labels_missing(predictions),
    ]
    return tuple(sentence for sentence in told if sentence)


def _unwired(usable: pd.DataFrame, predictions: StudyPredictions) -> str:
    """Seeds that change nothing: the same loss to the last bit, and the same answers where these are at hand.

    Networks that learned nothing may agree all by themselves, as where a ReLU behind the output leaves only zeros.
    """
    usable = usable[~usable["is_collapsed"]]
    same = [
        (variant, sorted(runs[REPLICATE]))
        for variant, runs in usable.groupby("variant", sort=False, observed=True)
        if len(runs) > 1 and _are_identical(runs, predictions)
    ]
    if not same:
        return ""
    variant, seeds = same[0]
    rest = f", and likewise {plural(len(same) - 1, 'other variant')}" if len(same) > 1 else ""
    return f"The seed is not wired: seeds {', '.join(map(str, seeds))} of {variant} gave identical results{rest}."


def _are_identical(runs: pd.DataFrame, predictions: StudyPredictions) -> bool:
    if runs["test_accuracy"].nunique() > 1 or runs["train_loss_running"].nunique() > 1:
        return False
    first, *others = (predictions.predicted.get(run) for run in runs["run"])
    return first is None or all(other is None or np.array_equal(first, other) for other in others)


def _lost(study: Study) -> str:
    runs = study.runs[study.runs["run"].isin(study.design["run"])]
    counts = {state.value: int((runs["status"] == state.value).sum()) for state in LOST}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    if not parts:
        return ""
    return (
        f"Of {plural(len(study.design), 'planned run')} {' and '.join(parts)}: "
        "means, intervals and tests hold completed runs only."
    )


def _not_compared(study: Study) -> Iterator[str]:
    for factor in study.factors:
        if not factor.is_compared:
            yield (
                f"{factor.title.capitalize()} has {len(factor.levels):,} levels, and no pairs of more than "
                f"{MAX_COMPARED} are compared: tables/variants.csv has each."
            )


def _one_seed(usable: pd.DataFrame) -> str:
    if usable.empty or usable["variant"].duplicated().any():
        return ""
    return "One seed per variant: a difference may be chance, and nothing is called best; add seeds, e.g. seed=0,1,2."


def _collapsed(study: Study, usable: pd.DataFrame) -> str:
    runs = usable[usable["is_collapsed"]]
    if runs.empty:
        return ""
    named = [f"{v}, seed {s}" for v, s in zip(runs["variant"], runs[REPLICATE], strict=True)]
    stay = "it stays" if len(runs) == 1 else "they stay"
    is_mixed = len(study.factors) > 1 and not usable["is_collapsed"].all()
    mixed = (
        " Averages over settings that train and settings that do not describe neither: read the table of all settings."
    )
    return (
        f"{plural(len(runs), 'run')} collapsed to chance level ({_some(named, '; ')}); {stay} in every mean and test."
        f"{mixed if is_mixed else ''}"
    )


def unstable_variants(noise: pd.DataFrame) -> pd.DataFrame:
    """The rows of variants whose seeds differ by more than errors on single test images explain, the worst first."""
    found = noise[(noise["seeds"] >= MIN_SEEDS_FOR_NOISE) & (noise["ratio"] > UNSTABLE_RATIO)]
    return found.sort_values("ratio", ascending=False, kind="stable")


def _unstable(noise: pd.DataFrame) -> str:
    found = unstable_variants(noise)
    if found.empty:
        return ""
    worst = found.iloc[0]
    others = f"; {plural(len(found) - 1, 'other variant')} {'is' if len(found) == 2 else 'are'} unstable too"
    return (
        f"Training is unstable: the seeds of {worst['variant']} differ {worst['ratio']:.1f} times as much as chance on "
        f"single test images explains, where up to {UNSTABLE_RATIO} times is usual{others if len(found) > 1 else ''}."
    )


def _small_test_set(study: Study) -> str:
    """The test set as the limit of what can be told, where the usual margin is less than one image."""
    images = float(study.design["num_images"].min())
    if not images > 0 or not study.criteria.margin >= 1 / images > Criteria().margin:
        return ""
    image, margin, target = map(points, (1 / images, study.criteria.margin, study.criteria.target))
    return (
        f"The {study.criteria.split} set is the limit: one of its {images:.0f} images is {image} pp, so differences "
        f"within ±{margin} pp count as none, and seeds are advised for {target} pp."
    )


def _without_validation(study: Study) -> str:
    done = study.design[study.design["status"] == State.done.value]
    lacking = int(done["val_accuracy"].isna().sum())
    if not lacking:
        return ""
    if study.criteria.needs_validation:
        return f"{plural(lacking, 'run')} without validation split cannot be compared by validation: left out."
    which = "No validation split" if lacking == len(done) else f"{plural(lacking, 'run')} without validation split"
    return f"{which}: settings are compared on the test set that they may have been chosen on."


def _mixed_provenance(study: Study, usable: pd.DataFrame) -> Iterator[str]:
    runs = study.runs[study.runs["run"].isin(usable["run"])]
    for column, what in PROVENANCE.items():
        found = sorted(map(str, runs[column].dropna().unique()))
        if len(found) > 1:
            yield f"Runs come from different {what} ({_some([name[:12] for name in found], ', ')})."


def _one_at_a_time(study: Study, usable: pd.DataFrame) -> str:
    keys = [factor.key for factor in study.factors]
    variants = usable[keys].drop_duplicates().to_numpy(dtype=object)
    if len(keys) < 2 or len(variants) < 3:
        return ""
    if any(((variants != base).sum(axis=1) <= 1).all() for base in variants):
        return "Settings were varied one at a time: whether their effects depend on each other cannot be seen."
    return ""


def _unequal_updates(study: Study) -> str:
    if not any(factor.key == "batch_size" for factor in study.factors):
        return ""
    return "Batch sizes are compared at equal epochs, so smaller batches had more updates."


def _labels_missing(predictions: StudyPredictions) -> str:
    if not predictions.missing or not predictions.predicted:
        return ""
    return (
        f"Test labels are not at hand ({predictions.missing}): how far differences carry over to other digits and "
        "which digits are mistaken is left out."
    )


def _some(names: Sequence[str], separator: str) -> str:
    rest = f"{separator}{len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return separator.join(names[:MAX_NAMED]) + rest
