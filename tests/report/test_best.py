"""The best known setting: chosen by validation, told from the others like the levels of a factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.analysis.best import best_setting, best_variant
from lenet_ablate.report.analysis.results import BestSetting
from lenet_ablate.report.study.criteria import Criteria, EpochRule
from support.report_designs import record_of, study_of

RATES = (0.001, 0.002, 0.003, 0.004)


def records_of(
    test: dict[Pool, Sequence[float]], val: dict[Pool, Sequence[float | None]] | None = None, first_seed: int = 0
) -> list[RunRecord]:
    return [
        record_of(RunConfig(pool=pool, seed=first_seed + seed, epochs=1), accuracy, (val or test)[pool][seed])
        for pool, accuracies in test.items()
        for seed, accuracy in enumerate(accuracies)
    ]


def found_in(records: Sequence[RunRecord], **changes: object) -> BestSetting:
    found = best_setting(study_of(records, **changes))
    assert found is not None
    return found


NEAR = {Pool.max: (0.980, 0.982, 0.981), Pool.avg: (0.981, 0.981, 0.982)}
FAR = {Pool.max: (0.960, 0.962, 0.961), Pool.avg: (0.981, 0.983, 0.9822)}


def test_validation_chooses_and_the_test_set_reports() -> None:
    val = {Pool.max: (0.97, 0.97, 0.98), Pool.avg: (0.96, 0.96, 0.965)}
    found = found_in(records_of(NEAR, val))
    assert found.variant == best_variant(study_of(records_of(NEAR, val))) == "pool=max"
    assert found.by_validation and found.seeds == 3
    assert found.test_accuracy == pytest.approx(0.981) and found.sd == pytest.approx(0.001)
    assert found.sentence == (
        "Best known setting, chosen by validation: pool=max: 98.10 ± 0.10 % test accuracy (n=3). "
        "Not distinguishable from the other one."
    )
    assert found_in(records_of(NEAR)).variant == "pool=avg"


def test_without_validation_the_figure_is_called_optimistic() -> None:
    without = dict.fromkeys(Pool, (None,) * 3)
    found = found_in(records_of(FAR, without))
    assert (found.variant, found.by_validation) == ("pool=avg", False)
    assert "chosen on the test set, so that its figure is optimistic: pool=avg: 98.21" in found.sentence
    assert found.sentence.endswith("Better than the other one.")


def test_what_is_more_accurate_in_test_is_named() -> None:
    found = found_in(records_of(FAR, {Pool.max: (0.99,) * 3, Pool.avg: (0.98,) * 3}))
    assert found.variant == "pool=max" and found.alike == ()
    assert found.sentence.endswith("More accurate in test, which chooses nothing: pool=avg.")


def test_a_tie_in_validation_is_told() -> None:
    assert (
        "chosen by validation, where 2 are level: pool=max:"
        in found_in(records_of(NEAR, dict.fromkeys(Pool, (0.9, 0.95, 0.91)))).sentence
    )


def test_with_one_seed_nothing_is_best() -> None:
    one = {pool: accuracies[:1] for pool, accuracies in NEAR.items()}
    assert best_setting(study_of(records_of(one))) is None
    assert best_variant(study_of(records_of(one))) == "pool=avg"
    assert best_setting(study_of([record_of(RunConfig(), 0.9, state=State.failed)])) is None


def test_luck_with_a_single_seed_is_no_merit() -> None:
    lucky = record_of(RunConfig(lr=0.5, epochs=1), 0.999, 0.999)
    found = found_in([*records_of(NEAR), lucky])
    assert found.variant == "pool=avg, lr=0.001"
    assert found.sentence.endswith(
        "Settings with one seed are left out, since one may be luck; of these pool=max, lr=0.5 is higher with 99.90 % "
        "in validation: give it more seeds."
    )
    poor = record_of(RunConfig(lr=0.5, epochs=1), 0.5, 0.5)
    assert found_in([*records_of(NEAR), poor]).sentence.endswith("are left out, since one may be luck.")
    assert best_setting(study_of([*records_of({Pool.max: NEAR[Pool.max]}), lucky])) is None


def test_one_setting_alone_is_not_called_best() -> None:
    found = found_in(records_of({Pool.max: NEAR[Pool.max]}))
    assert found.sentence == "One setting, so nothing is chosen: 98.10 ± 0.10 % test accuracy (n=3)."
    assert "98.00 % test accuracy (n=1)" in found_in(records_of({Pool.max: (0.98,)})).sentence


def test_seeds_without_a_result_are_counted() -> None:
    records = records_of(NEAR)
    lost = record_of(RunConfig(pool=Pool.avg, seed=3, epochs=1), 0.5, state=State.diverged, loss=float("nan"))
    found = found_in([*records, lost])
    assert "(n=3 of 4)" in found.sentence and (found.ended, found.failed) == (4, 1)
    assert "It is not best without this: 1 of 4 runs diverged (25 %, Wilson 5–70 %)." in found.sentence


def test_settings_without_common_seeds_cannot_be_told_apart() -> None:
    part_reasons = [*records_of({Pool.max: NEAR[Pool.max]}), *records_of({Pool.avg: FAR[Pool.avg]}, first_seed=7)]
    found = found_in(part_reasons)
    assert found.alike == () and "Too few seeds are shared with some of the others" in found.sentence


def test_the_epoch_asked_for_is_reported() -> None:
    found = found_in(records_of(NEAR), criteria=Criteria(epoch=EpochRule.best_val))
    assert found.test_accuracy == pytest.approx(0.9813 + 0.01, abs=1e-4)
    assert "test accuracy at the epoch of best validation (n=3)" in found.sentence


@pytest.mark.parametrize("draw", range(20))
def test_in_a_study_of_one_factor_it_is_told_apart_as_in_the_factors_table(draw: int) -> None:
    random = np.random.default_rng(draw)
    means = 0.97 + 0.01 * random.random(len(RATES))
    records = [
        record_of(RunConfig(lr=lr, seed=seed, epochs=1), round(mean + 0.001 * random.normal(), 4), mean)
        for lr, mean in zip(RATES, means, strict=True)
        for seed in range(4)
    ]
    study = study_of(records)
    found, (factor,) = found_in(records), analyse(study).factors
    groups = {
        f"lr={level}": set(group) for level, group in zip(factor.levels["level"], factor.levels["group"], strict=True)
    }
    assert found.variant == f"lr={RATES[int(means.argmax())]:g}"
    sharing = {name for name, group in groups.items() if name != found.variant and group & groups[found.variant]}
    assert set(found.alike) <= sharing  # since it alone was asked about, it may be told from more


def test_a_part_says_what_its_best_setting_is_for() -> None:
    digits = DataConfig(val_size=200)
    other = [
        record_of(RunConfig(pool=pool, seed=seed, epochs=9, data=digits), 0.9 + seed / 1000)
        for pool in Pool
        for seed in range(2)
    ]
    study = study_of([*records_of(NEAR), *other, record_of(RunConfig(pool=Pool.max, epochs=9, data=digits, lr=1), 0.9)])
    assert len(study.parts) == 2
    for part in study.parts:
        found = analyse(part).best
        assert found is not None and f"Best known setting for {part.part}, chosen by validation" in found.sentence


def test_many_settings_are_counted_rather_than_listed() -> None:
    random = np.random.default_rng(0)
    records = [
        record_of(RunConfig(lr=lr / 1e4, seed=seed, epochs=1), round(0.98 + 0.001 * random.normal(), 4))
        for lr in range(1, 10)
        for seed in range(5)
    ] + [record_of(RunConfig(lr=0.5, seed=seed, epochs=1), 0.2 + seed / 1e4, 0.2) for seed in range(5)]
    found = found_in(records)
    assert len(found.alike) == 8 and found.sentence.endswith("; and 5 more.")
    assert len(found.sentence) < 250
