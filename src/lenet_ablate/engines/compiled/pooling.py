"""The 2×2 poolings s2 and s4 with stride 2.

For x (C, H, W·lanes): y[c, i, j] is the greatest or the mean of x[c, 2i:2i+2, 2j:2j+2].
The gradient of a maximum goes to the first greatest value in row-major order, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lenet_ablate.engines.compiled.activation import times_derivative
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.vectors import fill, in_halves, load, load_like, store, where, width

Field = tuple[int, int, int, int]


def _over_fields(treat: Callable[..., None]) -> Any:
    """The kernel (x, y, lanes, *others) that calls treat(x, y, field, at, *others) for vector after vector of lanes.

    Where the lanes do not fill a vector, they fill half of one.
    `field` holds the offsets in x of a field's four values, row by row, and `at` the offset in y of the pooled value.
    """
    treat_field = kernel(treat)

    @kernel
    def walk(x: Array, y: Array, lanes: int, *others: Any) -> None:
        row, step = x.shape[2], width(x)
        for i in range(y.shape[0] * y.shape[1]):
            for j in range(y.shape[2] // lanes):
                for lane in range(0, lanes, step):
                    corner = 2 * i * row + 2 * j * lanes + lane
                    field = (corner, corner + lanes, corner + row, corner + row + lanes)
                    treat_field(x, y, field, i * y.shape[2] + j * lanes + lane, *others)

    @kernel
    def walk_whole_or_half(x: Array, y: Array, lanes: int, *others: Any) -> None:
        if lanes % width(x) == 0:
            walk(x, y, lanes, *others)
        else:
            walk(in_halves(x), in_halves(y), lanes, *others)

    return walk_whole_or_half


@kernel
def _values(x: Array, field: Field) -> Any:
    return load(x, field[0]), load(x, field[1]), load(x, field[2]), load(x, field[3])


@_over_fields
def max_forward(x: Array, y: Array, field: Field, at: int) -> None:
    """y = max; a NaN anywhere in a field is its maximum."""
    values = _values(x, field)
    best = values[0]
    for value in values[1:]:
        best = where((value > best) | (value != value), value, best)
    store(y, at, best)


@_over_fields
def max_backward(x: Array, dy: Array, field: Field, at: int) -> None:
    """Replace x by its gradient: dy at each field's maximum, zero elsewhere."""
    values, zero = _values(x, field), fill(x, 0.0)
    best = values[0]
    for value in values[1:]:
        best = where(value > best, value, best)
    left = load(dy, at)  # until a greatest value has taken it
    for k in range(4):
        is_less = best > values[k]
        store(x, field[k], where(is_less, zero, left))
        left = where(is_less, left, zero)


@_over_fields
def mean_forward(x: Array, y: Array, field: Field, at: int) -> None:
    """y = mean."""
    a, b, c, d = _values(x, field)
    store(y, at, (a + b + (c + d)) * fill(x, 0.25))


@_over_fields
def mean_backward(x: Array, dy: Array, field: Field, at: int, by: int, kept: Array) -> None:
    """Make x the gradient before the activation, dy / 4 times the derivative (`times_derivative`); kept may be x."""
    gradient = load(dy, at) * fill(x, 0.25)
    for place in field:
        store(x, place, times_derivative(by, load_like(gradient, kept, place), gradient))
