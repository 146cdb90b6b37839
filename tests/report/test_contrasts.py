"""Levels on common ground: rectangles, averages per seed, letters, and who counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.analyse import analyse, analyse_comparison
from lenet_ablate.report.analysis.results import Code, FactorAnalysis
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Criteria, EpochRule, Metric
from lenet_ablate.report.tables.captions import factor_notes
from support.report_designs import NUM_IMAGES, comparison_of, design_of, factors_of, record_of, study_of

Array = np.ndarray[Any, Any]


def analysis_of(accuracy: Array, key: str = "lr", **changes: Any) -> FactorAnalysis:
    names = ("lr", "pool", "act")
    levels = {name: [f"{name}{i}" for i in range(n)] for name, n in zip(names, accuracy.shape[:-1], strict=False)}
    return analyse_comparison(comparison_of(levels, accuracy, key, **changes), DEFAULT_CRITERIA)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 0.0009, shape)


def test_each_seed_is_averaged_over_the_other_factors_first() -> None:
    accuracy = 0.98 + noise(3, 2, 5)
    found = analysis_of(accuracy)
    per_seed = accuracy.mean(axis=1)
    assert found.values["outcome"].to_numpy() == pytest.approx(per_seed.ravel())
    assert list(found.values["level"][:6]) == ["lr0"] * 5 + ["lr1"]
    assert list(found.values["seed"][:6]) == [0, 1, 2, 3, 4, 0]
    levels = found.levels
    assert levels["mean"].to_numpy() == pytest.approx(per_seed.mean(axis=1))
    assert levels["sd"].to_numpy() == pytest.approx(per_seed.std(axis=1, ddof=1))
    assert list(levels["n_used"]) == [10, 10, 10] and list(levels["seeds"]) == [5, 5, 5]
    assert set(levels["ci_kind"]) == {"t95"}
    # Two independent runs per seed halve the variance that noise alone lets expect.
    error = 1 - per_seed.mean(axis=1)
    assert levels["sd_floor"].to_numpy() == pytest.approx(np.sqrt(error / (2 * NUM_IMAGES) / 2))


def test_pairs_are_compared_seed_by_seed() -> None:
    accuracy = 0.98 + noise(3, 2, 5)
    pairs = analysis_of(accuracy).pairs
    assert list(zip(pairs["level_a"], pairs["level_b"], strict=True)) == [
        ("lr0", "lr1"),
        ("lr0", "lr2"),
        ("lr1", "lr2"),
    ]
    means = accuracy.mean(axis=1)
    differences = np.array([means[0] - means[1], means[0] - means[2], means[1] - means[2]])
    assert pairs["diff"].to_numpy() == pytest.approx(differences.mean(axis=1))
    assert pairs["se_seed"].to_numpy() == pytest.approx(differences.std(axis=1, ddof=1) / math.sqrt(5))
    assert set(pairs["m_tests"]) == {3} and set(pairs["n_pairs"]) == {5}
    assert (pairs["p_holm"] >= pairs["p"]).all()
    assert pairs["se_digits"].isna().all()


def test_the_best_level_beats_every_other_one() -> None:
    accuracy = 0.98 + noise(3, 8, seed=1) + np.array([[0.0], [0.0], [0.01]])
    levels = analysis_of(accuracy).levels
    assert list(levels["is_best"]) == [False, False, True]
    assert list(levels["group"]) == ["b", "b", "a"]
    two_good = analysis_of(0.98 + noise(3, 8, seed=1) + np.array([[0.0], [0.01], [0.01]])).levels
    assert not two_good["is_best"].any()
    assert list(two_good["group"]) == ["b", "a", "a"]


def test_with_one_seed_nothing_is_best() -> None:
    found = analysis_of(np.array([[0.90], [0.99], [0.95]]))
    assert not found.levels["is_best"].any() and set(found.levels["group"]) == {""}
    assert set(found.levels["ci_kind"]) == {"wilson95"}
    assert found.levels["ci_low"].to_numpy() == pytest.approx([0.8940, 0.9879, 0.9455], abs=1e-4)
    assert found.levels["sd"].isna().all() and found.pairs["p_holm"].isna().all()
    assert [verdict.code for verdict in found.verdicts] == [Code.one_run]


def test_levels_that_are_equal_in_every_seed_are_equivalent_and_never_better() -> None:
    found = analysis_of(np.full((2, 5), 0.9873))
    assert list(found.pairs["p"]) == [1.0] and not found.levels["is_best"].any()
    coarse = analysis_of(np.array([[0.98, 0.97], [0.97, 0.96]]), num_images=100)
    assert coarse.pairs["p"].item() > 0.05 and coarse.pairs["ci_low"].item() < 0
    unknown = analysis_of(np.array([[0.98, 0.97], [0.97, 0.96]]), num_images=math.nan)
    assert unknown.verdicts[0].code is Code.not_distinguishable
    assert "nan" not in unknown.verdicts[0].sentence


def test_hostile_level_names_are_only_names() -> None:
    labels = ["C(x) + 1", "a|b × c", "", "~0 ' \" \\", "0.1"]
    accuracy = 0.98 + noise(5, 2, 4)
    design = design_of({"lr": labels, "pool": ["Q('y')", "seed"]}, accuracy)
    for factor in (factors := factors_of({"lr": labels, "pool": ["Q('y')", "seed"]})):
        found = analyse_comparison(compare(design, factor, factors), DEFAULT_CRITERIA)
        assert list(found.levels["level"]) == factor.labels


# --- which runs are compared -------------------------------------------------------------------------------------


def rectangle_of(missing: set[tuple[int, int]], num_combinations: int = 3, num_seeds: int = 5) -> tuple[Any, list[str]]:
    """The runs that two levels are compared on, where these combinations lack these seeds at the first level."""
    levels = {"lr": ["a", "b"], "pool": [f"p{i}" for i in range(num_combinations)]}
    accuracy = np.full((2, num_combinations, num_seeds), 0.9)
    design = design_of(levels, accuracy)
    for combination, seed in missing:
        here = (design["lr"] == "a") & (design["pool"] == f"p{combination}") & (design["seed"] == seed)
        design.loc[here, ["is_usable", "status"]] = [False, "planned"]
    factors = factors_of(levels)
    found = compare(design, factors[0], factors)
    return found, factor_notes(found)


def used(found: Any) -> tuple[set[str], set[int]]:
    """Combinations and seeds that the two levels are compared on."""
    ((_, _, within),) = found.blocks()
    assert found.grid.is_complete[:, within.combinations][:, :, within.seeds].all()
    return set(found.grid.combinations["pool"].iloc[within.combinations]), set(found.grid.seeds[within.seeds].tolist())


def own(found: Any) -> list[tuple[set[str], set[int]]]:
    """Combinations and seeds of each level's mean."""
    levels = [found.runs[found.runs["lr"] == label] for label in "ab"]
    assert all(len(runs) == runs["pool"].nunique() * runs["seed"].nunique() for runs in levels)
    return [(set(runs["pool"]), set(runs["seed"])) for runs in levels]


