"""A study as a whole: its warnings, its best variant, and that it takes any design."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.records.plans import PlannedRun, SweepPlan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.study.criteria import Criteria, EpochRule, Metric
from lenet_ablate.report.study.predictions import StudyPredictions
from support.report_designs import record_of, study_of
from support.report_runs import plan_of


def config_of(pool: Pool = Pool.max, seed: int = 0, **changes: Any) -> RunConfig:
    return dataclasses.replace(RunConfig(pool=pool, seed=seed, epochs=1), **changes)


def test_unstable_training_is_warned_of() -> None:
    records = [
        record_of(config_of(pool, s), 0.98 + s / (100 if pool is Pool.avg else 1000)) for pool in Pool for s in range(3)
    ]
    expected = "Training is unstable: the seeds of pool=avg differ 14.1 times as much as"
    assert expected in warnings_of(records) and warnings_of(records).endswith("where up to 2 times is usual.")
    assert "unstable" not in warnings_of(records[:3])


def plain_records(num_seeds: int = 3, shift: float = 0.0, **changes: Any) -> list[RunRecord]:
    return [
        record_of(config_of(pool, seed), 0.98 + seed / 1000 + shift * (pool is Pool.avg) * (seed + 1), **changes)
        for pool in Pool
        for seed in range(num_seeds)
    ]


def warnings_of(records: list[RunRecord], *args: Any, **changes: Any) -> str:
    return "\n".join(analyse(study_of(records, **changes), *args).warnings)


def test_a_sound_study_has_no_warnings() -> None:
    assert warnings_of(plain_records(version="1", engine="compiled")) == ""


def test_a_seed_that_changes_nothing_is_not_wired() -> None:
    records = [record_of(config_of(pool, seed), 0.98, loss=0.1) for pool in Pool for seed in range(3)]
    expected = "The seed is not wired: seeds 0, 1, 2 of pool=max gave identical results, and likewise 1 other variant."
    assert warnings_of(records).startswith(expected)
    predictions = StudyPredictions(
        {r.folder.name: np.array([r.config.seed if r.config else 0], np.uint8) for r in records}
    )
    assert "not wired" not in warnings_of(records, predictions)
    assert "not wired" not in warnings_of([record_of(config_of(pool, s), 0.98) for pool in Pool for s in range(3)])


def test_networks_that_learned_nothing_may_agree() -> None:
    def told(accuracy: float) -> str:
        return warnings_of([record_of(config_of(Pool.max, s), accuracy, accuracy, loss=2.3) for s in range(3)])

    assert "not wired" in told(0.5)
    assert "not wired" not in told(0.098) and "3 runs collapsed" in told(0.098)


def test_one_seed_is_warned_of() -> None:
    assert warnings_of(plain_records(num_seeds=1)).startswith("One seed per variant: ")
    assert "One seed" not in warnings_of(plain_records(num_seeds=2))


def test_missing_validation_is_warned_of() -> None:
    records = [
        record_of(config_of(pool, seed, data=DataConfig(val_size=0)), 0.98 + seed / 1000, val=None)
        for pool in Pool
        for seed in range(2)
    ]
    assert "No validation split: settings are compared on the test set" in warnings_of(records)
    for criteria in (Criteria(metric=Metric.val_accuracy), Criteria(epoch=EpochRule.best_val)):
        told = warnings_of(records, criteria=criteria)
        assert told.startswith("4 runs without validation split cannot be compared by validation")
        assert analyse(study_of(records, criteria=criteria)).factors[0].pairs.empty


@pytest.mark.parametrize(("key", "what"), [("lenet_ablate", "versions"), ("engine", "engines"), ("device", "devices")])
def test_mixed_provenance_is_warned_of(key: str, what: str) -> None:
    records = [*plain_records(num_seeds=2, **{key: "one"}), record_of(config_of(seed=2), 0.99, **{key: "two"})]
    assert f"Runs come from different {what}" in warnings_of(records)
    assert "(one, two)." in warnings_of(records)


def test_batch_sizes_have_unequal_updates() -> None:
    records = [
        record_of(config_of(seed=s, batch_size=b), 0.98 + s / 1000 + b / 1e6) for b in (32, 64) for s in range(2)
    ]
    assert "smaller batches had more updates" in warnings_of(records)


def test_varying_one_setting_at_a_time_hides_how_they_meet() -> None:
    corners = [(0.001, Pool.max), (0.01, Pool.max), (0.001, Pool.avg)]
    records = [
        record_of(config_of(pool, s, lr=lr), 0.98 + s / 1000 + lr / 10) for lr, pool in corners for s in range(2)
    ]
    assert "Settings were varied one at a time" in warnings_of(records)
    last = [record_of(config_of(Pool.avg, s, lr=0.01), 0.97 + s / 1000) for s in range(2)]
    assert "one at a time" not in warnings_of([*records, *last])


def sweep_of(*seeds: int, pools: tuple[Pool, ...] = tuple(Pool)) -> SweepPlan:
    runs = tuple(PlannedRun("", "", config_of(pool, seed)) for pool in pools for seed in seeds)
    return SweepPlan("2026", runs=runs)


@pytest.mark.parametrize(
    ("sweeps", "look"),
    [
        ([sweep_of(0, 1, 2)], 1),
        ([sweep_of(0), sweep_of(0, 1, 2)], 1),  # of one seed nothing could be tested
        ([sweep_of(0, 1, pools=(Pool.max,)), sweep_of(2, 3, pools=(Pool.avg,))], 1),  # other variants
        ([sweep_of(0, 1, 2), sweep_of(0, 1, 2)], 1),
        ([sweep_of(0, 1), sweep_of(0, 1, 2)], 2),
        ([sweep_of(0, 1), sweep_of(2), sweep_of(3)], 3),
        ([SweepPlan("2025"), SweepPlan("2026")], 1),
    ],
)
def test_seeds_added_after_a_look_make_tests_stricter(sweeps: list[SweepPlan], look: int) -> None:
    found = analyse(study_of(plain_records(shift=0.001)), StudyPredictions(), sweeps)
    (pair,) = found.factors[0].pairs.to_dict("records")
    assert pair["look"] == look and pair["p_corrected"] == pytest.approx(min(1, pair["p_holm"] * look**2 / 0.8))
    assert ("seeds that may be added later" in found.corrections) == (look == 1)
    assert ("2 looks, since seeds were added once: 1 % of the 5 %" in found.corrections) == (look == 2)
    assert ("3 looks, since seeds were added 2 times: 0.44 % of" in found.corrections) == (look == 3)


def test_a_study_without_factors_is_analysed() -> None:
    found = analyse(study_of([record_of(config_of(seed=seed), 0.98 + seed / 1000) for seed in range(3)]))
    assert found.factors == () and found.anova.empty and found.best_variant == "lenet5 on mnist"
    assert list(found.noise["seeds"]) == [3]


def test_a_thousand_runs_with_predictions_are_analysed() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 200).astype(np.uint8)
    records, predicted = [], {}
    for number in range(100):
        for seed in range(10):
            config = RunConfig(lr=0.0001 * (1 + number), seed=seed, epochs=1)
            digits = np.where(random.random(200) < 0.03, (labels + 1) % 10, labels).astype(np.uint8)
            predicted[plan_of(config).name] = digits
            records.append(record_of(config, float((digits == labels).mean())))
    found = analyse(study_of(records), StudyPredictions(predicted, dict.fromkeys(predicted, labels)))
    (factor,) = found.factors
    assert len(factor.pairs) == 4950 and factor.pairs["se_digits"].notna().all()
    assert len(found.noise) == 100
