"""The user's own nonlinearities: a function of a tensor, or a module, of which each layer has one of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.own_code import check_activation_call, source_of
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.config.signature import parameters_asked
from lenet_ablate.config.source import Source
from lenet_ablate.engines.own_code import load_factory, naming
from lenet_ablate.engines.pytorch.draws import making
from lenet_ablate.engines.pytorch.optimizers import STORED
from lenet_ablate.errors import ConfigError
from lenet_ablate.rendering.console import warn

SAMPLE = (-8.0, 8.0, 256)
"""Lowest and highest value, and how many, that a nonlinearity's gradient is looked at for; 0 is not among them."""
_told: set[str] = set()


class Applied(nn.Module):
    """A function of a tensor as a module.

    Args:
        function: What it computes.
        arguments: What the function is given beside the tensor, by name.
    """

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        super().__init__()
        self._function, self._arguments = function, arguments

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        """The function's values."""
        found: torch.Tensor = self._function(units, **self._arguments)
        return found


def own_activation(config: RunConfig) -> Callable[[], nn.Module]:
    """What makes the nonlinearity of a run: called once for each layer.

    Numbers that are drawn for its parameters come from the run's seed where it is called within `making`.

    Args:
        config: The run's settings, with an `OwnActivation`.

    Raises:
        ConfigError: The code raises something, or does not take `activation.args`, in one line.
    """
    part = config.activation
    assert isinstance(part, OwnActivation)
    source = source_of(part)
    called = load_factory(source)
    parameters = parameters_asked(called)
    check_activation_call(config, source, parameters)
    arguments = part.args.plain() if part.args else {}
    if parameters.is_of_tensor(arguments):
        return functools.partial(Applied, called, arguments)
    return functools.partial(_made, source, called, arguments)


def _made(source: Source, called: Callable[..., Any], arguments: dict[str, Any]) -> nn.Module:
    with naming(source):
        module = called(**arguments)
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{source.title}: returns {type(module).__name__}, not a torch.nn.Module")
    return module


def layers_of(config: RunConfig, names: list[str]) -> nn.ModuleDict:
    """An own nonlinearity for each of these layers, their parameters drawn from the run's seed, and checked.

    Raises:
        ConfigError: The code raises something, or gives no nonlinearity, in one line.
    """
    assert isinstance(config.activation, OwnActivation)
    source, make = source_of(config.activation), own_activation(config)
    with making(config.seed, torch.device("cpu"), 2):
        made = nn.ModuleDict({name: make() for name in names})
    for name, tensor in (*made.named_parameters(), *made.named_buffers()):
        if isinstance(tensor, nn.UninitializedParameter) or tensor.dtype not in STORED:
            kind = "lazy" if isinstance(tensor, nn.UninitializedParameter) else f"of type {tensor.dtype}"
            raise ConfigError(f"{source.title}: {name} is {kind}, which is not stored here")
    return made


def check_activation(config: RunConfig, network: nn.Module, examples: torch.Tensor) -> None:
    """Try a network with its own nonlinearities on a few images, and say so where no gradient comes through them.

    Args:
        config: The run's settings, with an `OwnActivation`.
        network: The network; its weights stay as they are.
        examples: What it will be given, on its device.

    Raises:
        ConfigError: The nonlinearity raises something, or returns something else than finite float32 of the shape that
            it is given, in one line.
    """
    assert isinstance(config.activation, OwnActivation)
    source = source_of(config.activation)
    layers = network.get_submodule("activations")
    hooks = [layer.register_forward_hook(functools.partial(_check_values, source)) for layer in layers.children()]
    was_training = network.training
    try:
        with making(config.seed, examples.device, 3), naming(source):
            with torch.no_grad():
                network.eval()(examples)
            for layer in list(layers.children())[:1]:
                _tell_gradient(source, layer, examples.device)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()


def _check_values(source: Source, _: nn.Module, given: tuple[torch.Tensor, ...], found: object) -> None:
    wanted = f"expected float32 {tuple(given[0].shape)}, the shape that it is given"
    if not isinstance(found, torch.Tensor):
        raise ConfigError(f"{source.title}: returns {type(found).__name__}, {wanted}")
    if found.shape != given[0].shape or found.dtype != torch.float32:
        kind = str(found.dtype).removeprefix("torch.")
        raise ConfigError(f"{source.title}: returns {kind} {tuple(found.shape)}, {wanted}")
    if not found.isfinite().all():
        raise ConfigError(f"{source.title}: returns numbers that are not finite before anything has been learned")


def _tell_gradient(source: Source, layer: nn.Module, device: torch.device) -> None:
    """Warn once of a nonlinearity whose gradient is nowhere, or zero everywhere; NaN is refused."""
    low, high, count = SAMPLE
    given = torch.linspace(low, high, count, device=device).requires_grad_()
    with torch.enable_grad():
        try:
            found = layer(given.reshape(1, 1, 1, -1).clone())
        except Exception:  # one that asks for maps of a kind of its own
            return
        gradient = torch.autograd.grad(found.sum(), given)[0] if found.requires_grad else torch.zeros_like(given)
    if gradient.isnan().any():
        place = given[gradient.isnan()][0].item()
        raise ConfigError(f"{source.title}: its gradient is not a number at {place:g}")
    if not gradient.any() and source.sha256 not in _told:
        _told.add(source.sha256)
        warn(f"warning: {source.title}: no gradient comes through it: layers before it learn nothing")
