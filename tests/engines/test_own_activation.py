"""Own activations: made for each layer, trained, resumed to the same bytes, predicted with, and refused."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.choices import C5, Activation, Engine, Model, Optimizer
from lenet_ablate.config.own_code import copied_files
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import RunPlan, identity, make_plan, run_name
from lenet_ablate.config.settings import ModelConfig, Options, RunConfig, to_mapping
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.engines.base import Batches, Learner, Split
from lenet_ablate.engines.pytorch import own_activation
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.pytorch.own import computing, make_network
from lenet_ablate.engines.select import engine_key, make_engines
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.predict.page.build import build_page
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.predict.trained import read_trained
from lenet_ablate.records.arrays import read_weights
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import State
from support.tiny import stop_after, tiny_config, tiny_dataset, tiny_plan, train_tiny, without_seconds

PAGE = (Path(__file__).parents[2] / "docs/own.md").read_text(encoding="utf-8")
(SMOOTH,) = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Swish" in text]
ODD = """
class Odd(nn.Module):
    '''Draws its slope and random numbers, and counts in a buffer that is not kept.'''
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.rand(1))
        self.norm = nn.BatchNorm1d(1)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, units):
        if self.training:
            self.steps += 1
            units = units * (1 + 0.1 * torch.rand(1) / self.steps)
        return self.norm(torch.where(units > 0, units, self.slope * units).reshape(-1, 1)).reshape(units.shape)

