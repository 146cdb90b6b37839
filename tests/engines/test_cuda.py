"""`block.cu` as C++ on the CPU, against PyTorch: what can be proved of the cuda engine without a GPU."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines.test_compiled import ADAM, RELATIVES, RULES, SGD, Reference, assert_alike, batches_of
from lenet_ablate.config.choices import Activation, Augment, Color, Model, Optimizer, Pool
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import AugmentConfig, ModelConfig, OptimizerConfig
from lenet_ablate.datasets.augment import draw_transforms
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.base import Batches, Split
from lenet_ablate.engines.cuda.device import Reserve
from lenet_ablate.engines.cuda.engine import CudaEngine, keep_data
from lenet_ablate.engines.cuda.kind import IMAGES, Number, make_kind
from lenet_ablate.engines.cuda.learner import CudaLearner
from lenet_ablate.engines.networks import image_size
from lenet_ablate.errors import EngineError
from support.block_on_cpu import HOPPER_BYTES, HostDevice
from support.tiny import NUM_IMAGES, NUM_VAL, tiny_config, tiny_dataset, tiny_plan

FAMILY = list(itertools.product(Pool, Activation))
OPTIMIZERS = {"adam": ADAM, "sgd": SGD, **RULES}
NAMES = ["pool", "activation"]
LONG = pytest.mark.block


def start(plan: RunPlan, number: Number = "float32", device: HostDevice | None = None) -> CudaLearner:
    device = device or HostDevice()
    data = tiny_dataset(image_size(plan.config.model))
    train, val = split(NUM_IMAGES, NUM_VAL, plan.config.seed)
    return CudaLearner(Reserve(device), plan, data, keep_data(data, device), train, val, number)


def steps_equal(plan: RunPlan, steps: int, number: Number, tolerance: float, **device: Any) -> None:
    learner, reference = start(plan, number, HostDevice(**device)), Reference(plan.config, getattr(torch, number))
    batches = batches_of(plan, steps)
    np.testing.assert_allclose(learner.train(batches), np.float32(reference.train(batches)), rtol=1e-5)
    assert_alike(learner.weights(), reference.weights(), tolerance)


def test_exact_steps_equal_pytorch() -> None:
    steps_equal(tiny_plan(optimizer=ADAM, lr=0.001, batch_size=20), 10, "float64", 1e-9)
    rule = RULES["rmsprop"]
    relative = ModelConfig(name=Model.lenet5_28)
    other = {"pool": Pool.avg, "activation": Activation.gelu, "model": relative}
    steps_equal(tiny_plan(optimizer=rule, lr=0.001, batch_size=20, **other), 10, "float64", 1e-9)


@LONG
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(NAMES, FAMILY)
def test_fifty_exact_steps_equal_pytorch(pool: Pool, activation: Activation, optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=optimizer, lr=0.001, batch_size=20)
    steps_equal(plan, 50, "float64", 1e-9)


@pytest.mark.parametrize("optimizer", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize(NAMES, FAMILY)
def test_ten_steps_equal_pytorch(pool: Pool, activation: Activation, optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(pool=pool, activation=activation, optimizer=optimizer, lr=0.001, batch_size=20)
    steps_equal(plan, 10, "float32", 1e-5)


@LONG
@pytest.mark.parametrize("model", RELATIVES.values(), ids=RELATIVES)
@pytest.mark.parametrize(NAMES, [(Pool.max, Activation.relu), (Pool.avg, Activation.tanh), (Pool.max, Activation.gelu)])
def test_relatives_of_lenet5_equal_pytorch(model: ModelConfig, pool: Pool, activation: Activation) -> None:
    plan = tiny_plan(model=model, pool=pool, activation=activation, optimizer=ADAM, lr=0.001, batch_size=20)
    steps_equal(plan, 50, "float64", 1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_update_rule_equals_pytorch(optimizer: OptimizerConfig) -> None:
    steps_equal(tiny_plan(optimizer=optimizer, lr=0.001, batch_size=20), 2, "float32", 1e-5)


@pytest.mark.parametrize("batch_size", [1, 9, 23])
def test_batches_of_any_size(batch_size: int) -> None:
    plan = tiny_plan(batch_size=batch_size, lr=0.001)
    order = batches_of(tiny_plan(batch_size=1), 200).indices
    images = 2 * batch_size + (batch_size + 1) // 2  # the last batch is smaller
    steps = -(-images // batch_size)
    batches = Batches(order[:images], np.linspace(1e-3, 5e-4, steps))
    learner, reference = start(plan), Reference(plan.config, torch.float32)
    np.testing.assert_allclose(learner.train(batches), reference.train(batches), rtol=1e-5)
    assert_alike(learner.weights(), reference.weights(), 1e-5)


@LONG
@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize(NAMES, [(Pool.max, Activation.relu), (Pool.avg, Activation.gelu)])
def test_a_card_with_less_shared_memory_takes_fewer_images_at_a_time(
    images: int, pool: Pool, activation: Activation
) -> None:
    plan = tiny_plan(pool=pool, activation=activation, lr=0.001, batch_size=20)
    wanted = make_kind(plan.config, HOPPER_BYTES, "float32")
    bytes_ = dataclasses.replace(wanted, images=images).shared_bytes
    assert make_kind(plan.config, bytes_).images == images
    steps_equal(plan, 5, "float32", 1e-5, shared_bytes=bytes_)


def test_a_card_with_too_little_shared_memory_is_told() -> None:
    with pytest.raises(EngineError, match=r"10 classes need .* bytes of shared memory.*engine=torch trains them"):
        make_kind(tiny_config(), 16 * 1024)


@pytest.mark.parametrize(NAMES, [(Pool.max, Activation.relu), (Pool.avg, Activation.gelu)])
def test_the_order_of_items_and_the_size_of_the_crew_change_no_bit(pool: Pool, activation: Activation) -> None:
    plan = tiny_plan(pool=pool, activation=activation, batch_size=20)
    batches = batches_of(plan, 2)
    states, logits = [], []
    for device in (
        HostDevice(),
        HostDevice(is_reversed=True),
        HostDevice(crew=7),
        HostDevice(crew=5, is_reversed=True),
    ):
        learner = start(plan, device=device)
        learner.train(batches)
        states.append(learner.state())
        logits.append(learner.evaluate(Split.val).logits)
    for state, found in zip(states[1:], logits[1:], strict=True):
        assert all(np.array_equal(array, state[name]) for name, array in states[0].items())
        np.testing.assert_array_equal(found, logits[0])


@LONG
@pytest.mark.parametrize(NAMES, FAMILY)
@pytest.mark.parametrize("side", [Model.lenet5, Model.lenet5_28], ids=str)
def test_the_order_of_items_changes_no_bit_of_any_kind(side: Model, pool: Pool, activation: Activation) -> None:
    plan = tiny_plan(pool=pool, activation=activation, batch_size=20, model=ModelConfig(name=side))
    one, other = start(plan), start(plan, device=HostDevice(is_reversed=True))
    batches = batches_of(plan, 3)
    np.testing.assert_array_equal(one.train(batches), other.train(batches))
    assert all(np.array_equal(array, other.state()[name]) for name, array in one.state().items())


def test_augmented_images_are_sampled_as_by_pytorch() -> None:
    plan = tiny_plan(lr=0.001, batch_size=16)
    order = batches_of(plan, 2).indices
    config = AugmentConfig(name=Augment.affine, degrees=15.0, shift=3.0, scale=0.1, shear=5.0)
    transforms = draw_transforms(config, len(order), 0, 0)
    assert transforms is not None
    learner, reference = start(plan, "float64"), Reference(plan.config, torch.float64)
    rates = np.full(2, 1e-3)
    losses = learner.train(Batches(order, rates, transforms))
    data, maps = tiny_dataset(), torch.from_numpy(transforms).double().reshape(-1, 2, 3)
    half = torch.tensor([1.0, 1.0, (32 - 1) / 2], dtype=torch.float64)
    images = torch.from_numpy(data.train_images[order]).double()[:, None]
    grid = functional.affine_grid(maps / half, list(images.shape), align_corners=True)
    sampled = functional.grid_sample(images, grid, align_corners=True)
    reference.pixels = (sampled / 255 - data.mean) / data.std
    reference.labels = reference.labels[order]
    wanted = reference.train(Batches(np.arange(len(order), dtype=np.int32), rates))
    np.testing.assert_allclose(losses, np.float32(wanted), rtol=1e-6)
    assert_alike(learner.weights(), reference.weights(), 1e-9)


@pytest.mark.parametrize("num_classes", [300])
def test_other_numbers_of_classes(num_classes: int) -> None:
    from engines.test_many_classes import data_of, plan_of

    plan = plan_of(num_classes, lr=0.001)
    data, device = data_of(plan, num_classes), HostDevice()
    train, val = split(NUM_IMAGES, NUM_VAL, 0)
    learner = CudaLearner(Reserve(device), plan, data, keep_data(data, device), train, val)
    from lenet_ablate.engines.pytorch.engine import TorchEngine

    other = TorchEngine("cpu").learner(plan, data, train, val)
    batches = batches_of(plan, 3)
    np.testing.assert_allclose(learner.train(batches), other.train(batches), rtol=1e-5)
    one, two = learner.evaluate(Split.val), other.evaluate(Split.val)
    assert one.digits.dtype == two.digits.dtype and one.logits.shape == (NUM_VAL, num_classes)
    np.testing.assert_allclose(one.logits, two.logits, atol=1e-4)


def test_a_slice_is_one_launch_and_a_state_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    device, plan = HostDevice(), tiny_plan(batch_size=16)
    learner = start(plan, device=device)
    learner.train(batches_of(plan, 5))
    assert device.launches == 1
    copies = []
    stream = learner._stream
    monkeypatch.setattr(stream, "fetch", lambda memory, begin, end: copies.append(end - begin))
    learner.state()
    assert len(copies) == 1 and copies[0] >= 3 * 4 * learner.num_parameters


@pytest.mark.parametrize("optimizer", [ADAM, RULES["rmsprop"]], ids=["adam", "rmsprop"])
def test_a_state_goes_on_bit_for_bit(optimizer: OptimizerConfig) -> None:
    plan = tiny_plan(optimizer=optimizer)
    whole, first, second = start(plan), start(plan), start(plan)
    batches = batches_of(plan, 3)
    expected = whole.train(batches)
    losses = first.train(Batches(batches.indices[:16], batches.learning_rates[:1]))
    second.load_state(first.state())
    rest = second.train(Batches(batches.indices[16:], batches.learning_rates[1:]))
    np.testing.assert_array_equal(np.concatenate([losses, rest]), expected)
    assert all(np.array_equal(second.state()[name], array) for name, array in whole.state().items())


def test_a_state_has_the_names_of_the_compiled_engine() -> None:
    from engines.test_compiled import start as start_compiled

    for optimizer in OPTIMIZERS.values():
        plan = tiny_plan(optimizer=optimizer)
        ours, theirs = start(plan).state(), start_compiled(plan).state()
        assert {name: array.shape for name, array in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_bits_do_not_depend_on_company_nor_on_memory_that_others_had() -> None:
    engine, plan = CudaEngine(HostDevice()), tiny_plan(lr=0.003)
    data, (train, val) = tiny_dataset(), split(NUM_IMAGES, NUM_VAL, 0)
    batches = batches_of(plan, 3)

    def trained(lr: float = 1.0) -> Any:
        learner = engine.learner(plan, data, train, val)
        learner.train(dataclasses.replace(batches, learning_rates=batches.learning_rates * lr))
        return learner.evaluate(Split.val).loss, learner.state()

    alone = trained()
    others = [threading.Thread(target=trained, args=(1e30,)) for _ in range(3)]  # diverge
    for thread in others:
        thread.start()
    loss, state = trained()
    for thread in others:
        thread.join()
    again, _ = trained()  # in memory full of NaN
    assert loss == again == alone[0] and np.isfinite(loss)
    assert all(np.array_equal(state[name], array) for name, array in alone[1].items())


@pytest.mark.parametrize("layer", ["c1", "c3", "c5", "f6", "output"])
@pytest.mark.parametrize(NAMES, [(Pool.max, Activation.relu), (Pool.avg, Activation.gelu)])
def test_one_broken_weight_is_seen_in_the_loss(pool: Pool, activation: Activation, layer: str) -> None:
    plan = tiny_plan(pool=pool, activation=activation)
    learner = start(plan)
    state = dict(learner.state())
    state[f"weights/{layer}.weight"].flat[0] = np.nan
    learner.load_state(state)
    assert np.isnan(learner.evaluate(Split.val).loss)
    assert np.isnan(learner.train(batches_of(plan, 1))).all()


def test_an_engine_says_how_many_learners_a_card_has_room_for() -> None:
    device = HostDevice()
    assert CudaEngine(device).side_by_side == 4
    device.multiprocessors = 132
    assert CudaEngine(device).side_by_side == 128
    assert CudaEngine(device).card == "the CPU"


MUTATIONS = {
    "relu's derivative": ("slope = z > Number(0) ? Number(1)", "slope = z > Number(0) ? Number(0.999)"),
    "tanh's derivative": ("slope = Number(1) - y * y;", "slope = Number(1) - y;"),
    "sigmoid's derivative": ("slope = y * (Number(1) - y);", "slope = y * (Number(1) + y);"),
    "gelu's derivative": ("Number(0) : z * density);", "Number(0) : density);"),
    "a maximum's place": ("best = z[i]; at = i; }", "best = z[i]; at = 0; }"),
    "a mean's quarter": ("factor = Number(0.25);", "factor = Number(0.5);"),
    "the softmax": ("/ total - wanted) / batch", "/ total - wanted) / (batch + 1)"),
    "units' weights": ("(k < ins ? given[k][n] : Number(1)) * own[n]", "(k < ins ? given[k][0] : Number(1)) * own[n]"),
    "units' biases": ("given[k][n] : Number(1)) * own[n]", "given[k][n] : Number(2)) * own[n]"),
    "units' inputs": ("into[k][n] *= sums[n];", "into[k][n] *= sums[0];"),
    "s4's mean": ("a = POOL == MEAN ? d * a :", "a = POOL == MEAN ? d :"),
    "s4's maximum": ("i == s.where4[n][unit] ? d :", "i == 0 ? d :"),
    "c3's weights": ("g[c][ky * 5 + kx] += d[c][x] * in[x + kx];", "g[c][ky * 5 + kx] += d[c][x] * in[x];"),
    "c3's biases": ("bias[c] += d[c][x];", "bias[c] -= d[c][x];"),
    "c3's inputs": ("d[c][x + kx] += w * row[x];", "d[c][x] += w * row[x];"),
    "c1's weights": ("g[k] += d * in[k / 5][k % 5];", "g[k] += d * in[k % 5][k / 5];"),
    "c1's biases": ("bias += d;", "bias = d;"),
    "c1's mean": ("d *= slope;", "d *= 1;"),
    "c1's maximum": ("!= y % 2 * 2 + x % 2", "!= x % 2 * 2 + y % 2"),
    "the parts": ("part < parts; part++", "part < parts - 1; part++"),
}
SEEN_IN = {
    "tanh's derivative": (Pool.avg, Activation.tanh),
    "sigmoid's derivative": (Pool.max, Activation.sigmoid),
    "gelu's derivative": (Pool.max, Activation.gelu),
    **dict.fromkeys(("a mean's quarter", "s4's mean", "c1's mean"), (Pool.avg, Activation.tanh)),
}


@LONG
@pytest.mark.parametrize("name", MUTATIONS)
def test_each_derivative_that_is_broken_is_seen(name: str) -> None:
    right, wrong = MUTATIONS[name]
    pool, activation = SEEN_IN.get(name, (Pool.max, Activation.relu))
    plan = tiny_plan(pool=pool, activation=activation, optimizer=SGD, lr=0.01, batch_size=20)

    def broken(source: str) -> str:
        assert source.count(right) == 1, right
        return source.replace(right, wrong)

    with pytest.raises(AssertionError, match=r"Not equal|e-0|e\+0"):
        steps_equal(plan, 2, "float64", 1e-9, change=broken)


def test_colours_and_own_optimizers_are_not_its_business() -> None:
    from lenet_ablate.engines.select import KNOWN, engine_key

    coloured = tiny_config(data=dataclasses.replace(tiny_config().data, color=Color.rgb))
    assert engine_key(coloured) is Color.rgb and Color.rgb not in KNOWN["cuda"]
    assert engine_key(tiny_config(optimizer=OptimizerConfig(name=Optimizer.own))) not in KNOWN["cuda"]
    assert engine_key(tiny_config()) in KNOWN["cuda"]
