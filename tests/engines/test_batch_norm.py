"""The derivatives of batch normalisation, and that it is PyTorch's layer in all but its rounding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lenet_ablate.engines.pytorch.batch_norm import BatchNorm


def maps_of(layout: torch.memory_format) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 4, 5, 2, generator=random, dtype=torch.float64) * 3 + 7
    return maps.to(memory_format=layout).requires_grad_()


@pytest.fixture
def norm() -> BatchNorm:
    norm = BatchNorm(4).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.5, -0.5, 0.1, 2.0]))
        norm.bias.copy_(torch.tensor([0.0, 1.0, -2.0, 0.5]))
    return norm


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_derivatives_are_those_of_differences(norm: BatchNorm, layout: torch.memory_format) -> None:
    def normed(maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (maps,))

    assert torch.autograd.gradcheck(normed, (maps_of(layout), norm.weight, norm.bias))


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_is_pytorchs_layer(norm: BatchNorm, layout: torch.memory_format) -> None:
    """Values, gradients and running statistics over two steps of training, and values of an evaluation behind them."""
    plain = nn.BatchNorm2d(4).double()
    plain.load_state_dict(norm.state_dict())
    for training in (True, True, False):
        norm.train(training)
        plain.train(training)
        given, wanted = maps_of(layout), maps_of(layout)
        found, expected = norm(given), plain(wanted)
        torch.testing.assert_close(found, expected)
        for each in (found, expected):
            each.pow(3).sum().backward()
        torch.testing.assert_close(given.grad, wanted.grad)
    for (name, buffer), other in zip(norm.named_buffers(), plain.buffers(), strict=True):
        if buffer.is_floating_point():
            torch.testing.assert_close(buffer, other, msg=name)
    for parameter, other in zip(norm.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)


def test_a_second_derivative_is_refused_rather_than_wrong(norm: BatchNorm) -> None:
    maps = maps_of(torch.channels_last)
    (first,) = torch.autograd.grad(norm(maps).pow(2).sum(), maps, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
