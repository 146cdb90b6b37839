"""Means, intervals and tests: thin, vectorised uses of SciPy.

Samples lie along the last axis, one value per seed; every function takes any number of leading axes unless it says
otherwise. Figures are missing (NaN) where there are too few values for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Array = npt.NDArray[np.float64]

MAX_EXACT_SEEDS = 16  # 2^16 sign flips; beyond, as many are drawn at random
SMALLEST_SD = 1e-12  # of accuracies; below it lies only rounding


@dataclass(frozen=True)
class Summary:
    """What a sample of seeds says of its mean; each (…,).

    Attributes:
        mean: Arithmetic mean.
        sd: Standard deviation (ddof=1).
        low: Lower end of the t-interval.
        high: Its upper end.
    """

    mean: Array
    sd: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Paired:
    """Two arms compared seed by seed; each (…,).

    Attributes:
        difference: Mean of a minus b.
        sd: Standard deviation of the differences (ddof=1), or the one that stands in for it.
        ci95: Both ends of the 95 % t-interval of the difference.
        ci90: The same at 90 %; two one-sided tests at 5 % find equivalence where it lies within the margin.
        p: Two-sided paired t-test.
    """

    difference: Array
    sd: Array
    ci95: tuple[Array, Array]
    ci90: tuple[Array, Array]
    p: Array


def summarise(values: Array, confidence: float = 0.95) -> Summary:
    """Mean, SD and t-interval over the last axis."""
    n = values.shape[-1]
    if n < 2:
        missing = np.full(values.shape[:-1], np.nan)
        mean = values.mean(axis=-1) if n else missing
        return Summary(mean, missing, missing, missing)
    mean, sd = values.mean(axis=-1), values.std(axis=-1, ddof=1)
    low, high = _interval(mean, sd, n, confidence)
    return Summary(mean, sd, low, high)


def compare_paired(a: Array, b: Array, stand_in: Array | float = 0.0) -> Paired:
    """The paired t-test of a against b with its intervals.

    Args:
        a: (…, n).
        b: (…, n), the same seeds.
        stand_in: (…,) The SD used where all differences are equal, missing where not known. Accuracies are whole
            numbers of images, so a few seeds can agree exactly by chance, and a t-test would be sure of anything.
    """
    n = a.shape[-1]
    found = summarise(a - b)
    if n < 2:
        return Paired(found.mean, found.sd, (found.low,) * 2, (found.low,) * 2, found.sd)
    sd = np.where(found.sd > SMALLEST_SD, found.sd, stand_in)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(np.abs(found.mean) > SMALLEST_SD, found.mean / (sd / np.sqrt(n)), 0.0)
    p = 2 * stats.t.sf(np.abs(t), n - 1)
    return Paired(found.mean, sd, _interval(found.mean, sd, n, 0.95), _interval(found.mean, sd, n, 0.90), p)


def posterior(paired: Paired, n: int, margin: float, test_share: float) -> tuple[Array, Array, Array]:
    """Probabilities that a is above b by more than the margin, that they differ by less, and that a is below; (…,).

    The correlated Bayesian t-test of Benavoli, Corani, Demšar and Zaffalon 2017, section 3: the difference is
    Student's t with n − 1 degrees of freedom around its mean, with variance SD² (1/n + ρ/(1 − ρ)), since seeds share
    their training and test images. Missing below 2 seeds.

    Args:
        paired: How the arms compare.
        n: Seeds.
        margin: Differences up to it are practically none, 0..1.
        test_share: ρ, 0..1: test images as a share of test and training images; 0 where seeds share nothing.
    """
    if n < 2:
        return (paired.sd,) * 3
    scale = paired.sd * np.sqrt(1 / n + test_share / (1 - test_share))
    with np.errstate(divide="ignore", invalid="ignore"):
        above = special.stdtr(n - 1, (paired.difference - margin) / scale)
        below = special.stdtr(n - 1, (-paired.difference - margin) / scale)
    return above, np.maximum(1 - above - below, 0.0), below  # rounding may leave a little less than nothing


def welch_p(a: Array, b: Array) -> Array:
    """Two-sided p of Welch's test of independent samples; where no arm varies 1 if they are equal, else missing."""
    if min(a.shape[-1], b.shape[-1]) < 2:
        return np.full(a.shape[:-1], np.nan)
    one, other = summarise(a), summarise(b)
    arms = (one.mean, one.sd, a.shape[-1], other.mean, other.sd, b.shape[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.ttest_ind_from_stats(*arms, equal_var=False).pvalue
    is_constant = np.fmax(one.sd, other.sd) <= SMALLEST_SD
    is_equal = np.abs(one.mean - other.mean) <= SMALLEST_SD
    return np.asarray(np.where(is_constant, np.where(is_equal, 1.0, np.nan), p), dtype=float)


def sign_flip_p(differences: Array) -> Array:
    """Two-sided p of the sign-flip test of a mean of zero.

    Exact up to 2^16 flips; beyond, from as many random ones, always the same.
    """
    n = differences.shape[-1]
    if n < 2:
        return np.full(differences.shape[:-1], np.nan)
    num_flips = 2 ** min(n, MAX_EXACT_SEEDS)
    # Rounding must not make a flip that gives the same mean look smaller than the mean itself.
    rounded = np.round(differences, 12)
    found = stats.permutation_test(
        (rounded,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=num_flips,
        batch=max(1, 2**22 // max(1, differences.size)),
        vectorized=True,
        axis=-1,
        rng=0,
    )
    p: Array = np.minimum(np.asarray(found.pvalue, dtype=float), 1.0)
    return p


def holm(p: Array) -> Array:
    """P-values (m,) corrected by Holm's method (1979) for being m; those missing stay so and are not counted.

    statsmodels has it too, and collects garbage at each call, which takes longer than the rest of an analysis.
    """
    corrected = np.array(p, dtype=float)
    known = np.flatnonzero(np.isfinite(corrected))
    order = known[np.argsort(corrected[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps * corrected[order]), 1.0)
    return corrected


def spent(alpha: float, look: int) -> float:
    """The share of alpha that is spent at a study's `look`-th look, from 1: 0.8 α / look².

    Seeds are added after looking, and each look is another chance of a false alarm. The first look keeps most of
    alpha, so that a sweep that is looked at once hardly pays for what may come; the later shares add up to 0.52 α,
    but much of that falls where an earlier look was alarmed too. `benchmarks/verdicts.py` counts what remains.
    """
    return 0.8 * alpha / look**2


def is_equivalent(low: float, high: float, margin: float) -> bool:
    """Whether an interval lies within ±margin; one of 1 − 2α is two one-sided tests (TOST) at α."""
    return -margin < low and high < margin


def hedges_gz(mean: Array, sd: Array, n: int) -> Array:
    """Mean difference in units of the differences' SD, corrected for small samples; missing below 3 seeds.

    The factor is Γ(m/2)/(√(m/2)·Γ((m−1)/2)) with m = n−1 degrees of freedom (Hedges 1981).
    """
    if n < 3:
        return np.full(np.shape(mean), np.nan)
    factor = np.exp(special.gammaln((n - 1) / 2) - special.gammaln((n - 2) / 2)) / np.sqrt((n - 1) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(sd > SMALLEST_SD, factor * mean / sd, np.nan), dtype=float)


def correlation(a: Array, b: Array) -> Array:
    """Pearson correlation over the last axis; missing where an arm does not vary."""
    da, db = a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True)
    scale = np.sqrt((da**2).sum(axis=-1) * (db**2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(scale > SMALLEST_SD**2, (da * db).sum(axis=-1) / scale, np.nan), dtype=float)


def wins(a: Array, b: Array) -> Array:
    """Share of the seeds in which a is above b, ties as half; 0..1."""
    return np.asarray(((a - b > SMALLEST_SD) + (np.abs(a - b) <= SMALLEST_SD) / 2).mean(axis=-1), dtype=float)


def noise_floor(error: Array | float, num_images: Array | float) -> Array:
    """The SD between seeds that is expected at an error rate of 0..1: √(error/2N) (Jordan 2023)."""
    return np.asarray(np.sqrt(np.asarray(error) / (2 * np.asarray(num_images, dtype=float))), dtype=float)


def wilson(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion, 0..1."""
    found = stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def mcnemar_p(only_a: int, only_b: int) -> float:
    """McNemar's exact p for two networks on the same images: so many that only one of them gets right."""
    return float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _interval(mean: Array, sd: Array, n: int, confidence: float) -> tuple[Array, Array]:
    half = special.stdtrit(n - 1, (1 + confidence) / 2) * sd / np.sqrt(n)
    return mean - half, mean + half
