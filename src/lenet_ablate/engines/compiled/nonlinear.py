"""Activation, alone or with a pooling: what forward keeps of it, and how the way back makes use of that.

Behind a simple activation the activated values are all that is needed. Any other keeps its derivative in a `slope`
buffer, flat and no shorter than the values, which for simple ones is neither written nor read.
"""

from __future__ import annotations

from lenet_ablate.engines.compiled.activation import SLOPE, activate, activate_with_slope, backward
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.pooling import max_backward, max_forward, mean_backward, mean_forward
from lenet_ablate.engines.compiled.rule import MEAN, Rule


@kernel
def activation_forward(rule: Rule, x: Array, slope: Array) -> None:
    """Replace x, of any shape, by its activated values."""
    if rule.derivative == SLOPE:
        activate_with_slope(rule.activation, x.reshape(x.size), slope)
    else:
        activate(rule.activation, x.reshape(x.size))


@kernel
def activation_backward(rule: Rule, y: Array, slope: Array, gradient: Array) -> None:
    """Multiply the gradient of activated values y, of any shape, by the derivative."""
    backward(rule.derivative, _kept(rule, y, slope), gradient.reshape(gradient.size))


@kernel
def _kept(rule: Rule, y: Array, slope: Array) -> Array:
    return slope if rule.derivative == SLOPE else y.reshape(y.size)


@kernel
def pool_forward(rule: Rule, maps: Array, slope: Array, pooled: Array, lanes: int) -> None:
    """Activate and pool maps (C, H, W·lanes) to (C, H/2, W/2·lanes); they are left as `pool_backward` needs them."""
    if rule.pool == MEAN:
        activation_forward(rule, maps, slope)
        mean_forward(maps, pooled, lanes)
    elif rule.derivative == SLOPE:
        activation_forward(rule, maps, slope)
        max_forward(maps, pooled, lanes)
    else:
        # A simple activation never falls: the greatest activated value is the activated greatest value, and only
        # those, a quarter of all, need be activated.
        max_forward(maps, pooled, lanes)
        activation_forward(rule, pooled, slope)


@kernel
def pool_backward(rule: Rule, maps: Array, slope: Array, pooled: Array, gradient: Array, lanes: int) -> None:
    """Replace maps by their gradient before the activation, from the gradient of the pooled maps, which is spoilt."""
    if rule.pool == MEAN:
        mean_backward(maps, gradient, lanes, rule.derivative, _kept(rule, maps, slope))
    elif rule.derivative == SLOPE:
        max_backward(maps, gradient, lanes)
        activation_backward(rule, maps, slope, maps)
    else:
        activation_backward(rule, pooled, slope, gradient)
        max_backward(maps, gradient, lanes)
