"""Config-driven ablation studies of LeNet-5 on MNIST-like data.

The names below are the Python interface: what is not among them is private and may move. Each is imported when it is
first used, so that `import lenet_ablate` loads neither PyTorch nor pandas.

import lenet_ablate

runs = lenet_ablate.sweep(lr=[0.01, 0.001], pool=["max", "avg"], data="digits", epochs=3)
found = lenet_ablate.report("outputs")
predictor = lenet_ablate.Predictor.load(lenet_ablate.best_run("outputs"))
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__version__ = "1.0.0rc1"
__all__ = [
    "LenetAblateError",
    "Predictor",
    "Report",
    "Run",
    "__version__",
    "best_run",
    "load_model",
    "read_epochs",
    "read_runs",
    "report",
    "sweep",
    "train",
]

if TYPE_CHECKING:
    from lenet_ablate.api.report import Report, report
    from lenet_ablate.api.run import Run
    from lenet_ablate.api.train import sweep, train
    from lenet_ablate.errors import LenetAblateError
    from lenet_ablate.predict.export import load_model
    from lenet_ablate.predict.predictor import Predictor
    from lenet_ablate.predict.trained import best_run
    from lenet_ablate.records.frames import read_epochs, read_runs

_HOMES = {
    "LenetAblateError": "errors",
    "Report": "api.report",
    "Run": "api.run",
    "train": "api.train",
    "Predictor": "predict.predictor",
    "best_run": "predict.trained",
    "load_model": "predict.export",
    "read_epochs": "records.frames",
    "read_runs": "records.frames",
}
_CALLED = {"report": "api.report", "sweep": "api.train"}
"""Functions that share their name with a wing."""


def __getattr__(name: str) -> Any:
    if name in _CALLED:
        return importlib.import_module(f"{__name__}.{name}")  # which binds it here, too
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_CALLED})


class _Wing(types.ModuleType):
    """A wing and the function of its name: `lenet_ablate.sweep(…)` calls it, `lenet_ablate.sweep.run` is a module."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return _function(self.__name__)(*arguments, **settings)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(_function(self.__name__))

    def _doc(self) -> str | None:
        return _function(self.__name__).__doc__

    __doc__ = property(_doc)  # of the function, which is what is looked up


class _Face(types.ModuleType):
    """This package, which makes those wings callable as soon as anybody imports them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED and type(value) is types.ModuleType:
            value.__class__ = _Wing
        super().__setattr__(name, value)


def _function(wing: str) -> Callable[..., Any]:
    name = wing.rpartition(".")[2]
    found: Callable[..., Any] = getattr(importlib.import_module(f"{__name__}.{_CALLED[name]}"), name)
    return found


sys.modules[__name__].__class__ = _Face
