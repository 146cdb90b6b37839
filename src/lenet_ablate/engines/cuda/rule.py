"""A run's optimizer as the numbers of block.cu's `update`: those of every step, and those of one step.

What depends on the step is computed here, in float64, so that the card needs no powers of the decay rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Optimizer
from lenet_ablate.config.settings import OptimizerConfig

ADAM, SGD, RMSPROP = 0, 1, 2
OPTIMIZERS = {Optimizer.adam: ADAM, Optimizer.adamw: ADAM, Optimizer.sgd: SGD, Optimizer.rmsprop: RMSPROP}
MOMENTS = {
    Optimizer.adam: ("exp_avg", "exp_avg_sq"),
    Optimizer.adamw: ("exp_avg", "exp_avg_sq"),
    Optimizer.sgd: ("momentum_buffer",),
    Optimizer.rmsprop: ("momentum_buffer", "square_avg"),
}
"""What PyTorch calls the first moment of block.cu, and the second."""


@dataclass(frozen=True)
class Rule:
    """The numbers of every step, see `update` in block.cu."""

    optimizer: int
    keep1: float
    add1: float
    keep2: float
    add2: float
    eps: float
    decay: float


def make_rule(settings: OptimizerConfig) -> Rule:
    """The numbers of every step."""
    beta1, beta2 = settings.betas or (0.9, 0.999)
    eps = 1e-8 if settings.eps is None else settings.eps
    momentum, decay = settings.momentum or 0.0, settings.weight_decay
    kind = OPTIMIZERS[settings.name]
    if kind == ADAM:
        decay = 0.0 if settings.name is Optimizer.adamw else decay
        return Rule(kind, beta1, 1 - beta1, beta2, 1 - beta2, eps, decay)
    if kind == SGD:  # Nesterov's step is g + momentum · m
        ahead, now = (momentum, 1.0) if settings.nesterov else (1.0, 0.0)
        return Rule(kind, momentum, 1.0, ahead, now, eps, decay)
    alpha = 0.99 if settings.alpha is None else settings.alpha
    return Rule(kind, momentum, 1.0, alpha, 1 - alpha, eps, decay)


def step_rates(
    settings: OptimizerConfig, learning_rates: npt.NDArray[np.float64], steps_done: int
) -> npt.NDArray[np.float64]:
    """Rate, scale and shrink of each step, (steps, 3): Adam's corrections of its moments, AdamW's decay.

    Args:
        settings: The optimizer.
        learning_rates: (steps,).
        steps_done: Updates made before the first of them.
    """
    rates = np.ones((len(learning_rates), 3))
    rates[:, 0] = learning_rates
    if OPTIMIZERS[settings.name] == ADAM:
        beta1, beta2 = settings.betas or (0.9, 0.999)
        steps = steps_done + 1.0 + np.arange(len(learning_rates))
        rates[:, 0] /= 1 - beta1**steps
        rates[:, 1] = 1 / np.sqrt(1 - beta2**steps)
    if settings.name is Optimizer.adamw:
        rates[:, 2] -= learning_rates * settings.weight_decay
    return rates
