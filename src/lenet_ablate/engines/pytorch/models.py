"""The networks as PyTorch modules, their layers named as in LeCun et al. 1998.

All return logits (N, K) of normalised images (N, C, S, S); the softmax is left to the loss. Of points (N, 1, 1, F) the
fully connected network returns logits (N, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.choices import Activation, Model, OutputActivation, Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.networks import layer_shapes, norm_sizes
from lenet_ablate.engines.pytorch.batch_norm import BatchNorm
from lenet_ablate.engines.pytorch.own_activation import layers_of, own_activation

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    Activation.relu: nn.ReLU,
    Activation.tanh: nn.Tanh,
    Activation.sigmoid: nn.Sigmoid,
    Activation.gelu: nn.GELU,
}
POOLS: dict[Pool, type[nn.Module]] = {Pool.max: nn.MaxPool2d, Pool.avg: nn.AvgPool2d}
_OUTPUTS: dict[OutputActivation, type[nn.Module]] = {
    OutputActivation.none: nn.Identity,
    OutputActivation.relu: nn.ReLU,
}


class Network(nn.Module):
    """The layers that a configuration gives a network, each under its own name.

    Attributes:
        mean: Subtracted from pixels in 0..1 before they are given to it; on record for trained runs alone.
        std: Divides the centred pixels.
    """

    mean: float = 0.0
    std: float = 1.0

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        own = isinstance(config.activation, OwnActivation)
        hidden = [name for name in layer_shapes(config) if name != "output"]
        self.activation = nn.Identity() if own else activation_of(config)()
        self.activations = layers_of(config, hidden) if own else nn.ModuleDict()
        self.output_activation = _OUTPUTS[config.model.output_activation]()
        for name, shape in layer_shapes(config).items():
            is_convolution = len(shape) == 4
            layer = nn.Conv2d(shape[1], shape[0], shape[2]) if is_convolution else nn.Linear(shape[1], shape[0])
            self.add_module(name, layer)
        for name, size in norm_sizes(config.model).items():
            self.add_module(name, BatchNorm(size))

    def units(self, name: str, units: torch.Tensor) -> torch.Tensor:
        """A layer with its activation."""
        return self.activated(name, self.get_submodule(name)(units))

    def activated(self, name: str, units: torch.Tensor) -> torch.Tensor:
        """What a layer computes, behind the nonlinearity: one for all layers, or an own one of the layer's."""
        is_own = name in self.activations
        activated: torch.Tensor = self.activations[name](units) if is_own else self.activation(units)
        return activated

    def logits(self, units: torch.Tensor) -> torch.Tensor:
        """The output layer."""
        logits: torch.Tensor = self.output_activation(self.get_submodule("output")(units))
        return logits


class LeNet5(Network):
    """LeNet-5 on 32×32 or 28×28 images: 6@5×5, pool, 16@5×5, pool, 120, 84, 10."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.s2, self.s4 = POOLS[config.pool](2), POOLS[config.pool](2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        maps = self.s2(self.units("c1", images))  # (N, 6, 14, 14); (N, 6, 12, 12) of 28×28 images
        maps = self.s4(self.units("c3", maps))  # (N, 16, 5, 5); (N, 16, 4, 4)
        units = self.units("c5", maps if isinstance(self.c5, nn.Conv2d) else maps.flatten(1))
        return self.logits(self.units("f6", units.flatten(1)))


class CNN4(Network):
    """Four 3×3 convolutions with batch normalisation, two poolings, 1024, 128, 10, on 28×28 images."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.s2, self.s4 = POOLS[config.pool](2), POOLS[config.pool](2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        maps = self.s2(self._normed("2", self._normed("1", images)))  # (N, 32, 12, 12)
        maps = self.s4(self._normed("4", self._normed("3", maps)))  # (N, 128, 4, 4)
        return self.logits(self.units("f6", self.units("f5", maps.flatten(1))))

    def _normed(self, number: str, maps: torch.Tensor) -> torch.Tensor:
        maps = self.get_submodule(f"n{number}")(self.get_submodule(f"c{number}")(maps))
        return self.activated(f"c{number}", maps)


class MLP(Network):
    """Fully connected layers on 28×28 images or on points."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.hidden = [name for name in layer_shapes(config) if name != "output"]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        units = images.flatten(1)
        for name in self.hidden:
            units = self.units(name, units)
        return self.logits(units)


NETWORKS: dict[Model, type[Network]] = {
    Model.lenet5: LeNet5,
    Model.lenet5_28: LeNet5,
    Model.cnn4: CNN4,
    Model.mlp: MLP,
}
# A count that PyTorch keeps for batch normalisations with a moving average of another kind.
UNUSED_STATE = "num_batches_tracked"
OWN_STATE = "activations."
"""What the names of an own nonlinearity's parameters and buffers begin with."""


def activation_of(config: RunConfig) -> Callable[[], nn.Module]:
    """What makes the nonlinearity of a run, as a module.

    Raises:
        ConfigError: The code of an own one cannot be run, in one line.
    """
    kind = config.activation
    return own_activation(config) if isinstance(kind, OwnActivation) else ACTIVATIONS[kind]


def build_model(config: RunConfig, weights: Mapping[str, npt.NDArray[Any]]) -> Network:
    """The network that a configuration describes, with the given weights, on the CPU.

    A c5 written as a convolution takes the weights of a fully connected one and the other way round. What an own
    nonlinearity learns is as its code makes it where the weights do not tell.

    Raises:
        ConfigError: The code of an own nonlinearity raises something, or makes none, in one line.
    """
    model = NETWORKS[config.model.name](config)
    wanted = model.state_dict()
    given = {name: torch.from_numpy(array.copy()).reshape(wanted[name].shape) for name, array in weights.items()}
    unused = {
        name: tensor for name, tensor in wanted.items() if name.endswith(UNUSED_STATE) or name.startswith(OWN_STATE)
    }
    model.load_state_dict({**unused, **given})
    return model
