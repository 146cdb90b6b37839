"""More recording adds to what is finished and never undoes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Keep
from lenet_ablate.records import beside
from lenet_ablate.records.read import iter_records, read_run
from lenet_ablate.records.record import MODEL, PREDICTIONS, State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep import trainer
from lenet_ablate.sweep.run import run_sweep

MakeSweep = Callable[..., Sweep]
RUN = {"seed": 0, "epochs": 4}


@pytest.fixture
def finished(make_sweep: MakeSweep) -> Path:
    sweep = make_sweep(RUN)
    run_sweep(sweep, workers=1)
    return sweep.folder(sweep.jobs[0])


def names(study: Path) -> list[str]:
    return sorted(path.name for path in study.iterdir() if path.name not in ("sweeps", ".locks"))


@pytest.mark.parametrize("ends", [KeyboardInterrupt, MemoryError, "interrupted"])
def test_what_is_finished_stays_until_the_new_training_is_whole(
    make_sweep: MakeSweep, finished: Path, ends: type[BaseException] | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (finished / name).read_bytes() for name in (MODEL, PREDICTIONS)}

    def train(plan: object, dataset: object, engine: object, context: trainer.RunContext) -> State:
        (context.folder / MODEL).write_bytes(b"half")
        if isinstance(ends, str):
            return State.interrupted
        raise ends

    asking = make_sweep(RUN, log_every=1)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "train_run", train)
        run_sweep(asking, workers=1)
    (record,) = iter_records(finished.parent)
    assert record.state is State.done and record.folder == finished
    assert {name: (finished / name).read_bytes() for name in before} == before
    assert run_sweep(make_sweep(RUN), workers=1).skipped == 1
    assert len(run_sweep(asking, workers=1).select(State.done)) == 1
    assert {name: (finished / name).read_bytes() for name in before} == before
    assert read_run(finished).result.log_every == 1 and names(finished.parent) == [finished.name]


def test_recordings_add_up(make_sweep: MakeSweep, finished: Path) -> None:
    asked = [{"checkpoint": Keep.best}, {"train_loss_every": 2}, {"checkpoint": Keep.every}, {"train_loss_every": 3}]
    for options in [*asked, {"log_every": 2}]:
        assert len(run_sweep(make_sweep(RUN, **options), workers=1).select(State.done)) == 1, options
    for options in [*asked, {"train_loss_every": 1}, {"log_every": 2}, {}]:
        assert run_sweep(make_sweep(RUN, **options), workers=1).skipped == 1, options
    assert names(finished.parent) == [finished.name]


def test_a_kill_between_two_renames_loses_nothing(
    make_sweep: MakeSweep, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, whole = make_sweep(RUN, log_every=1), make_sweep(RUN)
    rename, calls = Path.rename, []

    def die(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        run_sweep(asking, workers=1)
    assert names(finished.parent) == [f"{finished.name}.again", f"{finished.name}.replaced"]
    assert not [record for record in iter_records(finished.parent) if record.state is State.done]
    ended = run_sweep(asking, workers=1)
    assert [end.is_ours for end in ended.select(State.done)] == [False]  # found, not trained
    assert names(finished.parent) == [finished.name] and read_run(finished).result.log_every == 1
    shutil.move(finished, f"{finished}.replaced")
    assert [end.is_ours for end in run_sweep(whole, workers=1).ended] == [False]


def test_what_stands_beside_is_no_run(finished: Path) -> None:
    shutil.copytree(finished, beside.beside(finished))
    shutil.copytree(finished, finished.with_name(finished.name + beside.REPLACED))
    assert [record.folder for record in iter_records(finished.parent)] == [finished]
