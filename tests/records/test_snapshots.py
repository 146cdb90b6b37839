from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lenet_ablate.config.choices import EarlyStop, Keep, StopSplit
from lenet_ablate.config.settings import EarlyStopConfig, Options
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import METRICS, MODEL, EpochRow, State
from lenet_ablate.records.snapshots import BATCH_LOSSES, BEST, EPOCHS
from lenet_ablate.studies.finished import find_finished
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.training import loop
from lenet_ablate.training.early_stop import is_settled
from support.tiny import stop_after, tiny_plan, train_tiny, without_seconds


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
    assert record.result["epochs_planned"] == 9


def test_early_stopping_survives_interruptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny_plan(lr=0.001, epochs=9, early_stop=EarlyStopConfig(EarlyStop.patience, StopSplit.test, 1, 0.3))
    train_tiny(tmp_path / "whole", plan)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    while train_tiny(tmp_path / "pieces", plan, stop_after(9)) is State.interrupted:
        pass
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)


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
        assert (tmp_path / EPOCHS / names[-1]).read_bytes() == (tmp_path / MODEL).read_bytes()
        (tmp_path / EPOCHS / names[0]).write_bytes(b"")
        assert read_run(tmp_path).state is State.unreadable  # damaged, and so trained again
    if keep is Keep.best:
        shorter = tiny_plan(epochs=best.epoch)
        train_tiny(tmp_path / "shorter", shorter)
        assert (tmp_path / BEST).read_bytes() == (tmp_path / "shorter" / MODEL).read_bytes()


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
