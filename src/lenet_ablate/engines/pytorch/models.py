"""The networks as PyTorch modules, their layers named as in LeCun et al. 1998."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from lenet_ablate.config import Activation, Model, Pool, RunConfig
from lenet_ablate.engines.weights import SHAPES

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    Activation.relu: nn.ReLU,
    Activation.tanh: nn.Tanh,
    Activation.sigmoid: nn.Sigmoid,
}
_POOLS: dict[Pool, type[nn.Module]] = {Pool.max: nn.MaxPool2d, Pool.avg: nn.AvgPool2d}


class LeNet5(nn.Module):
    """LeNet-5 on 32×32 images: 6@5×5, pool, 16@5×5, pool, 120, 84, 10."""

    def __init__(self, pool: Pool, activation: Activation) -> None:
        super().__init__()
        shapes = SHAPES[Model.lenet5]
        self.activation = _ACTIVATIONS[activation]()
        self.c1 = nn.Conv2d(shapes["c1"][1], shapes["c1"][0], kernel_size=5)
        self.s2 = _POOLS[pool](2)
        self.c3 = nn.Conv2d(shapes["c3"][1], shapes["c3"][0], kernel_size=5)
        self.s4 = _POOLS[pool](2)
        self.c5 = nn.Linear(shapes["c5"][1], shapes["c5"][0])
        self.f6 = nn.Linear(shapes["f6"][1], shapes["f6"][0])
        self.output = nn.Linear(shapes["output"][1], shapes["output"][0])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, 10) of normalised images (N, 1, 32, 32); the softmax is left to the loss."""
        maps = self.s2(self.activation(self.c1(images)))  # (N, 6, 14, 14)
        maps = self.s4(self.activation(self.c3(maps)))  # (N, 16, 5, 5)
        units = self.activation(self.c5(maps.flatten(1)))  # (N, 120)
        units = self.activation(self.f6(units))  # (N, 84)
        logits: torch.Tensor = self.output(units)
        return logits


def build_model(config: RunConfig, weights: Mapping[str, npt.NDArray[Any]]) -> nn.Module:
    """The network that a configuration describes, with the given weights, on the CPU."""
    model = {Model.lenet5: LeNet5}[config.model.name](config.pool, config.activation)
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return model
