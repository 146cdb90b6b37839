"""The NumPy forward pass against the torch module and the compiled network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lenet_ablate.config import Activation, Model, Pool
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines import forward as module
from lenet_ablate.engines.base import Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from tiny import tiny_config, tiny_dataset, tiny_plan

MEAN, STD = 0.1307, 0.3081


def noise(count: int, size: int = 32) -> Any:
    return np.random.default_rng(3).integers(0, 256, (count, size, size), np.uint8)


@pytest.mark.parametrize(("pool", "activation"), list(itertools.product(Pool, Activation)))
def test_agrees_with_torch(pool: Pool, activation: Activation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_IMAGES", 3)
    weights, images = draw_weights(Model.lenet5, seed=1), noise(7)
    model = build_model(tiny_config(pool=pool, activation=activation), weights)
    normalised = ((images / 255 - MEAN) / STD).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(normalised)[:, None]
        expected = model(x).numpy()
        c1 = model.activation(model.c1(x))
        c3 = model.activation(model.c3(model.s2(c1)))
    network = Network(weights, pool, activation, MEAN, STD)
    signals = forward(network, images, with_maps=True)
    assert signals.logits.dtype == np.float32
    np.testing.assert_allclose(signals.logits, expected, atol=1e-5)
    np.testing.assert_allclose(signals.maps["c1"], c1.numpy(), atol=1e-5)
    np.testing.assert_allclose(signals.maps["c3"], c3.numpy(), atol=1e-5)
    np.testing.assert_allclose(forward(network, normalised).logits, expected, atol=1e-5)


@pytest.mark.parametrize("pool", Pool)
def test_agrees_with_the_compiled_evaluation(pool: Pool) -> None:
    plan, dataset = tiny_plan(pool=pool), tiny_dataset()
    train, val = split(plan.num_train + plan.num_val, plan.num_val, plan.config.seed)
    learner = CompiledEngine().learner(plan, dataset, train, val)
    evaluation = learner.evaluate(Split.test)
    network = Network(learner.weights(), pool, plan.config.activation, dataset.mean, dataset.std)
    logits = forward(network, dataset.test_images).logits.astype(float)
    log_sums = np.log(np.exp(logits).sum(axis=1))
    losses = log_sums - logits[np.arange(len(logits)), dataset.test_labels]
    assert abs(losses.mean() - evaluation.loss) < 1e-5
    np.testing.assert_array_equal(logits.argmax(axis=1), evaluation.digits)


def test_sizes_come_from_the_weights() -> None:
    """LeNet-5 on 28×28 without padding, with a ReLU behind the output layer."""
    torch.manual_seed(0)
    layers = nn.ModuleDict(
        {
            "c1": nn.Conv2d(1, 6, 5),
            "c3": nn.Conv2d(6, 16, 5),
            "c5": nn.Linear(256, 120),
            "f6": nn.Linear(120, 84),
            "output": nn.Linear(84, 10),
        }
    )
    x = torch.randn(4, 1, 28, 28)
    with torch.no_grad():
        units = torch.max_pool2d(torch.relu(layers["c1"](x)), 2)
        units = torch.max_pool2d(torch.relu(layers["c3"](units)), 2).flatten(1)
        for name in ("c5", "f6", "output"):
            units = torch.relu(layers[name](units))
    weights = {name: array.numpy() for name, array in layers.state_dict().items()}
    network = Network(weights, Pool.max, Activation.relu, MEAN, STD, output_activation=Activation.relu)
    assert network.image_size == 28
    np.testing.assert_allclose(forward(network, x[:, 0].numpy()).logits, units.numpy(), atol=1e-5)


def test_refuses_other_sizes_and_takes_none() -> None:
    network = Network(draw_weights(Model.lenet5, 0), Pool.max, Activation.relu, MEAN, STD)
    assert forward(network, noise(0)).logits.shape == (0, 10)
    with pytest.raises(ValueError, match=r"expected \(N, 32, 32\)"):
        forward(network, noise(2, 28))


def test_large_sigmoid_inputs_do_not_overflow() -> None:
    network = Network(draw_weights(Model.lenet5, 0), Pool.avg, Activation.sigmoid, 0.0, 1e-6)
    assert np.isfinite(forward(network, noise(2)).logits).all()
