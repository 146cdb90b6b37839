"""`lenet_ablate.sweep` and `train`: the command's runs, from a script, a notebook, a thread, beside a running loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lenet_ablate
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.networks import weight_shapes
from lenet_ablate.errors import ConfigError, LenetAblateError, RunError
from lenet_ablate.records.frames import read_runs
from lenet_ablate.sweep.signals import stop_on_signals

Command = Callable[..., tuple[int, str]]
SMALL: dict[str, Any] = {"data": "digits", "epochs": 1, "data__train_size": 64}
WORDS = ("data=digits", "epochs=1", "data.train_size=64")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_command_trained_is_not_trained_again(run: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*WORDS, "lr=0.01,step", "pool=max,avg")[0] == 0
    before = {path: path.read_bytes() for path in Path("outputs").rglob("*") if path.is_file()}
    runs = lenet_ablate.sweep(lr=[0.01, "step"], pool=["max", "avg"], **SMALL)
    assert "all done already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in Path("outputs").rglob("*") if path.is_file()} == before
    assert list(runs["lr_label"]) == ["0.01", "0.01", "step", "step"] and list(runs["pool"]) == ["max", "avg"] * 2
    everything = read_runs("outputs").set_index("run").loc[runs["run"]].reset_index()
    assert runs.set_index("run").equals(everything[runs.columns].set_index("run"))


def test_what_python_trained_the_command_finds_done(run: Command) -> None:
    runs = lenet_ablate.sweep("pool=max,avg", seed=np.arange(1), study="mine", **SMALL)
    assert list(runs["status"]) == ["done", "done"] and runs["test_accuracy"].notna().all()
    status, told = run(*WORDS, "pool=max,avg", "study=mine")
    assert status == 0 and "all done already" in told
    _, shown = run("study=mine", "plan=true", "pool=max,avg", *WORDS)
    assert "2 done" in shown or "all done" in shown or "done already" in shown


def test_an_experiment_and_a_plan(capsys: pytest.CaptureFixture[str]) -> None:
    runs = lenet_ablate.sweep(experiment="tiny", seed=0, epochs=1, plan=True)
    assert set(runs["status"]) == {"planned"} and not Path("outputs").exists()
    assert set(runs["study"]) == {"tiny"} and "to train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pol": "max"}, "did you mean 'pool'"),
        ({"pool": "mx"}, "pool=mx: must be one of"),
        ({"lr": [0.1, 100]}, "lr=100: must be"),
        ({"optimizer__momentum": 2, "optimizer": "sgd"}, "optimizer.momentum=2"),
        ({"experiment": "pooing"}, "did you mean experiment=pooling"),
        ({"workers": 0}, "workers=0: must be"),
        ({"config_dir": "nowhere"}, "there is no such folder"),
    ],
)
def test_the_words_of_an_error_are_the_commands(settings: dict[str, Any], told: str, run: Command) -> None:
    with pytest.raises(ConfigError) as caught:
        lenet_ablate.sweep(**settings)
    assert told in str(caught.value) and not Path("outputs").exists()
    if "config_dir" not in settings and "workers" not in settings:
        words = lenet_ablate.api.words.to_words((), settings)
        assert run(*words) == (1, f"{caught.value}\n")


def test_a_run_as_an_object() -> None:
    trained = lenet_ablate.train(lr=0.01, **SMALL)
    assert trained.record.state.value == "done" and trained.name.startswith("digits_max")
    assert list(trained.curves.index) == [1] and 0 < trained.curves["val_accuracy"].iloc[-1] < 1
    assert {name: array.shape for name, array in trained.weights.items()} == weight_shapes(RunConfig())
    accuracy = (trained.predictions["digit"] == lenet_ablate.datasets.digits.load_digits().test_labels).mean()
    assert accuracy == pytest.approx(trained.row["test_accuracy"], abs=1e-9)
    import matplotlib

    matplotlib.use("agg")
    loss, right = trained.plot()
    assert [line.get_label() for line in loss.lines] == ["train", "val", "test"] and len(right.lines) == 2
    assert "test accuracy" in repr(trained) and "<table>" in trained._repr_html_()
    again = lenet_ablate.Run.load(lenet_ablate.best_run("outputs"))
    assert again == trained
    with pytest.raises(LenetAblateError, match="there is no such folder"):
        lenet_ablate.Run.load("nowhere")


def test_train_trains_one() -> None:
    with pytest.raises(ConfigError, match="these settings make 2"):
        lenet_ablate.train(lr=[0.1, 0.01], **SMALL)
    assert not Path("outputs").exists()


def test_a_run_that_fails_is_an_error_of_train_and_a_row_of_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("<b>no</b>")

    monkeypatch.setattr("lenet_ablate.sweep.trainer.train_run", fail)
    runs = lenet_ablate.sweep(lr=[0.1, 0.2], **SMALL)
    assert list(runs["status"]) == ["failed", "failed"] and "no" in runs["error"].iloc[0]
    with pytest.raises(RunError, match="no"):
        lenet_ablate.train(lr=0.1, **SMALL)


def test_beside_a_running_loop_and_in_a_thread() -> None:
    async def cell() -> Any:
        return lenet_ablate.sweep(lr=0.01, **SMALL)

    found = [asyncio.run(cell())]
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=lambda: found.append(lenet_ablate.sweep(lr=0.02, **SMALL)))
    thread.start()
    thread.join()
    assert [list(runs["status"]) for runs in found] == [["done"], ["done"]]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_within_an_application_of_hydra() -> None:
    from hydra.core.global_hydra import GlobalHydra
    from hydra.version import VersionBase

    before = VersionBase.instance().version_base
    lenet_ablate.sweep(plan=True, **SMALL)
    assert not GlobalHydra.instance().is_initialized() and VersionBase.instance().version_base == before


def test_an_interrupt_saves_and_returns_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        while not list(Path("outputs").rglob("metrics.csv")):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    runs = lenet_ablate.sweep(seed=range(40), workers=1, **(SMALL | {"epochs": 20}))
    assert len(runs) == 40 and {"planned", "done", "interrupted"} >= set(runs["status"])
    assert (runs["status"] == "planned").any() and "interrupted" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_is_the_callers_and_ends_no_kernel() -> None:
    with pytest.raises(KeyboardInterrupt), stop_on_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_asked()
        signal.raise_signal(signal.SIGINT)


def test_another_signal_ends_the_process_once_all_is_saved() -> None:
    def end() -> None:
        while not list(Path("outputs").rglob("metrics.csv")):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, daemon=True).start()
    with pytest.raises(SystemExit) as stopped:
        lenet_ablate.sweep(seed=range(40), workers=1, **(SMALL | {"epochs": 20}))
    assert stopped.value.code == 143
