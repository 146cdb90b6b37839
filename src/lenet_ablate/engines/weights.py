"""Initial weights, drawn with NumPy from the seed so that every engine starts from the same ones."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Init
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.splits import WEIGHTS_STREAM, generator
from lenet_ablate.engines.networks import layer_shapes, norm_sizes

GAUSSIAN_SD, GAUSSIAN_BIAS = 0.1, 0.01


def draw_weights(config: RunConfig) -> dict[str, npt.NDArray[np.float32]]:
    """Initial weights and biases by layer name, float32, and the batch normalisations' running statistics.

    By default uniform in ±1/√fan_in, which is what PyTorch's `kaiming_uniform_(a=√5)` comes to and its default for
    `nn.Conv2d` and `nn.Linear` (`reset_parameters` in torch/nn/modules/conv.py and linear.py). With `init=gaussian`
    weights are N(0, GAUSSIAN_SD²) and biases GAUSSIAN_BIAS.
    """
    random = generator(config.seed, WEIGHTS_STREAM)
    drawn: dict[str, npt.NDArray[np.float32]] = {}
    for layer, shape in layer_shapes(config).items():
        if config.init is Init.gaussian:
            drawn[f"{layer}.weight"] = random.normal(0.0, GAUSSIAN_SD, shape).astype(np.float32)
            drawn[f"{layer}.bias"] = np.full(shape[0], GAUSSIAN_BIAS, np.float32)
            continue
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        drawn[f"{layer}.weight"] = random.uniform(-bound, bound, shape).astype(np.float32)
        drawn[f"{layer}.bias"] = random.uniform(-bound, bound, shape[0]).astype(np.float32)
    for norm, size in norm_sizes(config.model).items():
        drawn |= {f"{norm}.{part}": np.ones(size, np.float32) for part in ("weight", "running_var")}
        drawn |= {f"{norm}.{part}": np.zeros(size, np.float32) for part in ("bias", "running_mean")}
    return drawn
