"""Initial weights, drawn with NumPy from the seed so that every engine starts from the same ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lenet_ablate.config import RunConfig
from lenet_ablate.datasets.splits import WEIGHTS_STREAM, generator
from lenet_ablate.engines.networks import layer_shapes, norm_sizes


def draw_weights(config: RunConfig) -> dict[str, npt.NDArray[np.float32]]:
    """Initial weights and biases by layer name, float32, and the batch normalisations' running statistics.

    Uniform in ±1/√fan_in, which is what PyTorch's `kaiming_uniform_(a=√5)` comes to and its default for
    `nn.Conv2d` and `nn.Linear` (`reset_parameters` in torch/nn/modules/conv.py and linear.py).
    """
    random = generator(config.seed, WEIGHTS_STREAM)
    drawn: dict[str, npt.NDArray[np.float32]] = {}
    for layer, shape in layer_shapes(config.model).items():
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        drawn[f"{layer}.weight"] = random.uniform(-bound, bound, shape).astype(np.float32)
        drawn[f"{layer}.bias"] = random.uniform(-bound, bound, shape[0]).astype(np.float32)
    for norm, size in norm_sizes(config.model).items():
        drawn |= {f"{norm}.{part}": np.ones(size, np.float32) for part in ("weight", "running_var")}
        drawn |= {f"{norm}.{part}": np.zeros(size, np.float32) for part in ("bias", "running_mean")}
    return drawn