def test_all_combinations_with_the_seeds_that_have_them() -> None:
    found, notes = rectangle_of({(0, 4)})
    every = {"p0", "p1", "p2"}
    assert used(found) == (every, {0, 1, 2, 3})
    assert own(found) == [(every, {0, 1, 2, 3}), (every, {0, 1, 2, 3, 4})] and notes == []


def test_all_seeds_with_the_combinations_that_have_them() -> None:
    found, notes = rectangle_of({(0, 1), (0, 2), (0, 3), (0, 4)})
    assert used(found) == ({"p1", "p2"}, {0, 1, 2, 3, 4}) and own(found) == [used(found)] * 2
    assert notes == ["Left out of the means, so that every level is averaged over the same: pool=p0."]


def test_of_equal_rectangles_the_one_with_more_seeds() -> None:
    found, _ = rectangle_of({(0, 1)}, num_combinations=2, num_seeds=2)
    assert used(found) == ({"p1"}, {0, 1})


def test_an_odd_seed_and_an_odd_combination_do_not_cost_the_rest() -> None:
    missing = {(2, seed) for seed in range(1, 6)} | {(1, 5)}
    found, notes = rectangle_of(missing, num_seeds=6)
    assert used(found) == ({"p0", "p1"}, {0, 1, 2, 3, 4})
    assert own(found) == [used(found), ({"p0", "p1"}, {0, 1, 2, 3, 4, 5})]
    assert notes == ["Left out of the means, so that every level is averaged over the same: pool=p2."]


def test_where_no_seed_has_every_combination_something_is_still_compared() -> None:
    found, _ = rectangle_of({(0, 3), (0, 4), (1, 0), (1, 1), (1, 2)}, num_combinations=2)
    assert used(found) == ({"p0"}, {0, 1, 2})


def test_random_rectangles_are_full_and_at_least_as_large_as_the_plain_two() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        has = random.random((4, 5)) < 0.8
        found, _ = rectangle_of({(int(c), int(s)) for c, s in np.argwhere(~has)}, num_combinations=4)
        combinations, seeds = used(found)
        all_combinations = has.any(axis=1).sum() * has[has.any(axis=1)].all(axis=0).sum()
        all_seeds = has.any(axis=0).sum() * has[:, has.any(axis=0)].all(axis=1).sum()
        assert len(combinations) * len(seeds) >= max(all_combinations, all_seeds)


def configs(num_seeds: int = 3) -> list[RunConfig]:
    return [RunConfig(pool=pool, seed=seed, epochs=1) for pool in Pool for seed in range(num_seeds)]


