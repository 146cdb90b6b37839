"""The first screen: what to use, what is as good, what to avoid, how sure, what to run next."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.plans import PlannedRun, SweepPlan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.records.result import parse_result
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.page.answer import Answer, answer_of
from lenet_ablate.report.page.effects import effects_of
from lenet_ablate.report.page.glossary import GLOSSARY
from lenet_ablate.report.page.next_run import duration
from lenet_ablate.report.study.collect import make_study
from support.report_runs import plan_of, rows_of

Accuracy = Callable[[RunConfig], float]
COMMAND = "lenet-ablate -m lr=0.01,0.1 pool=max,avg seed=0,1,2 epochs=1 study=s"
WOBBLE = (0.0, 0.0004, -0.0003, 0.0001, -0.0002)


def configs(seeds: int = 3, lrs: Sequence[float] = (0.01, 0.1)) -> list[RunConfig]:
    return [RunConfig(lr=lr, pool=pool, seed=seed, epochs=1) for lr in lrs for pool in Pool for seed in range(seeds)]


def record(config: RunConfig, accuracy: float, state: State = State.done) -> RunRecord:
    plan = plan_of(config)
    rows = tuple(rows_of(config, lambda c, e: (0.1, accuracy))) if state.is_finished else ()
    content = {"num_train": 55_000, "num_val": 5_000, "num_test": 10_000, "wall_seconds": 30.0} if rows else {}
    return RunRecord(Path("s") / plan.name, state, plan.identity, config, rows, parse_result(content))


def answered(
    own: Sequence[RunConfig],
    accuracy: Accuracy,
    states: Callable[[RunConfig], State] = lambda config: State.done,
    command: str = COMMAND,
) -> Answer:
    records = [record(config, accuracy(config), states(config)) for config in own]
    runs = tuple(PlannedRun(one.folder.name, one.identity, one.config) for one in records if one.config)
    study = dataclasses.replace(make_study(Path("s"), records, sweeps=[SweepPlan("2026", command, runs)]), name="s")
    return answer_of(study, analyse(study, sweeps=study.sweeps))


def clear(config: RunConfig) -> float:
    """0.1 loses 5 points; pooling does nothing."""
    return 0.97 - 0.05 * (config.lr == 0.1) + WOBBLE[config.seed] * (1 if config.pool is Pool.max else -1)


def test_what_is_known_is_said_of_the_setting_it_is_known_of() -> None:
    answer = answered(configs(), clear)
    assert answer.verb == "Use" and dict(answer.settings)["lr"] == "0.01"
    assert answer.figure.endswith("test accuracy (mean ± SD, 3 seeds)")
    assert [effect.key for effect in answer.effects] == ["lr", "pool"]  # what is known stands first
    assert answer.avoid == ("lr=0.1: 5.00 pp below 0.01",)
    assert "Settled: lr" in answer.sure and "Undecided: pool" in answer.sure
    other = "max" if dict(answer.settings)["pool"] == "avg" else "avg"
    assert answer.alike.startswith(f"pool={other}, lr=0.01 (9") and "lr=0.1 " not in answer.alike
    assert dict(answer.facts) == {
        "runs finished": "12 of 12",
        "seeds": "3",
        "failed": "none",
        "left out of comparisons": "nothing",
        "training time": "6 min in all, 30 s per run",
    }


def test_every_level_is_named_the_best_against_each() -> None:
    lrs = (0.001, 0.003, 0.01, 0.03)
    answer = answered(configs(lrs=lrs), lambda c: 0.9 + float(c.lr) + WOBBLE[c.seed])  # type: ignore[arg-type]
    effect = next(effect for effect in answer.effects if effect.key == "lr")
    assert effect.best == "0.03" and [other.level for other in effect.against] == ["0.01", "0.003", "0.001"]
    assert [other.difference for other in effect.against] == ["+2.00", "+2.70", "+2.90"]
    for other in effect.against:
        assert other.posterior and other.posterior.better > 0.9 and "0.03 is" in other.sentence
        total = other.posterior.better + other.posterior.same + other.posterior.worse
        assert total == pytest.approx(1)


def test_with_one_seed_the_best_is_held_against_the_runner_up() -> None:
    answer = answered(configs(seeds=1), lambda c: 0.97 - 0.0010 * (c.lr == 0.1) - 0.0005 * (c.pool is Pool.avg))
    assert answer.verb == "Highest in validation so far" and answer.words == "pool=max, lr=0.01"
    assert answer.alike.startswith("pool=avg, lr=0.01 (96.95 %) is the runner-up")
    assert "0.05 pp above the runner-up, no more than" in answer.sure
    (command,) = answer.next.commands
    assert shlex.split(command)[-1] == "seed=1,2" and "seed=0" not in command
    assert answer.next.cost == "8 runs, about 4 min of training"


@pytest.mark.parametrize("validation", [0.95, None])
def test_the_highest_of_one_seed_each_says_by_what(validation: float | None) -> None:
    """Validation, where there is any, prefers the rate whose test accuracy is lower."""
    records = []
    for config in configs(seeds=1):
        is_low = config.lr == 0.01
        rows = rows_of(config, lambda c, e, low=is_low: (0.1, 0.96 if low else 0.97))
        val = None if validation is None else validation + 0.01 * is_low
        content = {
            "num_train": 55_000,
            "num_val": 0 if val is None else 5_000,
            "num_test": 10_000,
            "wall_seconds": 30.0,
        }
        rows = [dataclasses.replace(row, val_accuracy=val) for row in rows]
        plan = plan_of(config)
        records.append(
            RunRecord(Path("s") / plan.name, State.done, plan.identity, config, tuple(rows), parse_result(content))
        )
    study = make_study(Path("s"), records)
    answer = answer_of(study, analyse(study))
    if validation is None:
        assert (answer.verb, answer.term, answer.words) == ("Highest so far", "highest", "pool=max, lr=0.1")
        assert answer.chosen.startswith("Chosen on the test set") and "above the runner-up" in answer.sure
        return
    assert answer.verb == "Highest in validation so far" and answer.words == "pool=max, lr=0.01"
    assert answer.term == "highest in validation"
    assert answer.alike.startswith("pool=max, lr=0.1 (97.00 %) is the highest on the test set")
    assert "1.00 pp below the highest on the test set" in answer.sure


def test_a_higher_figure_of_a_single_seed_is_named_where_another_is_chosen() -> None:
    own = [*configs(seeds=2), RunConfig(lr=0.05, seed=0, epochs=1)]
    answer = answered(own, lambda c: 0.99 if c.lr == 0.05 else clear(c))
    assert dict(answer.settings)["lr"] == "0.01"
    assert "lr=0.05 reached 99.00 %, with one seed" in answer.chosen


def test_a_level_that_fails_is_to_be_avoided_and_is_not_as_good() -> None:
    answer = answered(
        configs(seeds=3),
        lambda c: 0.97 + WOBBLE[c.seed] * (1 if c.pool is Pool.max else -1),
        lambda c: State.diverged if c.lr == 0.1 and c.seed == 2 else State.done,
    )
    (avoided,) = answer.avoid  # neither of the poolings, which are hit alike
    assert avoided.startswith("lr=0.1") and avoided.endswith(": 2 of 6 runs failed or diverged")
    assert "lr=0.1 (" not in answer.alike
    assert dict(answer.facts)["failed"] == "2 diverged"


def test_what_is_unfinished_is_finished_first() -> None:
    answer = answered(configs(), clear, lambda c: State.failed if c.seed == 2 and c.lr == 0.1 else State.done)
    assert answer.next.why.startswith("finish the 2 runs") and answer.next.commands == (COMMAND,)


@pytest.mark.parametrize(
    ("typed", "advised"),
    [
        ("lenet-ablate -m pool=max,avg study=first", "lenet-ablate -m pool=max,avg study=s"),
        ("lenet-ablate -m pool=max,avg", "lenet-ablate -m pool=max,avg study=s"),
        ("lenet-ablate experiment=pooling", "lenet-ablate experiment=pooling study=s"),
        ("lenet-ablate 'experiment=[s]' epochs=1", "lenet-ablate 'experiment=[s]' epochs=1"),
        ("lenet-ablate study=a study=s", "lenet-ablate study=a study=s"),
        ("lenet-ablate 'study=", "lenet-ablate 'study="),
    ],
)
def test_a_study_under_another_name_is_finished_under_that_name(typed: str, advised: str) -> None:
    answer = answered(configs(), clear, lambda c: State.failed if c.seed == 2 and c.lr == 0.1 else State.done, typed)
    assert answer.next.commands == (advised,)


def test_more_seeds_are_asked_for_by_the_command_that_trained_these() -> None:
    answer = answered(configs(), clear)
    (command,) = answer.next.commands
    words = shlex.split(command)
    assert words[:-1] == [word for word in shlex.split(COMMAND) if not word.startswith("seed=")]
    assert words[-1].startswith(("seed=3", "seed=range(3,")) and " more seed" in answer.next.why


def test_where_all_settings_would_take_too_long_the_best_alone_are_to_have_more_seeds() -> None:
    rates = (0.01, 0.02, 0.03, 0.04, 0.05)

    def accuracy(config: RunConfig) -> float:
        """Only the first rate is good; the seeds of the others with average pooling differ widely."""
        if config.lr == 0.01:
            return clear(config)
        return 0.90 - config.lr + (0.1 * WOBBLE[config.seed] if config.pool is Pool.max else 80 * WOBBLE[config.seed])

    answer = answered(configs(lrs=rates), accuracy)
    assert answer.words == "pool=max, lr=0.01"
    assert answer.alike == "pool=avg, lr=0.01 (97.00 %) (not told apart by 3 seeds; nor are 4 to be avoided)."
    assert answer.next.commands == ("lenet-ablate lr=0.01 epochs=1 study=s seed=3,4,5,6,7,8,9 pool=max,avg",)
    assert answer.next.cost.startswith("14 runs, about 7 min")


def test_where_no_run_learned_nothing_is_advised_but_other_rates() -> None:
    answer = answered(configs(), lambda config: 0.1 + WOBBLE[config.seed])
    assert answer.verb == "Highest in validation so far" and answer.chosen.startswith("No run learned anything")
    assert answer.next.commands == (f"{shlex.join(w for w in shlex.split(COMMAND) if w[:3] != 'lr=')} lr=0.001,0.0001",)


def noisy(config: RunConfig) -> float:
    """Nothing is decided: pooling would take few seeds, the rate's seeds differ ten times as much."""
    pooling, rate = WOBBLE[config.seed] * (config.pool is Pool.avg), WOBBLE[2 - config.seed] * (config.lr == 0.1)
    return 0.97 + 3 * pooling + 30 * rate - 0.005 * (config.lr == 0.1)


