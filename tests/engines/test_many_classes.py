"""Two to a thousand classes: both engines learn the same, and what they say is kept whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lenet_ablate.config.choices import Model
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.settings import MAX_CLASSES, ModelConfig
from lenet_ablate.datasets.base import Dataset, label_type
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.networks import image_size, weight_shapes
from lenet_ablate.engines.pytorch.engine import TorchEngine
from support.tiny import NUM_IMAGES, NUM_VAL, tiny_config, tiny_dataset, tiny_plan

ENGINES = {"compiled": CompiledEngine, "torch": lambda: TorchEngine("cpu")}


def plan_of(num_classes: int, **changes: object) -> RunPlan:
    data = dataclasses.replace(tiny_config().data, num_classes=num_classes)
    return tiny_plan(data=data, **changes)


def data_of(plan: RunPlan, num_classes: int) -> Dataset:
    """The tiny images with labels that are spread over all classes, the last among them."""
    data, kind = tiny_dataset(image_size(plan.config.model)), label_type(num_classes)
    train = (np.arange(NUM_IMAGES) * (num_classes - 1) // (NUM_IMAGES - 1)).astype(kind)
    return dataclasses.replace(data, train_labels=train, test_labels=train[: len(data.test_labels)])


def learner_of(engine: str, num_classes: int, **changes: object) -> Learner:
    plan = plan_of(num_classes, **changes)
    train, val = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    learner: Learner = ENGINES[engine]().learner(plan, data_of(plan, num_classes), train, val)
    order = epoch_order(train, plan.config.seed, 0)[: 12 * plan.config.batch_size]
    learner.train(Batches(order, learning_rates(plan, 0, 12)))
    return learner


@pytest.mark.parametrize("num_classes", [2, 3, 12, 47, 256, 300, MAX_CLASSES])
def test_both_engines_learn_the_same(num_classes: int) -> None:
    compiled, torch = (learner_of(engine, num_classes) for engine in ENGINES)
    wanted = torch.weights()
    assert wanted["output.weight"].shape == (num_classes, 84)
    for name, found in compiled.weights().items():
        np.testing.assert_allclose(found, wanted[name], rtol=0, atol=2e-5, err_msg=name)
    one, other = compiled.evaluate(Split.train), torch.evaluate(Split.train)
    assert one.digits.dtype == other.digits.dtype == label_type(num_classes)
    assert one.logits.shape == (NUM_IMAGES - NUM_VAL, num_classes)
    np.testing.assert_allclose(one.logits, other.logits, atol=2e-3)
    assert one.loss == pytest.approx(other.loss, rel=1e-4)
    assert (one.digits == one.logits.argmax(axis=1)).all()


@pytest.mark.parametrize("model", [Model.cnn4, Model.mlp], ids=str)
def test_the_other_networks_have_as_many_outputs(model: Model) -> None:
    config = ModelConfig(name=model, hidden=(8,) if model is Model.mlp else None)
    learner = learner_of("torch", 47, model=config)
    assert learner.evaluate(Split.test).logits.shape[1] == 47
    plan = plan_of(47, model=config)
    assert {name: array.shape for name, array in learner.weights().items()} == weight_shapes(plan.config)


def test_a_padded_row_is_never_an_answer() -> None:
    """The output layer is padded to multiples of six rows, whose logits are 0."""
    learner = learner_of("compiled", 13)
    state = dict(learner.state())
    state["weights/output.bias"] = np.full(13, -50, np.float32)
    learner.load_state(state)
    said = learner.evaluate(Split.test)
    assert said.digits.max() < 13 and np.isfinite(said.loss)
