"""What of a run's settings the kernels know, as numbers."""

from __future__ import annotations

from typing import NamedTuple

MAX, MEAN = 0, 1


class Rule(NamedTuple):
    """How the network computes and learns: numbers that the kernels branch on, outside of their loops.

    `derivative` is what the way back goes by (`activation.derivative_by`): `SLOPE`, or the activation itself.
    """

    classes: int
    pool: int
    activation: int
    derivative: int
    output_relu: int
    optimizer: int
    beta1: float
    beta2: float
    alpha: float
    eps: float
    momentum: float
    nesterov: int
    weight_decay: float
