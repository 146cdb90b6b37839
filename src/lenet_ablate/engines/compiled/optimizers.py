"""The update rules, as `torch.optim` defines them.

All but AdamW first add weight_decay · p to the gradient g. p, g and the moments are flat arrays of one length, a
multiple of the vectors' width.
"""

from __future__ import annotations

import numpy as np

from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, load, root, store, width

ADAM, ADAMW, SGD, RMSPROP = 0, 1, 2, 3


@kernel
def adam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    step: int,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    shrink: float,
) -> None:
    """Update number `step` = 1, 2, … (t); for AdamW `shrink` is 1 - lr · weight_decay and `decay` zero.

    m = β1·m + (1 - β1)·g, v = β2·v + (1 - β2)·g², p = shrink·p - lr/(1 - β1^t) · m / (√v / √(1 - β2^t) + ε).
    """
    rate = fill(p, lr / (1.0 - beta1**step))
    scale = fill(p, 1.0 / np.sqrt(1.0 - beta2**step))
    epsilon, penalty, shrunk = fill(p, eps), fill(p, decay), fill(p, shrink)
    keep1, add1, keep2, add2 = fill(p, beta1), fill(p, 1.0 - beta1), fill(p, beta2), fill(p, 1.0 - beta2)
    for at in range(0, p.size, width(p)):
        weight = load(p, at)
        gradient = load(g, at) + penalty * weight
        first = keep1 * load(m, at) + add1 * gradient
        second = keep2 * load(v, at) + add2 * gradient * gradient
        store(m, at, first)
        store(v, at, second)
        store(p, at, shrunk * weight - rate * first / (root(second) * scale + epsilon))


@kernel
def sgd(p: Array, g: Array, m: Array, lr: float, momentum: float, nesterov: int, decay: float) -> None:
    """m = momentum·m + g (the first time m = g, which is the same as m starts at zero), p -= lr·m.

    With Nesterov's momentum p -= lr·(g + momentum·m) instead.
    """
    rate, keep, penalty = fill(p, lr), fill(p, momentum), fill(p, decay)
    # g + momentum·m is ahead·m + now·g for both.
    ahead, now = fill(p, momentum if nesterov else 1.0), fill(p, 1.0 if nesterov else 0.0)
    for at in range(0, p.size, width(p)):
        weight = load(p, at)
        gradient = load(g, at) + penalty * weight
        velocity = keep * load(m, at) + gradient
        store(m, at, velocity)
        store(p, at, weight - rate * (ahead * velocity + now * gradient))


@kernel
def rmsprop(
    p: Array, g: Array, v: Array, m: Array, lr: float, alpha: float, eps: float, momentum: float, decay: float
) -> None:
    """v = α·v + (1 - α)·g², m = momentum·m + g / (√v + ε), p -= lr·m."""
    rate, keep, penalty, epsilon = fill(p, lr), fill(p, momentum), fill(p, decay), fill(p, eps)
    old, new = fill(p, alpha), fill(p, 1.0 - alpha)
    for at in range(0, p.size, width(p)):
        weight = load(p, at)
        gradient = load(g, at) + penalty * weight
        squares = old * load(v, at) + new * gradient * gradient
        velocity = keep * load(m, at) + gradient / (root(squares) + epsilon)
        store(v, at, squares)
        store(m, at, velocity)
        store(p, at, weight - rate * velocity)
