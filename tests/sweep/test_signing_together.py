"""Short runs of a sweep are called finished together, or fail together and are trained again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.errors import RecordError
from lenet_ablate.records import signing, write
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import STATUS, State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep import trainer
from lenet_ablate.sweep.run import run_sweep


def test_runs_that_cannot_be_signed_fail_and_the_next_sweep_trains_them(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(files: object) -> None:
        raise RecordError("out/ablation: cannot be written: Input/output error")

    sweep = make_sweep(*({"seed": seed} for seed in range(3)))
    with monkeypatch.context() as patch:
        patch.setattr(write, "flush_runs", fail)
        result = run_sweep(sweep, 2, TorchEngine("cpu"))
    assert (len(result.select(State.failed)), result.exit_status) == (3, 1)
    out, err = capsys.readouterr()
    assert (
        out.count("FAILED, out/ablation: cannot be written: Input/output error") == 3 and "Traceback" not in out + err
    )
    assert all(read_run(sweep.folder(job)).state is State.failed for job in sweep.jobs)
    assert len(run_sweep(sweep, 2, TorchEngine("cpu")).select(State.done)) == 3
    assert run_sweep(sweep, 2, TorchEngine("cpu")).skipped == 3


def test_short_runs_are_signed_together(make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    original = write.sign_all
    monkeypatch.setattr(signing, "sign_all", lambda runs: batches.append(len(runs)) or original(runs))
    monkeypatch.setattr(signing, "MOST_SECONDS", 60.0)
    monkeypatch.setattr(trainer, "SHORT_SECONDS", 60.0)
    sweep = make_sweep(*({"seed": seed} for seed in range(5)))
    assert len(run_sweep(sweep, 1, TorchEngine("cpu")).select(State.done)) == 5
    assert batches == [5]


@pytest.mark.parametrize("harm", ["killed", "torn"])
def test_short_runs_that_nothing_called_finished_are_interrupted_and_trained_again(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, capsys: Any, harm: str
) -> None:
    """As a kill leaves them: their files are there, and what is to call them done has not its name yet."""
    for module, name in ((signing, "MOST_SECONDS"), (trainer, "SHORT_SECONDS"), (trainer, "QUICK_SECONDS")):
        monkeypatch.setattr(module, name, 60.0)
    left: list[Any] = []

    def kill(runs: Any) -> Any:
        left.extend((run, {path.name: path.read_bytes() for path in run.folder.iterdir()}) for run in runs)
        return original(runs)

    original = write.sign_all
    monkeypatch.setattr(signing, "sign_all", kill)
    sweep = make_sweep(*({"seed": seed} for seed in range(3)))
    run_sweep(sweep, 1, TorchEngine("cpu"))
    monkeypatch.setattr(signing, "sign_all", original)
    assert [STATUS in files for _, files in left] == [True, False, False]  # the first one could not know
    for run, files in left:
        for path in run.folder.iterdir():
            path.unlink()
        for name, content in files.items():
            (run.folder / name).write_bytes(content[:9] if harm == "torn" and name.startswith(".status") else content)
    states = [read_run(sweep.folder(job)).state for job in sweep.jobs]
    assert states[1:] == [State.interrupted if harm == "killed" else State.unreadable] * 2
    assert not any(state.is_finished for state in states)
    assert len(run_sweep(sweep, 1, TorchEngine("cpu")).select(State.done)) == 3
    names = {path.name for job in sweep.jobs for path in sweep.folder(job).iterdir()}
    assert not any(name.endswith(".tmp") for name in names)
    assert ("set aside" in capsys.readouterr().err) is (harm == "torn")


def test_a_run_that_takes_long_says_that_it_is_running(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    original = trainer.train_run

    def spy(plan: Any, dataset: Any, engine: Any, context: Any) -> Any:
        before = (context.folder / STATUS).exists()
        if plan.config.seed == 2:
            monkeypatch.setattr(trainer.time, "monotonic", lambda: clock() + 10)
        context.on_progress(0, 1.0)
        monkeypatch.setattr(trainer.time, "monotonic", clock)
        seen.extend((before, (context.folder / STATUS).exists()))
        return original(plan, dataset, engine, context)

    clock = trainer.time.monotonic
    monkeypatch.setattr(trainer, "QUICK_SECONDS", 5.0)
    monkeypatch.setattr(trainer, "train_run", spy)
    run_sweep(make_sweep(*({"seed": seed} for seed in range(3))), 1, TorchEngine("cpu"))
    assert seen == [True, True, False, False, False, True]
