"""Initial weights, drawn with NumPy from the seed so that every engine starts from the same ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lenet_ablate.config import Model
from lenet_ablate.datasets.splits import WEIGHTS_STREAM, generator

IMAGE_SIZE = {Model.lenet5: 32}
"""Side of the square images that a network takes."""

# LeCun et al. 1998, section II.B, with every map of c3 connected to every map of s2, as is usual since.
SHAPES: dict[Model, dict[str, tuple[int, ...]]] = {
    Model.lenet5: {
        "c1": (6, 1, 5, 5),
        "c3": (16, 6, 5, 5),
        "c5": (120, 400),
        "f6": (84, 120),
        "output": (10, 84),
    }
}
"""Shape of each layer's weight: (out, in, height, width) for convolutions, (out, in) for fully connected layers."""


def num_parameters(model: Model) -> int:
    """How many weights and biases a network has."""
    return sum(math.prod(shape) + shape[0] for shape in SHAPES[model].values())


def draw_weights(model: Model, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Initial weights and biases by layer name, float32.

    Uniform in ±1/√fan_in, which is what PyTorch's `kaiming_uniform_(a=√5)` comes to and its default for
    `nn.Conv2d` and `nn.Linear` (`reset_parameters` in torch/nn/modules/conv.py and linear.py).
    """
    random = generator(seed, WEIGHTS_STREAM)
    drawn: dict[str, npt.NDArray[np.float32]] = {}
    for layer, shape in SHAPES[model].items():
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        drawn[f"{layer}.weight"] = random.uniform(-bound, bound, shape).astype(np.float32)
        drawn[f"{layer}.bias"] = random.uniform(-bound, bound, shape[0]).astype(np.float32)
    return drawn
