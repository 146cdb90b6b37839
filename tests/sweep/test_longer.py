"""More epochs go on where fewer have ended, to the same bytes as all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config import choices
from lenet_ablate.config.choices import Keep
from lenet_ablate.config.schedules import Cosine, Piecewise, Schedule, StepDecay, Warmup
from lenet_ablate.config.settings import OptimizerConfig
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import OPTIMIZER, PREDICTIONS, State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.run import run_sweep
from support.earlier import sign_again, two_of_predictions
from support.tiny import without_seconds

MakeSweep = Callable[..., Sweep]
SGD = OptimizerConfig(choices.Optimizer.sgd, betas=None, eps=None, momentum=0.9)


def contents(folder: Path) -> dict[str, Any]:
    """What a run's folder holds that does not depend on time."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    timed = ("status.json", "result.json", "run.log", "metrics.csv")
    kept = {name: (folder / name).read_bytes() for name in names if name not in timed and "hydra" not in name}
    return kept | {"metrics": without_seconds(folder / "metrics.csv")}


def train(make_sweep: MakeSweep, study: str, epochs: int, change: dict[str, Any], **options: Any) -> Path:
    sweep = make_sweep({"seed": 0, "epochs": epochs, **change}, study=study, **options)
    assert len(run_sweep(sweep, workers=1).select(State.done)) == 1
    return sweep.folder(sweep.jobs[0])


@pytest.mark.parametrize("engine", [choices.Engine.compiled, choices.Engine.torch])
@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({}, {}),
        ({"optimizer": SGD, "lr": StepDecay(initial=0.02, every=1)}, {"checkpoint": Keep.every, "log_every": 2}),
        ({"lr": Warmup()}, {"checkpoint": Keep.best, "train_loss_every": 2}),
        ({"lr": Piecewise(rates=(0.01, 0.001), epochs=(1, 1))}, {"train_loss_every": 1}),
    ],
)
def test_the_same_bytes_as_all_epochs_at_once(
    make_sweep: MakeSweep, engine: choices.Engine, change: dict[str, Any], options: dict[str, Any], capsys: Any
) -> None:
    asked = {"engine": engine, **options}
    shorter = train(make_sweep, "s", 2, change, **asked)
    before = contents(shorter)
    longer = train(make_sweep, "s", 5, change, **asked)
    assert f"goes on from the end of {shorter.name}" in capsys.readouterr().err
    assert contents(longer) == contents(train(make_sweep, "whole", 5, change, **asked))
    assert contents(shorter) == before


@pytest.mark.parametrize(
    ("lr", "first", "then", "told"),
    [
        (Cosine(), {}, {}, "its learning rates depend on the number of epochs"),
        (0.01, {}, {"train_loss_every": 1}, "it has no training losses for train_loss_every=1"),
        (0.01, {}, {"checkpoint": Keep.every}, "it has no epochs/"),
        (0.01, {"log_every": 1}, {"log_every": 2}, "its batch losses are of other groups"),
        (0.01, {"engine": choices.Engine.compiled}, {"engine": choices.Engine.torch}, "trained with compiled on cpu"),
    ],
)
def test_why_it_starts_anew(
    make_sweep: MakeSweep,
    lr: float | Schedule,
    first: dict[str, Any],
    then: dict[str, Any],
    told: str,
    capsys: Any,
) -> None:
    train(make_sweep, "s", 2, {"lr": lr}, **first)
    longer = train(make_sweep, "s", 3, {"lr": lr}, **then)
    out = capsys.readouterr().err
    assert "starts anew, not from the end of" in out and told in out
    assert contents(longer) == contents(train(make_sweep, "whole", 3, {"lr": lr}, **then))


def test_a_run_of_before_that_kept_its_state_in_a_file_of_its_own_is_gone_on_with(
    make_sweep: MakeSweep, capsys: Any
) -> None:
    shorter = train(make_sweep, "s", 2, {})
    files = two_of_predictions(shorter)
    sign_again(shorter, files)
    assert len(files[OPTIMIZER]) > 1000 and read_run(shorter).state is State.done
    longer = train(make_sweep, "s", 3, {})
    assert f"goes on from the end of {shorter.name}" in capsys.readouterr().err
    assert contents(longer) == contents(train(make_sweep, "whole", 3, {}))


def test_a_run_of_before_has_no_state_to_go_on_with(make_sweep: MakeSweep, capsys: Any) -> None:
    shorter = train(make_sweep, "s", 2, {})
    sign_again(shorter, {PREDICTIONS: two_of_predictions(shorter)[PREDICTIONS]})
    train(make_sweep, "s", 3, {})
    assert "it has not kept its optimizer's state" in capsys.readouterr().err
    assert run_sweep(make_sweep({"seed": 0, "epochs": 2}, study="s"), workers=1).skipped == 1
