from __future__ import annotations

import dataclasses
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.choices import Logger
from lenet_ablate.config.plan import identity, variant_id
from lenet_ablate.errors import ConfigError
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.record import COLUMNS, METRICS, State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.run import run_sweep
from support.logged_sweeps import EXPLODES, FailsOnce, logged_sweep

# MLflow's own libraries warn of one another, and it leaves its database open.
pytestmark = pytest.mark.filterwarnings("ignore")
pytest.importorskip("mlflow", reason="MLflow is an extra")
pytest.importorskip("sqlalchemy", reason="MLflow is an extra")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with monkeypatch.context() as patch:
        for key in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_LOGGING_LEVEL", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
            patch.setenv(key, os.environ.get(key, {"MLFLOW_LOGGING_LEVEL": "CRITICAL"}.get(key, "1")))
        yield


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, which takes MLflow seconds, with a study of no concern."""
    folder = tmp_path_factory.mktemp("mlflow")
    sweep = logged_sweep(folder, Logger.mlflow, {"seed": 0})
    (folder / "out").mkdir()
    logger = make_logger(dataclasses.replace(sweep, options=dataclasses.replace(sweep.options, study="other")))
    assert logger is not None
    logger.open()
    return folder / "out/mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path) -> Path:
    """A folder whose outputs have a database already."""
    (tmp_path / "out").mkdir()
    shutil.copy(empty_database, tmp_path / "out/mlflow.db")
    return tmp_path


def client(folder: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'out/mlflow.db'}")


def stored(folder: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """The parent runs, and the child runs by identity."""
    experiment = client(folder).get_experiment_by_name("ablation")
    runs = client(folder).search_runs([experiment.experiment_id])
    children: dict[str, list[Any]] = {}
    for run in runs:
        if "identity" in run.data.tags:
            children.setdefault(run.data.tags["identity"], []).append(run)
    return [run for run in runs if "sweep" in run.data.tags], children


def assert_shows(folder: Path, child: Any, run: Path) -> None:
    """The metrics are metrics.csv, each epoch once."""
    rows = read_metrics(run)
    for name in COLUMNS:
        if name not in ("epoch", "step"):
            expected = [(row.epoch, repr(value)) for row in rows if (value := getattr(row, name)) is not None]
            history = client(folder).get_metric_history(child.info.run_id, name)
            assert sorted((metric.step, repr(metric.value)) for metric in history) == expected, name


def only_child(folder: Path, sweep: Sweep) -> Any:
    _, children = stored(folder)
    ((child,),) = children.values()
    assert_shows(folder, child, sweep.folder(sweep.jobs[0]))
    return child


def test_mlflow_holds_a_sweep_and_its_runs(folder: Path) -> None:
    sweep = logged_sweep(folder, Logger.mlflow, {"lr": 0.01}, {"lr": 0.001})
    run_sweep(sweep, workers=2)
    for _ in range(2):
        (parent,), children = stored(folder)
        assert (parent.info.status, parent.data.params) == ("FINISHED", {"lr": "0.01,0.001"})
        assert len(children) == 2
        for job in sweep.jobs:
            (child,) = children[identity(job.config)]
            assert_shows(folder, child, sweep.folder(job))
            tags, params = child.data.tags, child.data.params
            assert (tags["mlflow.parentRunId"], tags["study"]) == (parent.info.run_id, "ablation")
            assert (tags["variant_id"], tags["state"]) == (variant_id(job.config), "done")
            assert (params["lr"], params["pool"], params["epochs"]) == (str(job.config.lr), "max", "3")
            assert child.data.metrics["num_parameters"] == 61706
            assert child.info.status == "FINISHED"
            names = [item.path for item in client(folder).list_artifacts(child.info.run_id)]
            assert names == ["config.yaml", "metrics.csv", "result.json"]
        assert run_sweep(sweep).skipped == 2  # and nothing is logged twice


def test_a_database_is_made_as_a_whole_or_not_at_all(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lenet_ablate.loggers import mlflow

    def killed(uri: str) -> None:
        shutil.copy(empty_database, uri.removeprefix("sqlite:///"))
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow, "MlflowClient", killed)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(logged_sweep(tmp_path, Logger.mlflow, {"seed": 0}))
    assert not list((tmp_path / "out").glob("*.db"))


def test_a_larger_sweep_adds_its_own_runs_only(folder: Path) -> None:
    run_sweep(logged_sweep(folder, Logger.mlflow, {"seed": 0}, {"seed": 1}), workers=2)
    run_sweep(logged_sweep(folder, Logger.mlflow, {"seed": 0}, {"seed": 1}, {"seed": 2}), workers=2)
    parents, children = stored(folder)
    assert len(parents) == 2
    assert [len(runs) for runs in children.values()] == [1, 1, 1]


def test_a_resumed_run_continues_its_child_run(folder: Path) -> None:
    sweep, engine = logged_sweep(folder, Logger.mlflow, {"seed": 0}), FailsOnce()
    run_sweep(sweep, engine=engine)
    failed = only_child(folder, sweep)
    assert failed.info.status == "FAILED"
    assert "mlflow.parentRunId" not in failed.data.tags  # a sweep of one is its run
    assert len(run_sweep(sweep, engine=engine).select(State.done)) == 1
    done = only_child(folder, sweep)
    assert (done.info.run_id, done.info.status) == (failed.info.run_id, "FINISHED")


def test_a_sweep_that_is_resumed_has_one_parent_run(folder: Path) -> None:
    sweep, engine = logged_sweep(folder, Logger.mlflow, {"seed": 0}, {"seed": 1}), FailsOnce()
    run_sweep(sweep, workers=1, engine=engine)
    (parent,), _ = stored(folder)
    assert parent.info.status == "FAILED"
    run_sweep(sweep, workers=1, engine=engine)
    (again,), children = stored(folder)
    assert (again.info.run_id, again.info.status) == (parent.info.run_id, "FINISHED")
    assert [len(runs) for runs in children.values()] == [1, 1]
    run_sweep(sweep)
    assert stored(folder)[0][0].info.end_time == again.info.end_time


def test_a_run_trained_anew_gets_a_child_run_of_its_own(folder: Path) -> None:
    sweep = logged_sweep(folder, Logger.mlflow, {"seed": 0})
    run_sweep(sweep)
    again = dataclasses.replace(sweep, options=dataclasses.replace(sweep.options, train_loss_every=1))
    run_sweep(again)
    _, children = stored(folder)
    ((newer, older),) = children.values()
    assert (newer.info.status, older.info.status) == ("FINISHED", "FINISHED")
    assert_shows(folder, newer, sweep.folder(sweep.jobs[0]))


def test_a_diverged_run_is_finished_and_called_diverged(folder: Path) -> None:
    sweep = logged_sweep(folder, Logger.mlflow, {"optimizer": EXPLODES, "lr": 10.0, "epochs": 9})
    run_sweep(sweep)
    child = only_child(folder, sweep)
    assert (child.info.status, child.data.tags["state"]) == ("FINISHED", "diverged")
    assert math.isnan(child.data.metrics["train_loss_running"]) or child.data.metrics["train_loss_running"] > 1e300


def test_finished_runs_are_added_without_training_them_again(folder: Path) -> None:
    run_sweep(logged_sweep(folder, Logger.none, {"seed": 0}))
    sweep = logged_sweep(folder, Logger.mlflow, {"seed": 0})
    assert run_sweep(sweep).skipped == 1
    child = only_child(folder, sweep)
    run = sweep.folder(sweep.jobs[0])
    assert child.info.status == "FINISHED"
    assert abs(child.info.end_time / 1000 - (run / METRICS).stat().st_mtime) < 1


def test_a_store_that_cannot_be_used_is_told_before_a_run_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = logged_sweep(tmp_path, Logger.mlflow, {"seed": 0})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match=r"^logger=mlflow: .*mlflow\.db cannot be used: .*not a database"):
        run_sweep(sweep)
    assert not sweep.folder(sweep.jobs[0]).exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    with pytest.raises(ConfigError, match="the store that MLFLOW_TRACKING_URI names cannot be used") as raised:
        run_sweep(sweep)
    assert "secret" not in str(raised.value)


def test_the_store_that_the_environment_names_is_taken(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'other.db')}"
    MlflowClient(uri).create_experiment("ablation", artifact_location=(tmp_path / "artifacts").as_uri())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run_sweep(logged_sweep(tmp_path, Logger.mlflow, {"seed": 0}))
    assert not (tmp_path / "out/mlflow.db").exists()
    experiment = MlflowClient(uri).get_experiment_by_name("ablation")
    assert len(MlflowClient(uri).search_runs([experiment.experiment_id])) == 1


def test_a_deleted_experiment_is_restored_and_gets_what_it_lacks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sweep(logged_sweep(folder, Logger.mlflow, {"seed": 0}))
    (study,) = [found for found in client(folder).search_experiments() if found.name == "ablation"]
    client(folder).delete_experiment(study.experiment_id)
    capsys.readouterr()
    assert run_sweep(logged_sweep(folder, Logger.mlflow, {"seed": 0}, {"seed": 1})).exit_status == 0
    told = capsys.readouterr().err
    assert "'ablation' was deleted in MLflow; it is restored" in told and "warning" not in told
    assert client(folder).get_experiment(study.experiment_id).lifecycle_stage == "active"
    runs = client(folder).search_runs([study.experiment_id], "tags.identity LIKE '%'")
    assert len({run.data.tags["identity"] for run in runs}) == len(runs) == 2


def test_an_experiment_deleted_during_a_sweep_costs_a_warning_that_comes_true(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = logged_sweep(folder, Logger.mlflow, {"seed": 0})
    with monkeypatch.context() as patch:
        patch.setattr("lenet_ablate.loggers.mlflow.MlflowLogger._experiment", lambda self, artifacts: deleted(folder))
        assert run_sweep(sweep).exit_status == 0
    assert "no run is harmed, and the same command adds what is missing" in capsys.readouterr().err
    run_sweep(sweep)
    assert "warning" not in capsys.readouterr().err
    (study,) = [found for found in client(folder).search_experiments() if found.name == "ablation"]
    (run,) = client(folder).search_runs([study.experiment_id])
    assert run.info.status == "FINISHED" and "metrics_sha256" in run.data.tags


def deleted(folder: Path) -> str:
    experiment = str(client(folder).create_experiment("ablation"))
    client(folder).delete_experiment(experiment)
    return experiment
