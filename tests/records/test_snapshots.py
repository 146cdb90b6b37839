from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from lenet_ablate.config.choices import EarlyStop, Keep, StopSplit
from lenet_ablate.config.settings import EarlyStopConfig, Options
from lenet_ablate.records.checkpoint import read_checkpoint, write_checkpoint
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import METRICS, MODEL, EpochRow, State
from lenet_ablate.records.snapshots import BATCH_LOSSES, BEST, EPOCHS, Snapshots
from lenet_ablate.studies.finished import find_finished
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.training import loop
from lenet_ablate.training.early_stop import is_settled
from support.tiny import stop_after, tiny_dataset, tiny_plan, train_tiny, without_seconds


def rows(*accuracies: float | None, test: float = 0.5) -> list[EpochRow]:
    return [EpochRow(i + 1, i, 0.1, 1.0, None, 1.0, val, 1.0, test, 0.0) for i, val in enumerate(accuracies)]


PATIENT = EarlyStopConfig(EarlyStop.patience, StopSplit.val, 2, 0.01)
DELTA = EarlyStopConfig(EarlyStop.delta, StopSplit.val, None, 1e-4)


def test_patience_waits_for_a_rise_above_the_best() -> None:
    assert not is_settled(rows(0.5, 0.505, 0.6, 0.59), PATIENT)
    assert is_settled(rows(0.5, 0.6, 0.609, 0.6), PATIENT)
    assert not is_settled(rows(0.5, 0.6, 0.609, 0.62), PATIENT)
    assert not is_settled(rows(0.5), PATIENT)
    assert not is_settled(rows(*[0.5] * 9), EarlyStopConfig())


def test_delta_compares_with_the_epoch_before() -> None:
    assert not is_settled(rows(0.9), DELTA)
    assert not is_settled(rows(0.9, 0.9, 0.95), DELTA)
    assert is_settled(rows(0.9, 0.95, 0.95), DELTA)
    assert is_settled(rows(None, None), EarlyStopConfig(EarlyStop.delta, StopSplit.test, None, 1e-4))


def test_a_run_ends_early_and_judges_its_last_epoch(tmp_path: Path) -> None:
    plan = tiny_plan(lr=1e-30, epochs=9, early_stop=DELTA)
    assert train_tiny(tmp_path, plan) is State.done
    record = read_run(tmp_path)
    assert [row.epoch for row in record.rows] == [1, 2]
    assert [row.train_loss is None for row in record.rows] == [True, False]
    assert record.result.epochs_planned == 9


def test_early_stopping_survives_interruptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny_plan(lr=0.001, epochs=9, early_stop=EarlyStopConfig(EarlyStop.patience, StopSplit.test, 1, 0.3))
    train_tiny(tmp_path / "whole", plan)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    while train_tiny(tmp_path / "pieces", plan, stop_after(9)) is State.interrupted:
        pass
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)


def assert_same_weights(one: Path, other: Path) -> None:
    """Their metadata may differ: calibration goes with the last epoch's weights alone."""
    arrays, others = (safetensors.numpy.load_file(path) for path in (one, other))
    assert arrays.keys() == others.keys() and all((arrays[name] == others[name]).all() for name in arrays)


@pytest.mark.parametrize("keep", Keep)
def test_weights_of_epochs(tmp_path: Path, keep: Keep) -> None:
    plan = tiny_plan(epochs=3)
    train_tiny(tmp_path, plan, checkpoint=keep)
    record = read_run(tmp_path)
    best = max(record.rows, key=lambda row: row.val_accuracy or 0.0)
    names = [f"{row.epoch:03}-{row.val_accuracy:.5f}.safetensors" for row in record.rows]
    kept = sorted(path.name for path in (tmp_path / EPOCHS).glob("*"))
    assert kept == (names if keep is Keep.every else [])
    assert (tmp_path / BEST).exists() == (keep is Keep.best)
    if keep is Keep.every:
        assert_same_weights(tmp_path / EPOCHS / names[-1], tmp_path / MODEL)
        (tmp_path / EPOCHS / names[0]).write_bytes(b"")
        assert read_run(tmp_path).state is State.unreadable  # damaged, and so trained again
    if keep is Keep.best:
        shorter = tiny_plan(epochs=best.epoch)
        train_tiny(tmp_path / "shorter", shorter)
        assert_same_weights(tmp_path / BEST, tmp_path / "shorter" / MODEL)