def test_collapsed_runs_stay_and_are_named() -> None:
    accuracies = [0.98, 0.981, 0.982, 0.97, 0.971, 0.1135]
    records = [record_of(c, a, val=a) for c, a in zip(configs(), accuracies, strict=True)]
    study = study_of(records)
    (found,) = analyse(study).factors
    assert found.levels["mean"].to_numpy() == pytest.approx([0.981, (0.97 + 0.971 + 0.1135) / 3])
    assert list(found.levels["n_collapsed"]) == [0, 1] and list(found.levels["n_failed"]) == [0, 0]
    sentence = found.verdicts[0].sentence
    assert sentence == "pool=avg: 1 of 3 runs collapsed (33 %, Wilson 6–79 %)."
    assert "ompleted runs only" not in found.verdicts[1].sentence
    assert "1 run collapsed to chance level (pool=avg, seed 2); it stays" in analyse(study).warnings[0]


@pytest.mark.parametrize(("lrs", "is_mixed"), [((0.001, 0.01), True), ((0.01,), False)])
def test_averages_over_settings_that_train_and_settings_that_collapse_are_warned_of(
    lrs: tuple[float, ...], is_mixed: bool
) -> None:
    grid = [RunConfig(pool=pool, lr=lr, seed=seed, epochs=1) for pool in Pool for lr in lrs for seed in range(2)]
    records = [record_of(c, a := 0.1135 if c.lr == 0.01 else 0.98 + c.seed / 1000, val=a) for c in grid]
    told = next(line for line in analyse(study_of(records)).warnings if "collapsed to chance level" in line)
    assert ("read the table of all settings" in told) is is_mixed


def test_unreadable_runs_are_counted_against_the_plan() -> None:
    records = [record_of(c, 0.98, state=State.unreadable if c.seed == 4 else State.done) for c in configs(5)]
    assert analyse(study_of(records)).warnings[0].startswith("Of 10 planned runs 2 unreadable:")


@pytest.mark.parametrize("state", [State.failed, State.diverged])
def test_failed_and_diverged_runs_are_left_out_and_counted_against_the_plan(state: State) -> None:
    records = [
        record_of(
            c,
            0.98 + c.seed**2 / 1000 - c.seed * (c.pool is Pool.avg) / 1000,
            state=state if (c.pool, c.seed) == (Pool.avg, 4) else State.done,
        )
        for c in configs(5)
    ]
    found = analyse(study_of(records))
    (factor,) = found.factors
    assert list(factor.levels["n_planned"]) == [5, 5]
    assert (
        list(factor.levels["n_used"]) == [5, 4]
        and factor.pairs["n_pairs"].item() == 4
        and list(factor.levels["n_failed"]) == [0, 1]
    )
    assert factor.verdicts[0].code is Code.failures
    assert factor.verdicts[0].sentence == f"pool=avg: 1 of 5 runs {state.value} (20 %, Wilson 4–62 %)."
    assert factor.verdicts[1].sentence.endswith(" Completed runs only.")
    assert found.warnings[0].startswith(f"Of 10 planned runs 1 {state.value}:")


def test_a_level_without_runs_keeps_its_row() -> None:
    records = [
        record_of(c, 0.98 + c.seed / 1000, state=State.planned if c.pool is Pool.avg else State.done) for c in configs()
    ]
    (found,) = analyse(study_of(records)).factors
    assert list(found.levels["level"]) == ["max", "avg"] and list(found.levels["n_used"]) == [3, 0]
    assert np.isnan(found.levels["mean"][1]) and found.pairs.empty and found.verdicts == () and found.advice == ""
    nothing = study_of([record_of(c, 0.9, state=State.planned) for c in configs()])
    assert analyse(nothing).factors[0].values.empty and analyse(nothing).best_variant == ""


@pytest.mark.parametrize(
    ("criteria", "expected", "split"),
    [
        (Criteria(), 0.97, "test"),
        (Criteria(metric=Metric.val_accuracy), 0.96, "val"),
        (Criteria(epoch=EpochRule.best_val), 0.98, "test"),
        (Criteria(metric=Metric.val_accuracy, epoch=EpochRule.best_val), 0.98, "test"),
    ],
)
def test_levels_are_compared_by_the_criteria_of_the_study(criteria: Criteria, expected: float, split: str) -> None:
    records = [record_of(c, 0.97 - c.seed / 1e4 + 1e-4, val=0.96 - c.seed / 1e4 + 1e-4) for c in configs()]
    (found,) = analyse(study_of(records, criteria=criteria)).factors
    assert found.levels["mean"].to_numpy() == pytest.approx([expected, expected])
    assert set(found.levels["split"]) == {split} and set(found.levels["epoch_rule"]) == {criteria.epoch.value}
    error = 1 - expected
    images = 10_000 if split == "test" else 5_000
    assert found.levels["sd_floor"].to_numpy() == pytest.approx([math.sqrt(error / (2 * images))] * 2)
