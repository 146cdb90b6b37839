from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lenet_ablate.config.choices import Optimizer
from lenet_ablate.config.plan import make_plan
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import OptimizerConfig
from lenet_ablate.records.checkpoint import read_checkpoint
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import CHECKPOINT, METRICS, MODEL, PREDICTIONS, RESULT, State
from lenet_ablate.training import loop
from lenet_ablate.training.losses import mean_loss
from support.tiny import NUM_TEST, stop_after, tiny_config, tiny_dataset, tiny_plan, train_tiny, without_seconds

EXPLODES = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=10.0)


@pytest.fixture(autouse=True)
def one_step_per_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)


def test_a_run_leaves_its_whole_record(tmp_path: Path) -> None:
    plan = tiny_plan()
    assert train_tiny(tmp_path, plan) is State.done
    record = read_run(tmp_path)
    assert record.state is State.done
    assert [(row.epoch, row.step) for row in record.rows] == [(1, 13), (2, 26)]
    assert record.rows[0].train_loss is None
    assert record.rows[1].train_loss is not None
    assert not (tmp_path / CHECKPOINT).exists()
    with np.load(tmp_path / PREDICTIONS) as predictions:
        digits, probabilities = predictions["digits"], predictions["probabilities"]
    assert (digits.dtype, probabilities.dtype, len(digits)) == (np.uint8, np.float16, NUM_TEST)
    right = int((digits == tiny_dataset().test_labels).sum())
    assert record.rows[1].test_accuracy == right / NUM_TEST == record.result.final.test_accuracy
    assert sum(a.size for a in safetensors.numpy.load_file(tmp_path / MODEL).values()) == 61_706
    assert record.result.best_val.val_accuracy == max(row.val_accuracy or 0 for row in record.rows)


def test_running_loss_is_the_mean_over_images_not_over_batches(tmp_path: Path) -> None:
    seen: list[np.ndarray] = []
    from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner

    class Spy(TorchEngine):
        def learner(self, *args: object) -> TorchLearner:
            learner = super().learner(*args)  # type: ignore[arg-type]
            original = learner.train
            learner.train = lambda batches: seen.append(original(batches)) or seen[-1]  # type: ignore[method-assign,func-returns-value]
            return learner

    train_tiny(tmp_path, tiny_plan(epochs=1), engine=Spy("cpu"))
    losses, counts = np.concatenate(seen).astype(float), np.array([16] * 12 + [8])
    assert read_run(tmp_path).rows[0].train_loss_running == pytest.approx(float(losses @ counts) / 200, rel=1e-12)
    assert float(losses.mean()) != pytest.approx(float(losses @ counts) / 200, rel=1e-6)


# An own one is in tests/engines/test_own_optimizer.py.
@pytest.mark.parametrize("optimizer", [rule for rule in Optimizer if rule is not Optimizer.own])
def test_a_run_stopped_after_every_slice_ends_bit_for_bit_alike(tmp_path: Path, optimizer: Optimizer) -> None:
    settings = {
        Optimizer.adam: OptimizerConfig(betas=(0.9, 0.999), eps=1e-8),
        Optimizer.adamw: OptimizerConfig(name=Optimizer.adamw, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
        Optimizer.sgd: OptimizerConfig(name=Optimizer.sgd, momentum=0.9, nesterov=True),
        Optimizer.rmsprop: OptimizerConfig(name=Optimizer.rmsprop, alpha=0.99, eps=1e-8, momentum=0.5),
    }[optimizer]
    plan = tiny_plan(optimizer=settings, lr=StepDecay("x", 0.01, 0.5, 1))
    train_tiny(tmp_path / "whole", plan)
    stops = 0
    while train_tiny(tmp_path / "pieces", plan, should_stop=stop_after(1)) is State.interrupted:
        stops += 1
    assert stops >= plan.total_steps - 1
    for name in (MODEL, PREDICTIONS):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)


