from __future__ import annotations

import dataclasses
import itertools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from lenet_ablate.config.choices import C5, Activation, Model, Optimizer, OutputActivation, Pool
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.settings import ModelConfig, OptimizerConfig, RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Split
from lenet_ablate.engines.compiled import kernels
from lenet_ablate.engines.compiled import learner as learner_module
from lenet_ablate.engines.compiled.activation import SIMPLE, SLOPE
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.compiled.layout import CHUNK, FEWEST_LANES
from lenet_ablate.engines.compiled.learner import CompiledLearner, make_rule
from lenet_ablate.engines.networks import image_size
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.records.checkpoint import Checkpoint, write_checkpoint
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import METRICS, MODEL, PREDICTIONS, State
from lenet_ablate.training import loop
from lenet_ablate.training.resume import usable_checkpoint
from support.tiny import NUM_IMAGES, NUM_VAL, stop_after, tiny_dataset, tiny_plan, train_tiny, without_seconds

SGD = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=0.01)
ADAM = OptimizerConfig(betas=(0.85, 0.99), eps=1e-6, weight_decay=0.01)
RULES = {
    "adamw": OptimizerConfig(name=Optimizer.adamw, betas=(0.85, 0.99), eps=1e-6, weight_decay=0.1),
    "nesterov": OptimizerConfig(name=Optimizer.sgd, momentum=0.9, nesterov=True, weight_decay=0.01),
    "plain": OptimizerConfig(name=Optimizer.sgd, momentum=0.0),
    "rmsprop": OptimizerConfig(name=Optimizer.rmsprop, alpha=0.9, eps=1e-6, momentum=0.5, weight_decay=0.01),
}
FAMILY = list(itertools.product(Pool, Activation))
SIMPLE_FAMILY = [(pool, kind) for pool, kind in FAMILY if learner_module.ACTIVATIONS[kind] in SIMPLE]
NAMES = ["pool", "activation"]


def start(plan: RunPlan, dtype: str = "float32") -> CompiledLearner:
    train, val = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    data = tiny_dataset(image_size(plan.config.model))
    return CompiledLearner(kernels.load_kernels(dtype), plan, data, train, val, dtype)


