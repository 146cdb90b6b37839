"""Config-driven ablation studies of LeNet-5 on MNIST-like data.

The names below are the Python interface: what is not among them is private and may move. Each is imported when it is
first used, so that `import lenet_ablate` loads neither PyTorch nor pandas.

import lenet_ablate

runs = lenet_ablate.read_runs("outputs")
predictor = lenet_ablate.Predictor.load(lenet_ablate.best_run("outputs"))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Predictor", "__version__", "best_run", "load_model", "read_epochs", "read_runs"]

if TYPE_CHECKING:
    from lenet_ablate.predict.export import load_model
    from lenet_ablate.predict.predictor import Predictor
    from lenet_ablate.predict.trained import best_run
    from lenet_ablate.records.frames import read_epochs, read_runs

_HOMES = {
    "Predictor": "predict.predictor",
    "best_run": "predict.trained",
    "load_model": "predict.export",
    "read_epochs": "records.frames",
    "read_runs": "records.frames",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # the next use finds it at once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