def test_what_so_many_seeds_would_leave_open_is_told() -> None:
    answer = answered(configs(), noisy)
    assert answer.next.why.endswith(" to tell a difference of 0.15 pp in pool")
    assert answer.next.cost.endswith("; for lr it would take more than 200 more seeds")


def test_what_is_unstable_is_to_be_avoided_and_is_not_as_good() -> None:
    answer = answered(configs(), noisy)
    assert dict(answer.settings)["lr"] == "0.01"
    (avoided,) = answer.avoid
    assert avoided.startswith("unstable: pool=") and " lr=0.1 (seeds from 95." in avoided and "and 1 more" in avoided
    assert "lr=0.1" not in answer.alike


def test_the_level_to_use_is_held_against_the_others_unless_one_is_known_to_be_better() -> None:
    def kinder_to_max(config: RunConfig) -> float:
        return clear(config) + 0.0002 * (config.pool is Pool.max)

    records = [record(config, kinder_to_max(config)) for config in configs()]
    factors = analyse(make_study(Path("s"), records)).factors
    plain = {effect.key: effect.best for effect in effects_of(factors)}
    used = {effect.key: effect for effect in effects_of(factors, {"pool": "avg", "lr": "0.1"})}
    assert plain == {"lr": "0.01", "pool": "max"}
    assert used["pool"].best == "avg" and used["pool"].against[0].level == "max"
    assert used["pool"].against[0].difference.startswith("−")
    assert used["lr"].best == "0.01"


def test_one_setting_needs_no_comparison() -> None:
    answer = answered([RunConfig(seed=seed, epochs=1) for seed in range(2)], clear)
    assert not answer.settings and not answer.effects and not answer.avoid
    assert answer.sure == "There is nothing to compare it with."
    assert answer.next.commands == ("lenet-predict --outputs . --study s --test 20 --show digits.png",)


def test_the_glossary_is_short() -> None:
    assert len(GLOSSARY) <= 15 and len({word for word, _ in GLOSSARY}) == len(GLOSSARY)


@pytest.mark.parametrize(("seconds", "told"), [(3.2, "3.2 s"), (89, "89 s"), (120, "2 min"), (7200, "2.0 h")])
def test_durations_are_rounded(seconds: float, told: str) -> None:
    assert duration(seconds) == told
