"""Statistics against SciPy, statsmodels, closed forms and worked examples."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.letters import letters

GOLDEN = Path(__file__).parent / "golden"
"""What other programs answer, with what they were asked; `pairs.R` and `posteriors.py` wrote it."""

# Test accuracies in percent of three networks with five seeds each (github.com/mikewacker/mnist, appendix).
MLP_300 = np.array([98.45, 98.41, 98.41, 98.34, 98.41])
MLP_300_100 = np.array([98.47, 98.45, 98.51, 98.50, 98.62])
LENET = np.array([99.11, 99.36, 99.26, 99.25, 99.34])
SD = 0.09 * math.sqrt(2)  # of a difference, in points, where each arm has 0.09


@pytest.mark.parametrize(
    ("values", "mean", "sd", "low", "high", "floor"),
    [
        (MLP_300, 98.404, 0.040, 98.355, 98.453, 0.089),
        (MLP_300_100, 98.510, 0.066, 98.428, 98.592, 0.086),
        (LENET, 99.264, 0.099, 99.142, 99.386, 0.061),
    ],
)
def test_mean_sd_interval_and_floor_of_real_seeds(
    values: np.ndarray, mean: float, sd: float, low: float, high: float, floor: float
) -> None:
    found = statistics.summarise(values)
    assert [found.mean, found.sd, found.low, found.high] == pytest.approx([mean, sd, low, high], abs=6e-4)
    assert 100 * statistics.noise_floor(1 - found.mean / 100, 10_000) == pytest.approx(floor, abs=6e-4)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_paired_comparison_of_real_seeds() -> None:
    found = statistics.compare_paired(MLP_300_100, MLP_300)
    assert [found.difference, found.sd, *found.ci95] == pytest.approx([0.106, 0.080, 0.007, 0.205], abs=6e-4)
    assert found.p == pytest.approx(0.041, abs=5e-4)
    others = [statistics.compare_paired(LENET, arm).p for arm in (MLP_300, MLP_300_100)]
    assert statistics.holm(np.array([found.p, *others])) == pytest.approx([0.041, 0.0002, 0.0002], abs=5e-4)
    assert statistics.welch_p(MLP_300_100, MLP_300) == pytest.approx(0.019, abs=5e-4)
    assert statistics.sign_flip_p(MLP_300_100 - MLP_300) == 0.0625
    assert statistics.hedges_gz(found.difference, found.sd, 5) == pytest.approx(1.06, abs=5e-3)
    assert statistics.wins(MLP_300_100, MLP_300) == 1
    pairs = [(MLP_300_100, MLP_300), (LENET, MLP_300), (LENET, MLP_300_100)]
    assert [float(statistics.correlation(*pair)) for pair in pairs] == pytest.approx([-0.09, -0.33, 0.34], abs=5e-3)


@pytest.mark.parametrize("n", [2, 3, 5, 30])
def test_paired_and_welch_are_scipys(n: int) -> None:
    a, b = np.random.default_rng(n).normal(0.98, 0.001, (2, 7, n))
    expected, found = stats.ttest_rel(a, b, axis=1), statistics.compare_paired(a, b)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    for level, ends in ((0.95, found.ci95), (0.90, found.ci90)):
        interval = expected.confidence_interval(level)
        assert ends[0] == pytest.approx(interval.low, rel=1e-9) and ends[1] == pytest.approx(interval.high, rel=1e-9)
    assert statistics.welch_p(a, b) == pytest.approx(stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue, rel=1e-9)


def test_differences_that_are_all_equal_are_not_certain() -> None:
    a, b = np.array([0.95, 0.96]), np.array([0.94, 0.95])
    assert math.isnan(float(statistics.compare_paired(a, b, np.nan).p))
    assert statistics.compare_paired(a, b, 0.008).p == pytest.approx(2 * stats.t.sf(0.01 / (0.008 / math.sqrt(2)), 1))
    same = statistics.compare_paired(a, a, 0.008)
    assert same.p == 1 and same.ci95[0] < 0 < same.ci95[1]
    assert statistics.welch_p(np.full(3, 0.5), np.full(3, 0.5)) == 1
    assert math.isnan(float(statistics.welch_p(np.full(3, 0.5), np.full(3, 0.6))))


def test_one_seed_has_a_mean_and_nothing_else() -> None:
    one = np.array([[0.9], [0.8]])
    found = statistics.compare_paired(one, one - 0.1)
    assert found.difference == pytest.approx([0.1, 0.1])
    assert np.isnan([found.p, found.sd, *found.ci95, *found.ci90]).all()
    assert np.isnan(statistics.welch_p(one, one)).all() and np.isnan(statistics.sign_flip_p(one)).all()


@pytest.mark.parametrize("n", [2, 4, 6, 9])
def test_sign_flip_counts_all_flips(n: int) -> None:
    differences = np.round(np.random.default_rng(n).normal(0.001, 0.001, n), 4)
    flips = np.array(list(itertools.product((1, -1), repeat=n))) @ differences
    expected = (np.abs(flips) > abs(differences.sum()) - 1e-9).mean()
    assert statistics.sign_flip_p(differences) == pytest.approx(expected)


def test_sign_flip_of_many_seeds_is_drawn_always_alike() -> None:
    differences = np.random.default_rng(0).normal(0.0004, 0.001, (2, 20))
    p = statistics.sign_flip_p(differences)
    assert np.array_equal(p, statistics.sign_flip_p(differences))
    assert p == pytest.approx(stats.ttest_1samp(differences, 0, axis=1).pvalue, abs=0.02)


def test_posteriors_are_those_of_baycomp() -> None:
    for case in json.loads((GOLDEN / "posteriors.json").read_text()):
        a, b = np.array(case["a"]), np.array(case["b"])
        paired = statistics.compare_paired(a, b)
        found = statistics.posterior(paired, len(a), case["margin"], case["test_share"])
        assert found == pytest.approx((case["better"], case["same"], case["worse"]), abs=1e-12)
    nothing = statistics.posterior(statistics.compare_paired(a[:1], b[:1]), 1, 0.001, 0.1)
    assert all(np.isnan(share) for share in nothing)


def test_holm_is_statsmodels_and_leaves_out_what_is_missing() -> None:
    p = np.random.default_rng(0).random(9) / 10
    assert statistics.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    found = statistics.holm(np.array([0.01, np.nan, 0.04]))
    assert found[[0, 2]] == pytest.approx([0.02, 0.04]) and np.isnan(found[1])
    assert statistics.holm(np.array([0.03])) == [0.03]


@pytest.mark.parametrize(
    ("percent", "low", "high"),
    [(95.67, 95.25, 96.05), (98.15, 97.87, 98.40), (98.37, 98.10, 98.60), (98.58, 98.33, 98.79)],
)
def test_wilson_of_one_run(percent: float, low: float, high: float) -> None:
    assert [round(100 * end, 2) for end in statistics.wilson(round(100 * percent), 10_000)] == [low, high]


def test_wilson_of_one_failure_in_five() -> None:
    assert [round(100 * end) for end in statistics.wilson(1, 5)] == [4, 62]


@pytest.mark.parametrize(("shared", "p"), [(0, 0.25), (71, 0.117), (106, 0.038), (142, 1e-6)])
def test_mcnemar_by_how_many_errors_are_shared(shared: int, p: float) -> None:
    """98.37 % against 98.58 %: 163 and 142 errors, of which some are on the same images."""
    found = statistics.mcnemar_p(163 - shared, 142 - shared)
    assert found == pytest.approx(p, rel=0.06)
    only_a, only_b = 163 - shared, 142 - shared
    tail = sum(math.comb(only_a + only_b, k) for k in range(min(only_a, only_b) + 1)) / 2 ** (only_a + only_b)
    assert found == pytest.approx(min(1, 2 * tail))
    assert statistics.mcnemar_p(0, 0) == 1


def test_equivalence_by_interval_is_two_one_sided_tests() -> None:
    random = np.random.default_rng(1)
    outcomes = set()
    for _ in range(300):
        differences = random.normal(random.normal(0, 0.0005), 0.0007, 6)
        zero = np.zeros(6)
        ends = statistics.compare_paired(differences, zero).ci90
        found = statistics.is_equivalent(float(ends[0]), float(ends[1]), 0.001)
        above = stats.ttest_1samp(differences, -0.001, alternative="greater").pvalue
        below = stats.ttest_1samp(differences, 0.001, alternative="less").pvalue
        assert found == (max(above, below) < 0.05)
        outcomes.add(found)
    assert outcomes == {True, False}


# --- power -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "plain", "strict", "half_width"),
    [
        (3, 0.42, 0.72, 0.32),
        (5, 0.21, 0.29, 0.16),
        (8, 0.15, 0.19, 0.11),
        (10, 0.13, 0.16, 0.09),
        (20, 0.08, 0.10, 0.06),
    ],
)
def test_detectable_differences(n: int, plain: float, strict: float, half_width: float) -> None:
    assert round(power.detectable_difference(SD, n, 0.05), 2) == pytest.approx(plain)
    assert power.detectable_difference(SD, n, 0.05 / 3) == pytest.approx(strict, abs=0.0055)
    sample = SD * stats.zscore(np.arange(n), ddof=1)
    assert round(float(statistics.summarise(sample).high), 2) == pytest.approx(half_width)


def test_seeds_needed() -> None:
    assert [power.seeds_needed(target, SD, 0.05) for target in (0.20, 0.15, 0.10, 0.05)] == [6, 8, 15, 53]
    assert power.seeds_needed(0.10, 0.124, 0.05) == 15
    assert power.seeds_needed(0.10, 0.080, 0.05) == 8
    assert power.seeds_needed(0.0001, SD, 0.05) is None
    assert power.seeds_needed(0.1, math.nan, 0.05) is None and power.seeds_needed(0.1, SD, 0.0) is None


def test_seeds_for_equivalence() -> None:
    assert [power.seeds_for_equivalence(0.10, sd) for sd in (0.085, 0.127, 0.17)] == [8, 16, 27]
    assert [power.seeds_for_equivalence(0.15, sd) for sd in (0.085, 0.127, 0.17)] == [5, 8, 13]


def test_power_of_equivalence_by_simulation() -> None:
    samples = np.random.default_rng(0).normal(0, 1, (20_000, 8))
    ends = statistics.summarise(samples, 0.90)
    share = ((ends.low > -1.2) & (ends.high < 1.2)).mean()
    assert power.power_equivalence(1.2, 8, 0.05) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("n", [3, 5, 10, 100, 10_000])
def test_power_is_that_of_statsmodels(n: int) -> None:
    effect = power.detectable_effect(n, 0.05)
    assert power.power_paired(effect, n, 0.05) == pytest.approx(0.8)
    assert TTestPower().power(effect, n, 0.05) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 10, 10_000])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.05 / 4950])
def test_detectable_effects_are_finite_and_fall_with_seeds(n: int, alpha: float) -> None:
    assert 0 < power.detectable_effect(n + 1, alpha) < power.detectable_effect(n, alpha) < math.inf


# --- letters -----------------------------------------------------------------------------------------------------


def test_letters_of_the_worked_example() -> None:
    distinct = ~np.eye(3, dtype=bool)
    assert letters([98.404, 98.510, 99.264], distinct) == ["c", "b", "a"]


def test_levels_share_a_letter_exactly_where_they_are_not_distinguishable() -> None:
    random = np.random.default_rng(0)
    for _ in range(400):
        count = int(random.integers(1, 9))
        upper = np.triu(random.random((count, count)) < random.random(), 1)
        distinct = upper | upper.T
        found = letters(random.random(count).tolist(), distinct)
        assert all(found)
        for a, b in itertools.combinations(range(count), 2):
            assert bool(set(found[a]) & set(found[b])) == (not distinct[a, b])


def test_letters_are_few_and_start_with_the_best() -> None:
    means = np.linspace(0.9, 0.99, 40)
    distinct = np.abs(means[:, None] - means) > 0.02
    found = letters(means.tolist(), distinct)
    assert found[-1] == "a"
    assert len(set("".join(found))) < 40
    assert letters(means.tolist(), np.zeros((40, 40), bool)) == ["a"] * 40


def test_no_probability_is_below_zero() -> None:
    differences = np.linspace(-0.03, 0.03, 1001)
    same = np.full(1001, 0.001)
    paired = statistics.Paired(differences, same, (same, same), (same, same), same)
    for each in statistics.posterior(paired, 500, 0.0028, 0.167):
        assert (each >= 0).all() and (each <= 1).all() and not np.signbit(each).any()
