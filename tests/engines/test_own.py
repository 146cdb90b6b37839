"""Own networks: loaded as they were read, made from the seed, trained, resumed and refused."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.choices import Activation, Model, Pool
from lenet_ablate.config.plan import RunPlan, make_plan
from lenet_ablate.config.settings import ModelConfig
from lenet_ablate.config.source import read_source
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.datasets.splits import WEIGHTS_STREAM, generator
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.own_code import load_factory
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.engines.pytorch.own import make_network
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.arrays import read_weights
from lenet_ablate.records.record import State
from support.tiny import stop_after, tiny_config, tiny_dataset, train_tiny, without_seconds

NETS = """
import torch
from torch import nn
import blocks

class Noisy(nn.Module):
    '''Draws without a dropout layer, counts in a buffer that is not kept, and shares a weight.'''
    def __init__(self, num_classes, input_shape, activation, pool, dropout=0.5):
        super().__init__()
        self.conv = nn.Conv2d(input_shape[0], 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4, momentum=None)
        self.activation, self.pool = activation(), pool(3)
        self.linear = nn.LazyLinear(num_classes)
        self.twice = nn.Linear(num_classes, num_classes)
        self.again = self.twice
        self.dropout = dropout
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, images):
        maps = self.pool(self.activation(self.norm(self.conv(images))))
        units = blocks.dropped(maps.flatten(1), self.dropout if self.training else 0.0)
        if self.training:
            self.steps += 1
            units = units * (1 + 0.1 * torch.rand(1) / self.steps)
        return self.again(self.twice(self.linear(units)))
"""
BLOCKS = """
from torch.nn import functional
def dropped(units, rate):
    return functional.dropout(units, rate)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "blocks.py").write_text(BLOCKS)
    return tmp_path / "nets.py"


def plan_of(file: Path, name: str = "Noisy", args: dict[str, Any] | None = None, **changes: Any) -> RunPlan:
    model = ModelConfig(Model.own, c5=None, factory=f"{file}:{name}", args=Arguments(args) if args else None)
    return make_plan(resolved(tiny_config(model=model, **changes)), 230, 50)


def learner_of(plan: RunPlan) -> Learner:
    train, val = np.arange(200, dtype=np.int32), np.arange(200, 230, dtype=np.int32)
    return TorchEngine("cpu").learner(plan, tiny_dataset(28), train, val)


def batches(first: int, last: int) -> Batches:
    indices = np.arange(16 * first, 16 * last, dtype=np.int32) % 200
    return Batches(indices, np.full(last - first, 1e-3))


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_a_run_goes_on_to_the_same_bytes(nets: Path, tmp_path: Path) -> None:
    plan = plan_of(nets)
    assert train_tiny(tmp_path / "whole", plan) is State.done
    for stop in (1, 1, 2):
        assert train_tiny(tmp_path / "cut", plan, stop_after(stop)) is State.interrupted
    assert train_tiny(tmp_path / "cut", plan) is State.done
    for name in ("model.safetensors", "predictions.npz"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert without_seconds(tmp_path / "cut/metrics.csv") == without_seconds(tmp_path / "whole/metrics.csv")
    kept = read_weights(tmp_path / "whole", "model.safetensors", 1 << 20)
    assert kept["norm.num_batches_tracked"] == 26
    assert "steps" not in kept


def test_slices_and_evaluations_change_nothing(nets: Path) -> None:
    one, other = learner_of(plan_of(nets)), learner_of(plan_of(nets))
    losses = one.train(batches(0, 6))
    parts = []
    for first, last in ((0, 1), (1, 4), (4, 6)):
        parts.append(other.train(batches(first, last)))
        assert other.evaluate(Split.val).loss == other.evaluate(Split.val).loss
        torch.rand(3)  # somebody else's
    assert np.concatenate(parts).tobytes() == losses.tobytes()
    assert same(one.state(), other.state())


def test_the_state_holds_all_that_decides_the_next_steps(nets: Path) -> None:
    one, other = learner_of(plan_of(nets)), learner_of(plan_of(nets))
    one.train(batches(0, 3))
    other.load_state({name: array.copy() for name, array in one.state().items()})
    assert same(one.state(), other.state())
    assert one.train(batches(3, 6)).tobytes() == other.train(batches(3, 6)).tobytes()
    state = dict(one.state())
    assert int(state["buffers/steps"]) == 6
    other.load_state({**state, "generator/cpu": learner_of(plan_of(nets)).state()["generator/cpu"]})
    assert one.train(batches(6, 8)).tobytes() != other.train(batches(6, 8)).tobytes()


def test_weights_come_from_the_seed_alone_and_nothing_else_is_drawn_from(nets: Path) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    first, again = learner_of(plan_of(nets)), learner_of(plan_of(nets))
    first.train(batches(0, 2))
    first.evaluate(Split.test)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]  # type: ignore[index]
    torch.rand(7)
    weights = again.weights()
    assert same(weights, learner_of(plan_of(nets)).weights())
    assert not same(weights, learner_of(plan_of(nets, seed=1)).weights())
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(0, WEIGHTS_STREAM).integers(2**63)))
        usual = torch.nn.Conv2d(1, 4, 3, stride=2).weight.detach()
    assert weights["conv.weight"].tobytes() == usual.numpy().tobytes()


def test_settings_that_it_asks_for_vary_it(nets: Path) -> None:
    def made(**changes: Any) -> Any:
        return make_network(plan_of(nets, **changes).config, torch.device("cpu"))

    usual, varied = made(), made(pool=Pool.avg, activation=Activation.gelu, args={"dropout": 0.25})
    assert (type(usual.pool), type(usual.activation), usual.dropout) == (torch.nn.MaxPool2d, torch.nn.ReLU, 0.5)
    assert (type(varied.pool), type(varied.activation), varied.dropout) == (torch.nn.AvgPool2d, torch.nn.GELU, 0.25)
    own = learner_of(plan_of(nets))
    assert own.num_parameters == 4 * 9 + 4 + 8 + 64 * 10 + 10 + 110


