"""How activations and parameters lie in memory.

**The batch is the innermost axis.** A batch is worked through in chunks of at most `CHUNK` images. Activations of C
maps of H×W for a chunk are one array (C, H, W·lanes): pixel (h, w) of map c is `lanes` numbers in a row, one per
image, and its right neighbour the next `lanes`. So whatever the number of maps, every operation works on whole
vectors of images; a convolution over an output row is one sweep over W·lanes contiguous numbers, in which a shift by
q columns is a shift by q·lanes; flattening (16, 5, 5·lanes) to (400, lanes) is free. `lanes` is the chunk's number of
images, rounded up to `LANE_MULTIPLE`; the spare lanes repeat the chunk's last image and get gradient zero. Training in
batches of no more than `FEWEST_LANES` makes do with that many: at 16 half the arithmetic would be for spare lanes.
Chunks keep the activations in the processor's cache whatever the batch size; gradients are summed over them.

**Parameters** lie in one array, as do their gradients and the optimizer's moments: each layer's weight in PyTorch's
shape, then its bias. A fully connected weight (M, K) is padded to multiples of `ROW_TILE` rows and `COLUMN_MULTIPLE`
columns. Padding is zero, gets zero gradients and so stays zero under both optimizers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

CHUNK = 64
LANE_MULTIPLE = 16
FEWEST_LANES = 8
ROW_TILE = 6
COLUMN_MULTIPLE = 16
ALIGNMENT = 64
SUMS = 5 * 5 * 4 * 16  # a filter's taps, 4 filters at a time, up to 16 numbers in a vector

CONVOLUTIONS = ("c1", "c3")
LAYERS = (*CONVOLUTIONS, "c5", "f6", "output")
Array = npt.NDArray[Any]


class Parameters(NamedTuple):
    """Each layer's weight and bias: views of one array of parameters, gradients or moments."""

    c1_weight: Array
    c1_bias: Array
    c3_weight: Array
    c3_bias: Array
    c5_weight: Array
    c5_bias: Array
    f6_weight: Array
    f6_bias: Array
    output_weight: Array
    output_bias: Array


class Buffers(NamedTuple):
    """Flat memory for one chunk: the layers' values, then gradients and transposed copies for the way back.

    `c1` and `c3` hold their own gradients once the way back has passed them. The slopes are the derivatives of an
    activation that is not simple (activation.py) and else not touched. `places` and `sums` are the kernels' scratch
    memory.
    """

    image: Array
    c1: Array
    s2: Array
    c3: Array
    s4: Array
    c5: Array
    f6: Array
    output: Array
    s2_gradient: Array
    s4_gradient: Array
    c5_gradient: Array
    f6_gradient: Array
    s4_transposed: Array
    c5_transposed: Array
    f6_transposed: Array
    c1_slope: Array
    c3_slope: Array
    c5_slope: Array
    f6_slope: Array
    places: Array
    sums: Array


@dataclass(frozen=True)
class Layer:
    """Where a layer's weight and bias lie: begin, shape in PyTorch and shape with padding."""

    weight_at: int
    bias_at: int
    shape: tuple[int, ...]
    padded: tuple[int, ...]


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _padded(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if name in CONVOLUTIONS:
        return shape
    # c5 as a convolution sees each map whole, which is a fully connected layer.
    return _up(shape[0], ROW_TILE), _up(math.prod(shape[1:]), COLUMN_MULTIPLE)


class Layout:
    """The places of all parameters of a network, and its buffers.

    Args:
        shapes: Each layer's weight shape (`engines.networks.layer_shapes`).
        side: Side of the images that the first convolution sees.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], side: int) -> None:
        self.side = side
        self.layers: dict[str, Layer] = {}
        at = 0
        for name in LAYERS:
            padded = _padded(name, shapes[name])
            bias_at = _up(at + int(np.prod(padded)), COLUMN_MULTIPLE)
            self.layers[name] = Layer(at, bias_at, shapes[name], padded)
            at = _up(bias_at + padded[0], COLUMN_MULTIPLE)
        self.size = at

    def views(self, flat: Array) -> Parameters:
        """The layers' weights and biases, padded, as views of one array."""
        found = []
        for layer in self.layers.values():
            end = layer.weight_at + int(np.prod(layer.padded))
            found += [
                flat[layer.weight_at : end].reshape(layer.padded),
                flat[layer.bias_at : layer.bias_at + layer.padded[0]],
            ]
        return Parameters(*found)

    def pack(self, arrays: Mapping[str, Array], flat: Array) -> None:
        """Write arrays by PyTorch's names and shapes to their places."""
        for name, part in self._parts(flat).items():
            part[...] = arrays[name].reshape(part.shape)

    def unpack(self, flat: Array) -> dict[str, Array]:
        """Copies by PyTorch's names and shapes."""
        shapes = {f"{name}.weight": layer.shape for name, layer in self.layers.items()}
        return {
            name: np.array(part, order="C").reshape(shapes.get(name, part.shape))
            for name, part in self._parts(flat).items()
        }

    def _parts(self, flat: Array) -> dict[str, Array]:
        parts: dict[str, Array] = {}
        views = self.views(flat)._asdict()
        for name, layer in self.layers.items():
            weight, rows = views[f"{name}_weight"], layer.shape[0]
            is_convolution = name in CONVOLUTIONS
            parts[f"{name}.weight"] = weight if is_convolution else weight[:rows, : math.prod(layer.shape[1:])]
            parts[f"{name}.bias"] = views[f"{name}_bias"][: layer.shape[0]]
        return parts

    def buffers(self, dtype: Any) -> Buffers:
        """Memory for a chunk of `CHUNK` lanes, zeroed."""
        c1 = self.side - 4
        s2 = c1 // 2
        c3 = s2 - 4
        maps1, maps3 = self.layers["c1"].shape[0], self.layers["c3"].shape[0]
        c5, f6, output = (self.layers[name].padded for name in ("c5", "f6", "output"))
        maps = maps1 * c1**2, maps3 * c3**2
        pooled = maps1 * s2 * s2, maps3 * (c3 // 2) ** 2
        image = self.layers["c1"].shape[1] * self.side**2
        sizes = [image, maps[0], pooled[0], maps[1], pooled[1], c5[0], f6[0], output[0]]
        sizes += [pooled[0], pooled[1], c5[0], f6[0], c5[1], f6[1], output[1]]
        sizes += [maps[0], maps[1], c5[0], f6[0]]
        flat = [aligned_zeros(size * CHUNK, dtype) for size in sizes]
        flat += [aligned_zeros(CHUNK, np.int64), aligned_zeros(SUMS, dtype)]
        return Buffers(*flat)


def aligned_zeros(size: int, dtype: Any) -> Array:
    """A zeroed array that begins on a cache line."""
    itemsize = np.dtype(dtype).itemsize
    spare = np.zeros(size + ALIGNMENT // itemsize, dtype)
    begin = -spare.ctypes.data % ALIGNMENT // itemsize
    return spare[begin : begin + size]
