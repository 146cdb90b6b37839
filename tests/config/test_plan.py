from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity, learning_rates, make_plan, run_name, variant_id
from lenet_ablate.config.schedules import Cosine, OneCycle, Piecewise, Schedule, StepDecay, Warmup
from lenet_ablate.config.settings import DataConfig, OptimizerConfig, RunConfig
from lenet_ablate.datasets.splits import ORDER_STREAM, epoch_order, generator, split
from lenet_ablate.errors import ConfigError

STEP = StepDecay("step", 0.01, 0.1, 10)


def test_identities_never_change() -> None:
    """Recorded once: a change would orphan every finished run that users have."""
    assert identity(RunConfig()) == "8c1cd09c292df2ecb7bb3b9d11a7b6ce85bd4549f22602b55a014c0d789be123"
    assert identity(RunConfig(lr=STEP, seed=3)) == "8c40fc517be3ad02e23e720cca6d88388257b722e1e6d6635ef924f6a3367a82"


def test_the_neutral_run_hashes_no_setting() -> None:
    import hashlib

    assert identity(RunConfig()) == hashlib.sha256(b'{"settings":{},"version":1}').hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 0.0011},
        {"seed": 1},
        {"epochs": 31},
        {"lr": STEP},
        {"data": DataConfig(val_size=0)},
        {"data": DataConfig(mean=None)},
        {"optimizer": OptimizerConfig(betas=(0.9, 0.99), eps=1e-8)},
    ],
)
def test_every_setting_changes_the_identity(changes: dict[str, object]) -> None:
    assert identity(dataclasses.replace(RunConfig(), **changes)) != identity(RunConfig())


def test_a_schedule_is_what_it_does_not_what_it_is_called() -> None:
    assert identity(RunConfig(lr=STEP)) == identity(RunConfig(lr=dataclasses.replace(STEP, name="mine")))


def test_number_spellings_are_one_run() -> None:
    spelled = [parse_config({"lr": lr})[0] for lr in (1, 1.0)]
    assert identity(spelled[0]) == identity(spelled[1])


def test_replicates_share_their_variant() -> None:
    assert variant_id(RunConfig(seed=5)) == variant_id(RunConfig(seed=0)) != variant_id(RunConfig(seed=0, lr=0.01))


@pytest.mark.parametrize("config", [RunConfig(), RunConfig(lr=StepDecay("a/../b c" * 40, 0.1, 0.5, 1), seed=2**32 - 1)])
def test_run_names_are_safe_on_every_file_system(config: RunConfig) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,90}", run_name(config))
    assert run_name(config).endswith("-" + identity(config)[:8])


def test_steps_cover_the_training_split() -> None:
    plan = make_plan(RunConfig(batch_size=64, epochs=3), 60_000, 10_000)
    assert (plan.num_train, plan.num_val, plan.num_test) == (55_000, 5_000, 10_000)
    assert plan.steps_per_epoch == 860 == -(-55_000 // 64)
    assert plan.total_steps == 2580


def test_without_a_val_size_one_in_twelve_is_set_aside() -> None:
    assert make_plan(RunConfig(data=DataConfig(val_size=None)), 60_000, 1).num_val == 5_000


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.val_size=100: must be below the 100 training images"):
        make_plan(RunConfig(data=DataConfig(val_size=100)), 100, 10)


def test_step_decay_falls_after_ten_epochs() -> None:
    plan = make_plan(RunConfig(lr=STEP, epochs=30, data=DataConfig(val_size=0)), 128, 10)
    rates = learning_rates(plan, 0, plan.total_steps)
    assert plan.steps_per_epoch == 2
    assert set(rates[:20]) == {0.01}
    assert set(rates[20:40]) == {0.001}
    assert set(rates[40:]) == {0.0001}


def test_schedules_agree_with_torch() -> None:
    plan = make_plan(RunConfig(lr=StepDecay("x", 0.3, 0.7, 3), epochs=12, data=DataConfig(val_size=0)), 64, 10)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.7)
    theirs = []
    for _ in range(12):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(learning_rates(plan, 0, 12), theirs, rtol=1e-12)


