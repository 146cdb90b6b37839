"""The networks as data: what they take and the shapes of their weights, for every engine."""

from __future__ import annotations

import math

from lenet_ablate.config.choices import C5, Color, Model
from lenet_ablate.config.settings import ModelConfig, RunConfig
from lenet_ablate.datasets.base import num_classes_of

SIDES = {Model.lenet5: 32, Model.lenet5_28: 28, Model.cnn4: 28, Model.mlp: 28, Model.own: 28}

# LeCun et al. 1998, section II.B, with every map of c3 connected to every map of s2, as is usual since.
_C3 = (16, 6, 5, 5)
_F6 = (84, 120)
_CNN4 = {
    "c2": (32, 16, 3, 3),
    "c3": (64, 32, 3, 3),
    "c4": (128, 64, 3, 3),
    "f5": (1024, 128 * 4 * 4),
    "f6": (128, 1024),
}
_CNN4_NORMS = {"n1": 16, "n2": 32, "n3": 64, "n4": 128}


def image_size(model: ModelConfig) -> int:
    """Side of the square images that a network takes."""
    return SIDES[model.name]


def input_shape(config: RunConfig) -> tuple[int, int, int]:
    """Shape of what a network is given at a time: an image (C, S, S), or a point's features (1, 1, F)."""
    if config.data.name.is_playground:
        return 1, 1, len(config.data.features or ())
    return num_channels(config), image_size(config.model), image_size(config.model)


def num_channels(config: RunConfig) -> int:
    """1 of grey images and of points, 3 of colour images."""
    return 3 if config.data.color is Color.rgb else 1


def num_inputs(config: RunConfig) -> int:
    """How many numbers a fully connected network is given: pixels of an image, or features of a point."""
    return math.prod(input_shape(config))


def num_classes(config: RunConfig) -> int:
    """How many classes the output layer tells apart: the ten digits, two kinds of points, or as many as there are."""
    return num_classes_of(config.data)


def layer_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """Shape of each layer's weight: (out, in, height, width) for convolutions, (out, in) for fully connected layers."""
    model = config.model
    if model.name is Model.cnn4:
        return {"c1": (16, num_channels(config), 3, 3), **_CNN4, "output": (num_classes(config), 128)}
    if model.name is Model.mlp:
        widths = [num_inputs(config), *(model.hidden or ())]
        hidden = {f"f{i}": (widths[i], widths[i - 1]) for i in range(1, len(widths))}
        return {**hidden, "output": (num_classes(config), widths[-1])}
    side = ((image_size(model) - 4) // 2 - 4) // 2
    c5 = (120, 16, side, side) if model.c5 is C5.conv else (120, 16 * side * side)
    c1, output = (6, num_channels(config), 5, 5), (num_classes(config), _F6[0])
    return {"c1": c1, "c3": _C3, "c5": c5, "f6": _F6, "output": output}


def norm_sizes(model: ModelConfig) -> dict[str, int]:
    """Number of maps of each batch normalisation, by its name."""
    return dict(_CNN4_NORMS) if model.name is Model.cnn4 else {}


def weight_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """Shape of everything that a trained network holds, by its name in model.safetensors."""
    shapes = {f"{layer}.weight": shape for layer, shape in layer_shapes(config).items()}
    shapes |= {f"{layer}.bias": shape[:1] for layer, shape in layer_shapes(config).items()}
    for norm, size in norm_sizes(config.model).items():
        shapes |= {f"{norm}.{part}": (size,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes


def num_parameters(config: RunConfig) -> int:
    """How many numbers are learned: weights and biases, those of batch normalisations too."""
    layers = sum(math.prod(shape) + shape[0] for shape in layer_shapes(config).values())
    return layers + 2 * sum(norm_sizes(config.model).values())
