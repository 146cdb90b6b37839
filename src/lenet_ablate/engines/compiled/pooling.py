"""The 2×2 poolings s2 and s4 with stride 2, and how they pair with the activation.

For x (C, H, W·lanes): y[c, i, j] is the greatest or the mean of x[c, 2i:2i+2, 2j:2j+2]. All activations rise, so the
greatest activated value is the activated greatest value: with max pooling only the pooled quarter is activated.
The gradient of a maximum goes to the first greatest value in row-major order, as in PyTorch.
"""

from __future__ import annotations

from lenet_ablate.engines.compiled.activation import RELU, TANH
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, load, store, where, width


@kernel
def max_forward(x: Array, y: Array, lanes: int) -> None:
    """y = max; a NaN anywhere in a field is its maximum."""
    row, step = x.shape[2], width(x)
    for i in range(y.shape[0] * y.shape[1]):
        for j in range(y.shape[2] // lanes):
            for lane in range(0, lanes, step):
                at = 2 * i * row + 2 * j * lanes + lane
                best = load(x, at)
                for other in (at + lanes, at + row, at + row + lanes):
                    value = load(x, other)
                    best = where((value > best) | (value != value), value, best)
                store(y, i * y.shape[2] + j * lanes + lane, best)


@kernel
def max_backward(x: Array, dy: Array, lanes: int) -> None:
    """Replace x by its gradient: dy at each field's maximum, zero elsewhere."""
    row, step = x.shape[2], width(x)
    zero = fill(x, 0.0)
    for i in range(dy.shape[0] * dy.shape[1]):
        for j in range(dy.shape[2] // lanes):
            for lane in range(0, lanes, step):
                at = 2 * i * row + 2 * j * lanes + lane
                a, b, c, d = load(x, at), load(x, at + lanes), load(x, at + row), load(x, at + row + lanes)
                gradient = load(dy, i * dy.shape[2] + j * lanes + lane)
                to_a = gradient
                best = a
                to_b = where(b > best, gradient, zero)
                to_a = where(b > best, zero, to_a)
                best = where(b > best, b, best)
                to_c = where(c > best, gradient, zero)
                to_a = where(c > best, zero, to_a)
                to_b = where(c > best, zero, to_b)
                best = where(c > best, c, best)
                to_d = where(d > best, gradient, zero)
                store(x, at, where(d > best, zero, to_a))
                store(x, at + lanes, where(d > best, zero, to_b))
                store(x, at + row, where(d > best, zero, to_c))
                store(x, at + row + lanes, to_d)


@kernel
def mean_forward(x: Array, y: Array, lanes: int) -> None:
    """y = mean."""
    row, step = x.shape[2], width(x)
    quarter = fill(x, 0.25)
    for i in range(y.shape[0] * y.shape[1]):
        for j in range(y.shape[2] // lanes):
            for lane in range(0, lanes, step):
                at = 2 * i * row + 2 * j * lanes + lane
                upper = load(x, at) + load(x, at + lanes)
                lower = load(x, at + row) + load(x, at + row + lanes)
                store(y, i * y.shape[2] + j * lanes + lane, (upper + lower) * quarter)


@kernel
def mean_backward(kind: int, dy: Array, x: Array, lanes: int) -> None:
    """Replace activated values x by the gradient before the activation: dy[c, i, j] / 4 times its derivative."""
    row, step = x.shape[2], width(x)
    quarter, zero, one = fill(x, 0.25), fill(x, 0.0), fill(x, 1.0)
    for i in range(dy.shape[0] * dy.shape[1]):
        for j in range(dy.shape[2] // lanes):
            for lane in range(0, lanes, step):
                at = 2 * i * row + 2 * j * lanes + lane
                gradient = load(dy, i * dy.shape[2] + j * lanes + lane) * quarter
                for place in (at, at + lanes, at + row, at + row + lanes):
                    value = load(x, place)
                    if kind == RELU:
                        store(x, place, where(value > zero, gradient, zero))
                    elif kind == TANH:
                        store(x, place, gradient * (one - value * value))
                    else:
                        store(x, place, gradient * (value * (one - value)))
