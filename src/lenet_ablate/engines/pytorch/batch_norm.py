"""Batch normalisation whose training is exact on the CPU, where the channels of maps come last.

PyTorch sums the statistics and the gradients of a batch in float32 one after the other in that layout: the gradients
of a smooth network's first step are off by 1e-5 to 5e-5 of the largest. Here each is a sum down the rows of a matrix,
which PyTorch adds in pairs: they are off by 5e-6, as where the maps are contiguous.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with the parameters, buffers and meaning of that one (Ioffe and Szegedy 2015, algorithm 1)."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """The maps (N, C, H, W) centred and scaled, by the statistics of the batch in training."""
        if not self.training or maps.device.type != "cpu":
            return super().forward(maps)
        normed, mean, variance = _Normed.apply(maps, self.weight, self.bias, self.eps)
        self._follow(mean, variance, maps.numel() // self.num_features)
        return normed  # type: ignore[no-any-return]

    @torch.no_grad()
    def _follow(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """Move the running statistics, of which the variance is the unbiased one, towards the batch's."""
        assert self.momentum is not None and self.running_mean is not None and self.running_var is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


class _Normed(torch.autograd.Function):
    """The maps (N, C, H, W) normalised by their own mean and variance (C), which are returned beside them."""

    @staticmethod
    def forward(
        ctx: Any, maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = _rows(maps)
        mean = rows.mean(0)
        centred = rows - mean
        variance = centred.square().mean(0)
        scale = torch.rsqrt(variance + eps)
        standard = centred.mul_(scale)
        ctx.save_for_backward(standard, weight, scale)
        ctx.mark_non_differentiable(mean, variance)
        return _maps(torch.addcmul(bias, standard, weight), maps), mean, variance

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, maps_grad: torch.Tensor, *_: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        standard, weight, scale = ctx.saved_tensors
        grad = _rows(maps_grad)
        bias_grad, weight_grad = grad.sum(0), (grad * standard).sum(0)
        # What moves the batch's mean or its variance moves nothing behind them.
        free = torch.addcmul(grad, standard, weight_grad / -len(grad)).sub_(bias_grad / len(grad))
        return _maps(free.mul_(weight * scale), maps_grad), weight_grad, bias_grad, None


def _rows(maps: torch.Tensor) -> torch.Tensor:
    """Maps (N, C, H, W) as rows (N·H·W, C): a view where the channels come last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _maps(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Rows (N·H·W, C) as maps (N, C, H, W) of the shape of others."""
    count, channels, height, width = like.shape
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)
