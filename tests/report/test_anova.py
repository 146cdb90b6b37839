"""The analysis of variance against closed forms, and what it changes about a factor's verdict."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.analysis.anova import COLUMNS, anova
from support.report_designs import design_of, factors_of, record_of, study_of

LEVELS = {"lr": ["C(x)", "a:b", "1"], "pool": ["max", "avg"], "batch_size": ["16", "64", "y ~ 1"]}
FACTORS = factors_of(LEVELS)


def accuracies() -> np.ndarray[Any, Any]:
    """3 × 2 × 3 levels × 5 seeds with a large effect of the first factor and one of its meeting with the third."""
    random = np.random.default_rng(0)
    effect = np.array([0.0, 0.01, 0.012])[:, None, None, None]
    meeting = np.zeros((3, 1, 3, 1))
    meeting[0, 0, 2] = -0.006
    return 0.975 + effect + meeting + random.normal(0, 0.001, (3, 2, 3, 5)) + random.normal(0, 0.0005, 5)


def test_a_balanced_grid_is_that_of_the_marginal_means() -> None:
    y = accuracies()
    table = anova(design_of(LEVELS, y), FACTORS).set_index("term")
    grand, total = y.mean(), ((y - y.mean()) ** 2).sum()
    expected: dict[str, tuple[float, int]] = {}
    for axis, key in enumerate((*LEVELS, "seed")):
        means = y.mean(axis=tuple(set(range(4)) - {axis}))
        expected[key] = (((means - grand) ** 2).sum() * y.size / len(means), len(means) - 1)
    for one, two in itertools.combinations(range(3), 2):
        means = y.mean(axis=tuple(set(range(4)) - {one, two}))
        rest = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + grand
        name = " × ".join(list(LEVELS)[axis] for axis in (one, two))
        expected[name] = ((rest**2).sum() * y.size / means.size, (means.shape[0] - 1) * (means.shape[1] - 1))
    residual = total - sum(sum_sq for sum_sq, _ in expected.values())
    df = y.size - 1 - sum(count for _, count in expected.values())
    assert set(table.index) == {*expected, "residual"}
    assert table.at["residual", "sum_sq"] == pytest.approx(residual) and table.at["residual", "df"] == df
    for term, (sum_sq, count) in expected.items():
        f = sum_sq / count / (residual / df)
        omega = (sum_sq - count * residual / df) / (total + residual / df)
        found = [float(table.at[term, column]) for column in ("sum_sq", "df", "f", "p", "omega_sq")]
        assert found == pytest.approx([sum_sq, count, f, stats.f.sf(f, count, df), omega])
    assert table["omega_sq"]["lr"] > 0.5 > 0.02 > abs(table["omega_sq"]["pool"])


def test_interactions_are_corrected_and_ranges_are_of_marginal_means() -> None:
    y = accuracies()
    table = anova(design_of(LEVELS, y), FACTORS)
    assert list(table.columns) == list(COLUMNS)
    interactions = table[table["is_interaction"].astype(bool)].set_index("term")
    assert list(interactions.index) == ["lr × pool", "lr × batch_size", "pool × batch_size"]
    p = interactions["p_paired"].astype(float)
    assert interactions.at["lr × batch_size", "p_holm"] == pytest.approx(3 * p["lr × batch_size"])
    others = sorted([p["lr × pool"], p["pool × batch_size"]])
    assert sorted(interactions["p_holm"].astype(float))[1:] == pytest.approx(
        [min(1, 2 * others[0]), min(1, max(2 * others[0], others[1]))]
    )
    assert table["p_holm"].isna().sum() == 5
    means = y.mean(axis=(1, 2, 3))
    assert table.set_index("term").at["lr", "range"] == pytest.approx(means.max() - means.min())


def test_a_design_that_cannot_carry_it_has_none() -> None:
    y = accuracies()
    full = design_of(LEVELS, y)
    for few in (full.iloc[:0], full.iloc[:2], full.iloc[[0, 5, 10]]):
        found = anova(few, FACTORS)
        assert found.empty and list(found.columns) == list(COLUMNS)
    same = full.assign(outcome=0.9)
    assert anova(same, FACTORS)["p"].isna().all()


def test_an_interaction_with_an_empty_cell_stays_out() -> None:
    full = design_of(LEVELS, accuracies())
    table = anova(full[~((full["lr"] == "1") & (full["pool"] == "avg"))], FACTORS)
    assert "lr × pool" not in set(table["term"]) and "lr × batch_size" in set(table["term"])


# --- what an interaction changes ---------------------------------------------------------------------------------


def crossed_study(meeting: float) -> Any:
    """lr × pool × 6 seeds; with lr=0.01 average pooling is better by `meeting`, with lr=0.001 by nothing."""
    random = np.random.default_rng(2)
    records = []
    for lr, pool, seed in itertools.product((0.001, 0.01), Pool, range(6)):
        shift = meeting * (lr == 0.01 and pool is Pool.avg)
        config = RunConfig(lr=lr, pool=pool, seed=seed, epochs=1)
        records.append(record_of(config, 0.98 + shift + random.normal(0, 0.0005)))
    return analyse(study_of(records))


def test_a_main_effect_that_depends_on_another_factor_says_so() -> None:
    pool, lr = crossed_study(0.008).factors
    assert pool.verdicts[0].sentence.endswith(" Depends on learning rate: see the table of simple effects.")
    assert lr.verdicts[0].sentence.endswith(" Depends on pooling: see the table of simple effects.")
    effects = pool.simple_effects
    assert list(effects.columns) == ["within", *pool.pairs.columns]
    assert list(effects["within"]) == ["lr=0.001", "lr=0.01"] and set(effects["m_tests"]) == {2}
    assert list(effects["p_corrected"] < 0.05) == [False, True]
    assert effects["diff"][1] == pytest.approx(-0.008, abs=0.001)
    assert effects["verdict"][1].startswith("pool=avg is 0.8")


def test_a_difference_that_a_level_turns_round_depends_on_it_though_few_seeds_show_no_interaction() -> None:
    random = np.random.default_rng(2)
    gains = {0.001: [0.015, 0.02, 0.025], 0.01: [-0.0022, -0.002, -0.0018]}  # of average pooling, by seed
    records = []
    for lr, pool, size, seed in itertools.product(gains, Pool, (32, 64), range(3)):
        gain = gains[lr][seed] * (pool is Pool.avg)
        config = RunConfig(lr=lr, pool=pool, batch_size=size, seed=seed, epochs=1)
        records.append(record_of(config, 0.95 + gain + random.normal(0, 0.00005)))
    found = analyse(study_of(records))
    pool, lr, size = found.factors
    assert found.anova.set_index("term").at["pool × lr", "p_holm"] > 0.04  # what the first look may spend
    assert pool.verdicts[0].sentence.startswith("pool=avg is 0.90 pp more accurate than pool=max")
    assert pool.verdicts[0].sentence.endswith(" Depends on learning rate: see the table of simple effects.")
    assert [text[:12] for text in pool.simple_effects["verdict"]] == ["pool=avg is ", "pool=max is "]
    assert "Depends" not in size.verdicts[0].sentence


def test_the_meeting_of_two_pairs_of_levels_is_a_difference_of_differences() -> None:
    found = crossed_study(0.0008)
    y = (
        {
            factor.comparison.factor.key: factor.comparison.runs.sort_values(["lr", "pool", "seed"])["outcome"]
            for factor in found.factors
        }["lr"]
        .to_numpy()
        .reshape(2, 2, 6)
    )
    table = found.anova.set_index("term")
    contrast = y[0, 0] - y[0, 1] - y[1, 0] + y[1, 1]
    assert table.at["pool × lr", "sum_sq"] == pytest.approx(6 * contrast.mean() ** 2 / 4)
    assert table.at["pool × lr", "range"] == pytest.approx(abs(contrast.mean()) / 2)


def test_without_an_interaction_no_simple_effects() -> None:
    for factor in crossed_study(0.0).factors:
        assert factor.simple_effects.empty and "Depends" not in factor.verdicts[0].sentence


def test_one_seed_knows_no_interaction() -> None:
    records = [
        record_of(
            RunConfig(lr=lr, pool=pool, batch_size=size, epochs=1), 0.9 + 10 * lr * (pool is Pool.avg) + size / 1e4
        )
        for lr, pool, size in itertools.product((0.001, 0.002, 0.01), Pool, (16, 32, 64))
    ]
    for factor in analyse(study_of(records)).factors:
        assert factor.simple_effects.empty
        assert all("Depends" not in verdict.sentence for verdict in factor.verdicts)
        assert not math.isnan(factor.levels["ci_low"][0]) and set(factor.levels["ci_kind"]) == {"wilson95"}
        assert factor.verdicts[0].sentence.startswith("One seed per level: values are descriptive; ")
