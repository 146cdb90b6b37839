"""What is simulated: each function gives one that draws a sweep and says whether what is counted came."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from simulated.design import CHANCE, IMAGES, MEAN, SD, USUAL, Random, equal, is_better, judged, measured

from lenet_ablate.report.analysis import power as power_analysis
from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.interactions import repeated_measures_p
from lenet_ablate.report.analysis.judge import decide
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.study.criteria import Family


def alike(levels: int, seeds: int) -> Callable[[Random], bool]:
    return lambda random: is_better(judged(equal(random, levels, seeds)))


def unequal(levels: int) -> Callable[[Random], bool]:
    spread = SD * np.geomspace(0.3, 3, levels)
    return lambda random: is_better(judged(equal(random, levels, 5, spread)))


def below_an_image(levels: int) -> Callable[[Random], bool]:
    """Seeds that mostly agree to the last image."""
    return lambda random: is_better(judged(equal(random, levels, 3, 0.4 / IMAGES)))


def collapsing(levels: int) -> Callable[[Random], bool]:
    """One run in ten ends at chance level."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels)
        return is_better(judged(np.where(random.random(accuracy.shape) < 0.1, CHANCE, accuracy)))

    return simulate


def unbalanced(levels: int) -> Callable[[Random], bool]:
    """Three runs in ten are not there yet."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 6)
        status = np.where(random.random(accuracy.shape) < 0.3, "planned", "done").astype(object)
        return is_better(judged(accuracy, status=status))

    return simulate


def failing(
    levels: int, share: float, of_one: bool = False, lead: float = 0.0, seeds: int = 5
) -> Callable[[Random], bool]:
    """Runs that diverge: everywhere, or at the first level, which is ahead by `lead` where it does not.

    Counted is any "better" between levels that are alike, and of a level that diverges that it is the better one.
    """

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds)
        accuracy[0] += lead
        is_lost = random.random(accuracy.shape) < share
        if of_one:
            is_lost[1:] = False
        pairs = judged(accuracy, status=np.where(is_lost, "diverged", "done").astype(object))
        if not of_one:
            return is_better(pairs)
        return is_better(pairs, (pairs["level_a"] == "0") & (pairs["diff"] > 0))

    return simulate


def advised(levels: int, looks: int) -> Callable[[Random], bool]:
    """Five seeds, then as many more as the report advises, for as long as it is undecided: a "better" at any look."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 5)
        for look in range(1, looks + 1):
            pairs = judged(accuracy, look=look)
            if is_better(pairs):
                return True
            is_open = pairs["verdict_code"] == Code.not_distinguishable
            more = [int(count) for count in pairs["seeds_more"][is_open] if not pd.isna(count) and count > 0]
            if not more:
                return False
            accuracy = np.hstack([accuracy, equal(random, levels, min(min(more), power_analysis.MAX_ADVISED))])
        return False

    return simulate


def one_by_one(levels: int) -> Callable[[Random], bool]:
    """Three seeds, then one at a time up to ten."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 10)
        return any(is_better(judged(accuracy[:, : look + 2], look=look)) for look in range(1, 9))

    return simulate


def at_the_margin(levels: int, seeds: int, spread: float) -> Callable[[Random], bool]:
    """The first level is ahead of all others by exactly the margin: neither more nor less may be claimed of it."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds, spread)
        accuracy[0] += USUAL.margin
        pairs = judged(accuracy)
        own = pairs["level_a"] == "0"
        claimed = np.isin(pairs["verdict_code"], (Code.better, Code.practically_same))
        return bool((own & claimed).any() or (pairs["verdict_code"][~own] == Code.better).any())

    return simulate


def meeting(shape: tuple[int, ...], is_unequal: bool) -> Callable[[Random], bool]:
    """Factors whose effects add up, each seed with effects of its own: an alarm that they depend on each other."""

    def simulate(random: Random) -> bool:
        accuracy = MEAN + random.normal(0, SD, shape[-1])
        for axis, size in enumerate(shape[:-1]):
            own = random.normal(0, SD, (size, shape[-1])) + 0.002 * np.arange(size)[:, None]
            accuracy = accuracy + own.reshape([size if place == axis else 1 for place in range(len(shape) - 1)] + [-1])
        spread = np.full(shape[:-1], SD)
        if is_unequal:
            spread = SD * np.geomspace(0.3, 3, spread.size).reshape(spread.shape)
        accuracy = np.round((accuracy + random.normal(0, 1, shape) * spread[..., None]) * IMAGES) / IMAGES
        p = []
        for pair in itertools.combinations(range(len(shape) - 1), 2):
            others = tuple(axis for axis in range(len(shape) - 1) if axis not in pair)
            p.append(repeated_measures_p(accuracy.mean(axis=others)))
        return bool((statistics.holm(np.array(p)) < statistics.spent(USUAL.alpha, 1)).any())

    return simulate


def identical(levels: int) -> Callable[[Random], bool]:
    """The last level is a copy of the first one: a "better" between the two, a test or an advice about them."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels)
        accuracy[-1] = accuracy[0]
        curve = np.arange(accuracy.size).reshape(accuracy.shape)
        curve[-1] = curve[0]
        pairs = judged(accuracy, curve=curve)
        own = (pairs["level_a"] == "0") & (pairs["level_b"] == str(levels - 1))
        is_tested = not np.isnan(pairs["p_corrected"][own]).all() or not pd.isna(pairs["seeds_more"][own]).all()
        return bool(is_better(pairs, own) or is_tested or pairs["m_tests"][0] != (levels - 1) * (levels - 2) // 2)

    return simulate


def many_factors(count: int, family: Family) -> Callable[[Random], bool]:
    """Factors of three levels that change nothing: any "better" in the study."""
    criteria = dataclasses.replace(USUAL, family=family)

    def simulate(random: Random) -> bool:
        factors = [measured(equal(random, 3)) for _ in range(count)]
        tests = [pairs["p_both"] for pairs in factors]
        return any(
            is_better(decide(pairs, criteria, 1, np.concatenate([*tests[:place], *tests[place + 1 :]])))
            for place, pairs in enumerate(factors)
        )

    return simulate


def power(levels: int, seeds: int) -> Callable[[Random], bool]:
    """The first level is ahead of all by what the report says is found with 80 % power: it is, against the second."""
    alpha = statistics.spent(USUAL.alpha, 1) / power_analysis.usual_tests(levels * (levels - 1) // 2, levels)
    shift = power_analysis.detectable_difference(SD * np.sqrt(2), seeds, alpha)

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds)
        accuracy[0] += shift
        return is_better(judged(accuracy), slice(1))

    return simulate
