"""Functions and classes as values of settings, from words to trained runs; the page's example among them."""

from __future__ import annotations

import functools
import importlib
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lenet_ablate
from lenet_ablate.api.callables import without_callables
from lenet_ablate.api.words import to_words
from lenet_ablate.errors import ConfigError

Command = Callable[..., tuple[int, str]]
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/own.md").read_text(encoding="utf-8"), re.DOTALL
)
CODE = """
import functools
import torch
from torch import nn
class Wide(nn.Sequential):
    def __init__(self, num_classes, width=4, kinds=("a",), seed=0, **more):
        super().__init__(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, num_classes))
def deep(num_classes, depth=1): pass
def outer():
    def inner(): pass
    return inner
nameless = lambda: None
def bent(units, by=1): return units * by
part = functools.partial(deep, depth=2)
class Steps(torch.optim.SGD):
    def __init__(self, params, lr, drag=0.0, width=1):
        super().__init__(params, lr, drag)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    (tmp_path / "some_nets.py").write_text(CODE)
    (tmp_path / "nets.py").write_text(EXAMPLES[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("some_nets")
    for name in ("some_nets", "nets"):
        sys.modules.pop(name, None)


def test_a_class_and_its_arguments_become_words(own: types.ModuleType) -> None:
    place = f"{own.__file__}"
    assert to_words((), {"model": own.Wide, "width": [16, 32], "seed": range(2), "kinds": [["a", "b c"]]}) == [
        "model=own",
        f"model.factory='{place}:Wide'",
        "model.args.width=16,32",
        "seed=0,1",
        "model.args.kinds=[a,'b c']",
    ]
    assert to_words((), {"width": "1e3", "model": [own.Wide, "lenet5", own.deep]}) == [
        "model.args.width='1e3'",
        "model=own,lenet5",
        f"model.factory='{place}:Wide','{place}:deep'",
    ]


def test_an_optimizer_too(own: types.ModuleType) -> None:
    assert to_words((), {"optimizer": own.Steps, "drag": [0, 0.5], "lr": 0.1}) == [
        "optimizer=own",
        f"optimizer.factory='{own.__file__}:Steps'",
        "optimizer.args.drag=0,0.5",
        "lr=0.1",
    ]
    assert "params=3" in to_words((), {"optimizer": own.Steps, "params": 3})
    with pytest.raises(ConfigError, match="width: model and optimizer take it; write optimizer__args__width="):
        to_words((), {"model": own.Wide, "optimizer": own.Steps, "width": 3})


def test_an_activation_too(own: types.ModuleType) -> None:
    assert to_words((), {"activation": ["relu", own.bent], "by": [1, 2]}) == [
        "activation=relu,own",
        f"activation.factory='{own.__file__}:bent'",
        "activation.args.by=1,2",
    ]


def test_a_class_of_an_installed_package_has_a_way_out(own: types.ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"put 'from torch\.optim\.nadam import NAdam' into a file of yours"):
        lenet_ablate.train(optimizer=own.torch.optim.NAdam, data="digits")


def test_an_optimizer_is_trained_in_processes_of_their_own(own: types.ModuleType) -> None:
    settings: dict[str, Any] = {"data": "digits", "epochs": 1, "data__train_size": 64, "workers": 2}
    runs = lenet_ablate.sweep(optimizer=own.Steps, drag=[0, 0.5], **settings)
    assert list(runs["optimizer.args.drag"]) == [0, 0.5] and set(runs["status"]) == {"done"}
    assert set(runs["engine"]) == {"torch"}
    assert len(lenet_ablate.load_model(Path("outputs/ablation") / runs["run"][0]).state_dict()) == 10


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nameless", "model: a lambda has no name"),
        ("inner", "outer.inner is within another function or class"),
        ("part", "a partial is no function or class with a name"),
        ("here", "is of this session or script"),
        ("built", "is of this session or script"),
        ("gone", "is something else by now"),
    ],
)
def test_what_no_file_tells_is_refused(own: types.ModuleType, name: str, told: str) -> None:
    here = types.FunctionType(own.deep.__code__, {"__name__": "__main__"}, "here")
    others = {"inner": own.outer(), "here": here, "built": len, "gone": own.deep}
    if name == "gone":
        own.deep = None  # type: ignore[attr-defined]
    called = others.get(name) or getattr(own, name)
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        lenet_ablate.train(model=called, data="digits")
    assert "\n" not in str(caught.value) and str(caught.value).endswith("import it from there")
    assert not Path("outputs").exists()


def test_code_is_named_once(own: types.ModuleType) -> None:
    with pytest.raises(ConfigError, match="model names the code already"):
        to_words((), {"model": own.Wide, "model__factory": "x.py:f"})


def test_a_class_is_trained_and_the_command_finds_it_done(own: types.ModuleType, run: Command) -> None:
    settings: dict[str, Any] = {"data": "digits", "epochs": 1, "data__train_size": 64, "workers": 1}
    runs = lenet_ablate.sweep(model=own.Wide, width=[4, 8], **settings)
    assert list(runs["model.args.width"]) == [4, 8] and set(runs["status"]) == {"done"}
    words = ("model=own", "model.factory=some_nets.py:Wide", "model.args.width=4,8", "data=digits", "epochs=1")
    assert "all done already" in run(*words, "data.train_size=64")[1]
    done = lenet_ablate.train(model=own.Wide, width=8, **settings)
    assert done.weights["1.weight"].shape == (8, 784)
    model = lenet_ablate.load_model(done.folder, factory=own.Wide)
    assert type(model).__name__ == "Wide"
    with pytest.raises(ConfigError, match="factory: a partial is"):
        lenet_ablate.load_model(done.folder, factory=functools.partial(own.Wide))


def test_the_pages_example_runs(own: types.ModuleType) -> None:
    (example,) = [text for text in EXAMPLES if "lenet_ablate.sweep(" in text]
    names: dict[str, Any] = {}
    assert example.count("epochs=1") == 2
    # One after the other they train here; side by side in processes that import PyTorch each, as the optimizer above.
    exec(example.replace("epochs=1", "epochs=1, data__train_size=64, workers=1"), names)
    assert list(names["runs"]["model.args.width"]) == [8, 16]
    assert names["model"].training is False


def test_a_name_that_nobody_has_is_told_beside_the_arguments(own: types.ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"dept: is neither a setting nor an argument of model; did you mean depth\?"):
        without_callables({"model": own.deep, "dept": [4, 8]})
    assert without_callables({"model": own.Wide, "foo": [4, 8]})["model__args__foo"] == [4, 8]  # it takes any
    assert to_words((), {"model": own.Wide, "epoch": 3})[-1] == "epoch=3"  # which is refused as any such word is
    with pytest.raises(ConfigError, match=r"wdth: .*; did you mean width\?"):
        without_callables({"model": own.Wide, "wdth": 3})
    both = without_callables({"model": own.Wide, "optimizer": own.Steps, "drag": 0.5})
    assert "optimizer__args__drag" in both and "model__args__drag" not in both
