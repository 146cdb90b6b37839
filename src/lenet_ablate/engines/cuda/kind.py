"""A kind of network that `block.cu` is compiled for: the constants in front of its text, and the memory it takes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from lenet_ablate.config.choices import Activation, OutputActivation, Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.networks import image_size, num_classes
from lenet_ablate.errors import EngineError

ACTIVATIONS = {Activation.relu: "RELU", Activation.tanh: "TANH", Activation.sigmoid: "SIGMOID", Activation.gelu: "GELU"}
POOLS = {Pool.max: "MAX", Pool.avg: "MEAN"}
IMAGES = (8, 4, 2, 1)
PAD = 4
ALIGNMENT = 16

Number = Literal["float32", "float64"]
NUMBERS = {"float32": ("float", 4), "float64": ("double", 8)}


@dataclass(frozen=True)
class Kind:
    """What the compiler knows of a network; networks of one kind are trained by the same machine code.

    Attributes:
        side: Side of the images, 32 or 28.
        classes: Classes told apart, at least 2.
        pool: What s2 and s4 do.
        activation: What stands behind c1, c3, c5 and f6.
        rectified: Whether a ReLU stands behind the output.
        images: Images that a block works on at a time, one of `IMAGES`.
        number: Type of all arithmetic; float64 is for tests.
    """

    side: int
    classes: int
    pool: Pool
    activation: Activation
    rectified: bool
    images: int
    number: Number = "float32"

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a block: the size of `Shared` in block.cu, which refuses to compile if it differs."""
        return _shared_bytes(self)

    @property
    def source(self) -> str:
        """The program: constants and `block.cu`."""
        constants = {
            "SIDE": self.side,
            "CLASSES": self.classes,
            "IMAGES": self.images,
            "SHARED_BYTES": self.shared_bytes,
        }
        lines = [f"constexpr int {name} = {value};" for name, value in constants.items()]
        lines += [
            f"constexpr bool RECTIFIED = {str(self.rectified).lower()};",
            f"typedef {NUMBERS[self.number][0]} Number;",
        ]
        lines += [f"#define POOL {POOLS[self.pool]}", f"#define ACTIVATION {ACTIVATIONS[self.activation]}"]
        return "\n".join([*lines, "#line 1", block_source()])


def make_kind(config: RunConfig, shared_bytes: int, number: Number = "float32") -> Kind:
    """The kind of a run's network, with as many images at a time as a block's shared memory holds.

    Raises:
        EngineError: Not even one fits.
    """
    assert isinstance(config.activation, Activation)  # others are refused before a learner is made
    for images in IMAGES:
        kind = Kind(
            side=image_size(config.model),
            classes=num_classes(config),
            pool=config.pool,
            activation=config.activation,
            rectified=config.model.output_activation is OutputActivation.relu,
            images=images,
            number=number,
        )
        if kind.shared_bytes <= shared_bytes:
            return kind
    needed = f"{kind.shared_bytes:,} bytes of shared memory, of which this card gives a block {shared_bytes:,}"
    raise EngineError(f"engine=cuda: {kind.classes} classes need {needed}; engine=torch trains them")


@functools.cache
def block_source() -> str:
    """The text of block.cu."""
    return resources.files(__package__).joinpath("block.cu").read_text(encoding="utf-8")


def _shared_bytes(kind: Kind) -> int:
    side2 = (kind.side - 4) // 2
    side3 = side2 - 4
    fields2, cells3, fields4 = side2**2, side3**2, (side3 // 2) ** 2
    units4 = 16 * fields4
    images = kind.side**2 + PAD + 2 * (6 * fields2 + PAD) + 16 * cells3 + PAD
    units = 2 * (units4 + 120 + 84) + kind.classes + 1  # and the loss
    numbers = kind.images * (images + units) + 6 * 25 + 6 + 150 * 16 + 16
    size = NUMBERS[kind.number][1] * numbers + kind.images * (4 + 6 * fields2 + units4)
    return -(-size // ALIGNMENT) * ALIGNMENT
