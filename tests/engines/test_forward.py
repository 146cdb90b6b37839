"""The NumPy forward pass against the torch modules and the compiled network."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from lenet_ablate.config.choices import C5, Activation, Model, OutputActivation, Pool
from lenet_ablate.config.settings import ModelConfig
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines import forward as module
from lenet_ablate.engines.base import Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from support.tiny import tiny_config, tiny_dataset, tiny_plan

MEAN, STD = 0.1307, 0.3081
MODELS = {
    "on 28×28": ModelConfig(Model.lenet5_28),
    "with a ReLU behind its output": ModelConfig(Model.lenet5_28, OutputActivation.relu),
    "with c5 as a convolution": ModelConfig(c5=C5.conv),
    "of four convolutions": ModelConfig(Model.cnn4, c5=None),
    "fully connected": ModelConfig(Model.mlp, c5=None, hidden=(30, 20)),
    "linear": ModelConfig(Model.mlp, c5=None, hidden=()),
}


def noise(count: int, size: int = 32) -> Any:
    return np.random.default_rng(3).integers(0, 256, (count, size, size), np.uint8)


def network_of(weights: Any, mean: float = MEAN, std: float = STD, **changes: Any) -> Network:
    return Network(tiny_config(**changes), weights, mean, std)


@pytest.mark.parametrize(("pool", "activation"), list(itertools.product(Pool, Activation)))
def test_agrees_with_torch(pool: Pool, activation: Activation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_IMAGES", 3)
    weights, images = draw_weights(tiny_config(seed=1)), noise(7)
    model = build_model(tiny_config(pool=pool, activation=activation), weights)
    normalised = ((images / 255 - MEAN) / STD).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(normalised)[:, None]
        expected = model(x).numpy()
        c1 = model.activation(model.c1(x))
        c3 = model.activation(model.c3(model.s2(c1)))
    network = network_of(weights, pool=pool, activation=activation)
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
    network = network_of(learner.weights(), dataset.mean, dataset.std, pool=pool)
    logits = forward(network, dataset.test_images).logits.astype(float)
    log_sums = np.log(np.exp(logits).sum(axis=1))
    losses = log_sums - logits[np.arange(len(logits)), dataset.test_labels]
    assert abs(losses.mean() - evaluation.loss) < 1e-5
    np.testing.assert_array_equal(logits.argmax(axis=1), evaluation.digits)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_agrees_with_torch(name: str) -> None:
    config = tiny_config(model=MODELS[name], pool=Pool.avg)
    weights = draw_weights(config)
    random = np.random.default_rng(0)
    for key in (key for key in weights if key.startswith("n")):  # statistics as after some training
        weights[key] = random.uniform(0.5, 2, weights[key].shape).astype(np.float32)
    network = network_of(weights, model=config.model, pool=Pool.avg)
    images = noise(3, network.image_size)
    normalised = ((images / 255 - MEAN) / STD).astype(np.float32)
    with torch.no_grad():
        expected = build_model(config, weights).eval()(torch.from_numpy(normalised)[:, None]).numpy()
    np.testing.assert_allclose(forward(network, images).logits, expected, atol=1e-5, rtol=1e-4)


def test_refuses_other_sizes_and_takes_none() -> None:
    network = network_of(draw_weights(tiny_config()))
    assert forward(network, noise(0)).logits.shape == (0, 10)
    with pytest.raises(ValueError, match=r"expected \(N, 32, 32\)"):
        forward(network, noise(2, 28))


@pytest.mark.parametrize("activation", Activation)
def test_large_inputs_do_not_overflow(activation: Activation) -> None:
    network = network_of(draw_weights(tiny_config()), 0.0, 1e-6, activation=activation)
    with np.errstate(over="raise", invalid="raise"):
        assert np.isfinite(forward(network, noise(2)).logits).all()


@pytest.mark.parametrize("activation", Activation)
def test_activations_of_what_is_not_a_plain_number(activation: Activation) -> None:
    limits = {"relu": (0, np.inf), "tanh": (-1, 1), "sigmoid": (0, 1), "gelu": (0, np.inf)}
    found = module.ACTIVATIONS[activation](np.array([-np.inf, np.inf, np.nan], np.float32))
    np.testing.assert_array_equal(found, np.array([*limits[activation.value], np.nan], np.float32))
