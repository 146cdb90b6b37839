"""Own optimizers: made, trained, saved without a pickle, resumed to the same bytes, and refused."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.choices import Activation, Engine, Model, Optimizer
from lenet_ablate.config.own_code import copied_files
from lenet_ablate.config.parse import cross_checks, parse_config
from lenet_ablate.config.plan import RunPlan, identity, make_plan, run_name
from lenet_ablate.config.settings import ModelConfig, OptimizerConfig, Options, RunConfig, to_mapping
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.engines.base import Batches, Learner
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.engines.select import engine_key, make_engines
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.record import State
from support.tiny import stop_after, tiny_config, tiny_dataset, tiny_plan, train_tiny, without_seconds

PAGE = (Path(__file__).parents[2] / "docs/own.md").read_text(encoding="utf-8")
(LION,) = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Lion" in text]
ODD = """
import torch
class Odd(torch.optim.Optimizer):
    '''Remembers what PyTorch would cast, draws random numbers, and has two groups with a nested setting.'''
    def __init__(self, params, lr, noise=0.1):
        params = list(params)
        groups = [{"params": params[::2]}, {"params": params[1::2], "nest": {"a": (1, [None, "x"]), 3: True}}]
        super().__init__(groups, {"lr": lr, "noise": noise, "nest": None})
        self.scale = 1 + torch.rand(1).item()
        for group in self.param_groups:
            group["start"] = torch.rand(2)
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                mine = self.state[weight]
                mine["count"] = mine.get("count", torch.zeros((), dtype=torch.int64)) + 1
                mine["plain"] = mine.get("plain", 0) + 1
                mine["norm"] = weight.grad.norm().double() + mine.get("norm", 0)
                mine["average"] = mine.get("average", torch.zeros_like(weight)) * 0.9 + weight.grad
                noisy = 1 + group["noise"] * torch.rand(1).item() + group["start"][0].item()
                weight -= group["lr"] * noisy / (mine["norm"].float() + mine["plain"]) * mine["average"]
