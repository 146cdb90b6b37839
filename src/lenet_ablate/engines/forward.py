"""The forward pass of a trained network in NumPy alone: for prediction, where no engine need be started."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.config import Activation, Pool

BATCH_IMAGES = 250  # keeps the unfolded fields of c3 below 40 MB

Floats = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8] | Floats


@dataclass(frozen=True)
class Network:
    """A trained LeNet-5; every size is taken from its weights.

    Attributes:
        weights: Weights and biases by layer name (`c1.weight`, `c1.bias`, c3, c5, f6, output) in PyTorch's shapes.
        pool: How s2 and s4 reduce each 2×2 field.
        activation: The nonlinearity behind c1, c3, c5 and f6.
        mean: Subtracted from pixels scaled to 0..1.
        std: Divides the centred pixels.
        output_activation: The nonlinearity behind the output layer; None: the logits are left as they are.
    """

    weights: Mapping[str, Floats]
    pool: Pool
    activation: Activation
    mean: float
    std: float
    output_activation: Activation | None = None

    @property
    def image_size(self) -> int:
        """Side S of the square images that it takes."""
        num_maps, _, *kernel = self.weights["c3.weight"].shape
        side = math.isqrt(self.weights["c5.weight"].shape[1] // num_maps)
        return int(2 * (2 * side + kernel[0] - 1) + self.weights["c1.weight"].shape[2] - 1)


@dataclass(frozen=True)
class Signals:
    """What a network makes of images.

    Attributes:
        logits: (N, 10) float32, unbounded; their softmax is the probability of each digit.
        maps: (N, maps, height, width) float32 by layer, c1 and c3, behind the nonlinearity and before pooling; empty
            where not asked for.
    """

    logits: Floats
    maps: Mapping[str, Floats]


def forward(network: Network, images: Images, *, with_maps: bool = False) -> Signals:
    """The logits of images, and on request the feature maps of c1 and c3.

    Args:
        network: The trained network.
        images: (N, S, S), S its `image_size`; uint8 0..255, or float that is normalised already.
        with_maps: Keep the feature maps: 25 kB per image for LeNet-5.

    Raises:
        ValueError: The images are not of the network's size.
    """
    size = network.image_size
    if images.ndim != 3 or images.shape[1:] != (size, size):
        raise ValueError(f"images of shape {images.shape}, expected (N, {size}, {size})")
    starts = range(0, max(1, len(images)), BATCH_IMAGES)
    batches = [_forward(network, images[first : first + BATCH_IMAGES], with_maps) for first in starts]
    maps = {name: np.concatenate([batch.maps[name] for batch in batches]) for name in batches[0].maps}
    return Signals(np.concatenate([batch.logits for batch in batches]), maps)


def _forward(network: Network, images: Images, with_maps: bool) -> Signals:
    x = _normalise(images, network.mean, network.std)[:, None]
    c1 = _activate(_convolve(x, network.weights, "c1"), network.activation)
    c3 = _activate(_convolve(_reduce(c1, network.pool), network.weights, "c3"), network.activation)
    units: Floats = _reduce(c3, network.pool).reshape(len(images), network.weights["c5.weight"].shape[1])
    for layer in ("c5", "f6"):
        units = _activate(_connect(units, network.weights, layer), network.activation)
    logits = _connect(units, network.weights, "output")
    if network.output_activation is not None:
        logits = _activate(logits, network.output_activation)
    return Signals(logits, {"c1": c1, "c3": c3} if with_maps else {})


def _normalise(images: Images, mean: float, std: float) -> Floats:
    if images.dtype != np.uint8:
        return images.astype(np.float32, copy=False)
    levels = ((np.arange(256) / 255 - mean) / std).astype(np.float32)
    normalised: Floats = levels[images]
    return normalised


def _convolve(x: Floats, weights: Mapping[str, Floats], layer: str) -> Floats:
    """Valid cross-correlation as one matrix product, (N, in, H, W) -> (N, out, H', W')."""
    kernels = weights[f"{layer}.weight"]
    num_maps, _, height, width = kernels.shape
    fields = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))  # (N, in, H', W', h, w)
    num_images, num_inputs, rows, columns = fields.shape[:4]
    unfolded = fields.transpose(0, 1, 4, 5, 2, 3).reshape(num_images, num_inputs * height * width, rows * columns)
    maps: Floats = kernels.reshape(num_maps, -1) @ unfolded + weights[f"{layer}.bias"][:, None]
    return maps.reshape(num_images, num_maps, rows, columns)


def _connect(units: Floats, weights: Mapping[str, Floats], layer: str) -> Floats:
    connected: Floats = units @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
    return connected


def _reduce(maps: Floats, pool: Pool) -> Floats:
    num_images, num_maps, height, width = maps.shape
    fields = maps.reshape(num_images, num_maps, height // 2, 2, width // 2, 2)
    reduced: Floats = fields.max(axis=(3, 5)) if pool is Pool.max else fields.mean(axis=(3, 5))
    return reduced


def _activate(x: Floats, activation: Activation) -> Floats:
    if activation is Activation.relu:
        return np.maximum(x, np.float32(0))
    if activation is Activation.tanh:
        x = np.tanh(x)
        return x
    logistic: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))  # does not overflow
    return logistic
