"""What an analysis finds, as data: the frames behind the tables, figures and sentences of a report.

Accuracies and their differences are fractions 0..1, losses nats per image; only what is printed shows percentages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import pandas as pd

from lenet_ablate.report.study.comparison import Comparison


class Code(IntEnum):
    """The kinds of verdict, from what is known least."""

    one_run = 1
    better = 2
    better_maybe_less_than_margin = 3
    practically_same = 4
    not_distinguishable = 5
    failures = 6
    identical = 7
    depends_on_failures = 8
    not_shared = 9


DECIDED = (Code.better, Code.better_maybe_less_than_margin)


@dataclass(frozen=True)
class Posterior:
    """How probable it is that two levels differ by more than the margin; the three add up to 1.

    Attributes:
        better: That the first level is better by more than the margin.
        same: That they differ by no more than the margin.
        worse: That the first level is worse by more than the margin.
    """

    better: float
    same: float
    worse: float


@dataclass(frozen=True)
class Verdict:
    """A sentence about a factor.

    Attributes:
        code: Which of them it is.
        sentence: The sentence; plain text.
        levels: Labels of the levels that it is about.
        is_fragile: Whether another test (Welch, exact sign-flip) disagrees.
        posterior: Of the first of `levels` against the second; None where it is not about a pair with two seeds.
    """

    code: Code
    sentence: str
    levels: tuple[str, ...]
    is_fragile: bool = False
    posterior: Posterior | None = None


@dataclass(frozen=True)
class FactorAnalysis:
    """What can be said about one factor.

    Attributes:
        comparison: The runs that are compared.
        values: Columns level (str), seed (int), outcome (0..1; see `Criteria.column`), train_loss_running,
            val_accuracy, test_accuracy, best_val_accuracy: each seed's average over the other factors; one row per
            level and seed of its own.
        levels: One row per level in the factor's order, the rows of summary.csv: factor, level, metric, split,
            epoch_rule, n_planned (runs), n_used (runs), n_failed (runs that failed or diverged), n_collapsed, seeds,
            mean, sd (ddof=1), ci_low, ci_high, ci_kind ("t95", or "wilson95" for a single run), median, min, max,
            sd_floor, group (letters: levels that share one are not distinguishable), is_best (better than all others,
            corrected), alike (the level that stands for it where both trained alike; else empty), and mean and sd of
            train_loss_running, val_accuracy, test_accuracy and best_val_accuracy.
        pairs: One row per pair of levels, the rows of pairs.csv: factor, level_a, level_b, metric, n_pairs (seeds that
            both have), n_combinations (of the other factors, that both have in each of them), diff (a minus b, in the
            factor's order), ci_low, ci_high (95 %, of this pair alone), ci90_low, ci90_high, ci_all_low, ci_all_high
            (95 % for all pairs and looks together, by which claims about the margin go); intervals are missing where
            they would reach beyond ±1. p (paired t-test), p_holm (corrected for the pairs of completed runs),
            p_corrected (the one that decides: with failed runs, and for the looks too), p_study (the same over all
            factors; missing where there is one), m_tests, look (from 1), alpha, p_welch, p_signflip, hedges_gz,
            p_a_gt_b, rho, se_seed (of the difference: other seeds, the same test digits), se_digits (other test
            digits, the same networks), se_total (both), p_mcnemar (of two single runs only), detectable (the
            difference found with 80 % power), seeds_more (further seeds for the target), ended_a, ended_b, failed_a,
            failed_b (runs that ended, and of them those that failed, diverged or collapsed), p_failures (Fisher's
            exact test of these), diff_failures and p_at_chance (failed runs counted as guessing; missing where none
            failed), is_fragile, p_better, p_same, p_worse (posterior probabilities that a is better by more than the
            margin, that they differ by less, that a is worse; missing below two seeds), verdict_code, verdict.
        verdicts: The sentences to print, failures first, then the answer for each pair that matters.
        advice: What to do to know more, e.g. the number of further seeds; may be empty.
        simple_effects: Where the factor's effect depends on another factor's level: `within` ("pool=max"), then the
            columns of `pairs`, for each level of the other factor; else empty.
    """

    comparison: Comparison
    values: pd.DataFrame
    levels: pd.DataFrame
    pairs: pd.DataFrame
    verdicts: tuple[Verdict, ...]
    advice: str = ""
    simple_effects: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class BestSetting:
    """The variant to take, of all that were tried.

    Attributes:
        variant: What it is called, as `variant` of the study's design.
        variant_id: The same as an identity.
        test_accuracy: Its mean over seeds, 0..1, at the epoch of the study's criteria.
        sd: Their SD (ddof=1); missing with one seed.
        seeds: Its finished seeds.
        by_validation: Whether it has the highest mean validation accuracy; else the highest test accuracy, which is
            optimistic.
        alike: Variants whose test accuracy is not distinguishable from its own.
        ended: Its runs that ended.
        failed: Those of them that failed, diverged or collapsed.
        sentence: All of this in a few words; plain text.
        is_tested: Whether it shares enough seeds with each of the others to be tested against them.
    """

    variant: str
    variant_id: str
    test_accuracy: float
    sd: float
    seeds: int
    by_validation: bool
    alike: tuple[str, ...]
    sentence: str
    ended: int = 0
    failed: int = 0
    is_tested: bool = True


@dataclass(frozen=True)
class StudyAnalysis:
    """What can be said about a study.

    Attributes:
        factors: An analysis per factor, in the order of `Study.factors`.
        anova: One row per term, the rows of anova.csv: term, sum_sq, df, f, p, omega_sq, range (of the marginal means,
            0..1), p_paired (of interactions, tested by seed) and p_holm (the same, corrected), is_interaction; the
            last two terms are "seed", where there are several, and "residual". Empty where it cannot be computed.
        confusion: Columns true, predicted, count (over all runs of the best variant), n_runs: the rows of
            confusion.csv; empty where predictions or labels are not at hand.
        best_variant: The variant with the highest mean validation accuracy (test accuracy only where no run has a
            validation split), as `variant` of the study's design; of those with two seeds or more where there are
            such, so that luck is not taken for merit; empty where no run is usable.
        noise: One row per variant with two or more seeds, of the test accuracy after the last epoch: variant, seeds,
            sd (observed between seeds), sd_floor (√(error/2N)), ratio (of both), sd_predicted (√Σp(1-p)/N over the
            test images, free of bias; missing without predictions).
        warnings: What weakens the conclusions, the gravest first; a sentence each, plain text.
        best: What is known of the best variant; None where one seed is all there is, and nothing is called best.
        protocol_notes: What every figure is marked with; see `protocol.protocol_notes`.
        corrections: What the verdicts are corrected for, in a sentence or two; empty where nothing is tested.
    """

    factors: tuple[FactorAnalysis, ...]
    anova: pd.DataFrame
    confusion: pd.DataFrame
    best_variant: str
    noise: pd.DataFrame
    warnings: tuple[str, ...]
    best: BestSetting | None = None
    protocol_notes: tuple[str, ...] = ()
    corrections: str = ""