"""


@pytest.fixture
def optim(tmp_path: Path) -> Path:
    (tmp_path / "optim.py").write_text(LION + ODD, encoding="utf-8")
    return tmp_path / "optim.py"


def config_of(file: Path, name: str = "Lion", args: dict[str, Any] | None = None, **changes: Any) -> RunConfig:
    own = OptimizerConfig(Optimizer.own, factory=f"{file}:{name}", args=Arguments(args) if args else None)
    return tiny_config(**{"optimizer": own, **changes})


def plan_of(file: Path, name: str = "Lion", args: dict[str, Any] | None = None, **changes: Any) -> RunPlan:
    return make_plan(resolved(config_of(file, name, args, **changes)), 230, 50)


def learner_of(plan: RunPlan) -> Learner:
    train, val = np.arange(200, dtype=np.int32), np.arange(200, 230, dtype=np.int32)
    return TorchEngine("cpu").learner(plan, tiny_dataset(), train, val)


def batches(first: int, last: int, rates: list[float] | None = None) -> Batches:
    indices = np.arange(16 * first, 16 * last, dtype=np.int32) % 200
    return Batches(indices, np.array(rates or [1e-3] * (last - first)))


@pytest.mark.parametrize("name", ["Lion", "Odd"])
def test_a_run_goes_on_to_the_same_bytes(optim: Path, tmp_path: Path, name: str) -> None:
    plan = plan_of(optim, name)
    assert train_tiny(tmp_path / "whole", plan) is State.done
    for stop in (1, 1, 2):
        assert train_tiny(tmp_path / "cut", plan, stop_after(stop)) is State.interrupted
    assert train_tiny(tmp_path / "cut", plan) is State.done
    for file in ("model.safetensors", "predictions.npz"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert without_seconds(tmp_path / "cut/metrics.csv") == without_seconds(tmp_path / "whole/metrics.csv")


def test_all_that_it_remembers_comes_back_as_it_was(optim: Path) -> None:
    one, other = learner_of(plan_of(optim, "Odd")), learner_of(plan_of(optim, "Odd"))
    one.train(batches(0, 3))
    state = {name: array.copy() for name, array in one.state().items()}
    other.load_state(state)
    again = other.state()
    assert again.keys() == state.keys()
    assert all(
        again[name].dtype == array.dtype and again[name].tobytes() == array.tobytes() for name, array in state.items()
    )
    assert state["optimizer/state/c1.weight/count"].dtype == np.int64
    assert state["optimizer/state/c1.weight/norm"].dtype == np.float64
    assert one.train(batches(3, 6)).tobytes() == other.train(batches(3, 6)).tobytes()
    group = other._optimizer.param_groups[1]  # type: ignore[attr-defined]
    assert group["nest"] == {"a": (1, [None, "x"]), 3: True}


def test_the_rate_of_each_step_is_written_to_every_group(optim: Path) -> None:
    optim.write_text(
        "import torch\nclass Told(torch.optim.SGD):\n    seen = []\n    def __init__(self, params, lr):\n"
        "        self.seen.append(lr)\n        params = [{'params': [each]} for each in params]\n"
        "        super().__init__(params, lr)\n"
        "    def step(self):\n        self.seen.append({group['lr'] for group in self.param_groups})\n"
        "        super().step()\n"
    )
    learner = learner_of(plan_of(optim, "Told", lr=0.25))
    learner.train(batches(0, 3, [0.0, 0.1, 0.3]))
    assert type(learner._optimizer).seen == [0.25, {0.0}, {0.1}, {0.3}]  # type: ignore[attr-defined]


def test_an_own_copy_of_sgd_trains_as_ours_does(optim: Path) -> None:
    optim.write_text("import torch\ndef sgd(params, lr):\n    return torch.optim.SGD(params, lr, 0.9, fused=True)\n")
    own = learner_of(plan_of(optim, "sgd"))
    ours = learner_of(tiny_plan(optimizer=OptimizerConfig(Optimizer.sgd, momentum=0.9)))
    assert own.train(batches(0, 6)).tobytes() == ours.train(batches(0, 6)).tobytes()
    weights = ours.weights()
    assert all(array.tobytes() == weights[name].tobytes() for name, array in own.weights().items())


def test_it_trains_an_own_network_and_both_codes_are_copied(optim: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "optim.py").write_text(
        "from torch import nn\ndef net(num_classes): return nn.Sequential(nn.Flatten(), nn.Linear(784, num_classes))\n"
    )
    model = ModelConfig(Model.own, c5=None, factory=f"{far}/optim.py:net")
    plan = plan_of(optim, model=model)
    assert train_tiny(tmp_path / "run", plan) is State.done
    copied = copied_files(plan.config)
    assert copied["own/optim.py"] == (far / "optim.py").read_bytes()
    assert copied["own/optimizer/optim.py"] == optim.read_bytes()
    assert set(copied_files(plan_of(optim).config)) == {"own/optim.py"}
    assert plan.name.startswith("net_") and "_Lion_" in plan.name


def test_the_code_and_its_arguments_are_the_runs_identity(optim: Path, tmp_path: Path) -> None:
    plan = plan_of(optim, args={"beta": 0.9})
    (tmp_path / "moved").mkdir()
    moved = tmp_path / "moved/other.py"
    moved.write_bytes(optim.read_bytes())
    assert identity(plan_of(moved, args={"beta": 0.9}).config) == plan.identity
    assert "_Lion-beta0.9_" in run_name(plan.config)
    others = [plan_of(optim), plan_of(optim, args={"beta": 0.8}), plan_of(optim, "Odd")]
    optim.write_text(LION + ODD + "# a comment\n")
    others.append(plan_of(optim, args={"beta": 0.9}))
    assert len({plan.identity, *(each.identity for each in others)}) == 5
    with pytest.raises(ConfigError, match="is not what it was"):
        learner_of(plan)
    assert parse_config(to_mapping(plan.config))[0] == plan.config


def test_records_of_other_optimizers_say_nothing_of_code() -> None:
    assert set(to_mapping(RunConfig().optimizer)) == {
        *("name", "betas", "alpha", "eps", "momentum", "nesterov", "weight_decay")
    }


@pytest.mark.parametrize(
    ("optimizer", "told"),
    [
        ({"name": "own"}, "optimizer=own: needs optimizer.factory=FILE.py:NAME"),
        ({"name": "adam", "betas": [0.9, 0.99], "eps": 1e-8, "args": {"a": 1}}, "optimizer.args: is a setting of own"),
        ({"name": "own", "factory": "x.py:f", "momentum": 0.9}, "optimizer.momentum=0.9: is a setting of sgd and rmsp"),
        ({"name": "own", "factory": "x.py:f", "betas": [0.9, 0.9]}, "is a setting of adam and adamw, not of own"),
        ({"name": "own", "factory": "x.py:f", "weight_decay": 0.1}, "optimizer.args.weight_decay=0.1"),
        ({"name": "own", "factory": "x.py:f", "nesterov": True}, "optimizer.nesterov=true: is a setting of sgd"),
        ({"name": "own", "factory": "x.py:f", "args": {"lr": 1}}, "optimizer.args.lr: is given by lr="),
    ],
)
def test_settings_that_are_not_its_own_are_refused(optimizer: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        parse_config({"optimizer": optimizer})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "args", "told"),
    [
        ("def f(params, lr, beta=1): pass", {"bta": 1}, r"has no argument 'bta'; did you mean 'beta'\?"),
        ("def f(params, lr, beta): pass", {}, "needs 'beta'"),
        ("def f(params): pass", {}, "has no argument 'lr'"),
        ("def f(*, lr): pass", {}, "has no first argument for the network's parameters"),
        ("def f(params, lr): pass", {"params": 1}, "has no argument 'params'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_made(
    tmp_path: Path, text: str, args: dict[str, Any], told: str
) -> None:
    (tmp_path / "optim.py").write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        resolved(config_of(tmp_path / "optim.py", "f", args))
    assert "\n" not in str(caught.value)


STEP = "import torch\nclass f(torch.optim.SGD):\n    def step(self):\n        "
FAILURES = {
    "raised when made": ("def f(params, lr):\n    raise ValueError('no way')", r"optim\.py, line 2, in f: ValueError"),
    "no optimizer": ("def f(params, lr): return 3", r"optim\.py:f: returns int, not a torch\.optim\.Optimizer"),
    "asked for more": ("import functools\nf = functools.partial(lambda x, y, lr: x)", "needs 'y'"),
    "raised in a step": (STEP + "raise KeyError('gone')", r"optim\.py, line 4, in step: KeyError"),
    "wants a closure": (
        "import torch\nclass f(torch.optim.SGD):\n    def step(self, closure): pass",
        "its step\\(\\) needs a closure",
    ),
    "remembers an object": (
        STEP + "self.state[self.param_groups[0]['params'][0]]['what'] = object()",
        r"its state_dict has a object in state/c1\.weight/what, which is not stored here",
    ),
    "remembers half numbers": (
        STEP + "self.param_groups[0]['x'] = torch.zeros(1, dtype=torch.bfloat16)",
        r"has a torch\.bfloat16 in param_groups/0/x",
    ),
}


@pytest.mark.parametrize(("text", "told"), FAILURES.values(), ids=FAILURES)
def test_code_that_fails_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "optim.py").write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        learner_of(plan_of(tmp_path / "optim.py", "f")).train(batches(0, 2))
    assert "\n" not in str(caught.value)


def test_a_memory_that_does_not_come_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "optim.py").write_text(
        "import torch\nclass f(torch.optim.SGD):\n    def load_state_dict(self, state): pass\n"
        "    def state_dict(self): return {'count': self.count}\n    count = 0\n"
        "    def step(self):\n        self.count += 1\n"
    )
    learner = learner_of(plan_of(tmp_path / "optim.py", "f"))
    learner.train(batches(0, 2))
    with pytest.raises(ConfigError, match="load_state_dict does not bring back what state_dict gave"):
        learner_of(plan_of(tmp_path / "optim.py", "f")).load_state(learner.state())


def test_nothing_else_draws_from_its_numbers(optim: Path) -> None:
    first = learner_of(plan_of(optim, "Odd"))
    before = torch.get_rng_state()
    first.train(batches(0, 2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    second = learner_of(plan_of(optim, "Odd"))
    second.train(batches(0, 2))
    assert all(second.weights()[name].tobytes() == array.tobytes() for name, array in first.weights().items())
    ours = learner_of(tiny_plan()).weights()
    assert all(ours[name].tobytes() == array.tobytes() for name, array in learner_of(plan_of(optim)).weights().items())


def test_the_engine_is_torch(optim: Path) -> None:
    key = engine_key(plan_of(optim).config)
    assert key is Optimizer.own
    assert engine_key(tiny_config(activation=Activation.tanh)) is Model.lenet5
    assert make_engines(Options(), [key])[key].name == "torch"
    with pytest.raises(ConfigError, match="engine=compiled: does not know optimizer=own; engine=auto takes torch"):
        make_engines(Options(engine=Engine.compiled), [key])
    assert not cross_checks(dataclasses.replace(plan_of(optim).config, seed=1))
