"""What was done, answered with numbers: what varies, what the intervals are, what chose what, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lenet_ablate.report.analysis.results import StudyAnalysis
from lenet_ablate.report.study.criteria import EpochRule, Metric
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.provenance import Provenance
from lenet_ablate.report.study.study import Study, count_line

Answers = Iterator[tuple[str, str]]


def methods(study: Study, analysis: StudyAnalysis, provenance: Provenance) -> tuple[tuple[str, str], ...]:
    """Pairs of question and answer; they cover what the NeurIPS checklist asks of experiments and error bars."""
    return (
        *_design(study),
        *_data(study, analysis, provenance),
        *_statistics(study, analysis),
        *_cost(study, provenance),
    )


def _design(study: Study) -> Answers:
    seeds = sorted({int(seed) for seed in study.design[REPLICATE]})
    told = ", ".join(map(str, seeds[:20])) + (" …" if len(seeds) > 20 else "")
    yield (
        "What varies between replicates",
        "The seed. It draws the split into training and validation, the initial weights and the order of batches; "
        f"variants that share a seed share all three and are compared in pairs. Seeds: {told}.",
    )
    factors = "; ".join(f"{factor.key}: {', '.join(factor.labels)}" for factor in study.factors)
    yield "What varies between variants", factors or "Nothing: there is one variant."
    yield "Held fixed", ", ".join(f"{key}={value}" for key, value in study.fixed.items())
    yield (
        "Runs",
        f"{count_line(study)}. A run that failed or diverged is listed and counted, and enters no mean; a run that "
        "ended near chance level stays in its mean. No run is left out for its result.",
    )


def _data(study: Study, analysis: StudyAnalysis, provenance: Provenance) -> Answers:
    for train, val, test in provenance.splits:
        yield "Data", f"{train:,} images for training, {val:,} for validation, {test:,} for testing."
    choice = (
        "The fixed last epoch is reported."
        if study.criteria.epoch is EpochRule.last
        else "Reported is the first epoch with the highest validation accuracy of each run."
    )
    has_val = any(val for _, val, _ in provenance.splits) if provenance.splits else True
    rest = (
        "The best setting is named by validation accuracy"
        + ("." if analysis.protocol_notes else "; the test set chooses nothing.")
        if has_val
        else "There is no validation split: settings are compared on the test set."
    )
    yield "What is chosen how", " ".join((choice, rest, *analysis.protocol_notes))
    yield (
        "Training loss",
        "Mean cross-entropy in nats per image, averaged over the batches of the last epoch while the weights move.",
    )


def _statistics(study: Study, analysis: StudyAnalysis) -> Answers:
    criteria = study.criteria
    compared = "test" if criteria.metric is Metric.test_accuracy else "validation"
    yield (
        "Error bars",
        "± is the standard deviation over seeds (n − 1 in the denominator), not the standard error. Intervals are "
        "95 % t-intervals of the mean over seeds, which assume that seeds' accuracies are roughly normal; they speak "
        "of other seeds and the same test images. A single run gets a Wilson interval over the test images.",
    )
    yield (
        "Comparisons",
        f"Levels are compared by {compared} accuracy with a two-sided t-test paired by seed, each seed averaged over "
        f"the other factors, two levels on the seeds that both have. {analysis.corrections} Where "
        "Welch's test or the exact sign-flip test disagrees, the verdict is marked fragile.",
    )
    yield (
        "What matters",
        f"Differences below {100 * criteria.margin:g} percentage points count as practically the same if the "
        f"corrected interval lies inside that margin. Advice on seeds aims at {100 * criteria.target:g} points with "
        "80 % power.",
    )


def _cost(study: Study, provenance: Provenance) -> Answers:
    if provenance.num_parameters:
        yield "Size", f"{_listed([f'{count:,}' for count in provenance.num_parameters])} trainable parameters."
    seconds = study.runs["wall_seconds"].dropna().astype(float)
    if len(seconds):
        total = f"{seconds.sum() / 3600:.1f} hours" if seconds.sum() >= 3600 else f"{seconds.sum() / 60:.1f} minutes"
        yield (
            "Compute",
            f"{seconds.median():.1f} s per run (median), {total} over {len(seconds)} runs"
            + (f"; {_listed(provenance.engines)}" if provenance.engines else "")
            + (f"; {_listed(provenance.machines)}." if provenance.machines else "."),
        )


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words)