def batches_of(plan: RunPlan, steps: int) -> Batches:
    """That many batches of different images and learning rates, epoch after epoch."""
    train, _ = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    epochs = -(-steps // plan.steps_per_epoch)
    assert len(train) % plan.config.batch_size == 0 or epochs == 1
    order = np.concatenate([epoch_order(train, plan.config.seed, epoch) for epoch in range(epochs)])
    rates = learning_rates(plan, 0, steps) * np.linspace(1.0, 0.5, steps)
    return Batches(order[: steps * plan.config.batch_size], rates)


class Reference:
    """Plain PyTorch with automatic differentiation and its own optimizers."""

    def __init__(self, config: RunConfig, dtype: torch.dtype) -> None:
        torch.set_num_threads(1)
        drawn = draw_weights(config)
        self.model = build_model(config, drawn).to(dtype)
        settings, data = config.optimizer, tiny_dataset(image_size(config.model))
        momentum = settings.momentum or 0.0
        self.pixels = ((torch.from_numpy(data.train_images).double() / 255 - data.mean) / data.std).to(dtype)[:, None]
        self.labels = torch.from_numpy(data.train_labels.astype(np.int64))
        self.batch_size = config.batch_size
        self.optimizer: torch.optim.Optimizer
        decay = settings.weight_decay
        betas, eps = settings.betas or (0.0, 0.0), settings.eps or 0.0
        parameters, common = self.model.parameters(), {"lr": 0.0, "weight_decay": decay}
        if settings.name is Optimizer.sgd:
            self.optimizer = torch.optim.SGD(parameters, momentum=momentum, nesterov=settings.nesterov, **common)
        elif settings.name is Optimizer.rmsprop:
            alpha = settings.alpha or 0.0
            self.optimizer = torch.optim.RMSprop(parameters, alpha=alpha, eps=eps, momentum=momentum, **common)
        elif settings.name is Optimizer.adamw:
            self.optimizer = torch.optim.AdamW(parameters, betas=betas, eps=eps, **common)
        else:
            self.optimizer = torch.optim.Adam(parameters, betas=betas, eps=eps, **common)

    def train(self, batches: Batches) -> list[float]:
        losses = []
        for step, lr in enumerate(batches.learning_rates):
            chosen = batches.indices[step * self.batch_size : (step + 1) * self.batch_size]
            loss = functional.cross_entropy(self.model(self.pixels[chosen]), self.labels[chosen])
            self.optimizer.param_groups[0]["lr"] = float(lr)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            losses.append(loss.item())
        return losses

    def weights(self) -> dict[str, Any]:
        return {name: parameter.detach().numpy() for name, parameter in self.model.named_parameters()}

    def gradients(self) -> dict[str, Any]:
        return {
            name: parameter.grad.numpy()
            for name, parameter in self.model.named_parameters()
            if parameter.grad is not None
        }


def assert_alike(found: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> None:
    """Each array within a tolerance of the other's norm."""
    assert found.keys() == wanted.keys()
    for name in found:
        error = np.linalg.norm(found[name].astype(float) - wanted[name]) / np.linalg.norm(wanted[name])
        assert error < tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize(NAMES, FAMILY)
@pytest.mark.parametrize("batch_size", [1, 3, 8, 16, 20, 100])
def test_gradients_equal_automatic_ones(pool: Pool, activation: Activation, batch_size: int) -> None:
    plan = tiny_plan(pool=pool, activation=activation, batch_size=batch_size, optimizer=SGD)
    learner, reference = start(plan), Reference(plan.config, torch.float32)
    losses = learner.train(batches_of(plan, 1))
    assert losses[0] == pytest.approx(reference.train(batches_of(plan, 1))[0], rel=1e-6)
    assert_alike(learner.gradients(), reference.gradients(), 1e-5)


@pytest.mark.parametrize(NAMES, FAMILY)
def test_gradients_equal_finite_differences(pool: Pool, activation: Activation) -> None:
    plan = tiny_plan(pool=pool, activation=activation, lr=1e-30, batch_size=NUM_IMAGES - NUM_VAL)
    learner = start(plan, "float64")
    learner.train(batches_of(plan, 1))
    gradients, weights = learner.gradients(), learner.weights()
    random = np.random.default_rng(0)
    for name, gradient in gradients.items():
        # A random direction sees every entry, the gradient's own keeps the slope well above the rounding.
        towards = gradient / np.linalg.norm(gradient)
        towards += random.normal(size=gradient.shape) / np.sqrt(gradient.size)
        losses = []
        for length in (1e-6, -1e-6):
            moved = {**weights, name: weights[name] + length * towards}
            learner.load_state({**learner.state(), **{f"weights/{key}": array for key, array in moved.items()}})
            losses.append(learner.evaluate(Split.train).loss)
        slope = (losses[0] - losses[1]) / 2e-6
        assert slope == pytest.approx(float((gradient * towards).sum()), rel=1e-4, abs=1e-8), name


@pytest.mark.parametrize(NAMES, SIMPLE_FAMILY)
def test_derivatives_that_are_kept_give_the_same_gradients(
    monkeypatch: pytest.MonkeyPatch, pool: Pool, activation: Activation
) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=SGD, lr=0.001, batch_size=37)
    batches = batches_of(plan, 5)
    simple = start(plan, "float64")
    monkeypatch.setattr(learner_module, "make_rule", lambda config: make_rule(config)._replace(derivative=SLOPE))
    general = start(plan, "float64")
    np.testing.assert_allclose(general.train(batches), simple.train(batches), rtol=1e-6)
    assert_alike(general.gradients(), simple.gradients(), 1e-12)
    assert_alike(general.weights(), simple.weights(), 1e-12)
    for layer in ("c1", "c3", "c5", "f6"):
        assert getattr(general.buffers, f"{layer}_slope").any()
        assert not getattr(simple.buffers, f"{layer}_slope").any()


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize(NAMES, FAMILY)
def test_ten_steps_equal_pytorch(pool: Pool, activation: Activation, optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=optimizer, lr=0.001, batch_size=20)
    learner, reference = start(plan), Reference(plan.config, torch.float32)
    batches = batches_of(plan, 10)
    np.testing.assert_allclose(learner.train(batches), reference.train(batches), rtol=1e-5)
    assert_alike(learner.weights(), reference.weights(), 1e-5)


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize(NAMES, FAMILY)
def test_fifty_exact_steps_equal_pytorch(pool: Pool, activation: Activation, optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=optimizer, lr=0.001, batch_size=20)
    learner, reference = start(plan, "float64"), Reference(plan.config, torch.float64)
    batches = batches_of(plan, 50)
    np.testing.assert_allclose(learner.train(batches), np.float32(reference.train(batches)), rtol=1e-6)
    assert_alike(learner.weights(), reference.weights(), 1e-9)


RECTIFIED = ModelConfig(output_activation=OutputActivation.relu)
SMALLER = ModelConfig(name=Model.lenet5_28)
RELATIVES = {
    "rectified": RECTIFIED,
    "smaller": SMALLER,
    "convolution": ModelConfig(c5=C5.conv),
    "all": ModelConfig(name=Model.lenet5_28, output_activation=OutputActivation.relu, c5=C5.conv),
}


@pytest.mark.parametrize("model", RELATIVES.values(), ids=RELATIVES)
@pytest.mark.parametrize(NAMES, [(Pool.max, Activation.relu), (Pool.avg, Activation.tanh), (Pool.max, Activation.gelu)])
def test_relatives_of_lenet5_equal_pytorch(model: ModelConfig, pool: Pool, activation: Activation) -> None:
    plan = tiny_plan(model=model, pool=pool, activation=activation, optimizer=ADAM, lr=0.001, batch_size=20)
    learner, reference = start(plan, "float64"), Reference(plan.config, torch.float64)
    batches = batches_of(plan, 50)
    losses = reference.train(batches)
    np.testing.assert_allclose(learner.train(batches), np.float32(losses), rtol=1e-6)
    assert_alike(learner.weights(), reference.weights(), 1e-9)
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.parametrize("batch_size", [1, 8, 37, 200])
def test_gradients_of_the_smaller_one_with_a_rectified_output(batch_size: int) -> None:
    plan = tiny_plan(model=RELATIVES["all"], batch_size=batch_size, optimizer=SGD)
    learner, reference = start(plan), Reference(plan.config, torch.float32)
    learner.train(batches_of(plan, 1))
    reference.train(batches_of(plan, 1))
    assert_alike(learner.gradients(), reference.gradients(), 1e-5)


def test_c5_is_the_same_function_as_a_convolution() -> None:
    linear, convolution = (start(tiny_plan(model=ModelConfig(c5=c5))) for c5 in C5)
    batches = batches_of(tiny_plan(), 5)
    np.testing.assert_array_equal(linear.train(batches), convolution.train(batches))
    assert convolution.weights()["c5.weight"].shape == (120, 16, 5, 5)
    flat = convolution.weights()["c5.weight"].reshape(120, 400)
    np.testing.assert_array_equal(flat, linear.weights()["c5.weight"])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
def test_every_update_rule_equals_pytorch(rule: OptimizerConfig, dtype: str, tolerance: float) -> None:
    plan = tiny_plan(optimizer=rule, lr=0.001, batch_size=20)
    learner, reference = start(plan, dtype), Reference(plan.config, getattr(torch, dtype))
    batches = batches_of(plan, 10 if dtype == "float32" else 50)
    learner.train(batches)
    reference.train(batches)
    assert_alike(learner.weights(), reference.weights(), tolerance)


@pytest.mark.parametrize(
    "batch_size", [1, 3, FEWEST_LANES, FEWEST_LANES + 1, 15, 16, 17, 63, CHUNK, CHUNK + 1, 199, 1024]
)
def test_batches_of_any_size(batch_size: int) -> None:
    plan = tiny_plan(batch_size=batch_size, lr=0.001)
    order = batches_of(tiny_plan(batch_size=1), 200).indices
    images = min(3 * batch_size + batch_size // 2, 14 * batch_size)  # the last batch is smaller
    steps = -(-images // batch_size)
    batches = Batches(np.resize(order, images), np.linspace(1e-3, 5e-4, steps))
    learner, reference = start(plan), Reference(plan.config, torch.float32)
    np.testing.assert_allclose(learner.train(batches), reference.train(batches), rtol=1e-5)
    assert_alike(learner.weights(), reference.weights(), 1e-5)


def test_evaluating_changes_nothing() -> None:
    learner = start(tiny_plan())
    before = learner.state()
    for part in Split:
        learner.evaluate(part)
    assert all(np.array_equal(before[name], after) for name, after in learner.state().items())


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_state_goes_on_bit_for_bit(optimizer: OptimizerConfig, steps: int) -> None:
    plan = tiny_plan(optimizer=optimizer)
    whole, first, second = start(plan), start(plan), start(plan)
    batches = batches_of(plan, 13)
    expected = whole.train(batches)
    losses = first.train(Batches(batches.indices[: steps * 16], batches.learning_rates[:steps]))
    second.load_state(first.state())
    rest = second.train(Batches(batches.indices[steps * 16 :], batches.learning_rates[steps:]))
    np.testing.assert_array_equal(np.concatenate([losses, rest]), expected)
    assert all(np.array_equal(second.state()[name], array) for name, array in whole.state().items())


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
def test_a_run_stopped_after_every_slice_ends_bit_for_bit_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: OptimizerConfig
) -> None:
    plan, engine = tiny_plan(optimizer=optimizer), CompiledEngine()
    train_tiny(tmp_path / "whole", plan, engine=engine)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    stops = 0
    while train_tiny(tmp_path / "pieces", plan, stop_after(1), engine) is State.interrupted:
        stops += 1
    assert stops >= plan.total_steps - 1
    for name in (MODEL, PREDICTIONS):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)


def test_bits_depend_neither_on_thread_nor_on_company() -> None:
    plans = [tiny_plan(pool=pool, activation=activation) for pool, activation in FAMILY]
    batches = batches_of(plans[0], 13)
    alone = [start(plan) for plan in plans]
    for learner in alone:
        learner.train(batches)
    together = [start(plan) for plan in plans]
    threads = [threading.Thread(target=learner.train, args=(batches,)) for learner in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(array, other.weights()[name]) for name, array in one.weights().items())


def test_denormal_numbers_are_zero_while_training_and_only_then() -> None:
    torch.set_flush_denormal(False)
    plan = tiny_plan(optimizer=SGD)
    learner = start(plan)
    state = {name: np.zeros_like(array) for name, array in learner.state().items()}  # no weights: no gradient at c1
    state["momentum_buffer/c1.weight"] = np.full_like(state["momentum_buffer/c1.weight"], 1e-40)
    learner.load_state(state)
    learner.train(batches_of(plan, 1))
    assert not learner.state()["momentum_buffer/c1.weight"].any()
    assert np.float32(1e-30) * np.float32(1e-10) > 0


def test_the_compiled_code_lets_other_threads_run() -> None:
    plan = tiny_plan(epochs=200)
    learner, order = start(plan), batches_of(plan, 12).indices
    work = threading.Thread(target=learner.train, args=(Batches(np.tile(order, 40), np.full(480, 1e-3)),))
    turns = 0
    work.start()
    while work.is_alive():
        work.join(0.001)
        turns += 1
    assert turns > 5


@pytest.mark.parametrize("activation", Activation)
def test_divergence_is_seen(tmp_path: Path, activation: Activation) -> None:
    explodes = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=10.0)
    plan = tiny_plan(optimizer=explodes, activation=activation, lr=10.0, epochs=20)
    assert train_tiny(tmp_path, plan, engine=CompiledEngine()) is State.diverged
    assert read_run(tmp_path).rows[-1].test_accuracy is None