def test_two_versions_of_one_file_live_side_by_side(nets: Path) -> None:
    before = read_source(f"{nets}:Noisy", "key")
    nets.with_name("blocks.py").write_text(BLOCKS + "\nVALUE = 2\n")
    after = read_source(f"{nets}:Noisy", "key")
    old, new = (sys.modules[load_factory(source).__module__] for source in (before, after))
    assert not hasattr(old.blocks, "VALUE")
    assert new.blocks.VALUE == 2
    assert "blocks" not in sys.modules
    assert old is sys.modules[load_factory(before).__module__]


def test_local_files_come_before_installed_ones_and_late_imports_work(tmp_path: Path) -> None:
    (tmp_path / "kit/deep").mkdir(parents=True)
    (tmp_path / "kit/__init__.py").write_text("")
    (tmp_path / "kit/nets.py").write_text(
        "import kit.deep.far\nfrom . import deep\nimport json as own\n"
        "def f():\n    import colorsys, kit.late as late\n"
        "    return kit.deep.far.X, deep.far.X, own.X, late.Y, colorsys.X\n"
    )
    (tmp_path / "kit/deep/far.py").write_text("from ..late import Y\nX = Y + 1")
    (tmp_path / "kit/late.py").write_text("Y = 1")
    (tmp_path / "json.py").write_text("X = 'mine'")
    (tmp_path / "colorsys.py").write_text("X = 'late'")
    assert load_factory(read_source(f"{tmp_path}/kit/nets.py:f", "key"))() == (2, 2, "mine", 1, "late")
    assert hasattr(sys.modules["json"], "dumps")


FAILURES = {
    "raised in it": ("def f():\n    raise ValueError('no\\nway')", r"nets\.py, line 2, in f: ValueError: no way"),
    "raised by its file": ("x = 1 / 0\ndef f(): pass", r"nets\.py, line 1, in <module>: ZeroDivisionError"),
    "leaves": ("def f():\n    raise SystemExit(3)", r"nets\.py, line 2, in f: SystemExit: 3"),
    "imports what is not there": (
        "import nowhere_at_all\ndef f(): pass",
        r"line 1.*: No module named 'nowhere",
    ),
    "imports unseen": (
        "import importlib\nunseen = importlib.import_module('hidden_helper')\ndef f(): pass",
        "No module named 'hidden_helper'",
    ),
    "no module": ("def f(): return 3", r"nets\.py:f: returns int, not a torch\.nn\.Module"),
    "no function": ("f = 3", r"nets\.py:f: is no function or class"),
    "gone": ("def f(): pass\ndel f", r"nets\.py:f: is not there once the file has run"),
    "wrong classes": (
        "from torch import nn\ndef f(): return nn.Sequential(nn.Flatten(), nn.Linear(784, 7))",
        r"returns float32 \(2, 7\), expected float32 logits \(2, 10\) of images \(2, 1, 28, 28\)",
    ),
    "wrong input": (
        "from torch import nn\ndef f(): return nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))",
        r"nets\.py:f: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    "no tensor": (
        "from torch import nn\nclass f(nn.Module):\n    def forward(self, x): return [x]",
        r"the network returns list, expected",
    ),
    "double": (
        "from torch import nn\nclass f(nn.Linear):\n    def __init__(self): super().__init__(784, 10)\n"
        "    def forward(self, x): return super().forward(x.flatten(1)).double()",
        r"returns float64 \(2, 10\), expected float32",
    ),
    "not finite": (
        "from torch import nn\nclass f(nn.Linear):\n    def __init__(self): super().__init__(784, 10)\n"
        "    def forward(self, x): return super().forward(x.flatten(1)) / 0",
        r"numbers that are not finite before it has learned",
    ),
    "nothing to learn": (
        "from torch import nn\nclass f(nn.Module):\n    def forward(self, x): return x.flatten(1)[:, :10]",
        r"has no parameters to train",
    ),
    "odd numbers": (
        "import torch\nfrom torch import nn\ndef f():\n    n = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        "    n.register_buffer('b', torch.zeros(1, dtype=torch.bfloat16))\n    return n",
        r"b is of type torch\.bfloat16, which is not stored here",
    ),
    "asked for more": ("import functools\nf = functools.partial(lambda x: x)", r"nets\.py:f: needs 'x'"),
}


@pytest.mark.parametrize(("text", "words"), FAILURES.values(), ids=FAILURES)
def test_code_that_fails_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "nets.py").write_text(text)
    (tmp_path / "hidden_helper.py").write_text("")
    state = torch.get_rng_state()
    with pytest.raises(ConfigError, match=words) as caught:
        learner_of(plan_of(tmp_path / "nets.py", "f"))
    assert "\n" not in str(caught.value)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_fails_in_training_names_its_line(nets: Path) -> None:
    nets.write_text(NETS.replace("self.steps += 1", "self.steps += 1; assert self.steps < 3, 'too long'"))
    learner = learner_of(plan_of(nets))
    with pytest.raises(ConfigError, match=r"nets\.py, line 23, in forward: AssertionError: too long") as caught:
        learner.train(batches(0, 4))
    assert isinstance(caught.value.__cause__, AssertionError)
    learner_of(plan_of(nets)).train(batches(0, 1))


def test_code_that_changed_since_is_not_run(nets: Path) -> None:
    plan = plan_of(nets)
    nets.with_name("blocks.py").write_text(BLOCKS + "\n")
    with pytest.raises(ConfigError, match="is not what it was"):
        learner_of(plan)
