from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import torch
from scipy import special
from torch.nn import functional

from lenet_ablate.engines.compiled import activation, nonlinear, pooling
from lenet_ablate.engines.compiled.jit import kernel
from lenet_ablate.engines.compiled.layout import aligned_zeros
from lenet_ablate.engines.compiled.learner import ACTIVATIONS
from lenet_ablate.engines.compiled.rule import MAX, MEAN, Rule


@numba.njit(fastmath=activation.activate.targetoptions["fastmath"])
def activate_with_slope(kind: int, x: Any, slope: Any) -> None:
    activation.activate_with_slope(kind, x, slope)


def activated(kind: int, points: Any) -> tuple[Any, Any]:
    """Values and derivatives of the kernels."""
    values, slopes = points.copy(), np.empty_like(points)
    activate_with_slope(kind, values, slopes)
    return values, slopes


@numba.njit
def max_pool(x: Any, y: Any, lanes: int) -> None:
    pooling.max_forward(x, y, lanes)


@numba.njit
def max_pool_backward(x: Any, dy: Any, lanes: int) -> None:
    pooling.max_backward(x, dy, lanes)


def density(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


EXACT = {  # values and derivatives
    activation.TANH: (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    activation.SIGMOID: (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    activation.GELU: (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * density(x)),
}
# What becomes of infinity, minus infinity and 3e38, and the derivatives there.
LIMITS = {
    activation.RELU: ((np.inf, 0, np.float32(3e38)), (1, 0, 1)),
    activation.TANH: ((1, -1, 1), (0, 0, 0)),
    activation.SIGMOID: ((1, 0, 1), (0, 0, 0)),
    activation.GELU: ((np.inf, 0, np.float32(3e38)), (1, 0, 1)),
}


def test_no_activation_is_left_out() -> None:
    assert LIMITS.keys() == EXACT.keys() | {activation.RELU} == set(ACTIVATIONS.values())


@pytest.mark.parametrize("kind", EXACT)
def test_float32_activations_are_close_everywhere(kind: int) -> None:
    spread = np.geomspace(1e-30, 80, 1 << 19)
    points = np.concatenate([np.linspace(-20, 20, 1 << 21), spread, -spread]).astype(np.float32)
    values, slopes = activated(kind, points)
    for found, exact, most in zip((values, slopes), EXACT[kind], (3e-7, 7e-7), strict=True):
        assert np.abs(found - exact(points.astype(float))).max() <= most
    assert kind == activation.GELU or np.abs(values).max() <= 1


@pytest.mark.parametrize("kind", EXACT)
def test_float64_activations_are_exact(kind: int) -> None:
    points = np.linspace(-40, 40, 1 << 14)
    for found, exact in zip(activated(kind, points), EXACT[kind], strict=True):
        np.testing.assert_allclose(found, exact(points), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", LIMITS)
def test_activations_of_what_is_not_a_plain_number(kind: int, dtype: Any) -> None:
    points = np.tile(np.array([np.nan, np.inf, -np.inf, np.float32(3e38)], dtype), 16)
    for found, limits in zip(activated(kind, points), LIMITS[kind], strict=True):
        np.testing.assert_allclose(found[1:4], limits, atol=1e-6)
    assert np.isnan(activated(kind, points)[0][0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_far_from_zero_is_exactly_zero_or_its_argument(dtype: Any) -> None:
    points = np.geomspace(40, 3e38, 1 << 10).astype(dtype)
    for sign, slope in ((1, 1), (-1, 0)):
        values, slopes = activated(activation.GELU, sign * points)
        np.testing.assert_array_equal(values, points * slope)
        np.testing.assert_array_equal(slopes, slope)


@pytest.mark.parametrize("lanes", [8, 16])
def test_the_first_of_equal_values_takes_the_gradient(lanes: int) -> None:
    maps = np.random.default_rng(0).integers(0, 3, (2, 6, 8, lanes)).astype(np.float32)  # map, row, column, image
    theirs = torch.from_numpy(maps).permute(3, 0, 1, 2).requires_grad_()
    gradient = torch.arange(lanes * 2.0 * 3 * 4).reshape(lanes, 2, 3, 4) + 1
    pooled = functional.max_pool2d(theirs, 2)
    pooled.backward(gradient)
    x, y = maps.reshape(2, 6, 8 * lanes).copy(), np.empty((2, 3, 4 * lanes), np.float32)
    max_pool(x, y, lanes)
    np.testing.assert_array_equal(y.reshape(2, 3, 4, lanes), pooled.detach().permute(1, 2, 3, 0))
    max_pool_backward(x, gradient.permute(1, 2, 3, 0).reshape(2, 3, 4 * lanes).numpy().copy(), lanes)
    assert theirs.grad is not None
    np.testing.assert_array_equal(x.reshape(maps.shape), theirs.grad.permute(1, 2, 3, 0))


def test_a_maximum_with_a_nan_is_nan() -> None:
    x = np.zeros((1, 8, 2 * 16), np.float32)
    for place, (row, column) in enumerate([(0, 0), (2, 1), (5, 0), (7, 1)]):  # each corner of a field
        x[0, row, column * 16 + place] = np.nan
    y = np.empty((1, 4, 16), np.float32)
    max_pool(x, y, 16)
    assert np.argwhere(np.isnan(y[0])).tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


@kernel
def square(kind: int, x: Any, slope: Any) -> None:
    """An activation that falls and rises, and whose value does not tell its derivative."""
    for at in range(x.size):
        slope[at] = 2 * x[at]
        x[at] *= x[at]


@pytest.mark.parametrize(
    ("pool", "theirs"), [(MAX, functional.max_pool2d), (MEAN, functional.avg_pool2d)], ids=["max", "mean"]
)
def test_pooling_an_activation_that_is_not_simple(monkeypatch: pytest.MonkeyPatch, pool: int, theirs: Any) -> None:
    monkeypatch.setattr(nonlinear, "activate_with_slope", square)
    # Compiled anew, for a kernel holds on to what it has called first.
    monkeypatch.setattr(nonlinear, "activation_forward", kernel(nonlinear.activation_forward.py_func))
    pool_forward, pool_backward = (
        numba.njit(nonlinear.pool_forward.py_func),
        numba.njit(nonlinear.pool_backward.py_func),
    )
    rule = Rule(10, pool, 7, activation.derivative_by(7), 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0)
    random = np.random.default_rng(0)
    maps, gradient = random.normal(size=(2, 6, 8, 16)), random.normal(size=(2, 3, 4, 16))  # map, row, column, image
    inputs = torch.from_numpy(maps.copy()).permute(3, 0, 1, 2).requires_grad_()
    wanted = theirs(inputs**2, 2)
    wanted.backward(torch.from_numpy(gradient).permute(3, 0, 1, 2))
    x, y, slope = maps.reshape(2, 6, 8 * 16).copy(), np.empty((2, 3, 4 * 16)), np.empty(maps.size)
    pool_forward(rule, x, slope, y, 16)
    np.testing.assert_allclose(y.reshape(2, 3, 4, 16), wanted.detach().permute(1, 2, 3, 0), rtol=1e-12)
    pool_backward(rule, x, slope, y, gradient.reshape(2, 3, 64).copy(), 16)
    assert inputs.grad is not None
    np.testing.assert_allclose(x.reshape(maps.shape), inputs.grad.permute(1, 2, 3, 0), rtol=1e-12)


def test_memory_begins_on_a_cache_line() -> None:
    for size in (1, 1000, 61_706):
        assert aligned_zeros(size, np.float32).ctypes.data % 64 == 0
        assert aligned_zeros(size, np.float64).shape == (size,)