@pytest.mark.parametrize(NAMES, FAMILY)
@pytest.mark.parametrize("layer", ["c1", "c3", "c5", "f6", "output"])
def test_one_broken_weight_is_seen_in_the_loss(pool: Pool, activation: Activation, layer: str) -> None:
    plan = tiny_plan(pool=pool, activation=activation)
    learner = start(plan)
    state = dict(learner.state())
    state[f"weights/{layer}.weight"].flat[0] = np.nan
    learner.load_state(state)
    assert np.isnan(learner.evaluate(Split.val).loss)
    assert np.isnan(learner.train(batches_of(plan, 1))).all()


def test_data_that_cannot_be_written_is_no_different() -> None:
    data = tiny_dataset()
    frozen = {f.name: getattr(data, f.name) for f in dataclasses.fields(data)}
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        frozen[name] = np.frombuffer(frozen[name].tobytes(), np.uint8).reshape(frozen[name].shape)
    plan = tiny_plan()
    train, val = split(NUM_IMAGES, NUM_VAL, 0)
    other = CompiledEngine().learner(plan, Dataset(**frozen), train, val)
    batches = batches_of(plan, 3)
    np.testing.assert_array_equal(other.train(batches), start(plan).train(batches))


@pytest.mark.parametrize(("count", "lanes"), [(3, 8), (8, 8), (9, 16), (17, 32)])
def test_images_lie_in_memory_with_the_batch_innermost(count: int, lanes: int) -> None:
    data, plan = tiny_dataset(), tiny_plan(batch_size=count)
    learner = start(plan)
    indices = batches_of(plan, 1).indices
    learner.train(batches_of(plan, 1))
    image = learner.buffers.image[: 32 * 32 * lanes].reshape(32, 32, lanes)  # (row, column, lane)
    wanted = (data.train_images[indices].astype(float) / 255 - data.mean) / data.std
    np.testing.assert_allclose(image[:, :, :count].transpose(2, 0, 1), wanted, rtol=1e-5, atol=1e-6)
    assert (image[:, :, count:] == image[:, :, count - 1 : count]).all()


def test_a_small_batch_is_not_resumed_from_when_it_was_computed_otherwise(tmp_path: Path) -> None:
    for batch_size, is_resumed in ((FEWEST_LANES, False), (FEWEST_LANES + 1, True)):
        plan = tiny_plan(batch_size=batch_size)
        state = {name: array for name, array in start(plan).state().items() if name != "lanes"}
        write_checkpoint(tmp_path, Checkpoint({}, 0, 0.0, 0.0, (), np.empty(0, np.float32), state))
        assert (usable_checkpoint(tmp_path, {}, plan, start(plan).state()) is not None) == is_resumed
        write_checkpoint(tmp_path, Checkpoint({}, 0, 0.0, 0.0, (), np.empty(0, np.float32), start(plan).state()))
        assert usable_checkpoint(tmp_path, {}, plan, start(plan).state()) is not None


def test_the_network_learns() -> None:
    plan = tiny_plan(lr=0.003, epochs=8)
    learner, batches = start(plan), batches_of(plan, 13)
    losses = np.concatenate([learner.train(batches) for _ in range(8)])
    assert losses[:5].mean() > 2.0
    assert losses[-13:].mean() < 0.5
