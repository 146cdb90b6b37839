"""The update rules, as `torch.optim.Adam` and `torch.optim.SGD` define them.

Both first add weight_decay · p to the gradient g. p, g and the moments are flat arrays of one length, a multiple of
the vectors' width.
"""

from __future__ import annotations

import numpy as np

from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, load, root, store, width

ADAM, SGD = 0, 1


@kernel
def adam(
    p: Array, g: Array, m: Array, v: Array, lr: float, step: int, beta1: float, beta2: float, eps: float, decay: float
) -> None:
    """Update number `step` = 1, 2, … (t).

    m = β1·m + (1 - β1)·g, v = β2·v + (1 - β2)·g², p -= lr/(1 - β1^t) · m / (√v / √(1 - β2^t) + ε).
    """
    rate = fill(p, lr / (1.0 - beta1**step))
    scale = fill(p, 1.0 / np.sqrt(1.0 - beta2**step))
    epsilon, penalty = fill(p, eps), fill(p, decay)
    keep1, add1, keep2, add2 = fill(p, beta1), fill(p, 1.0 - beta1), fill(p, beta2), fill(p, 1.0 - beta2)
    for at in range(0, p.size, width(p)):
        weight = load(p, at)
        gradient = load(g, at) + penalty * weight
        first = keep1 * load(m, at) + add1 * gradient
        second = keep2 * load(v, at) + add2 * gradient * gradient
        store(m, at, first)
        store(v, at, second)
        store(p, at, weight - rate * first / (root(second) * scale + epsilon))


@kernel
def sgd(p: Array, g: Array, m: Array, lr: float, step: int, momentum: float, decay: float) -> None:
    """m = momentum·m + g (the first time m = g, which is the same as m starts at zero), p -= lr·m."""
    rate, keep, penalty = fill(p, lr), fill(p, momentum), fill(p, decay)
    for at in range(0, p.size, width(p)):
        weight = load(p, at)
        velocity = keep * load(m, at) + (load(g, at) + penalty * weight)
        store(m, at, velocity)
        store(p, at, weight - rate * velocity)