SCHEDULES = {
    "cosine": Cosine("c", 0.3, 0.01),
    "one_cycle": OneCycle("o", 0.3, 0.25, 10.0, 100.0),
    "one_cycle at once": OneCycle("o", 0.3, 0.01, 10.0, 100.0),
    "warmup": Warmup("w", 0.3, 3),
    "piecewise": Piecewise("p", (0.05, 0.02, 0.01), (2, 3, 4)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_by_step_agree_with_torch(name: str) -> None:
    schedule = SCHEDULES[name]
    plan = make_plan(RunConfig(lr=schedule, epochs=12, batch_size=10, data=DataConfig(val_size=0)), 64, 10)
    total, by = plan.total_steps, torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    makers: dict[type[Schedule], Callable[[], by.LRScheduler]] = {
        Cosine: lambda: by.CosineAnnealingLR(optimizer, total, 0.01),
        OneCycle: lambda: by.OneCycleLR(
            optimizer,
            0.3,
            total,
            pct_start=schedule.pct_start,
            div_factor=10,
            final_div_factor=100,
            cycle_momentum=False,
        ),
        Warmup: lambda: by.LambdaLR(optimizer, lambda step: min((step + 1) / (3 * plan.steps_per_epoch), 1.0)),
        Piecewise: lambda: by.LambdaLR(optimizer, lambda step: piece(step // plan.steps_per_epoch) / 0.3),
    }

    def piece(epoch: int) -> float:
        return 0.05 if epoch < 2 else 0.02 if epoch < 5 else 0.01

    scheduler = makers[type(schedule)]()
    theirs = []
    for _ in range(total):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(theirs) < total:
            scheduler.step()
    np.testing.assert_allclose(learning_rates(plan, 0, total), theirs, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(learning_rates(plan, 5, 17), learning_rates(plan, 0, total)[5:17])


def test_a_cosine_after_a_rise() -> None:
    plan = make_plan(
        RunConfig(lr=Cosine("c", 0.4, 0.1, 2), epochs=4, batch_size=8, data=DataConfig(val_size=0)), 32, 10
    )
    expected = [0.05 * step for step in range(1, 9)] + [0.1 + 0.15 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    np.testing.assert_allclose(learning_rates(plan, 0, 16), expected, rtol=1e-12)


@pytest.mark.parametrize("schedule", [Cosine("c"), OneCycle("o"), Warmup("w", 0.1, 5)])
def test_schedules_of_a_single_step(schedule: Schedule) -> None:
    plan = make_plan(RunConfig(lr=schedule, epochs=1, data=DataConfig(val_size=0)), 10, 10)
    (rate,) = learning_rates(plan, 0, 1)
    assert 0 < rate <= 0.1


def test_a_decay_too_small_for_a_float_is_zero() -> None:
    plan = make_plan(RunConfig(lr=StepDecay("x", 0.1, 0.1, 1), epochs=2000, data=DataConfig(val_size=0)), 64, 10)
    rates = learning_rates(plan, 0, 2000)
    assert rates[0] == 0.1
    assert rates[-1] == 0.0


def test_a_schedule_by_another_name_is_the_same_folder() -> None:
    assert run_name(RunConfig(lr=STEP)) == run_name(RunConfig(lr=dataclasses.replace(STEP, name="mine")))


def test_slices_of_learning_rates_are_parts_of_the_whole() -> None:
    plan = make_plan(RunConfig(lr=StepDecay("x", 0.3, 0.7, 1), epochs=5), 60_000, 10)
    whole = learning_rates(plan, 0, plan.total_steps)
    np.testing.assert_array_equal(learning_rates(plan, 850, 900), whole[850:900])


def test_split_and_order_depend_on_the_seed_alone_and_cover_everything() -> None:
    train, val = split(1000, 100, seed=4)
    assert len(val) == 100
    assert sorted([*train, *val]) == list(range(1000))
    np.testing.assert_array_equal(split(1000, 100, seed=4)[1], val)
    assert set(split(1000, 100, seed=5)[1]) != set(val)
    order = epoch_order(train, seed=4, epoch=0)
    assert sorted(order) == list(train)
    np.testing.assert_array_equal(order, generator(4, ORDER_STREAM, 0).permutation(train))  # as runs of before had it
    assert not np.array_equal(order, epoch_order(train, seed=4, epoch=1))
    assert not np.array_equal(order, epoch_order(train, seed=5, epoch=0))


def test_seed_zero_seeds() -> None:
    np.testing.assert_array_equal(split(50, 5, 0)[0], split(50, 5, 0)[0])


def test_no_run_has_a_name_that_windows_reserves() -> None:
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*[. ]", re.IGNORECASE)
    assert reserved.fullmatch("Nul.x") and reserved.fullmatch("a.") and not reserved.fullmatch("console")
    names = [StepDecay(name, 0.1) for name in ("con", "nul.", "a" * 200, "lpt1 ", "..")]
    for lr in (*names, 0.1, 1e-30):
        for data in DataSet:
            name = run_name(RunConfig(lr=lr, data=DataConfig(data)))
            assert not reserved.fullmatch(name) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name)
