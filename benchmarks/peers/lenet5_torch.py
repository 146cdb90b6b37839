"""LeNet-5 as PyTorch's own tutorials write a network, for every contestant that uses PyTorch."""

from __future__ import annotations

import torch
from torch import nn


class LeNet5(nn.Module):
    """32×32 images, max pooling, ReLU, full connection to c3: 61,706 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (N, 10), of images, (N, 1, 32, 32)."""
        return self.layers(images)
