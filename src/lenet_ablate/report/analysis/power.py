"""What so many seeds can find, and how many it takes to find so much."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable

import numpy as np
from scipy import optimize, special

from lenet_ablate.report.analysis.statistics import Array

POWER = 0.80
MAX_SEEDS = 10_000
MAX_ADVISED = 200
"""No one is told to train more seeds than this: where so many are needed, the training is what needs mending."""


def power_paired(effect: float, n: int, alpha: float) -> float:
    """Probability that the two-sided paired t-test finds a difference of `effect` SDs of the differences."""
    critical = special.stdtrit(n - 1, 1 - alpha / 2)
    shift = abs(effect) * np.sqrt(n)
    # SciPy gives NaN for some far shifts, where the probability of staying within the critical values is nil.
    missed = np.nan_to_num(special.nctdtr(n - 1, shift, critical), nan=0.0)
    return float(1 - missed + np.nan_to_num(special.nctdtr(n - 1, shift, -critical), nan=0.0))


def usual_tests(tests: int, levels: int) -> float:
    """What Holm divides α by, on average, for the pairs of a level that differs from all others alike.

    These levels − 1 pairs are the first of the tests, at α/tests, α/(tests − 1) and so on; a level that differs from
    one other alone does not exist, since the rest would lie at one of the two, or between.
    """
    first = min(levels - 1, tests)
    return tests - max(0, first - 1) / 2


@functools.lru_cache(maxsize=65536)
def detectable_effect(n: int, alpha: float) -> float:
    """The difference, in SDs of the differences, that the paired t-test finds with 80 % power; n ≥ 2 seeds."""
    high = float(special.stdtrit(n - 1, 1 - alpha / 2) + 1) / np.sqrt(n)
    while power_paired(high, n, alpha) < POWER:
        high *= 2
    return float(optimize.brentq(lambda effect: power_paired(effect, n, alpha) - POWER, 0.0, high))


def detectable_difference(sd: float, n: int, alpha: float) -> float:
    """The difference that the paired t-test finds with 80 % power, in the unit of `sd`; missing below 2 seeds."""
    return sd * detectable_effect(n, alpha) if n >= 2 and alpha > 0 else float("nan")


def seeds_needed(target: float, sd: float, alpha: float) -> int | None:
    """The fewest seeds with which the paired t-test finds `target` with 80 % power; None where over 10,000.

    Args:
        target: Difference to detect, above 0.
        sd: SD of the differences, in the same unit.
        alpha: Probability of a false alarm.
    """
    if alpha <= 0 or not np.isfinite(sd):
        return None
    return _fewest(lambda n: sd * detectable_effect(n, alpha) <= target)


def seeds_for_equivalence(margin: float, sd: float, alpha: float = 0.05) -> int | None:
    """The fewest seeds with which arms that are alike are found equivalent with 80 % power; None where over 10,000.

    Args:
        margin: Differences up to it do not matter, above 0.
        sd: SD of the differences, in the same unit.
        alpha: Of each of the two one-sided tests.
    """
    if alpha <= 0 or not sd > 0:
        return None
    return _fewest(lambda n: sd * equivalence_effect(n, alpha) <= margin)


def power_equivalence(margin: float, n: int, alpha: float) -> float:
    """Probability that two one-sided tests find arms equivalent that are alike; the margin in SDs of differences."""
    critical = special.stdtrit(n - 1, 1 - alpha)
    nodes, weights = _quadrature()
    sd = np.sqrt(special.chdtri(n - 1, (1 - nodes) / 2) / (n - 1))  # of the sample, at its quantiles
    room = np.maximum(margin * np.sqrt(n) - critical * sd, 0.0)
    return float((weights / 2 * (2 * special.ndtr(room) - 1)).sum())


@functools.lru_cache(maxsize=65536)
def equivalence_effect(n: int, alpha: float) -> float:
    """The margin, in SDs of the differences, within which alike arms are found equivalent with 80 % power."""
    high = 4.0
    while power_equivalence(high, n, alpha) < POWER:
        high *= 2
    return float(optimize.brentq(lambda margin: power_equivalence(margin, n, alpha) - POWER, 0.0, high))


@functools.cache
def _quadrature() -> tuple[Array, Array]:
    """Nodes and weights of Gauss-Legendre on -1..1."""
    nodes, weights = special.roots_legendre(200)
    return nodes, weights


def _fewest(is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds, 2 to `MAX_SEEDS`, that is enough; more seeds must never be worse."""
    numbers = range(2, MAX_SEEDS + 1)
    place = bisect.bisect_left(numbers, True, key=is_enough)
    return numbers[place] if place < len(numbers) else None
