from __future__ import annotations

import datetime
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import atomic, write
from lenet_ablate.records.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from lenet_ablate.records.damage import damage_of
from lenet_ablate.records.flushing import flush_path
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.read import (
    find_studies,
    iter_records,
    read_finished,
    read_run,
)
from lenet_ablate.records.record import CHECKPOINT, CONFIG, EpochRow, Predictions, State
from lenet_ablate.records.status import STALE_SECONDS
from lenet_ablate.records.write import write_config, write_finished, write_metrics, write_status

ROWS = (
    EpochRow(1, 10, 0.001, 2.1, None, None, None, 1 / 3, 0.1, 1.5),
    EpochRow(2, 20, 0.001, 1e-17, 0.5, 0.25, 0.5, 0.2, 0.9, 1.25),
)
IDENTITY = identity(RunConfig())


def finish(folder: Path, state: State = State.done) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, RunConfig())
    weights = {"c1.bias": np.arange(6, dtype=np.float32)}
    predictions = Predictions(np.arange(10, dtype=np.uint8), np.full(10, 0.5, np.float16))
    write_finished(folder, state, RunConfig(), ROWS, {"final": {}}, weights, predictions)
    return folder


def test_a_finished_run_reads_back_exactly(tmp_path: Path) -> None:
    record = read_run(finish(tmp_path / "run"))
    assert (record.state, record.identity, record.config, record.rows) == (State.done, IDENTITY, RunConfig(), ROWS)
    assert read_finished(tmp_path / "run", RunConfig()) is not None


def test_equal_runs_leave_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        finish(tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_nan_in_a_result_is_refused_rather_than_written(tmp_path: Path) -> None:
    tmp_path.joinpath(CONFIG).write_text("{}")
    with pytest.raises(ValueError, match="JSON"):
        write_finished(tmp_path, State.done, RunConfig(), ROWS, {"loss": float("nan")}, None, None)


def test_a_diverged_row_survives(tmp_path: Path) -> None:
    row = EpochRow(1, 3, 0.1, float("nan"), None, None, None, None, None, 0.1)
    write_metrics(tmp_path, [row])
    (read,) = read_metrics(tmp_path)
    assert np.isnan(read.train_loss_running)
    assert read.test_accuracy is None


@pytest.mark.parametrize("name", ["metrics.csv", "result.json", "model.safetensors", "predictions.npz", "config.yaml"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_any_damage_makes_a_run_unreadable_and_trained_again(tmp_path: Path, name: str, harm: str) -> None:
    path = finish(tmp_path / "run") / name
    content = bytearray(path.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    record = read_run(tmp_path / "run")
    assert record.state is State.unreadable
    assert name in record.error
    assert read_finished(tmp_path / "run", RunConfig()) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1, "status": "odd"}', "null"])
def test_a_broken_status_is_unreadable_with_a_reason(tmp_path: Path, content: str) -> None:
    (tmp_path / "status.json").write_text(content)
    record = read_run(tmp_path)
    assert record.state is State.unreadable
    assert record.error
    assert "\n" not in record.error


def test_other_settings_under_the_same_name_are_damage_to_the_run_alone(tmp_path: Path) -> None:
    folder, other = finish(tmp_path / "run"), RunConfig(seed=1)
    assert read_finished(folder, other) is None
    assert damage_of(folder, other) == "it holds a run with other settings"
    assert damage_of(folder, RunConfig()) == ""


def test_a_record_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    finish(tmp_path / "run")
    status = json.loads((tmp_path / "run/status.json").read_text())
    (tmp_path / "run/status.json").write_text(json.dumps(status | {"format": 2}))
    assert read_finished(tmp_path / "run", RunConfig()) is None
    with pytest.raises(RecordError, match="format 2 is not known to this version"):
        damage_of(tmp_path / "run", RunConfig())


def test_a_setting_that_only_a_newer_version_knows_leaves_a_run_finished(tmp_path: Path) -> None:
    folder = finish(tmp_path / "run")
    content = (folder / "config.yaml").read_bytes() + b"not_yet: none\n"
    (folder / "config.yaml").write_bytes(content)
    status = json.loads((folder / "status.json").read_text())
    status["files"]["config.yaml"] = hashlib.sha256(content).hexdigest()
    (folder / "status.json").write_text(json.dumps(status))
    assert read_finished(folder, RunConfig()) is not None
    assert read_run(folder).config == RunConfig()


def test_a_result_that_has_no_weights_leaves_none_of_an_earlier_one(tmp_path: Path) -> None:
    folder = finish(tmp_path / "run")
    write_finished(folder, State.diverged, RunConfig(), ROWS, {"final": {}}, None, None)
    assert not (folder / "model.safetensors").exists()
    assert not (folder / "predictions.npz").exists()
    assert read_run(folder).state is State.diverged


def test_a_silent_heartbeat_means_interrupted(tmp_path: Path) -> None:
    write_config(tmp_path, RunConfig())
    write_status(tmp_path, State.running, IDENTITY)
    assert read_run(tmp_path).state is State.running
    status = json.loads((tmp_path / "status.json").read_text())
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    gone = status | {"owner": {"host": status["owner"]["host"], "pid": int(ended.stdout)}}
    (tmp_path / "status.json").write_text(json.dumps(gone))
    assert read_run(tmp_path).state is State.interrupted
    elsewhere = status | {"owner": {"host": "another", "pid": int(ended.stdout)}}
    (tmp_path / "status.json").write_text(json.dumps(elsewhere))
    assert read_run(tmp_path).state is State.running
    status = json.loads((tmp_path / "status.json").read_text())
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=STALE_SECONDS + 5)
    (tmp_path / "status.json").write_text(json.dumps(status | {"heartbeat": long_ago.isoformat()}))
    assert read_run(tmp_path).state is State.interrupted


def test_planned_runs_are_listed_behind_those_on_disk(tmp_path: Path) -> None:
    finish(tmp_path / "b-run")
    sweep = {"format": 1, "created": "2026-01-01T00:00:00+00:00", "command": "x", "experiments": [], "factors": {}}
    sweep["runs"] = [{"run": name, "identity": IDENTITY, "config": {"seed": 1}} for name in ("b-run", "a-run")]
    sweep["runs"] += [{"run": "newer", "identity": "", "config": {"not_yet": 1}}, {"run": "torn"}, 3]
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "1.json").write_text(json.dumps(sweep))
    (tmp_path / "sweeps" / "2.json").write_text("{ torn")
    found = [(record.folder.name, record.state) for record in iter_records(tmp_path)]
    assert found == [("b-run", State.done), ("a-run", State.planned)]


def test_an_unreadable_run_keeps_its_planned_settings(tmp_path: Path) -> None:
    (finish(tmp_path / "run") / "config.yaml").write_text("torn: [")
    sweep = {"format": 1, "created": "2026-01-01T00:00:00+00:00"}
    sweep["runs"] = [{"run": "run", "identity": IDENTITY, "config": {"seed": 7}}]
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "1.json").write_text(json.dumps(sweep))
    (record,) = iter_records(tmp_path)
    assert record.state is State.unreadable
    assert record.config == RunConfig(seed=7)


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    atomic.write_bytes(path, b"old")

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(
        RecordError,
        match=r"/file: .*No space left on device \([0-9,]+ bytes free\); free some",
    ):
        atomic.write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_done_is_only_said_once_everything_else_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    original = atomic.put_in_place

    def spy(temporary: str, path: Path) -> None:
        written.append(path.name)
        original(temporary, path)

    for module in (atomic, write):
        monkeypatch.setattr(module, "put_in_place", spy)
    finish(tmp_path / "run")
    assert written[-1] == "status.json"
    assert {"metrics.csv", "result.json", "model.safetensors", "predictions.npz"} <= set(written[:-1])


