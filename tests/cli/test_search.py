"""`hydra/sweeper=optuna`: the points, what becomes of each, and what a killed search leaves."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode
from optuna.trial import TrialState

import lenet_ablate.sweep.run as sweep_run
from hydra_plugins.lenet_ablate import _search, _task  # noqa: F401 # registers what configurations refer to
from hydra_plugins.lenet_ablate._search import Search
from hydra_plugins.lenet_ablate._space import Between, read_space
from hydra_plugins.lenet_ablate.local_launcher import LocalLauncher
from lenet_ablate.cli.overrides import check_overrides
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.search import parse_search
from lenet_ablate.engines.base import Evaluation, Split
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError, LenetAblateError, RecordError
from lenet_ablate.records.frames import read_runs
from lenet_ablate.records.plans import read_sweeps

LOG_LR, BATCH = "lr=tag(log,interval(0.001,0.1))", "batch_size=16,32"


class Learner:
    """Is best at lr=0.01, falls over NaN above 0.05, and raises below 0.002."""

    def __init__(self, plan: Any) -> None:
        self.plan, self.num_parameters = plan, 1
        self._weights = draw_weights(plan.config)

    def train(self, batches: Any) -> Any:
        if self.plan.config.lr < 0.002:
            raise RuntimeError("too slow")
        is_lost = self.plan.config.lr > 0.05
        return np.full(len(batches.learning_rates), np.nan if is_lost else 1.0, np.float32)

    def evaluate(self, split: Split) -> Evaluation:
        count = {Split.train: self.plan.num_train, Split.val: self.plan.num_val, Split.test: self.plan.num_test}[split]
        accuracy = 1 - abs(math.log10(self.plan.config.lr) + 2) / 2 - self.plan.config.seed / 100
        nothing = np.zeros(count, np.uint8), np.full(count, 0.1, np.float16), np.zeros((count, 10), np.float32)
        return Evaluation(1 - accuracy, accuracy, *nothing)

    def weights(self) -> Any:
        return self._weights

    def state(self) -> Any:
        return {f"weights/{name}": array for name, array in self._weights.items()}

    def load_state(self, state: Any) -> None:
        pass


class Engine:
    name, device, card, threads, side_by_side = "own", "cpu", "", 1, 2

    def __init__(self) -> None:
        self.trained: list[float] = []

    def learner(self, plan: Any, *rest: Any) -> Learner:
        self.trained.append(plan.config.lr)
        return Learner(plan)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(sweep_run, "make_engines", lambda options, kinds, runs: dict.fromkeys(kinds, made))
    return made


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    def make(*words: str, **settings: Any) -> Search:
        loader = ConfigLoaderImpl(create_config_search_path(f"file://{config_dir()}"))
        typed = [*(words or (LOG_LR, BATCH)), "data=digits", "epochs=1", "study=found", f"output_dir={tmp_path}"]
        master = loader.load_configuration("config", ["hydra/sweeper=optuna", *typed], RunMode.MULTIRUN)
        space = read_space(typed, {}, loader)
        asked = parse_search({"n_jobs": 2, **settings})
        return Search(space, asked, loader, master, LocalLauncher(workers=2), "lenet-ablate typed")

    return make


def trials(folder: Path) -> list[Any]:
    (name,) = optuna.get_all_study_names(f"sqlite:///{folder}/found/search.db")
    found: list[Any] = optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/found/search.db").trials
    return found


def test_every_end_of_a_run_is_told_and_all_are_runs_of_one_planned_study(
    tmp_path: Path, engine: Engine, search: Callable[..., Search], capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(n_trials=12).run() == 1  # some failed
    told = trials(tmp_path)
    by_state = {state: [trial for trial in told if trial.state is state] for state in TrialState}
    assert len(told) - len(by_state[TrialState.FAIL]) == 12 and not by_state[TrialState.RUNNING]
    assert all(trial.params["lr"] > 0.05 for trial in by_state[TrialState.PRUNED])
    assert all(trial.params["lr"] < 0.002 for trial in by_state[TrialState.FAIL])
    assert all(abs(1 - abs(math.log10(t.params["lr"]) + 2) / 2 - t.value) < 1e-3 for t in by_state[TrialState.COMPLETE])
    runs = read_runs(tmp_path)
    assert len(runs) == len({(f"{t.params['lr']:.4g}", t.params["batch_size"]) for t in told})
    (plan,) = read_sweeps(tmp_path / "found")
    assert {run.run for run in plan.runs} == set(runs.run)
    assert set(plan.factors) == {"lr", "batch_size"}
    best = max(by_state[TrialState.COMPLETE], key=lambda trial: trial.value)
    printed = capsys.readouterr().out
    assert f"validation accuracy {best.value:.2%}: lr={best.params['lr']:.4g} {best.params['batch_size']}" in printed
    assert ("FAILED" in printed) is bool(by_state[TrialState.FAIL])


def test_a_search_whose_every_trial_fails_tries_each_point_once(
    tmp_path: Path, engine: Engine, search: Callable[..., Search], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("lr=0.001,0.0015", "batch_size=16,32")  # all too slow
    assert search(*words, n_trials=8).run() == 1
    first = len(engine.trained)
    printed = capsys.readouterr().out
    assert 1 < first <= 4 and "failed before, not tried again" in printed
    assert len(trials(tmp_path)) == 8 and "no trial has a result yet; every one failed" in printed
    assert search(*words, n_trials=8).run() == 1  # whoever has mended something wants it tried again
    assert first < len(engine.trained) <= 8


def test_a_search_that_is_asked_for_fewer_trials_counts_those_there_are(
    search: Callable[..., Search], engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("lr=tag(log,interval(0.003,0.04))", BATCH)
    longer = search(*words, n_trials=6)
    assert longer.run() == 0
    last = longer._trials()[-1]
    shorter = search(*words, n_trials=4)
    capsys.readouterr()
    assert shorter._tell_end(last)
    assert "[6/6]" in capsys.readouterr().out


def test_the_same_command_trains_nothing_and_a_longer_one_goes_on(
    tmp_path: Path, engine: Engine, search: Callable[..., Search]
) -> None:
    words = ("lr=tag(log,interval(0.003,0.04))", BATCH)
    assert search(*words, n_trials=4).run() == 0
    first = list(engine.trained)
    assert search(*words, n_trials=4).run() == 0
    assert engine.trained == first and len(first) == 4
    assert search(*words, n_trials=8).run() == 0
    assert len(engine.trained) == 8
    (tmp_path / "found/search.db").unlink()  # all that is lost is what the runs say again
    assert search(*words, n_trials=8).run() == 0
    assert len(engine.trained) == 8


def test_what_a_killed_search_left_is_finished_first(
    tmp_path: Path, engine: Engine, search: Callable[..., Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("lr=tag(log,interval(0.003,0.04))",)
    whole = tmp_path / "whole"
    assert search(*words, n_trials=6).run() == 0
    expected = [(trial.params, trial.value) for trial in trials(tmp_path)]
    (tmp_path / "found").rename(whole)

    def die(self: Search, trial: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Search, "_tell_end", die)
        search(*words, n_trials=6).run()
    assert [trial.state for trial in trials(tmp_path)] == [TrialState.RUNNING] * 2
    before = len(engine.trained)
    assert search(*words, n_trials=6).run() == 0
    assert [(trial.params, trial.value) for trial in trials(tmp_path)] == expected
    assert len(engine.trained) == before + 4
    shutil.rmtree(whole)


def test_a_point_is_judged_by_the_mean_over_its_seeds(
    tmp_path: Path, engine: Engine, search: Callable[..., Search]
) -> None:
    assert search("lr=0.01,0.02", "seed=0,1,2", n_trials=2, metric="val_loss").run() == 0
    for trial in trials(tmp_path):
        lr = float(trial.params["lr"].removeprefix("lr="))
        assert trial.value == pytest.approx(abs(math.log10(lr) + 2) / 2 + 0.01, abs=1e-6)
    assert len(read_runs(tmp_path)) % 3 == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("epochs=2",), "nothing to search"),
        (("lr=interval(0.1,0.01)",), r"lr=interval\(0.1,0.01\): must begin below its end"),
        (("lr=tag(log,interval(0,0.01))",), "above 0 with the tag log"),
        (("batch_size=interval(0,64)",), "batch_size"),
        (("lr=0.1,0.2", "data.val_size=0"), "needs a validation split"),
        (("lr=0.1,0.2", "plan=true"), "work with hydra/sweeper=ablation"),
    ],
)
def test_what_cannot_be_searched_is_told_before_anything_is_written(
    tmp_path: Path, search: Callable[..., Search], words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(LenetAblateError, match=told):
        search(*words)
    assert not (tmp_path / "found").exists()


def test_a_storage_that_is_none_is_one_line(search: Callable[..., Search]) -> None:
    with pytest.raises(RecordError, match="nonsense://a: Optuna cannot keep its study there"):
        search(storage="nonsense://a")


def test_settings_of_the_search_are_checked() -> None:
    assert parse_search({}).n_trials == 20
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.n_trials=0: must be") as caught:
        parse_search({"n_trials": 0, "sampler": "grid"})
    assert "hydra.sweeper.sampler=grid" in str(caught.value)


def test_words_become_axes() -> None:
    loader = ConfigLoaderImpl(create_config_search_path(f"file://{config_dir()}"))
    words = [LOG_LR, BATCH, "epochs=range(1,8,2)", "optimizer=adam,sgd", "seed=0,1", "pool=avg", "augment.degrees=5"]
    space = read_space(words, {}, loader)
    assert space.axes == {
        "lr": Between(0.001, 0.1, log=True),
        "epochs": Between(1, 7, 2),
        "batch_size": ["batch_size=16", "batch_size=32"],
        "optimizer": ["optimizer=adam", "optimizer=sgd"],
    }
    assert space.fixed["seed"] == ["seed=0", "seed=1"] and space.fixed["pool"] == ["pool=avg"]
    assert space.words({"lr": 0.0123456, "epochs": 3, "batch_size": "batch_size=16", "optimizer": "optimizer=sgd"}) == {
        "lr": "lr=0.01235",
        "epochs": "epochs=3",
        "batch_size": "batch_size=16",
        "optimizer": "optimizer=sgd",
    }


def test_intervals_are_for_a_search_alone() -> None:
    assert check_overrides(["hydra/sweeper=optuna", LOG_LR], [config_dir()]) == []
    (problem,) = check_overrides([LOG_LR], [config_dir()])
    assert problem.endswith("or search: hydra/sweeper=optuna")
