"""Which runs are compared: pairs on what they share, levels that trained alike, runs that failed, small test sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.schedules import Piecewise, StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.analyse import analyse, analyse_comparison
from lenet_ablate.report.analysis.failures import level_counts
from lenet_ablate.report.analysis.results import Code, FactorAnalysis
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA, Criteria, EpochRule, Metric
from lenet_ablate.report.tables.factor import factor_table
from lenet_ablate.report.tables.frames import epoch_table, variant_table
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.tables.variants import epochs_table, variants_table
from support.report_designs import comparison_of, design_of, factors_of, record_of, study_of

LOST = {(0.5, 1), (10.0, 0), (10.0, 3)}


def lossy_sweep() -> list[RunRecord]:
    """lr at four levels with five seeds each, of which 0.5 lost one and 10 two."""
    random = np.random.default_rng(4)
    base = {0.01: 0.9640, 0.1: 0.9815, 0.5: 0.975, 10.0: 0.42}
    return [
        record_of(
            RunConfig(lr=lr, seed=seed, epochs=1),
            round(mean + random.normal(0, 0.02 if lr == 0.01 else 0.001), 4),
            state=State.diverged if (lr, seed) in LOST else State.done,
        )
        for lr, mean in base.items()
        for seed in range(5)
    ]


def column(table: Table, start: str) -> list[str]:
    place = next(number for number, one in enumerate(table.columns) if one.name.startswith(start))
    return [row[place] for row in table.rows]


def test_one_bad_level_costs_the_others_nothing() -> None:
    study = study_of(lossy_sweep())
    found = analyse(study)
    (factor,) = found.factors
    pair = factor.pairs.set_index(["level_a", "level_b"]).loc[("0.01", "0.1")]
    assert pair["n_pairs"] == 5
    means = factor.levels.set_index("level")["mean"]
    assert pair["diff"] == pytest.approx(means["0.01"] - means["0.1"])
    assert factor.pairs["level_a"].tolist() == ["0.01", "0.01", "0.01", "0.1", "0.1", "0.5"]
    assert factor.pairs["n_pairs"].tolist() == [5, 4, 3, 4, 3, 2]
    assert list(factor.levels["seeds"]) == [5, 5, 4, 3]


def test_a_levels_mean_is_the_same_in_every_table() -> None:
    study = study_of(lossy_sweep())
    (factor,) = analyse(study).factors
    expected = [f"{100 * mean:.2f}" for mean in factor.levels["mean"]]
    by_epoch = epoch_table(study.epochs, factor.comparison)
    last = epochs_table(study, factor.comparison, by_epoch)
    for told in (
        column(factor_table(study, factor), "test accuracy"),
        column(variants_table(study, variant_table(study.design, study.factors)), "test accuracy"),
        list(last.rows[-1][1:]),
    ):
        shown = [text.partition(" ± ")[0] for text in told]
        assert [f"{float(text):.2f}" for text in shown] == expected
    assert variant_table(study.design, study.factors)["test_accuracy_mean"].tolist() == pytest.approx(
        factor.levels["mean"].tolist()
    )


def test_nothing_is_said_beyond_what_accuracies_can_differ_by() -> None:
    accuracy = np.array([[0.90, 0.20], [0.10, 0.85]])
    found = analyse_comparison(comparison_of({"lr": ["a", "b"]}, accuracy), DEFAULT_CRITERIA)
    assert found.verdicts[0].sentence.startswith("lr=a and lr=b: too few runs to say; difference +7.50 pp at n=2 seeds")
    intervals = found.pairs[["ci_low", "ci_high", "ci90_low", "ci90_high", "ci_all_low", "ci_all_high", "detectable"]]
    assert not (intervals.abs() > 1).any(axis=None) and intervals["ci_low"].isna().all()


# --- levels that trained alike -----------------------------------------------------------------------------------


def alike_study(schedule: object, other: float = 0.001) -> FactorAnalysis:
    random = np.random.default_rng(1)
    accuracy = {seed: round(0.98 + random.normal(0, 0.001), 4) for seed in range(4)}
    records = [record_of(RunConfig(lr=0.01, seed=seed, epochs=3), accuracy[seed]) for seed in accuracy]
    records += [record_of(RunConfig(lr=schedule, seed=seed, epochs=3), accuracy[seed]) for seed in accuracy]  # type: ignore[arg-type]
    records += [record_of(RunConfig(lr=other, seed=s, epochs=3), 0.95 + random.normal(0, 0.001)) for s in accuracy]
    (found,) = analyse(study_of(records)).factors
    return found


def test_levels_that_trained_identically_are_one_and_say_why() -> None:
    found = alike_study(StepDecay("step", 0.01, 0.1, 10))
    assert list(found.levels["alike"]) == ["", "", "0.01"] and set(found.pairs["m_tests"]) == {1}
    sentences = [verdict.sentence for verdict in found.verdicts]
    assert "lr=0.01 and lr=step trained identically here: step's first change comes at epoch 11." in sentences
    assert [verdict.code for verdict in found.verdicts] == [Code.better, Code.identical] and found.advice == ""
    own = found.pairs[found.pairs["verdict_code"] == Code.identical].iloc[0]
    assert np.isnan(own["p_corrected"]) and (own["p_better"], own["p_same"]) == (0.0, 1.0)
    groups = found.levels.set_index("level")["group"]
    assert groups["0.01"] == groups["step"] and found.levels["is_best"].tolist() == [False, True, True]


def test_a_reason_is_given_only_where_it_is_known() -> None:
    known = alike_study(Piecewise("two", (0.01, 0.001), (5, 1)))
    assert any(verdict.sentence.endswith("two's first change comes at epoch 6.") for verdict in known.verdicts)
    rng = np.random.default_rng(0)
    accuracy = [round(0.9 + rng.normal(0, 0.01), 4) for _ in range(3)]
    records = [
        record_of(RunConfig(pool=pool, seed=seed, epochs=1), accuracy[seed]) for pool in Pool for seed in range(3)
    ]
    (found,) = analyse(study_of(records)).factors
    assert found.verdicts[0].sentence == (
        "pool=max and pool=avg trained identically here: what tells them apart did not come into play."
    )


def test_another_setting_is_judged_as_if_levels_that_trained_identically_were_one() -> None:
    """Averages, tests and counts of failures over pooling are those of the study without the copies."""
    random = np.random.default_rng(5)
    points = [(lr, pool, seed) for lr in (0.01, 0.001) for pool in Pool for seed in range(3)]
    accuracy = {point: round(0.97 + random.normal(0, 0.01), 4) for point in points}
    accuracy |= {(0.01, Pool.avg, seed): 0.1 + seed / 1e4 for seed in range(3)}

    def records(lrs: dict[object, float]) -> list[RunRecord]:
        return [
            record_of(RunConfig(lr=lr, pool=pool, seed=seed, epochs=3), accuracy[(same, pool, seed)])  # type: ignore[arg-type]
            for lr, same in lrs.items()
            for pool in Pool
            for seed in range(3)
        ]

    step = StepDecay("step", 0.01, 0.1, 10)
    alone, doubled = (
        next(factor for factor in analyse(study_of(records(lrs))).factors if factor.comparison.factor.key == "pool")
        for lrs in ({0.01: 0.01, 0.001: 0.001}, {0.01: 0.01, 0.001: 0.001, step: 0.01})
    )
    assert [verdict.sentence for verdict in doubled.verdicts] == [verdict.sentence for verdict in alone.verdicts]
    assert level_counts(doubled.comparison) == level_counts(alone.comparison)
    assert doubled.levels["mean"].tolist() == alone.levels["mean"].tolist()


def test_copies_do_not_count_twice_in_the_analysis_of_variance() -> None:
    random = np.random.default_rng(3)

    def records(lrs: tuple[object, ...]) -> list[RunRecord]:
        noise = {(pool, s): random.normal(0, 0.001) for pool in Pool for s in range(4)}
        drawn = {
            (lr == 0.001, *key): value + random.normal(0, 0.001) for lr in (0.01, 0.001) for key, value in noise.items()
        }
        return [
            record_of(RunConfig(lr=lr, pool=pool, seed=s, epochs=3), 0.98 + drawn[lr == 0.001, pool, s])  # type: ignore[arg-type]
            for lr in lrs
            for pool in Pool
            for s in range(4)
        ]

    every = records((0.001, 0.01, StepDecay("step", 0.01, 0.1, 10)))
    single = [record for record in every if record.config and not isinstance(record.config.lr, StepDecay)]
    with_copies, without = (analyse(study_of(found)).anova.set_index("term") for found in (every, single))
    assert with_copies["df"].astype(float).to_dict() == without["df"].astype(float).to_dict()
    assert with_copies["p"]["pool"] == pytest.approx(without["p"]["pool"])


# --- runs that failed --------------------------------------------------------------------------------------------


def failing(lead: float, lost: set[tuple[str, int]], seeds: int = 8) -> FactorAnalysis:
    random = np.random.default_rng(2)
    levels = {"lr": ["a", "b"]}
    design = design_of(levels, 0.98 + random.normal(0, 0.0005, (2, seeds)) + np.array([[lead], [0.0]]))
    is_lost = np.array([(level, seed) in lost for level, seed in zip(design["lr"], design["seed"], strict=True)])
    design.loc[is_lost, "status"] = "diverged"
    design.loc[is_lost, "is_usable"] = False
    factors = factors_of(levels)
    return analyse_comparison(compare(design, factors[0], factors), DEFAULT_CRITERIA)


def test_a_level_that_is_ahead_where_it_survives_is_not_called_better() -> None:
    found = failing(0.003, {("a", 1), ("a", 4), ("a", 6)})
    verdict = found.verdicts[1]
    assert verdict.code is Code.depends_on_failures and not found.levels["is_best"].any()
    assert "but lr=a did not in 3 of 8 runs: counted as guessing, the difference is −" in verdict.sentence
    assert found.pairs["p_holm"].item() < 0.01 and found.pairs["p_corrected"].item() == 1


def test_the_others_failures_only_widen_a_lead() -> None:
    found = failing(0.003, {("b", 1), ("b", 4), ("b", 6)})
    assert found.verdicts[1].code is Code.better and found.levels["is_best"].tolist() == [True, False]
    assert found.pairs["diff_failures"].item() > 0.3 and found.pairs["p_at_chance"].item() > 0.05


def test_levels_alike_where_they_trained_are_not_the_same_where_one_fails() -> None:
    same = failing(0.0, set(), seeds=20)
    assert same.verdicts[-1].code is Code.practically_same
    found = failing(0.0, {("a", 3)}, seeds=20)
    assert found.verdicts[-1].code is Code.depends_on_failures
    assert found.verdicts[-1].sentence.endswith(
        "whether they are the same depends on how failures count. Completed runs only."
    )


def test_failure_rates_are_tested_exactly() -> None:
    found = failing(0.0, {("a", seed) for seed in range(6)})
    assert found.pairs["p_failures"].item() == pytest.approx(0.00699301, abs=1e-7)  # as R's fisher.test
    assert found.verdicts[0].sentence == (
        "lr=a: 6 of 8 runs diverged (75 %, Wilson 41–93 %); more often than lr=b (Fisher's exact test, p=0.0070)."
    )
    assert np.isnan(failing(0.0, set()).pairs["p_failures"].item())


# --- what a test set can show ------------------------------------------------------------------------------------


def test_margin_and_target_are_no_finer_than_the_test_set() -> None:
    digits = Criteria().fitted(360)
    assert (digits.margin, digits.target) == (0.0028, 0.0056)
    assert Criteria().fitted(10_000) == Criteria() == Criteria().fitted(float("nan"))
    chosen = Criteria(margin=0.002, target=0.004)
    assert chosen.fitted(360) == chosen


def small_study(num_seeds: int) -> list[RunRecord]:
    random = np.random.default_rng(0)
    records = [
        record_of(RunConfig(pool=pool, seed=seed, epochs=1), round(0.97 + random.normal(0, 0.006), 4))
        for pool in Pool
        for seed in range(num_seeds)
    ]
    return [dataclasses.replace(r, result=dataclasses.replace(r.result, num_test=360)) for r in records]


def test_a_small_test_set_is_named_as_the_limit() -> None:
    told = "\n".join(analyse(study_of(small_study(5))).warnings)
    assert "The test set is the limit: one of its 360 images is 0.28 pp, so differences within ±0.28 pp count" in told
    assert "The test set is the limit" not in "\n".join(analyse(study_of(lossy_sweep())).warnings)


def test_nothing_is_said_of_seeds_that_do_not_exist() -> None:
    (factor,) = analyse(study_of(small_study(1), criteria=Criteria(target=0.0005))).factors
    assert "differ so much" not in factor.advice and "With this test set a difference of 0.05 pp" in factor.advice


# --- what is judged ----------------------------------------------------------------------------------------------


def test_the_highest_validation_accuracy_is_described_and_judges_nothing() -> None:
    criteria = Criteria(metric=Metric.val_accuracy, epoch=EpochRule.best_val)
    assert criteria.column == "test_accuracy_at_best_val" and criteria.is_described_only
    assert Criteria(metric=Metric.val_accuracy).column == "val_accuracy"
    random = np.random.default_rng(0)
    draw: Callable[[], float] = lambda: round(0.97 + random.normal(0, 0.001), 4)  # noqa: E731
    records = [record_of(RunConfig(pool=pool, seed=s, epochs=1), draw(), val=draw()) for pool in Pool for s in range(3)]
    found = analyse(study_of(records, criteria=criteria))
    assert "described only" in found.corrections and found.factors[0].levels["metric"].tolist() == ["test_accuracy"] * 2