def relu(units): return units.clamp(min=0)
def scaled(units, *, by): return units * by
def made(beta=2.0): return Swish(beta)
"""


@pytest.fixture
def act(tmp_path: Path) -> Path:
    (tmp_path / "act.py").write_text(SMOOTH + ODD, encoding="utf-8")
    return tmp_path / "act.py"


def config_of(file: Path, name: str = "Swish", args: dict[str, Any] | None = None, **changes: Any) -> RunConfig:
    own = OwnActivation(f"{file}:{name}", Arguments(args) if args else None)
    return tiny_config(**{"activation": own, **changes})


def plan_of(file: Path, name: str = "Swish", args: dict[str, Any] | None = None, **changes: Any) -> RunPlan:
    return make_plan(resolved(config_of(file, name, args, **changes)), 230, 50)


def learner_of(plan: RunPlan) -> Learner:
    side = 32 if plan.config.model.name is Model.lenet5 else 28
    train, val = np.arange(200, dtype=np.int32), np.arange(200, 230, dtype=np.int32)
    return TorchEngine("cpu").learner(plan, tiny_dataset(side), train, val)


def batches(first: int, last: int) -> Batches:
    indices = np.arange(16 * first, 16 * last, dtype=np.int32) % 200
    return Batches(indices, np.full(last - first, 1e-3))


@pytest.mark.parametrize("name", ["Swish", "Odd"])
def test_a_run_goes_on_to_the_same_bytes(act: Path, tmp_path: Path, name: str) -> None:
    plan = plan_of(act, name)
    assert train_tiny(tmp_path / "whole", plan) is State.done
    for stop in (1, 1, 2):
        assert train_tiny(tmp_path / "cut", plan, stop_after(stop)) is State.interrupted
    assert train_tiny(tmp_path / "cut", plan) is State.done
    for file in ("model.safetensors", "predictions.npz"):
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert without_seconds(tmp_path / "cut/metrics.csv") == without_seconds(tmp_path / "whole/metrics.csv")
    kept = read_weights(tmp_path / "whole", "model.safetensors", 1 << 20)
    learned = "activations.f6.beta" if name == "Swish" else "activations.f6.slope"
    assert kept[learned] != (1.0 if name == "Swish" else make(act, "Odd").activations["f6"].slope.detach().numpy())
    assert not any(each.endswith("steps") for each in kept)


def make(file: Path, name: str, **changes: Any) -> Any:
    config = plan_of(file, name, **changes).config
    return build_model(config, draw_weights(config))


def test_a_function_that_is_relu_trains_as_relu_does(act: Path) -> None:
    models = [
        ModelConfig(),
        ModelConfig(Model.cnn4, c5=None),
        ModelConfig(Model.mlp, c5=None, hidden=(20, 10)),
        ModelConfig(Model.lenet5_28, c5=C5.conv),
    ]
    for model in models:
        own, ours = learner_of(plan_of(act, "relu", model=model)), learner_of(tiny_plan(model=model))
        assert own.train(batches(0, 4)).tobytes() == ours.train(batches(0, 4)).tobytes()
        assert own.evaluate(Split.val).loss == ours.evaluate(Split.val).loss
        assert own.weights().keys() == ours.weights().keys()
        assert own.num_parameters == ours.num_parameters


def test_each_layer_has_one_of_its_own_drawn_from_the_seed(act: Path) -> None:
    odd = make(act, "Odd").activations
    slopes = [odd[name].slope.item() for name in ("c1", "c3", "c5", "f6")]
    assert len(set(slopes)) == 4 and len(odd) == 4
    assert slopes == [each.slope.item() for each in make(act, "Odd").activations.values()]
    assert slopes != [each.slope.item() for each in make(act, "Odd", seed=1).activations.values()]
    assert learner_of(plan_of(act)).num_parameters == learner_of(tiny_plan()).num_parameters + 4


def test_its_gradient_is_pytorchs(act: Path) -> None:
    """The first loss and its gradients, by hand, with `nn.SiLU` in the place of Swish."""
    own, ours = learner_of(plan_of(act)), make(act, "Swish")
    for name in ours.activations:
        ours.activations[name] = nn.SiLU()
    dataset = tiny_dataset()
    images = torch.from_numpy(dataset.train_images[:16]).float()[:, None] / 255
    logits = ours((images - dataset.mean) / dataset.std)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(dataset.train_labels[:16]).long())
    loss.backward()  # type: ignore[no-untyped-call]
    assert own.train(batches(0, 1))[0] == pytest.approx(loss.item(), rel=1e-6)
    found = own._model.get_submodule("c1").weight.grad  # type: ignore[attr-defined]
    torch.testing.assert_close(found.contiguous(), ours.c1.weight.grad, rtol=1e-4, atol=1e-7)


def test_arguments_go_to_functions_and_to_what_makes_modules(act: Path) -> None:
    assert make(act, "Swish", args={"beta": 3}).activations["c1"].beta == 3
    assert make(act, "made").activations["c1"].beta == 2
    scaled = make(act, "scaled", args={"by": 2.0}).activations["c1"]
    assert scaled(torch.tensor([1.5])).item() == 3
    with pytest.raises(ConfigError, match=r"act\.py:scaled: needs 'by'"):
        plan_of(act, "scaled")
    with pytest.raises(ConfigError, match=r"act\.py:Swish: has no argument 'bta'; did you mean 'beta'\?"):
        plan_of(act, "Swish", {"bta": 3})


def test_own_networks_get_it_by_their_argument(act: Path) -> None:
    act.with_name("nets.py").write_text(
        "from torch import nn\ndef f(activation, width=4):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), activation(), nn.Linear(width, 10))\n"
        "def g(width=4): return f(nn.ReLU)\n"
    )
    model = ModelConfig(Model.own, c5=None, factory=f"{act.parent}/nets.py:f")
    plan = plan_of(act, args={"beta": 2}, model=model)
    network = make_network(plan.config, torch.device("cpu"))
    assert network[2].beta == 2  # type: ignore[index]
    learner_of(plan).train(batches(0, 2))
    assert set(copied_files(plan.config)) == {"own/nets.py", "own/act.py"} or "own/activation/act.py" in copied_files(
        plan.config
    )
    with pytest.raises(ConfigError, match=r"activation=own: nets\.py:g has no argument 'activation'"):
        plan_of(act, model=dataclasses.replace(model, factory=f"{act.parent}/nets.py:g"))


FAILURES = {
    "raised in it": ("def f(x):\n    raise ValueError('no\\nway')", r"act\.py, line 2, in f: ValueError: no way"),
    "raised by its file": ("x = 1 / 0\ndef f(x): pass", r"act\.py, line 1, in <module>: ZeroDivisionError"),
    "raised when made": ("def f():\n    raise KeyError('a')", r"act\.py, line 2, in f: KeyError: 'a'"),
    "no function": ("f = 3", r"act\.py:f: is no function or class"),
    "no module": ("def f(): return 3", r"act\.py:f: returns int, not a torch\.nn\.Module"),
    "needs more": ("class f:\n    def __init__(self, x): pass", r"act\.py:f: needs 'x'"),
    "other shape": ("def f(x): return x.flatten(1)", r"returns float32 \(2, 4704\), expected float32 \(2, 6, 28, 28\)"),
    "double": ("def f(x): return x.double()", r"returns float64 \(2, 6, 28, 28\), expected float32"),
    "no tensor": ("def f(x): return [x]", r"act\.py:f: returns list, expected float32"),
    "not finite": ("def f(x): return x / 0", r"returns numbers that are not finite"),
    "no gradient to count on": (
        "import torch\ndef f(x): return torch.where(x > 0, torch.sqrt(x), 0 * x)",
        r"act\.py:f: its gradient is not a number at -8",
    ),
    "odd numbers": (
        "import torch\nfrom torch import nn\nclass f(nn.ReLU):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('b', torch.zeros(1, dtype=torch.bfloat16))",
        r"act\.py:f: c1\.b is of type torch\.bfloat16, which is not stored here",
    ),
}


@pytest.mark.parametrize(("text", "words"), FAILURES.values(), ids=FAILURES)
def test_code_that_fails_is_one_line(act: Path, text: str, words: str) -> None:
    act.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        learner_of(plan_of(act, "f"))
    assert "\n" not in str(caught.value)


def test_what_fails_in_training_names_its_line(act: Path) -> None:
    act.write_text(SMOOTH.replace("return units * torch.s", "assert not self.training, 'late'; return units * torch.s"))
    learner = learner_of(plan_of(act))
    with pytest.raises(ConfigError, match=r"act\.py, line \d+, in forward: AssertionError: late"):
        learner.train(batches(0, 1))


def test_where_no_gradient_comes_through_it_is_said_once(act: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_activation._told.clear()
    for name, text in {"sign": "torch.sign(x)", "cut": "x.detach()"}.items():
        act.write_text(f"import torch\ndef {name}(x): return {text}")
        learner_of(plan_of(act, name)).train(batches(0, 1))
        learner_of(plan_of(act, name))
        told = capsys.readouterr().err
        assert told.count(f"act.py:{name}: no gradient comes through it: layers before it learn nothing") == 1
    learner_of(plan_of(act, "cut"))
    act.write_text(SMOOTH)
    learner_of(plan_of(act))
    assert "gradient" not in capsys.readouterr().err


def test_identity_is_its_content_and_arguments(act: Path, tmp_path: Path) -> None:
    config = plan_of(act).config
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/other.py").write_text(act.read_text())
    assert identity(plan_of(tmp_path / "elsewhere/other.py").config) == identity(config)
    others = [plan_of(act, "made"), plan_of(act, args={"beta": 1}), plan_of(act, args={"beta": 2}), tiny_plan()]
    act.write_text(act.read_text() + "# edited\n")
    others.append(plan_of(act))
    assert len({identity(config), *(other.identity for other in others)}) == 6
    assert "_Swish-beta2_" in run_name(others[2].config)
    with pytest.raises(ConfigError, match=r"is not what it was: .* trains it as another nonlinearity"):
        learner_of(make_plan(config, 230, 50))


def test_settings_go_to_records_and_back(act: Path) -> None:
    for config in (plan_of(act).config, plan_of(act, args={"beta": 2}).config):
        assert parse_config(to_mapping(config))[0] == config
        assert isinstance(hash(config), int)
    assert to_mapping(tiny_config())["activation"] == "relu"
    assert parse_config({"activation": {"name": "tanh"}})[0].activation is Activation.tanh


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("own", "activation=own: needs activation.factory=FILE.py:NAME; docs/own.md shows one"),
        ({"name": "tanh", "factory": "a.py:f"}, "activation=tanh: 'factory' is a setting of own, not of tanh"),
        ({"name": "own", "factory": "a.py"}, "activation=own: factory=a.py must be FILE.py:NAME"),
        ({"name": "own", "width": 3}, "activation=own: has no setting 'width'; own ones have factory, args, sha256"),
        ({"name": ["own"]}, "must be one of relu"),
        ("owm", "activation=owm: must be one of relu, tanh, sigmoid, gelu, own"),
    ],
)
def test_settings_that_make_no_sense_are_refused(value: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        parse_config({"activation": value})


def test_pytorch_takes_it_and_the_compiled_engine_says_no(act: Path) -> None:
    kind = engine_key(plan_of(act).config)
    assert make_engines(Options(), [kind, Model.lenet5])[kind].name == "torch"
    with pytest.raises(ConfigError, match="engine=compiled: does not know activation=own; engine=auto takes torch"):
        make_engines(Options(engine=Engine.compiled), [kind])
    with pytest.raises(ConfigError, match="does not know activation=own"):
        make_engines(Options(engine=Engine.compiled), [kind, Optimizer.own, Model.lenet5])


def test_prediction_runs_the_code_that_is_named_and_no_other(act: Path, tmp_path: Path) -> None:
    plan = plan_of(act)
    run = tmp_path / "run"
    assert train_tiny(run, plan) is State.done
    with pytest.raises(RecordError, match=r"its nonlinearity is code, Swish, which runs only where you name it"):
        read_trained(run)
    with pytest.raises(RecordError, match="is not the code that its nonlinearity was trained with, Swish of SHA"):
        read_trained(run, f"{act}:mish")
    trained = read_trained(run, f"{act}:Swish")
    assert read_run(run).config == plan.config
    logits = computing(trained.config, trained.network.weights)(np.zeros((2, 1, 32, 32), np.float32))
    learner = learner_of(plan)
    learner.load_state({f"weights/{name}": array for name, array in trained.network.weights.items()} | _draws(learner))
    wanted = learner._model.eval()(torch.zeros(2, 1, 32, 32)).detach()  # type: ignore[attr-defined]
    np.testing.assert_allclose(logits, wanted.numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(Exception, match="a page cannot run the code of its nonlinearity"):
        build_page(Predictor.load(run, factory=f"{act}:Swish"))
    act.write_text(act.read_text() + "# edited\n")
    with pytest.raises(RecordError, match="is not the code that its nonlinearity was trained with"):
        read_trained(run, f"{act}:Swish")


def _draws(learner: Learner) -> dict[str, Any]:
    return {name: array for name, array in learner.state().items() if name.startswith("generator")}
