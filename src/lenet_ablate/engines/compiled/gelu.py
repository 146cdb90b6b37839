"""GELU and its derivative, Φ(x) + x·φ(x): φ is the normal density, Φ its distribution.

gelu x = x·Φ(x) (Hendrycks and Gimpel 2016), PyTorch's `nn.GELU()`. In float64 by the library's erfc. In float32 with
t = |x| as max(x, 0) - t·Φ(-t), which does not cancel, in the form of Abramowitz and Stegun 1964, 7.1.26:

    Φ(-t) ≈ exp(-t²/2)·(m1·k + m2·k² + … + m6·k⁶),  k = 1/(1 + RATE·t)
    exp(-v) ≈ 1 / (1 + e1·v + e2·v² + … + e7·v⁷)⁴   for v = t²/2 below `LIMIT`²/2, zero beyond

Both were fitted by iteratively reweighted least squares to the smallest greatest absolute error in gelu and its
derivative, 7e-9 and 4e-8, with m1 + … + m6 = Φ(0) = 1/2. With rounding the value is within 3e-7 up to `LIMIT`, and x or
0 beyond, the derivative within 4e-7.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload

from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, load, store, where, width

LIMIT = 6.0  # t·Φ(-t) is 6e-9 there
RATE = 0.2772
M1, M2, M3 = 0.1172744994, 0.05308223227, 0.3058657169
M4, M5, M6 = -0.2904842641, 0.4254853895, -0.111223574
E1, E2, E3, E4 = 0.2500003959, 0.03124778131, 0.002608041514, 0.0001598041573
E5, E6, E7 = 9.245219087e-06, 1.324278139e-07, 2.945436829e-08
ROOT_HALF, DENSITY_0 = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)


def gelu_with_slope(x: Array, slope: Array) -> None:
    """Replace a flat array by its activated values and write the derivatives there to `slope`; NaN stays NaN.

    Infinity becomes infinity with derivative 1 and minus infinity 0 with derivative 0, where PyTorch has NaN.
    """
    raise NotImplementedError("compiled only")


@overload(gelu_with_slope)  # type: ignore[untyped-decorator]
def _overload_gelu_with_slope(x: Any, slope: Any) -> Any:
    return _exact_gelu if x.dtype == types.float64 else _rational_gelu


def _exact_gelu(x: Any, slope: Any) -> Any:
    for at in range(x.size):
        value = x[at]
        below = 0.5 * math.erfc(-ROOT_HALF * value)
        slope[at] = below + _times(value, DENSITY_0 * np.exp(-0.5 * value * value))
        x[at] = _times(value, below)


@kernel
def _times(value: float, factor: float) -> float:
    """The product, and zero where the factor is, of infinity too."""
    return value * factor if factor != 0.0 else 0.0


def _rational_gelu(x: Any, slope: Any) -> Any:
    zero, one, half = fill(x, 0.0), fill(x, 1.0), fill(x, 0.5)
    limit, rate, density_0 = fill(x, LIMIT), fill(x, RATE), fill(x, DENSITY_0)
    e1, e2, e3, e4 = fill(x, E1), fill(x, E2), fill(x, E3), fill(x, E4)
    e5, e6, e7 = fill(x, E5), fill(x, E6), fill(x, E7)
    m1, m2, m3, m4, m5, m6 = fill(x, M1), fill(x, M2), fill(x, M3), fill(x, M4), fill(x, M5), fill(x, M6)
    for at in range(0, x.size, width(x)):
        value = load(x, at)
        is_below = value <= zero
        t = where(is_below, zero - value, value)
        t = where(t > limit, limit, t)
        v = half * t * t
        root = ((((((e7 * v + e6) * v + e5) * v + e4) * v + e3) * v + e2) * v + e1) * v + one
        square = root * root
        bell = where(limit <= t, zero, one / (square * square))
        k = one / (one + rate * t)
        tail = bell * ((((((m6 * k + m5) * k + m4) * k + m3) * k + m2) * k + m1) * k)
        fall = tail - t * (density_0 * bell)
        store(slope, at, where(is_below, fall, one - fall))
        store(x, at, where(is_below, zero, value) - t * tail)
