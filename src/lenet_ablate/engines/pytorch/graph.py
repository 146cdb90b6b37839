"""A network's graph for TensorBoard, whichever engine trains it."""

from __future__ import annotations

import tempfile
import threading
import warnings
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from lenet_ablate.config.choices import Model
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.networks import input_shape
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.pytorch.own import make_network
from lenet_ablate.engines.weights import draw_weights

_TRACING = threading.Lock()


def write_graph(config: RunConfig, path: Path) -> None:
    """Write an event file with the graph of a configuration's network; its folder must exist."""
    with _TRACING, tempfile.TemporaryDirectory(dir=path.parent) as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)  # SummaryWriter traces in no other way
        model = _untrained(config).eval()
        with SummaryWriter(folder) as writer:
            writer.add_graph(model, torch.zeros(1, *input_shape(config)))
        (written,) = Path(folder).iterdir()
        written.replace(path)


def _untrained(config: RunConfig) -> torch.nn.Module:
    if config.model.name is Model.own:
        return make_network(config, torch.device("cpu"))
    return build_model(config, draw_weights(config))
