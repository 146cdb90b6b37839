"""Where block.cu has each parameter: one array, layer after layer, each layer's weights and then its biases.

A weight of PyTorch's shape (outs, …) lies as (ins, outs), so that neighbouring threads, which have neighbouring
outputs, read neighbouring numbers; c1's lies as it is, (6, 25). A c5 written as a convolution sees each map whole,
which is a fully connected layer, so that only its shape differs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LAYERS = ("c1", "c3", "c5", "f6", "output")
AS_IT_IS = "c1"
Array = npt.NDArray[Any]


class Layout:
    """The places of a network's parameters.

    Args:
        shapes: Each layer's weight shape (`engines.networks.layer_shapes`).

    Attributes:
        size: How many parameters there are.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = {name: shapes[name] for name in LAYERS}
        self.size = sum(math.prod(shape) + shape[0] for shape in self._shapes.values())

    def pack(self, arrays: Mapping[str, Array], flat: Array) -> None:
        """Write arrays by PyTorch's names and shapes to their places."""
        for name, place in self._places(flat).items():
            place[...] = arrays[name].reshape(place.shape)

    def unpack(self, flat: Array) -> dict[str, Array]:
        """Copies by PyTorch's names and shapes."""
        shapes = {f"{name}.weight": shape for name, shape in self._shapes.items()}
        return {
            name: np.array(place, order="C").reshape(shapes.get(name, place.shape))
            for name, place in self._places(flat).items()
        }

    def _places(self, flat: Array) -> dict[str, Array]:
        """Views (outs, ins) and (outs,)."""
        places, at = {}, 0
        for name, shape in self._shapes.items():
            outs, ins = shape[0], math.prod(shape[1:])
            weights, at = flat[at : at + outs * ins], at + outs * ins
            turned = weights.reshape(outs, ins) if name == AS_IT_IS else weights.reshape(ins, outs).T
            places[f"{name}.weight"], places[f"{name}.bias"] = turned, flat[at : at + outs]
            at += outs
        return places
