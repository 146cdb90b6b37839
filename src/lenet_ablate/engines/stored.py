"""A trained network's weights as stored in its run's folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lenet_ablate.config.own_code import has_own_network
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.forward import Floats
from lenet_ablate.engines.networks import weight_shapes
from lenet_ablate.errors import RecordError
from lenet_ablate.records.arrays import MAX_HEADER_BYTES, read_weights
from lenet_ablate.records.read import most_bytes


def read_stored(folder: Path, name: str, config: RunConfig) -> dict[str, Floats]:
    """The weights in a file of a run's folder, checked: a damaged file must not end in a wrong digit.

    Args:
        folder: The run's folder.
        name: `model.safetensors`, or a file of an earlier epoch.
        config: The run's settings.

    Returns:
        The weights by name; of an own network or nonlinearity, whose code alone knows them, of whatever type
        and shape they are.

    Raises:
        RecordError: The file cannot be read, or holds other weights than such a network has, or such as are not finite.
    """
    if has_own_network(config):
        return _read_own(folder, name, config)
    shapes = weight_shapes(config)
    weights = read_weights(folder, name, MAX_HEADER_BYTES + 4 * sum(map(math.prod, shapes.values())))
    if {name: array.shape for name, array in weights.items()} != shapes or any(
        array.dtype != np.float32 or not np.isfinite(array).all() for array in weights.values()
    ):
        raise RecordError(f"{name} does not hold the weights of {config.model.name.value}")
    return weights


def _read_own(folder: Path, name: str, config: RunConfig) -> dict[str, Floats]:
    weights = read_weights(folder, name, most_bytes(config))
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise RecordError(f"{name} holds weights that are not finite")
    return weights
