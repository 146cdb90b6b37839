"""The forward pass of a trained network in NumPy alone: for prediction, where no engine need be started."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Activation, Model, OutputActivation, Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.networks import image_size, layer_shapes, num_channels, num_inputs

BATCH_IMAGES = 100  # keeps the unfolded fields of the largest network below 70 MB
NORM_EPS = 1e-5  # as in PyTorch's BatchNorm2d
POOLED: dict[Model, frozenset[str]] = {
    Model.lenet5: frozenset({"c1", "c3"}),
    Model.lenet5_28: frozenset({"c1", "c3"}),
    Model.cnn4: frozenset({"c2", "c4"}),
    Model.mlp: frozenset(),
}
"""Convolutions that are pooled: by s2 and s4."""

Floats = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8] | Floats


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        config: The run that it comes from.
        weights: Weights and biases by layer name, as in model.safetensors.
        mean: Subtracted from pixels scaled to 0..1.
        std: Divides the centred pixels.
        compute: Of an own network, or with an own nonlinearity: its logits (N, K) of normalised images (N, C, S, S);
            ours are computed here.
    """

    config: RunConfig
    weights: Mapping[str, Floats]
    mean: float = 0.0
    std: float = 1.0
    compute: Callable[[Floats], Floats] | None = None

    @property
    def image_size(self) -> int:
        """Side S of the square images that it takes."""
        return image_size(self.config.model)


@dataclass(frozen=True)
class Signals:
    """What a network makes of images.

    Attributes:
        logits: (N, K) float32, unbounded; their softmax is the probability of each class.
        maps: (N, maps, height, width) float32 by convolution, c1 and c3 of LeNet-5, behind the nonlinearity and before
            pooling; empty where not asked for.
        units: (N, U) float32, what the output layer is given: the last hidden layer behind its nonlinearity; of a
            network with `compute`, which does not tell, U = 0.
    """

    logits: Floats
    maps: Mapping[str, Floats]
    units: Floats


def forward(network: Network, images: Images, *, with_maps: bool = False) -> Signals:
    """The logits of images, and on request the feature maps of the convolutions.

    Args:
        network: The trained network.
        images: (N, S, S), in colour (N, 3, S, S), S its `image_size`; uint8 0..255, or float that is normalised
            already. Of a network for points (N, 1, F), F features of each.
        with_maps: Keep the feature maps: 25 kB per image for LeNet-5.

    Raises:
        ValueError: The images are not of the network's size.
    """
    size, config = network.image_size, network.config
    wanted: tuple[int, ...] = (1, num_inputs(config)) if config.data.name.is_playground else (size, size)
    if num_channels(config) > 1:
        wanted = (num_channels(config), *wanted)
    if images.shape[1:] != wanted:
        raise ValueError(f"images of shape {images.shape}, expected (N, {', '.join(map(str, wanted))})")
    starts = range(0, max(1, len(images)), BATCH_IMAGES)
    batches = [_forward(network, images[first : first + BATCH_IMAGES], with_maps) for first in starts]
    maps = {name: np.concatenate([batch.maps[name] for batch in batches]) for name in batches[0].maps}
    logits, units = (np.concatenate(parts) for parts in zip(*((b.logits, b.units) for b in batches), strict=True))
    return Signals(logits, maps, units)


def _forward(network: Network, images: Images, with_maps: bool) -> Signals:
    config = network.config
    x = _normalise(images, network.mean, network.std)
    x = x if x.ndim == 4 else x[:, None]
    if network.compute is not None:
        return Signals(network.compute(x), {}, np.empty((len(x), 0), np.float32))
    assert isinstance(config.activation, Activation)
    activate = ACTIVATIONS[config.activation]
    maps: dict[str, Floats] = {}
    units = x
    for layer, shape in layer_shapes(config).items():
        if len(shape) == 4 and layer != "c5":
            x = activate(_norm(_convolve(x, network.weights, layer), network.weights, layer))
            maps |= {layer: x} if with_maps else {}
            x = POOLS[config.pool](x) if layer in POOLED[config.model.name] else x
            continue
        units = x.reshape(len(x), math.prod(x.shape[1:]))
        x = _connect(units, network.weights, layer)
        if layer != "output":
            x = activate(x)
    if config.model.output_activation is OutputActivation.relu:
        x = _relu(x)
    return Signals(x, maps, units)


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


def _norm(maps: Floats, weights: Mapping[str, Floats], layer: str) -> Floats:
    """Batch normalisation with its running statistics, where the layer has one."""
    name = layer.replace("c", "n")
    if f"{name}.weight" not in weights:
        return maps
    scale = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + np.float32(NORM_EPS))
    shift = weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale
    normed: Floats = maps * scale[:, None, None] + shift[:, None, None]
    return normed


def _connect(units: Floats, weights: Mapping[str, Floats], layer: str) -> Floats:
    """A fully connected layer, or a convolution as large as its input, (N, in) -> (N, out)."""
    matrix = weights[f"{layer}.weight"]
    connected: Floats = units @ matrix.reshape(len(matrix), -1).T + weights[f"{layer}.bias"]
    return connected


def _max_pool(maps: Floats) -> Floats:
    """The largest of each 2×2 field; slices take a thirtieth of the time that reducing two axes of fields takes."""
    rows = np.maximum(maps[:, :, ::2], maps[:, :, 1::2])
    return np.maximum(rows[..., ::2], rows[..., 1::2])


def _average_pool(maps: Floats) -> Floats:
    """The mean of each 2×2 field."""
    rows = maps[:, :, ::2] + maps[:, :, 1::2]
    mean: Floats = (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
    return mean


def _relu(x: Floats) -> Floats:
    return np.maximum(x, np.float32(0))


def _tanh(x: Floats) -> Floats:
    activated: Floats = np.tanh(x)
    return activated


def _sigmoid(x: Floats) -> Floats:
    logistic: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))  # does not overflow
    return logistic


def _gelu(x: Floats) -> Floats:
    from scipy.special import ndtr  # the normal distribution

    bounded = np.maximum(x, np.float32(-40))  # where the distribution is zero, which infinity times zero is not
    activated: Floats = bounded * ndtr(bounded)
    return activated


ACTIVATIONS: Mapping[Activation, Callable[[Floats], Floats]] = {
    Activation.relu: _relu,
    Activation.tanh: _tanh,
    Activation.sigmoid: _sigmoid,
    Activation.gelu: _gelu,
}
POOLS: Mapping[Pool, Callable[[Floats], Floats]] = {Pool.max: _max_pool, Pool.avg: _average_pool}