def test_mean_losses_of_groups_of_batches(tmp_path: Path) -> None:
    plan = tiny_plan(epochs=2)  # 13 batches in an epoch
    train_tiny(tmp_path / "fine", plan, log_every=1)
    train_tiny(tmp_path / "coarse", plan, log_every=5)
    tables = [(tmp_path / name / BATCH_LOSSES).read_text().splitlines() for name in ("fine", "coarse")]
    fine, coarse = (list(csv.DictReader(table)) for table in tables)
    assert [(int(row["epoch"]), int(row["batch"])) for row in coarse] == [(1, 5), (1, 10), (2, 5), (2, 10)]
    losses = np.array([float(row["loss"]) for row in fine]).reshape(2, 13)
    means = losses[:, :10].reshape(2, 2, 5).mean(axis=2).ravel()
    np.testing.assert_allclose([float(row["loss"]) for row in coarse], means, rtol=1e-6)


@pytest.mark.parametrize("options", [{"checkpoint": Keep.every}, {"checkpoint": Keep.best}, {"log_every": 5}])
def test_snapshots_survive_interruptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    plan = tiny_plan(epochs=3)
    train_tiny(tmp_path / "whole", plan, **options)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    while train_tiny(tmp_path / "pieces", plan, stop_after(10), **options) is State.interrupted:
        pass
    kept = [path for path in (tmp_path / "whole").rglob("*") if path.is_file() and path.name[0] in "b0"]
    assert kept
    for path in kept:
        assert path.read_bytes() == (tmp_path / "pieces" / path.relative_to(tmp_path / "whole")).read_bytes()


