"""TensorBoard's files, and what every logger keeps: it is asked for, changes nothing and harms nothing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import DataSet, Logger
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.errors import ConfigError
from lenet_ablate.loggers.base import LoggedRun, RunLogger, epoch_ends
from lenet_ablate.loggers.pictures import example_sheets
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.record import METRICS, MODEL, EpochRow, State
from lenet_ablate.records.write import write_metrics
from lenet_ablate.studies.jobs import Job, Sweep, SweepResult
from lenet_ablate.sweep import run as sweep_module
from lenet_ablate.sweep.run import run_sweep
from support.logged_sweeps import EXPLODES, FailsOnce, logged_sweep
from support.tiny import without_seconds

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from lenet_ablate.loggers.tensorboard import FOLDER, GRAPH, TensorBoardLogger, scalars


def events(run: Path) -> EventAccumulator:
    found = EventAccumulator(str(run / FOLDER), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return found.Reload()


def assert_shows(run: Path) -> EventAccumulator:
    """The scalars are metrics.csv, each epoch once."""
    rows, found = read_metrics(run), events(run)
    expected = [(row.epoch, tag, value) for row in rows for tag, value in scalars(row).items()]
    shown = [(point.step, tag, point.value) for tag in found.Tags()["scalars"] for point in found.Scalars(tag)]
    assert sorted((step, tag) for step, tag, _ in shown) == sorted((step, tag) for step, tag, _ in expected)
    np.testing.assert_array_equal(
        [value for *_, value in sorted(shown)], np.float32([value for *_, value in sorted(expected)])
    )
    return found


def session_end(found: EventAccumulator) -> int:
    content = found.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
    return int(metadata.parse_session_end_info_plugin_data(content).status)


def test_tensorboard_shows_each_run_of_a_sweep(tmp_path: Path) -> None:
    sweep = logged_sweep(tmp_path, Logger.tensorboard, {"lr": 0.01}, {"lr": 0.001})
    run_sweep(sweep, workers=2)
    for job in sweep.jobs:
        found = assert_shows(sweep.folder(job))
        assert {"loss/train_running", "loss/val", "accuracy/val", "accuracy/test", "lr", "seconds"} <= set(
            found.Tags()["scalars"]
        )
        assert {"examples/correctly_classified"} <= set(found.Tags()["images"])
        assert {"input", "output"} <= {node.name.partition("/")[0] for node in found.Graph().node}
        start = metadata.parse_session_start_info_plugin_data(
            found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
        )
        assert start.hparams["lr"].number_value == job.config.lr
        assert start.hparams["pool"].string_value == "max"
        assert session_end(found) == api_pb2.STATUS_SUCCESS


def test_a_resumed_run_shows_each_epoch_once(tmp_path: Path) -> None:
    sweep, engine = logged_sweep(tmp_path, Logger.tensorboard, {"seed": 0}), FailsOnce()
    folder = sweep.folder(sweep.jobs[0])
    assert len(run_sweep(sweep, engine=engine).select(State.failed)) == 1
    assert session_end(assert_shows(folder)) == api_pb2.STATUS_FAILURE
    assert len(read_metrics(folder)) == 2
    assert len(run_sweep(sweep, engine=engine).select(State.done)) == 1
    assert "resumes" in (folder / "run.log").read_text()
    assert session_end(assert_shows(folder)) == api_pb2.STATUS_SUCCESS


def test_a_diverged_run_is_shown(tmp_path: Path) -> None:
    sweep = logged_sweep(tmp_path, Logger.tensorboard, {"optimizer": EXPLODES, "lr": 10.0, "epochs": 9})
    assert len(run_sweep(sweep).select(State.diverged)) == 1
    found = assert_shows(sweep.folder(sweep.jobs[0]))
    assert not np.isfinite(found.Scalars("loss/train_running")[-1].value)
    assert found.Tags()["images"] == []


def test_finished_runs_are_added_without_training_them_again(tmp_path: Path) -> None:
    plain = logged_sweep(tmp_path, Logger.none, {"seed": 0}, {"seed": 1})
    run_sweep(plain, workers=2)
    before = {path: path.read_bytes() for path in plain.study.rglob(MODEL)}
    asking = logged_sweep(tmp_path, Logger.tensorboard, {"seed": 0}, {"seed": 1})
    assert run_sweep(asking).skipped == 2
    files = [assert_shows(asking.folder(job)).path and _files(asking.folder(job)) for job in asking.jobs]
    assert run_sweep(asking).skipped == 2
    assert files == [_files(asking.folder(job)) for job in asking.jobs]
    assert before == {path: path.read_bytes() for path in plain.study.rglob(MODEL)}


def _files(run: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (run / FOLDER).iterdir()}


def test_event_files_of_an_earlier_attempt_are_written_anew(tmp_path: Path) -> None:
    sweep = logged_sweep(tmp_path, Logger.tensorboard, {"seed": 0})
    folder = sweep.folder(sweep.jobs[0])
    run_sweep(sweep)
    asking = dataclasses.replace(sweep, options=dataclasses.replace(sweep.options, logger=Logger.none))
    asking = dataclasses.replace(asking, options=dataclasses.replace(asking.options, train_loss_every=1))
    assert len(run_sweep(asking).select(State.done)) == 1  # has more figures now than the event files show
    run_sweep(sweep)
    assert len(assert_shows(folder).Scalars("loss/train")) == 3


def test_a_finished_run_is_shown_without_its_data(tmp_path: Path) -> None:
    run_sweep(logged_sweep(tmp_path, Logger.none, {"seed": 0}))
    asking = logged_sweep(tmp_path, Logger.tensorboard, {"seed": 0})
    (tmp_path / "tiny.npz").unlink()
    run_sweep(asking)
    assert assert_shows(asking.folder(asking.jobs[0])).Tags()["images"] == []


def test_a_logger_changes_no_result(tmp_path: Path) -> None:
    folders = []
    for logger in (Logger.none, Logger.tensorboard):
        (tmp_path / logger.value).mkdir()
        sweep = logged_sweep(tmp_path, logger, {"seed": 3})
        sweep = dataclasses.replace(sweep, options=dataclasses.replace(sweep.options, study=logger.value))
        run_sweep(sweep)
        folders.append(sweep.folder(sweep.jobs[0]))
    assert folders[0].name == folders[1].name
    assert (folders[0] / MODEL).read_bytes() == (folders[1] / MODEL).read_bytes()
    assert without_seconds(folders[0] / METRICS) == without_seconds(folders[1] / METRICS)


def rows(count: int) -> list[EpochRow]:
    return [EpochRow(e, 10 * e, 0.1, 1 / e, None, 0.5, 0.8, 0.5, 0.75 + e / 100, 2.0) for e in range(1, count + 1)]


def logged(folder: Path) -> LoggedRun:
    config = RunConfig()
    return LoggedRun(folder, config, identity(config), lambda: pytest.fail("no data needed"))


def test_epochs_that_a_resume_repeats_are_not_shown_twice(tmp_path: Path) -> None:
    killed = TensorBoardLogger().begin(logged(tmp_path))
    killed.log(rows(5))  # no end: the process was killed, and its last checkpoint is older
    resumed = TensorBoardLogger().begin(logged(tmp_path))
    resumed.log(rows(3))
    resumed.log(rows(4))
    write_metrics(tmp_path, rows(6))
    resumed.end(State.interrupted, rows(6))
    assert [point.step for point in assert_shows(tmp_path).Scalars("lr")] == [1, 2, 3, 4, 5, 6]
    assert (tmp_path / FOLDER / GRAPH).exists()
    killed.end(State.interrupted, rows(5))


def test_epochs_end_one_after_the_other() -> None:
    assert epoch_ends(rows(3), 100.0) == [96.0, 98.0, 100.0]
    assert epoch_ends([], 100.0) == []


class Breaks:
    """A logger whose disk is full."""

    name = "breaks"

    def open(self) -> None: ...

    def has(self, run: LoggedRun) -> bool:
        raise OSError("No space left on device")

    def begin(self, run: LoggedRun) -> RunLogger:
        return self

    def log(self, rows: Sequence[EpochRow]) -> None:
        if rows:
            raise OSError("No space left on device\nand much more")

    def end(self, *_: Any) -> None:
        raise RuntimeError("was called after a failure")


def test_a_logger_that_fails_costs_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep_module, "make_logger", lambda sweep: Breaks())
    sweep = logged_sweep(tmp_path, Logger.none, {"seed": 0}, {"seed": 1})
    monkeypatch.setattr(Breaks, "end", lambda self, result: isinstance(result, SweepResult) or pytest.fail("too late"))
    result = run_sweep(sweep, workers=2)
    assert (len(result.select(State.done)), result.exit_status) == (2, 0)
    told = capsys.readouterr().err
    assert told.count("warning: logger=breaks: OSError: No space left on device; no run is harmed") == 1
    assert "much more" not in told
    assert run_sweep(sweep).skipped == 2


def test_event_files_that_cannot_be_written_harm_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = logged_sweep(tmp_path, Logger.tensorboard, {"seed": 0})
    folder = sweep.folder(sweep.jobs[0])
    folder.mkdir(parents=True)
    write_bytes(folder / FOLDER, b"in the way")
    assert len(run_sweep(sweep).select(State.done)) == 1
    assert capsys.readouterr().err.count("warning: logger=tensorboard: FileExistsError") == 1
    (folder / FOLDER).unlink()
    assert run_sweep(sweep).skipped == 1
    assert_shows(folder)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_library_is_told_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.delitem(sys.modules, f"lenet_ablate.loggers.{name}", raising=False)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    sweep = logged_sweep(tmp_path, Logger(name), {"seed": 0})
    with pytest.raises(ConfigError, match=rf"^logger={name}: .* pip install {name}$"):
        run_sweep(sweep)
    assert not (tmp_path / "out").exists()


def test_no_logger_is_imported_unless_asked_for() -> None:
    config = RunConfig(data=dataclasses.replace(RunConfig().data, name=DataSet.digits))
    assert make_logger(Sweep((Job(config),), Options(), "x")) is None
    script = (
        "import sys; from lenet_ablate.config.settings import Options, RunConfig\n"
        "from lenet_ablate.studies.jobs import Job, Sweep\n"
        "from lenet_ablate.loggers.select import make_logger\n"
        "from lenet_ablate.config.choices import Logger\n"
        "make_logger(Sweep((Job(RunConfig()),), Options(), 'x'))\n"
        "print(sorted({'tensorboard', 'mlflow', 'torch', 'pandas'} & set(sys.modules)))\n"
        "make_logger(Sweep((Job(RunConfig()),), Options(logger=Logger.tensorboard), 'x'))\n"
        "print(sorted({'tensorboard', 'mlflow', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['tensorboard']"]


def test_examples_are_the_first_right_and_the_surest_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    captions: dict[int, list[str]] = {}

    def sheet(images: Any, texts: Sequence[str]) -> list[str]:
        captions[len(captions)] = list(texts)
        return [str(image[0, 0]) for image in images]

    monkeypatch.setattr("lenet_ablate.loggers.pictures._sheet", sheet)
    images = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 32, 32), np.uint8)
    labels = (np.arange(40) % 10).astype(np.uint8)
    digits = labels.copy()
    digits[[3, 5, 7]] = 0
    probabilities = np.linspace(0.5, 0.9, 40).astype(np.float16)
    sheets = example_sheets(images, labels, digits, probabilities)
    assert sheets["wrongly_classified"] == ["7", "5", "3"]
    assert captions[1][0] == "7 read as 0\n57.2%"
    assert sheets["correctly_classified"][:4] == ["0", "1", "2", "4"]
    assert len(sheets["correctly_classified"]) == 16
    assert list(example_sheets(images, labels, labels, probabilities)) == ["correctly_classified"]


def test_examples_are_pictures(tmp_path: Path) -> None:
    from PIL import Image

    images = np.zeros((3, 28, 28), np.uint8)
    labels = np.array([1, 2, 3], np.uint8)
    sheets = example_sheets(images, labels, np.array([1, 2, 8], np.uint8), np.ones(3, np.float16))
    for name, picture in sheets.items():
        (tmp_path / f"{name}.png").write_bytes(picture.png)
        with Image.open(tmp_path / f"{name}.png") as opened:
            assert opened.size == (picture.width, picture.height)
            low, high = opened.getextrema()
        assert (low, high) == (0, 255)  # black captions on white
