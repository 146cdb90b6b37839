"""Copies of one command, and a sweep that is followed from outside while others train it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner
from lenet_ablate.records.record import LOG, State
from lenet_ablate.records.status import LAUNCH, read_status
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep import follow
from lenet_ablate.sweep.elsewhere import run_elsewhere
from lenet_ablate.sweep.follow import Alive
from lenet_ablate.sweep.run import run_sweep
from lenet_ablate.sweep.shares import in_turn

MakeSweep = Callable[..., Sweep]
SEEDS = [{"seed": seed} for seed in range(4)]


class Fails(TorchEngine):
    """Cannot train the run with seed 1."""

    def learner(self, plan: Any, *rest: Any) -> TorchLearner:
        if plan.config.seed == 1:
            raise MemoryError("no room")
        return super().learner(plan, *rest)


class Scripted:
    """A launch that does something at each question; then its tasks have ended."""

    name, ids, how_to_leave, where_logs = "job 7", ("job-7",), "job 7 goes on", "logs"

    def __init__(self, *steps: Callable[[], Alive | None]) -> None:
        self._steps = list(steps)
        self.ended: list[bool] = []

    def look(self) -> Alive | None:
        return self._steps.pop(0)() if self._steps else Alive(0)

    def end(self, *, is_done: bool) -> None:
        self.ended.append(is_done)


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "ASK_SECONDS", "SETTLE_SECONDS"):
        monkeypatch.setattr(follow, name, 0.0)


def train(sweep: Sweep, jobs: slice, engine: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Alive]:
    """Trains some of a sweep's runs, as a copy of the launch would."""

    def step() -> Alive:
        with monkeypatch.context() as patch:
            patch.setenv(LAUNCH, "job-7")
            run_sweep(dataclasses.replace(sweep, jobs=sweep.jobs[jobs], is_planned=True), 1, engine)
        return Alive(1)

    return step


def test_a_sweep_is_followed_to_its_end(make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    sweep, cpu = make_sweep(*SEEDS), TorchEngine("cpu")
    launch = Scripted(train(sweep, slice(0, 2), cpu, monkeypatch), train(sweep, slice(2, 4), cpu, monkeypatch))
    asked: list[int] = []

    def start(runs: int) -> Scripted:
        asked.append(runs)
        return launch

    result = run_elsewhere(sweep, start)
    assert result is not None and result.exit_status == 0 and len(result.select(State.done)) == 4
    assert asked == [4] and launch.ended == [True]
    assert all(ended.last is not None and ended.seconds > 0 for ended in result.ended)
    assert "[4/4]" in capsys.readouterr().out
    again = run_elsewhere(sweep, start)
    assert again is not None and again.skipped == 4 and asked == [4]


def test_tasks_that_vanish_are_not_waited_for(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    sweep = make_sweep(*SEEDS)
    launch = Scripted(train(sweep, slice(0, 1), TorchEngine("cpu"), monkeypatch), lambda: None, lambda: Alive(1, 2))
    result = run_elsewhere(sweep, lambda runs: launch)
    assert result is not None and result.exit_status == 1 and (len(result.ended), result.unfinished) == (1, 3)
    told = capsys.readouterr()
    assert "job 7: its tasks have ended or cannot go on, and 3 runs are unfinished" in told.out
    assert "no answer from its scheduler" in told.err and "job 7: 1 running, 2 waiting" in told.err
    assert launch.ended == [False]


@pytest.mark.parametrize("steps", [[lambda: Alive(0, 2, "JobHeldUser", True)], [lambda: None]])
def test_tasks_that_cannot_go_on_are_not_waited_for(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch, steps: Sequence[Any]
) -> None:
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.0)
    launch = Scripted(*steps, lambda: pytest.fail("asked again"))
    result = run_elsewhere(make_sweep({"seed": 0}), lambda runs: launch)
    assert result is not None and result.unfinished == 1 and launch.ended == [False]


def test_a_failure_of_the_launch_counts_and_an_older_one_does_not(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(*SEEDS[:2])
    run_sweep(sweep, 1, Fails("cpu"))  # by hand, before
    result = run_elsewhere(sweep, lambda runs: Scripted(lambda: Alive(1), lambda: Alive(1)))
    assert result is not None and not result.ended and result.unfinished == 1

    launch = Scripted(train(sweep, slice(0, 2), Fails("cpu"), monkeypatch), lambda: Alive(1))
    result = run_elsewhere(sweep, lambda runs: launch)
    assert result is not None and result.exit_status == 1
    (failed,) = result.select(State.failed)
    assert "no room" in failed.error and launch.ended == [True]

    launch = Scripted(train(sweep, slice(0, 2), TorchEngine("cpu"), monkeypatch), lambda: Alive(1))
    result = run_elsewhere(sweep, lambda runs: launch, retries=1)  # a copy may try again: counts when none is left
    assert result is not None and result.select(State.failed) and launch.ended == [True]


def test_what_failed_in_one_copy_no_other_tries(make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = make_sweep(*SEEDS[:2])
    monkeypatch.setenv(LAUNCH, "job-7")
    run_sweep(sweep, 1, Fails("cpu"))
    folder = sweep.folder(sweep.jobs[1])
    assert read_status(folder).launch == "job-7"
    before = (folder / LOG).read_bytes()
    result = run_sweep(sweep, 1, TorchEngine("cpu"))
    (failed,) = result.select(State.failed)
    assert result.exit_status == 1 and "no room" in failed.error and not failed.is_ours
    assert (folder / LOG).read_bytes() == before
    monkeypatch.setenv(LAUNCH, "job-8")
    assert run_sweep(sweep, 1, TorchEngine("cpu")).exit_status == 0
    assert read_status(folder).launch == ""


def test_shares_cover_everything_once_and_begin_apart() -> None:
    everything = list(enumerate("abcdefghijk"))
    assert in_turn(everything, None) == list("abcdefghijk")
    orders = [in_turn(everything, f"{place}/4") for place in range(4)]
    assert all(Counter(order) == Counter("abcdefghijk") for order in orders)
    assert len({order[0] for order in orders}) == 4 and orders[1][:3] == ["b", "f", "j"]
    begun = [(number, letter) for number, letter in everything if number not in (1, 5)]
    assert in_turn(begun, "1/4")[0] == "j"  # a copy that begins late has the same share
    assert in_turn(everything, "5/4") == orders[1]


def test_a_folder_that_is_no_run_is_listed_as_failed(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep({"seed": 0})
    folder = sweep.folder(sweep.jobs[0])
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"format": 99}')
    result = run_elsewhere(sweep, lambda runs: Scripted(lambda: Alive(1)))
    assert result is not None and "format 99" in result.select(State.failed)[0].error
