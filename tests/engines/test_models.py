"""What every network must keep, in every engine that knows it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lenet_ablate.config.choices import C5, Activation, Engine, Model, Optimizer, Pool
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.settings import ModelConfig, OptimizerConfig, Options, RunConfig
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.networks import image_size, layer_shapes, num_parameters
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.select import COMPILED_MODELS, make_engines
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.record import METRICS, MODEL, State
from support.tiny import (
    NUM_IMAGES,
    NUM_TEST,
    NUM_VAL,
    stop_after,
    tiny_config,
    tiny_dataset,
    tiny_plan,
    train_tiny,
    without_seconds,
)

MODELS = {
    "lenet5": ModelConfig(),
    "lenet5-conv": ModelConfig(c5=C5.conv),
    "lenet5_28": ModelConfig(name=Model.lenet5_28),
    "cnn4": ModelConfig(name=Model.cnn4, c5=None),
    "mlp": ModelConfig(name=Model.mlp, c5=None, hidden=(40, 20)),
    "softmax": ModelConfig(name=Model.mlp, c5=None, hidden=()),
}
CASES = [
    (name, engine)
    for name, engine in itertools.product(MODELS, (Engine.torch, Engine.compiled))
    if engine is Engine.torch or MODELS[name].name in COMPILED_MODELS
]
EVERY = pytest.mark.parametrize(("name", "engine"), CASES, ids=[f"{name}-{engine.value}" for name, engine in CASES])


def start(name: str, engine: Engine, **changes: object) -> tuple[RunPlan, Learner]:
    plan = tiny_plan(model=MODELS[name], lr=0.003, **changes)
    data = tiny_dataset(image_size(plan.config.model))
    maker = make_engines(Options(engine=engine), [plan.config.model.name])[plan.config.model.name]
    return plan, maker.learner(plan, data, *split(NUM_IMAGES, NUM_VAL, plan.config.seed))


def epoch_of(plan: RunPlan, epoch: int = 0) -> Batches:
    train, _ = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    return Batches(epoch_order(train, plan.config.seed, epoch), learning_rates(plan, 0, plan.steps_per_epoch))


# LeCun et al. 1998: c1 156, c3 2,416, c5 48,120, f6 10,164, output 850; the others by the same sums.
PARAMETERS = {
    "lenet5": 61_706,
    "lenet5-conv": 61_706,
    "lenet5_28": 61_706 - 48_120 + (256 + 1) * 120,
    "cnn4": 160 + 32 + 4_640 + 64 + 18_496 + 128 + 73_856 + 256 + 2_098_176 + 131_200 + 1_290,
    "mlp": 785 * 40 + 41 * 20 + 21 * 10,
    "softmax": 7_850,
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_as_many_as_by_hand_and_as_in_pytorch(name: str) -> None:
    config = tiny_config(model=MODELS[name])
    model = build_model(config, draw_weights(config))
    assert num_parameters(config) == PARAMETERS[name]
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("pool", Pool)
@pytest.mark.parametrize("activation", Activation)
def test_logits_of_images(name: str, pool: Pool, activation: Activation) -> None:
    config = tiny_config(model=MODELS[name], pool=pool, activation=activation)
    side = image_size(config.model)
    logits = build_model(config, draw_weights(config))(torch.zeros(3, 1, side, side))
    assert logits.shape == (3, 10)
    assert torch.isfinite(logits).all()


@EVERY
def test_the_loss_falls(name: str, engine: Engine) -> None:
    plan, learner = start(name, engine)
    losses = np.concatenate([learner.train(epoch_of(plan, epoch)) for epoch in range(12)])
    assert losses[:3].mean() > 1.8
    assert losses[-13:].mean() < 0.5
    assert learner.evaluate(Split.test).accuracy > 0.7


@EVERY
def test_the_same_seed_gives_the_same_curve(name: str, engine: Engine) -> None:
    curves = [learner.train(epoch_of(plan)) for plan, learner in (start(name, engine), start(name, engine))]
    np.testing.assert_array_equal(*curves)
    plan, other = start(name, engine, seed=1)
    assert not np.array_equal(other.train(epoch_of(plan)), curves[0])


@EVERY
def test_weights_and_state_go_round(name: str, engine: Engine) -> None:
    plan, learner = start(name, engine)
    learner.train(epoch_of(plan))
    _, other = start(name, engine)
    other.load_state(learner.state())
    weights = learner.weights()
    for layer, shape in layer_shapes(plan.config).items():
        assert weights[f"{layer}.weight"].shape == shape
    np.testing.assert_array_equal(other.train(epoch_of(plan, 1)), learner.train(epoch_of(plan, 1)))
    assert other.evaluate(Split.test).loss == learner.evaluate(Split.test).loss
    data = tiny_dataset(image_size(plan.config.model))
    model = build_model(plan.config, learner.weights()).eval()
    with torch.inference_mode():
        images = (torch.from_numpy(data.test_images) / 255 - data.mean) / data.std
        digits = model(images[:, None]).argmax(1).numpy()
    np.testing.assert_array_equal(learner.evaluate(Split.test).digits, digits)
    assert len(digits) == NUM_TEST


@pytest.mark.parametrize("optimizer", [None, OptimizerConfig(name=Optimizer.sgd, momentum=0.9)], ids=["adam", "sgd"])
def test_a_stopped_run_with_batch_normalisation_ends_bit_for_bit_alike(
    tmp_path: Path, optimizer: OptimizerConfig | None
) -> None:
    changes = {"optimizer": optimizer} if optimizer else {}
    plan = tiny_plan(model=MODELS["cnn4"], batch_size=64, **changes)
    engine = make_engines(Options(engine=Engine.torch), [Model.cnn4])[Model.cnn4]
    train_tiny(tmp_path / "whole", plan, engine=engine)
    assert train_tiny(tmp_path / "pieces", plan, stop_after(1), engine) is State.interrupted
    train_tiny(tmp_path / "pieces", plan, engine=engine)
    assert (tmp_path / "whole" / MODEL).read_bytes() == (tmp_path / "pieces" / MODEL).read_bytes()
    assert without_seconds(tmp_path / "whole" / METRICS) == without_seconds(tmp_path / "pieces" / METRICS)


def test_running_statistics_follow_the_batches() -> None:
    plan, learner = start("cnn4", Engine.torch)
    norm = nn.BatchNorm2d(16)
    learner.train(Batches(epoch_of(plan).indices[:16], np.zeros(1)))  # weights stand still
    data, drawn = tiny_dataset(28), draw_weights(plan.config)
    first = epoch_of(plan).indices[:16]
    images = ((torch.from_numpy(data.train_images[first]) / 255 - data.mean) / data.std)[:, None]
    norm(nn.functional.conv2d(images, *(torch.from_numpy(drawn[f"c1.{part}"]) for part in ("weight", "bias"))))
    np.testing.assert_allclose(learner.weights()["n1.running_mean"], norm.running_mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(learner.weights()["n1.running_var"], norm.running_var, rtol=1e-4)


def test_each_network_gets_an_engine_that_knows_it() -> None:
    engines = make_engines(Options(), [Model.lenet5, Model.cnn4, Model.mlp, Model.lenet5_28])
    assert {model.value: engine.name for model, engine in engines.items()} == {
        "lenet5": "compiled",
        "lenet5_28": "compiled",
        "cnn4": "torch",
        "mlp": "torch",
    }
    assert engines[Model.cnn4] is engines[Model.mlp]
    assert len({id(engine) for engine in make_engines(Options(engine=Engine.torch), Model).values()}) == 1
    with pytest.raises(ConfigError, match="does not know model=cnn4,mlp"):
        make_engines(Options(engine=Engine.compiled), Model)


@pytest.mark.parametrize("batch_size", [1, 16, 64, 128])
def test_batch_normalisation_is_exact_whatever_the_layout(batch_size: int) -> None:
    """Gradients of the first step, and the statistics that are kept, against PyTorch's own in float64.

    Of a smooth network: the rounding of any float32 arithmetic moves a maximum or the sign of some unit now and then.
    """
    config = RunConfig(model=MODELS["cnn4"], pool=Pool.avg, activation=Activation.tanh)
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.standard_normal((batch_size, 1, 28, 28)).astype(np.float32))
    labels = torch.from_numpy(random.integers(0, 10, batch_size))

    def trained(model: nn.Module, kind: torch.dtype) -> dict[str, torch.Tensor]:
        functional.cross_entropy(model.train()(images.to(kind)), labels).backward()
        kept = {name: buffer for name, buffer in model.named_buffers() if buffer.is_floating_point()}
        return kept | {name: each.grad for name, each in model.named_parameters() if each.grad is not None}

    exact: nn.Module = build_model(config, draw_weights(config)).double()
    for name, norm in list(exact.named_children()):
        if isinstance(norm, nn.BatchNorm2d):
            plain = nn.BatchNorm2d(norm.num_features).double()
            plain.load_state_dict(norm.state_dict())
            setattr(exact, name, plain)
    wanted = trained(exact, torch.float64)
    for layout in (torch.channels_last, torch.contiguous_format):
        found = trained(build_model(config, draw_weights(config)).to(memory_format=layout), torch.float32)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            if name.startswith("c") and name.endswith(".bias"):
                continue  # a normalisation takes away what a bias adds: its gradient is zero but for rounding
            bound = 1e-5 * float(value.abs().max())
            assert float((found[name].double() - value).abs().max()) <= bound, (name, layout)