STAMP = {"identity": IDENTITY, "engine": "torch", "device": "cpu", "data": "d"}


def save_checkpoint(folder: Path) -> Checkpoint:
    state = {"weights/c1.bias": np.arange(6, dtype=np.float32), "step/c1.bias": np.float32(3) * np.ones(())}
    checkpoint = Checkpoint(STAMP, 12, 0.5, 2.5, ROWS, np.array([2.0, 1.5], np.float32), state)
    write_checkpoint(folder, checkpoint)
    return checkpoint


def test_a_checkpoint_reads_back_exactly(tmp_path: Path) -> None:
    saved, read = save_checkpoint(tmp_path), read_checkpoint(tmp_path, STAMP)
    assert read is not None
    assert (read.steps_done, read.rows, read.seconds) == (12, ROWS, 0.5)
    np.testing.assert_array_equal(read.losses, saved.losses)
    assert set(read.state) == set(saved.state)
    for name, array in saved.state.items():
        np.testing.assert_array_equal(read.state[name], array)


@pytest.mark.parametrize("change", ["identity", "engine", "device", "data"])
def test_a_checkpoint_under_another_stamp_is_not_used(tmp_path: Path, change: str) -> None:
    save_checkpoint(tmp_path)
    assert read_checkpoint(tmp_path, {**STAMP, change: "other"}) is None


def test_a_damaged_checkpoint_is_not_used(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        harmed = bytearray(whole)
        harmed[place] ^= 4
        path.write_bytes(harmed)
        assert read_checkpoint(tmp_path, STAMP) is None, place
    for length in (0, 1, 8, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_checkpoint(tmp_path, STAMP) is None, length


def test_leftovers_are_removed_once_nobody_can_want_them(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ages = {
        f".plan.json.{gone.pid}.7.tmp": [(0, True), (90, False)],
        f".plan.json.{os.getppid()}.7.tmp": [(0, True), (90, True), (4000, False)],
        f".plan.json.{10**17}.7.tmp": [(90, False)],
        ".theirs.tmp": [(4000, True)],
        "plan.json.1.7.tmp": [(4000, True)],
        ".plan.json.x.7.tmp": [(4000, True)],
    }
    for name, trials in ages.items():
        for age, stays in trials:
            path = tmp_path / name
            path.touch()
            os.utime(path, (time.time() - age,) * 2)
            atomic.remove_leftovers(tmp_path)
            assert path.exists() is stays, (name, age)
    (tmp_path / ".a.b.1.2.tmp").touch()
    atomic.remove_leftovers(tmp_path, is_ours_alone=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".plan.json.x.7.tmp",
        ".theirs.tmp",
        "plan.json.1.7.tmp",
    ]
    atomic.remove_leftovers(tmp_path / "missing")


def test_a_folder_that_cannot_be_flushed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RecordError, match=f"{tmp_path.name}: cannot be written: Input/output error"):
        flush_path(tmp_path)


def test_a_run_beside_the_studies_hides_none_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s1/sweeps").mkdir(parents=True)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/status.json").write_text("{}")
    assert find_studies(tmp_path) == [tmp_path / "s1"]
    assert capsys.readouterr().err == (
        f"{tmp_path}: left out foreign, a run that lies beside the studies; move it into one of them\n"
    )
    shutil.rmtree(tmp_path / "s1")
    assert find_studies(tmp_path) == [tmp_path]


def test_a_study_that_cannot_be_read_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("s1", "s2"):
        (tmp_path / name / "sweeps").mkdir(parents=True)
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "s1")
    assert find_studies(tmp_path) == [tmp_path / "s2"]
    assert capsys.readouterr().err == f"{tmp_path / 's1'}: left out, since it cannot be read\n"