@pytest.mark.parametrize("slices", [2, 20], ids=["within the first epoch", "behind it"])
def test_a_checkpoint_without_the_snapshots_asked_for_is_not_resumed(
    slices: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    plan = tiny_plan(epochs=3)
    assert train_tiny(tmp_path, plan, stop_after(slices)) is State.interrupted
    train_tiny(tmp_path, plan, checkpoint=Keep.every, log_every=5)
    assert len(list((tmp_path / EPOCHS).iterdir())) == 3
    assert (tmp_path / BATCH_LOSSES).read_text().count("\n") == 7


def test_a_finished_run_without_what_is_asked_for_is_trained_again(tmp_path: Path) -> None:
    plan = tiny_plan()
    folder = tmp_path / "s" / plan.name
    train_tiny(folder, plan, log_every=5)

    def is_finished(**options: object) -> bool:
        sweep = Sweep((Job(plan.config),), Options(output_dir=str(tmp_path), study="s", **options), "")  # type: ignore[arg-type]
        return find_finished(sweep, sweep.jobs[0], None) is not None  # type: ignore[arg-type]

    assert is_finished()
    assert is_finished(log_every=5)
    assert not is_finished(log_every=6)
    assert not is_finished(checkpoint=Keep.best)
    assert not is_finished(checkpoint=Keep.every)
    train_tiny(folder, plan, log_every=6, checkpoint=Keep.every)
    assert is_finished(log_every=6, checkpoint=Keep.every)


def test_weights_are_those_of_their_epoch(tmp_path: Path) -> None:
    plan = tiny_plan(epochs=2)
    train_tiny(tmp_path / "two", plan, checkpoint=Keep.every)
    train_tiny(tmp_path / "one", tiny_plan(epochs=1))
    (first, _) = sorted((tmp_path / "two" / EPOCHS).iterdir())
    weights = safetensors.numpy.load((tmp_path / "one" / MODEL).read_bytes())
    for name, array in safetensors.numpy.load(first.read_bytes()).items():
        np.testing.assert_array_equal(array, weights[name])


KEPT: dict[str, dict[str, Any]] = {
    "best": {"checkpoint": Keep.best},
    "every": {"checkpoint": Keep.every},
    "losses": {"log_every": 5},
}


def kept_file(folder: Path) -> Path:
    names = [folder / BEST, folder / BATCH_LOSSES, *sorted((folder / EPOCHS).glob("*"))]
    return next(path for path in names if path.is_file())


@pytest.mark.parametrize("harm", ["emptied", "flipped", "cut", "folder"])
@pytest.mark.parametrize("kind", KEPT)
def test_a_damaged_kept_file_is_never_signed(
    kind: str, harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    plan, options = tiny_plan(epochs=3), KEPT[kind]
    train_tiny(tmp_path / "whole", plan, **options)
    folder = tmp_path / "pieces"
    assert train_tiny(folder, plan, stop_after(30), **options) is State.interrupted
    path = kept_file(folder)
    content = path.read_bytes()
    if harm == "folder":
        path.unlink()
        path.mkdir()
        assert not Snapshots(folder, Options(**options)).resume(read_run(folder).rows, {path.name: "0" * 64})
        path.rmdir()
    elif harm == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        path.write_bytes(b"" if harm == "emptied" else content[:-1])
    assert train_tiny(folder, plan, **options) is State.done
    assert read_run(folder).state is State.done
    for whole in kept_file(tmp_path / "whole"), tmp_path / "whole" / MODEL:
        assert (folder / whole.relative_to(tmp_path / "whole")).read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("kind", KEPT)
def test_a_file_that_is_damaged_while_the_run_trains_is_not_signed_as_it_is(kind: str, tmp_path: Path) -> None:
    plan = tiny_plan(epochs=2)

    def harm() -> bool:
        for path in (tmp_path / EPOCHS).glob("001*"):
            path.write_bytes(b"torn")
        if (tmp_path / BEST).is_file():
            (tmp_path / BEST).write_bytes(b"torn")
        return False

    train_tiny(tmp_path, plan, harm, **KEPT[kind])
    record, status = read_run(tmp_path), json.loads((tmp_path / "status.json").read_bytes())
    for name, digest in status["files"].items():
        is_whole = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
        assert is_whole or (record.state is State.unreadable and name in record.error)


@pytest.mark.parametrize("kind", KEPT)
def test_a_kill_between_a_keepsake_and_its_checkpoint_costs_one_epoch(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, options = tiny_plan(epochs=3), KEPT[kind]
    train_tiny(tmp_path / "whole", plan, **options)
    original, saved = loop._save, 0

    def die(*args: Any) -> None:
        nonlocal saved
        saved += 1
        if saved == 2:
            raise KeyboardInterrupt
        original(*args)

    monkeypatch.setattr(loop, "_save", die)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "pieces", plan, **options)
    monkeypatch.undo()
    resumed: list[int] = []
    monkeypatch.setattr(loop, "_images_seen", lambda plan, steps: resumed.append(steps) or 0)
    assert train_tiny(tmp_path / "pieces", plan, **options) is State.done
    assert resumed == [plan.steps_per_epoch]
    for path in (path for path in (tmp_path / "whole").rglob("*") if path.is_file() and path.name[0] in "b0"):
        assert path.read_bytes() == (tmp_path / "pieces" / path.relative_to(tmp_path / "whole")).read_bytes()


@pytest.mark.parametrize(("options", "resumes"), [({}, True), ({"log_every": 5}, False)])
def test_a_checkpoint_of_an_earlier_version_is_resumed_where_nothing_was_kept(
    options: dict[str, Any], resumes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tiny_plan(epochs=3)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    assert train_tiny(tmp_path, plan, stop_after(20), **options) is State.interrupted
    head = read_run(tmp_path)
    stamp = {"identity": plan.identity, "engine": "torch", "device": "cpu", "data": tiny_dataset().sha256}
    checkpoint = read_checkpoint(tmp_path, stamp)
    assert checkpoint is not None and head.rows == checkpoint.rows
    write_checkpoint(tmp_path, dataclasses.replace(checkpoint, kept=None))
    resumed: list[int] = []
    monkeypatch.setattr(loop, "_images_seen", lambda plan, steps: resumed.append(steps) or 0)
    assert train_tiny(tmp_path, plan, **options) is State.done
    assert bool(resumed) == resumes