def test_slices_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny_plan()
    train_tiny(tmp_path / "thin", plan)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 1e9)
    train_tiny(tmp_path / "thick", plan)
    assert (tmp_path / "thin" / MODEL).read_bytes() == (tmp_path / "thick" / MODEL).read_bytes()
    assert without_seconds(tmp_path / "thin" / METRICS) == without_seconds(tmp_path / "thick" / METRICS)


def test_a_checkpoint_is_written_during_an_epoch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, steps = tiny_plan(epochs=1), []
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    original = loop.write_checkpoint
    monkeypatch.setattr(
        loop, "write_checkpoint", lambda folder, saved: (steps.append(saved.steps_done), original(folder, saved))
    )
    train_tiny(tmp_path, plan)
    assert steps == list(range(1, 14))


def test_killed_between_the_last_step_and_its_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny_plan()
    train_tiny(tmp_path / "whole", plan)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    original = loop._evaluate_epoch

    def killed(*args: object) -> object:
        if len(args[2].rows) == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_evaluate_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "killed", plan)
    monkeypatch.setattr(loop, "_evaluate_epoch", original)
    assert train_tiny(tmp_path / "killed", plan) is State.done
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "killed" / METRICS)
    assert (tmp_path / "whole" / MODEL).read_bytes() == (tmp_path / "killed" / MODEL).read_bytes()


def test_a_checkpoint_of_other_data_is_not_used(tmp_path: Path) -> None:
    plan = tiny_plan()
    train_tiny(tmp_path, plan, should_stop=stop_after(5))
    stamp = {"identity": plan.identity, "engine": "torch", "device": "cpu", "data": tiny_dataset().sha256}
    assert read_checkpoint(tmp_path, stamp) is not None
    assert read_checkpoint(tmp_path, stamp | {"data": "other"}) is None


def test_divergence_is_a_result_with_the_first_bad_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny_plan(optimizer=EXPLODES, lr=10.0, epochs=4)
    assert train_tiny(tmp_path / "thin", plan) is State.diverged
    record = read_run(tmp_path / "thin")
    assert record.state is State.diverged
    assert not math.isfinite(record.rows[-1].train_loss_running)
    assert record.rows[-1].test_accuracy is None
    assert not (tmp_path / "thin" / MODEL).exists()
    result = json.loads((tmp_path / "thin" / RESULT).read_text())
    assert result["final"]["train_loss_running"] is None
    monkeypatch.setattr(loop, "SLICE_SECONDS", 1e9)
    train_tiny(tmp_path / "thick", plan)
    assert without_seconds(tmp_path / "thin" / METRICS) == without_seconds(tmp_path / "thick" / METRICS)


def test_without_validation_split_nothing_is_called_val(tmp_path: Path) -> None:
    import dataclasses

    data = dataclasses.replace(tiny_plan().config.data, val_size=0)
    train_tiny(tmp_path, tiny_plan(data=data, epochs=1))
    record = read_run(tmp_path)
    assert record.rows[0].val_accuracy is None
    assert record.result.best_val is None
    assert record.result.num_train == 230


def test_a_resume_that_asks_for_more_starts_again_rather_than_leave_gaps(tmp_path: Path) -> None:
    plan = tiny_plan(epochs=3)
    assert train_tiny(tmp_path, plan, should_stop=stop_after(20)) is State.interrupted
    assert train_tiny(tmp_path, plan, train_loss_every=1) is State.done
    assert all(row.train_loss is not None for row in read_run(tmp_path).rows)


def test_train_loss_on_request(tmp_path: Path) -> None:
    train_tiny(tmp_path, tiny_plan(epochs=3), train_loss_every=1)
    assert all(row.train_loss is not None for row in read_run(tmp_path).rows)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_mean_loss_counts_images_and_not_batches(steps: int) -> None:
    config = tiny_config(batch_size=50)
    plan = make_plan(dataclasses.replace(config, data=dataclasses.replace(config.data, val_size=0)), 120, 20)
    losses = [float(loss) for loss in np.float32([0.1, 0.7, 2.3])][:steps]
    sizes = [50, 50, 20][:steps]
    assert mean_loss(plan, losses) == math.fsum(a * b for a, b in zip(losses, sizes, strict=True)) / sum(sizes)
