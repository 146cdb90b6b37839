"""The user's own networks: made by their factory from the run's seed, checked, and filled with trained weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from lenet_ablate.config.choices import Model
from lenet_ablate.config.own_code import OFFERED, check_call, network_parts, own_parts, source_of
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.config.signature import parameters_asked
from lenet_ablate.config.source import Source
from lenet_ablate.engines.forward import Floats
from lenet_ablate.engines.networks import input_shape, num_classes
from lenet_ablate.engines.own_code import load_factory, naming
from lenet_ablate.engines.pytorch.draws import Draws, making
from lenet_ablate.engines.pytorch.models import (
    OWN_STATE,
    POOLS,
    UNUSED_STATE,
    Network,
    activation_of,
    build_model,
)
from lenet_ablate.engines.pytorch.optimizers import STORED
from lenet_ablate.engines.pytorch.own_activation import check_activation
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError, RecordError


def make_network(config: RunConfig, device: torch.device, examples: torch.Tensor | None = None) -> nn.Module:
    """The network of a run at step 0: its weights are what the factory draws, seeded by the run's seed.

    The factory gets `model.args` and those of `OFFERED` that it has an argument for: `pool` and `activation` as classes
    such as `nn.MaxPool2d` and `nn.ReLU`, `num_classes` as a number, `input_shape` as (1, S, S).

    Args:
        config: The run's settings, `model=own`.
        device: Where it is to be.
        examples: (N, 1, S, S) float32, images as it will be given them, on the device; None: noise takes their place.

    Raises:
        ConfigError: The code raises something, or makes no network for these images and classes, in one line.
    """
    source = source_of(config.model)
    factory = load_factory(source)
    parameters = parameters_asked(factory)
    check_call(config, source, parameters)
    offered = dict(zip(OFFERED, _offered(config), strict=True))
    given = {name: value for name, value in offered.items() if name in parameters.names}
    sources = [source_of(part) for part in network_parts(config).values()]
    with making(config.seed, device), naming(*sources):
        network = factory(**(config.model.args.plain() if config.model.args else {}), **given)
        if not isinstance(network, nn.Module):
            raise ConfigError(f"{source.title}: returns {type(network).__name__}, not a torch.nn.Module")
        network = network.to(device)
        if examples is None:
            examples = torch.randn(2, *input_shape(config), device=device)
        _check_logits(network, examples, num_classes(config), source)
    _check_tensors(network, source)
    return network


def _offered(config: RunConfig) -> tuple[Any, ...]:
    return POOLS[config.pool], activation_of(config), num_classes(config), input_shape(config)


@torch.no_grad()
def _check_logits(network: nn.Module, examples: torch.Tensor, classes: int, source: Source) -> None:
    logits = network.eval()(examples)
    wanted = f"expected float32 logits ({len(examples)}, {classes}) of images {tuple(examples.shape)}"
    if not isinstance(logits, torch.Tensor):
        raise ConfigError(f"{source.title}: the network returns {type(logits).__name__}, {wanted}")
    if logits.shape != (len(examples), classes) or logits.dtype != torch.float32:
        kind = str(logits.dtype).removeprefix("torch.")
        raise ConfigError(f"{source.title}: the network returns {kind} {tuple(logits.shape)}, {wanted}")
    if not logits.isfinite().all():
        raise ConfigError(f"{source.title}: the network returns numbers that are not finite before it has learned")


def _check_tensors(network: nn.Module, source: Source) -> None:
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError(f"{source.title}: the network has no parameters to train")
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.dtype not in STORED:
            raise ConfigError(f"{source.title}: {name} is of type {tensor.dtype}, which is not stored here")


def trained_network(config: RunConfig, weights: Mapping[str, npt.NDArray[Any]]) -> nn.Module:
    """The network of a run with its trained weights, in evaluation mode, on the CPU.

    Args:
        config: The run's settings, with an own network or nonlinearity and the code that the user names for it.
        weights: By name, as in model.safetensors.

    Raises:
        ConfigError: See `make_network`.
        RecordError: The weights are not those of such a network.
    """
    network = _untrained(config)
    own = dict(stored_tensors(network))
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise RecordError("its weights are not those of the network that the code makes")
    with torch.no_grad():
        for name, array in weights.items():
            own[name].copy_(torch.from_numpy(np.array(array)))
    return network.eval()


def _untrained(config: RunConfig) -> nn.Module:
    if config.model.name is Model.own:
        return make_network(config, torch.device("cpu"))
    network = build_model(config, draw_weights(config))
    check_activation(config, network, torch.randn(2, *input_shape(config)))
    return network


def stored_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """What a trained network is told by: parameters and buffers by name, those left out that it does not keep."""
    stored = {name: found for name, found in network.state_dict().items() if isinstance(found, torch.Tensor)}
    if not isinstance(network, Network):
        return stored
    # An own network, or nonlinearity, may use what ours do not.
    return {n: found for n, found in stored.items() if n.startswith(OWN_STATE) or not n.endswith(UNUSED_STATE)}


def passing_buffers(network: nn.Module) -> dict[str, torch.Tensor]:
    """The buffers that are not kept with the weights, by name."""
    kept = stored_tensors(network)
    return {name: buffer for name, buffer in network.named_buffers() if name not in kept}


class OwnRun:
    """The surroundings in which a run's own code is run: its random numbers, and its errors in one line.

    Args:
        config: The run's settings.
        device: Where it computes.
    """

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        self.draws = Draws(config.seed, device)
        self._sources = [source_of(part) for part in own_parts(config).values()]

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Within, the network learns; see `Draws.training`."""
        with self.draws.training(), naming(*self._sources):
            yield

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Within, the network is judged; see `Draws.judging`."""
        with self.draws.judging(), naming(*self._sources):
            yield


def computing(config: RunConfig, weights: Mapping[str, npt.NDArray[Any]]) -> Callable[[Floats], Floats]:
    """What gives an own network's logits (N, classes) of normalised images (N, 1, S, S); see `trained_network`."""
    network = trained_network(config, weights)
    own = OwnRun(config, torch.device("cpu"))

    @torch.inference_mode()
    def logits(images: Floats) -> Floats:
        with own.judging():
            found: Floats = network(torch.from_numpy(np.ascontiguousarray(images))).numpy()
        return found

    return logits
