from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from lenet_ablate.config.choices import Activation, Optimizer, Pool
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.settings import OptimizerConfig, RunConfig
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.networks import layer_shapes, num_parameters
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.pytorch.optimizers import copied_at_once
from lenet_ablate.engines.weights import draw_weights
from support.tiny import NUM_IMAGES, NUM_VAL, tiny_dataset, tiny_plan

SGD = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=0.01)
ADAM = OptimizerConfig(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def start(plan: RunPlan) -> tuple[Learner, Batches]:
    train, val = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    learner = TorchEngine("cpu").learner(plan, tiny_dataset(), train, val)
    order = epoch_order(train, plan.config.seed, 0)
    return learner, Batches(order, learning_rates(plan, 0, plan.steps_per_epoch))


def test_lenet5_has_the_parameters_of_the_paper_with_full_connection() -> None:
    # LeCun et al. 1998: c1 156, f6 10,164; c3 fully connected 2,416; c5 48,120; ten linear outputs 850.
    counts = {name: math.prod(shape) + shape[0] for name, shape in layer_shapes(RunConfig()).items()}
    assert counts == {"c1": 156, "c3": 2416, "c5": 48120, "f6": 10164, "output": 850}
    assert num_parameters(RunConfig()) == 61_706


def test_weights_are_drawn_as_torch_draws_them() -> None:
    drawn = draw_weights(RunConfig())
    reference = {"c1": nn.Conv2d(1, 6, 5), "c3": nn.Conv2d(6, 16, 5), "f6": nn.Linear(120, 84)}
    for name, layer in reference.items():
        weight = drawn[f"{name}.weight"]
        assert weight.shape == tuple(layer.weight.shape)
        bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
        assert float(layer.weight.detach().abs().max()) <= bound
        assert 0.9 * bound < np.abs(weight).max() <= bound
    assert abs(drawn["c5.weight"].std() / (0.05 / math.sqrt(3)) - 1) < 0.02
    assert not np.array_equal(drawn["c1.weight"], draw_weights(RunConfig(seed=1))["c1.weight"])


@pytest.mark.parametrize("pool", Pool)
@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
def test_an_epoch_equals_plain_pytorch(pool: Pool, activation: Activation, optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=optimizer, lr=0.01)
    learner, batches = start(plan)
    losses = learner.train(batches)
    data = tiny_dataset()
    modules = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}
    act, down = modules[activation.value], {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[pool.value]
    names = ["c1", "", "", "c3", "", "", "", "c5", "", "f6", "", "output"]
    layers: list[nn.Module] = [nn.Conv2d(1, 6, 5), act(), down(2), nn.Conv2d(6, 16, 5), act(), down(2), nn.Flatten()]
    layers += [nn.Linear(400, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10)]
    model = nn.Sequential(*layers)
    drawn = draw_weights(RunConfig())
    for name, layer in zip(names, layers, strict=True):
        if name:
            layer.load_state_dict({kind: torch.from_numpy(drawn[f"{name}.{kind}"]) for kind in ("weight", "bias")})
    theirs: torch.optim.Optimizer
    if optimizer is ADAM:
        theirs = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.01)
    else:
        theirs = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    for step in range(plan.steps_per_epoch):
        chosen = batches.indices[step * 16 : step * 16 + 16]
        pixels = torch.from_numpy(data.train_images[chosen]).unsqueeze(1) / 255
        loss = functional.cross_entropy(
            model((pixels - data.mean) / data.std), torch.from_numpy(data.train_labels[chosen].astype(np.int64))
        )
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        assert losses[step] == pytest.approx(loss.item(), rel=2e-4)
    for name, layer in zip(names, layers, strict=True):
        if name:
            np.testing.assert_allclose(learner.weights()[f"{name}.weight"], layer.weight.detach(), atol=2e-4)


def test_evaluation_counts_every_image_once() -> None:
    plan = tiny_plan()
    learner, batches = start(plan)
    learner.train(batches)
    data, model = tiny_dataset(), build_model(plan.config, learner.weights())
    with torch.inference_mode():
        pixels = torch.from_numpy(data.test_images).unsqueeze(1) / 255
        logits = model((pixels - data.mean) / data.std)
    labels = torch.from_numpy(data.test_labels.astype(np.int64))
    found = learner.evaluate(Split.test)
    assert found.loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert found.accuracy == int((logits.argmax(1) == labels).sum()) / len(labels)
    np.testing.assert_array_equal(found.digits, logits.argmax(1).numpy())
    np.testing.assert_allclose(found.probabilities, logits.softmax(1).max(1).values, atol=1e-3)
    np.testing.assert_allclose(found.logits, logits, rtol=1e-4, atol=1e-5)
    assert len(learner.evaluate(Split.train).digits) == NUM_IMAGES - NUM_VAL
    assert len(learner.evaluate(Split.val).digits) == NUM_VAL


def test_evaluating_changes_nothing() -> None:
    learner, batches = start(tiny_plan())
    learner.train(batches)
    before = learner.state()
    for part in Split:
        learner.evaluate(part)
    after = learner.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_state_goes_on_bit_for_bit(optimizer: OptimizerConfig, steps: int) -> None:
    plan = tiny_plan(optimizer=optimizer)
    whole, batches = start(plan)
    head = Batches(batches.indices[: steps * 16], batches.learning_rates[:steps])
    tail = Batches(batches.indices[steps * 16 :], batches.learning_rates[steps:])
    expected = whole.train(batches)
    first, _ = start(plan)
    losses = first.train(head) if steps else np.empty(0, np.float32)
    second, _ = start(plan)
    second.load_state(first.state())
    np.testing.assert_array_equal(np.concatenate([losses, second.train(tail)]), expected)
    assert all(np.array_equal(whole.weights()[name], second.weights()[name]) for name in whole.weights())


class Calls(TorchDispatchMode):
    """Records the name of every operation."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
def test_no_step_waits_for_the_device(optimizer: OptimizerConfig) -> None:
    learner, batches = start(tiny_plan(optimizer=optimizer))
    learner.train(batches)
    with Calls() as calls:
        learner.train(batches)
    assert len(calls.names) > 20 * len(batches.learning_rates)
    assert not [name for name in calls.names if "_local_scalar_dense" in name or "nonzero" in name]


def test_that_test_can_fail() -> None:
    with Calls() as calls:
        torch.ones(()).item()
    assert [name for name in calls.names if "_local_scalar_dense" in name]


def test_the_network_learns() -> None:
    learner, batches = start(tiny_plan(lr=0.003))
    losses = np.concatenate([learner.train(batches) for _ in range(8)])
    assert losses[:5].mean() > 2.0
    assert losses[-13:].mean() < 0.5


def test_logits_are_one_row_per_image() -> None:
    logits = build_model(RunConfig(), draw_weights(RunConfig()))(torch.zeros(3, 1, 32, 32))
    assert logits.shape == (3, 10)


def test_tensors_of_a_card_come_in_one_copy_whatever_their_types() -> None:
    tensors = {
        "half": torch.arange(3, dtype=torch.float16),
        "count": torch.tensor(7, dtype=torch.int64),
        "maps": torch.arange(24, dtype=torch.float32).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        "loss": torch.tensor(0.1, dtype=torch.float64),
    }
    found = copied_at_once(tensors)
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.numpy().dtype and found[name].shape == tuple(tensor.shape)
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].flags.c_contiguous and found[name].flags.writeable
