"""The forward pass of a trained fully connected network in NumPy alone: for figures, which start no engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lenet_ablate.choices import Activation, OutputActivation
from lenet_ablate.config import RunConfig
from lenet_ablate.engines.networks import layer_shapes

Floats = npt.NDArray[np.float32]


def mlp_logits(config: RunConfig, weights: Mapping[str, Floats], inputs: Floats) -> Floats:
    """The logits (N, classes) float32 of inputs (N, F), features of points or normalised pixels row by row.

    Args:
        config: A run of `model=mlp`.
        weights: Its weights and biases by layer name, as in `model.safetensors`.
        inputs: (N, F) float32, or any shape (N, …) with F numbers for each sample.
    """
    units: Floats = inputs.reshape(len(inputs), -1)
    for layer in layer_shapes(config):
        units = units @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        if layer != "output":
            units = _activate(units, config.activation)
    if config.model.output_activation is OutputActivation.relu:
        units = _rectify(units)
    return units


def _activate(x: Floats, activation: Activation) -> Floats:
    if activation is Activation.relu:
        return _rectify(x)
    if activation is Activation.tanh:
        return np.tanh(x)
    half = np.float32(0.5)
    logistic: Floats = half * np.tanh(half * x) + half  # overflows nowhere
    return logistic


def _rectify(x: Floats) -> Floats:
    return np.maximum(x, np.float32(0))
