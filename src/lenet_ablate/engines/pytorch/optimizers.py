"""PyTorch's optimizers as the settings ask for them, and what they remember between two steps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lenet_ablate.config import choices
from lenet_ablate.config.owned import OPTIMIZER_SETTINGS
from lenet_ablate.config.settings import OptimizerConfig
from lenet_ablate.engines.base import State

OPTIMIZERS: Mapping[choices.Optimizer, Callable[..., torch.optim.Optimizer]] = {
    choices.Optimizer.adam: torch.optim.Adam,
    choices.Optimizer.adamw: torch.optim.AdamW,
    choices.Optimizer.sgd: torch.optim.SGD,
    choices.Optimizer.rmsprop: torch.optim.RMSprop,
}
STORED = (torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool)
"""Types of tensors that are stored."""


class Memory:
    """An optimizer and its memory, which is told as `<its name>/<parameter>`.

    Args:
        optimizer: One of OPTIMIZERS.
        model: The network that it trains.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, model: torch.nn.Module) -> None:
        self.optimizer = optimizer
        self._model = model

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """What it remembers."""
        state = {}
        for name, parameter in self._model.named_parameters():
            for kind, tensor in self.optimizer.state[parameter].items():
                state[f"{kind}/{name}"] = tensor
        return to_host(state)

    def load(self, state: State) -> None:
        """Go on from a memory."""
        parameters = dict(self._model.named_parameters())
        # A fused rule counts its steps where the parameters are, any other on the host.
        is_fused = any(group.get("fused") for group in self.optimizer.param_groups)
        for key, array in state.items():
            kind, _, name = key.partition("/")
            parameter = parameters[name]
            like = parameter if array.ndim else torch.empty((), device=parameter.device if is_fused else "cpu")
            self.optimizer.state[parameter][kind] = torch.empty_like(like).copy_(torch.from_numpy(array))

    def check(self) -> None:
        """Refuse a memory that cannot be kept, once there is one; there is none such among these."""


def make_optimizer(settings: OptimizerConfig, model: torch.nn.Module) -> torch.optim.Optimizer:
    """One of OPTIMIZERS, for all parameters of a network."""
    rule = OPTIMIZERS[settings.name]
    given = {name: getattr(settings, name) for name in OPTIMIZER_SETTINGS[settings.name]}
    own = {name: value for name, value in given.items() if value is not None}
    if settings.name is choices.Optimizer.sgd:
        own["nesterov"] = settings.nesterov
    if "fused" in inspect.signature(rule).parameters:  # one kernel updates all parameters
        own["fused"] = True
    # lr is set anew before every step.
    return rule(model.parameters(), lr=0.0, weight_decay=settings.weight_decay, **own)


def to_numpy(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """A copy of a tensor, in C order, on the host."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def to_host(tensors: Mapping[str, torch.Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Copies of tensors, in C order, on the host; those of a GPU come in one copy."""
    on_card = {name: tensor for name, tensor in tensors.items() if tensor.is_cuda}
    found = {name: to_numpy(tensor) for name, tensor in tensors.items() if name not in on_card}
    found |= copied_at_once(on_card) if on_card else {}
    return {name: found[name] for name in tensors}


def copied_at_once(tensors: Mapping[str, torch.Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Copies of tensors of one device, at least one, in C order, on the host: as bytes, which need one wait."""
    flat = torch.cat([tensor.detach().reshape(-1).view(torch.uint8) for tensor in tensors.values()]).cpu().numpy()
    found, end = {}, 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        kind = torch.empty(0, dtype=tensor.dtype).numpy().dtype
        found[name] = flat[begin:end].copy().view(kind).reshape(tuple(tensor.shape))
    return found
