"""The activations behind c1, c3, c5 and f6, and their derivatives.

Each has a number here, to which learner.py maps its name. A simple one never falls and its derivative is a function of
the activated value: it is listed in `SIMPLE` and has a branch in `activate` and one in `times_derivative`. Any other
has only a branch in `activate_with_slope`, which writes value and derivative side by side.

`tanh` and `sigmoid` in float32 are a rational function, because a library call per element would cost more than the
rest of the layer: tanh x ≈ x·P(x²)/Q(x²) on ±`LIMIT`, constant beyond, fitted by iteratively reweighted least squares
to the smallest greatest absolute error; sigmoid x = (1 + tanh(x/2)) / 2. With rounding the error stays below 3e-7.
In float64, which the gradient tests use, both are exact. `gelu`, which falls below -0.75, has its own module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload

from lenet_ablate.engines.compiled.gelu import gelu_with_slope
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, load, store, where, width

RELU, TANH, SIGMOID, GELU = 0, 1, 2, 3
SIMPLE = (RELU, TANH, SIGMOID)
SLOPE = -1  # in the place of a simple activation's number: the way back goes by derivatives that have been kept

LIMIT = 8.0
P0, P1, P2, P3, P4 = 0.99999997, 0.1343822896, 0.00356420094, 2.177398253e-05, 1.506283734e-08
Q1, Q2, Q3, Q4 = 0.4677154975, 0.0261361864, 0.0003399252603, 8.454080462e-07


def derivative_by(kind: int) -> int:
    """What `times_derivative` is to go by behind an activation: its number if it is simple, else `SLOPE`."""
    return kind if kind in SIMPLE else SLOPE


@kernel
def activate(kind: int, x: Array) -> None:
    """Replace a flat array by its activated values, by a simple activation; NaN stays NaN."""
    if kind == RELU:
        zero = fill(x, 0.0)
        for at in range(0, x.size, width(x)):
            value = load(x, at)
            store(x, at, where(value <= zero, zero, value))
    elif kind == TANH:
        _scaled_tanh(x, 1.0, 1.0, 0.0)
    else:
        _scaled_tanh(x, 0.5, 0.5, 0.5)


@kernel
def times_derivative(by: int, kept: Any, gradient: Any) -> Any:
    """A vector of the gradient times the derivative; kept are the activated values, or with `SLOPE` the derivative."""
    one = fill(kept, 1.0)
    if by == RELU:
        zero = fill(kept, 0.0)
        return where(kept > zero, gradient, zero)
    if by == TANH:
        return gradient * (one - kept * kept)
    if by == SIGMOID:
        return gradient * (kept * (one - kept))
    return gradient * kept


@kernel
def activate_with_slope(kind: int, x: Array, slope: Array) -> None:
    """Replace a flat array by its activated values and write the derivatives there to `slope`, no shorter; any kind."""
    if kind == GELU:
        gelu_with_slope(x, slope)
    else:
        activate(kind, x)
        for at in range(0, x.size, width(x)):
            store(slope, at, times_derivative(kind, load(x, at), fill(x, 1.0)))


@kernel
def backward(by: int, kept: Array, gradient: Array) -> None:
    """Multiply a flat gradient by the derivative, as `times_derivative` does; kept is no shorter."""
    for at in range(0, gradient.size, width(gradient)):
        store(gradient, at, times_derivative(by, load(kept, at), load(gradient, at)))


def _scaled_tanh(x: Array, inner: float, outer: float, shift: float) -> None:
    """Replace x by outer · tanh(inner · x) + shift."""
    raise NotImplementedError("compiled only")


@overload(_scaled_tanh)  # type: ignore[untyped-decorator]
def _overload_scaled_tanh(x: Any, inner: Any, outer: Any, shift: Any) -> Any:
    return _exact_tanh if x.dtype == types.float64 else _rational_tanh


def _exact_tanh(x: Any, inner: Any, outer: Any, shift: Any) -> Any:
    for at in range(x.size):
        x[at] = outer * np.tanh(inner * x[at]) + shift


def _rational_tanh(x: Any, inner: Any, outer: Any, shift: Any) -> Any:
    upper, lower, factor = fill(x, LIMIT), fill(x, -LIMIT), fill(x, inner)
    scale, offset = fill(x, outer), fill(x, shift)
    p0, p1, p2, p3, p4 = fill(x, P0), fill(x, P1), fill(x, P2), fill(x, P3), fill(x, P4)
    q0, q1, q2, q3, q4 = fill(x, 1.0), fill(x, Q1), fill(x, Q2), fill(x, Q3), fill(x, Q4)
    for at in range(0, x.size, width(x)):
        z = load(x, at) * factor
        z = where(z > upper, upper, where(lower > z, lower, z))
        u = z * z
        above = (((p4 * u + p3) * u + p2) * u + p1) * u + p0
        below = (((q4 * u + q3) * u + q2) * u + q1) * u + q0
        store(x, at, z * above / below * scale + offset)
