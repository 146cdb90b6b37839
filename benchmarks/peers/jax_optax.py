"""JAX and Optax without a network library: one jitted step, the data set in memory.

After JAX's "Training a simple neural network" and Optax's "Getting started". `--loop scan` compiles the whole epoch as
one `lax.scan`; `--loop step` calls the jitted step from Python, batch by batch.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from contract import BATCH_SIZE, LEARNING_RATE, Clock, answer, arguments, images, prepared
from jax import lax

# One layer's shape of weights; convolutions have (height, width, inputs, outputs), as their NHWC images ask for.
SHAPES = {"c1": (5, 5, 1, 6), "c3": (5, 5, 6, 16), "c5": (400, 120), "f6": (120, 84), "output": (84, 10)}
OPTIMIZER = optax.adam(LEARNING_RATE)
Params = dict[str, dict[str, jax.Array]]


def draw(key: jax.Array) -> Params:
    """Weights drawn uniformly within 1/√fan-in, PyTorch's default: 61,706 numbers."""
    found: Params = {}
    for name, shape in SHAPES.items():
        key, for_weight, for_bias = jax.random.split(key, 3)
        bound = np.prod(shape[:-1]) ** -0.5
        uniform = functools.partial(jax.random.uniform, minval=-bound, maxval=bound)
        found[name] = {"weight": uniform(for_weight, shape), "bias": uniform(for_bias, shape[-1:])}
    return found


def logits(params: Params, pixels: jax.Array) -> jax.Array:
    """(N, 10) of images, (N, 32, 32, 1)."""
    for name in ("c1", "c3"):
        layer, numbers = params[name], ("NHWC", "HWIO", "NHWC")
        pixels = lax.conv_general_dilated(pixels, layer["weight"], (1, 1), "VALID", dimension_numbers=numbers)
        pixels = jax.nn.relu(pixels + layer["bias"])
        pixels = lax.reduce_window(pixels, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    values = pixels.reshape(len(pixels), -1)
    for name in ("c5", "f6"):
        values = jax.nn.relu(values @ params[name]["weight"] + params[name]["bias"])
    return values @ params["output"]["weight"] + params["output"]["bias"]


def update(params: Params, memory: optax.OptState, pixels: jax.Array, labels: jax.Array) -> tuple:
    def mean_loss(params: Params) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, pixels), labels).mean()

    changes, memory = OPTIMIZER.update(jax.grad(mean_loss)(params), memory, params)
    return optax.apply_updates(params, changes), memory


@functools.partial(jax.jit, donate_argnums=(0, 1))
def step(params: Params, memory: optax.OptState, pixels: jax.Array, labels: jax.Array, rows: jax.Array) -> tuple:
    return update(params, memory, pixels[rows], labels[rows])


@functools.partial(jax.jit, donate_argnums=(0, 1))
def whole_batches(params: Params, memory: optax.OptState, pixels: jax.Array, labels: jax.Array, order: jax.Array):
    def one(state: tuple, rows: jax.Array) -> tuple:
        return update(*state, pixels[rows], labels[rows]), None

    return lax.scan(one, (params, memory), order)[0]


def train_epoch(state: tuple, data: tuple, order: np.ndarray, loop: str) -> tuple:
    """One pass in the order given; the last batch is the smaller one."""
    whole = len(order) // BATCH_SIZE * BATCH_SIZE
    batches = order[:whole].reshape(-1, BATCH_SIZE)
    if loop == "scan":
        state = whole_batches(*state, *data, batches)
    else:
        for rows in batches:
            state = step(*state, *data, rows)
    return step(*state, *data, order[whole:]) if whole < len(order) else state


def main() -> None:
    given = arguments(loop="step")
    random = np.random.default_rng(given.seed)
    (pixels, digits), (test_pixels, test_digits) = images(given.data, "train"), images(given.data, "t10k")
    data = jnp.asarray(prepared(pixels)[..., None]), jnp.asarray(digits.astype(np.int32))
    params = draw(jax.random.key(given.seed))
    state, clock = (params, OPTIMIZER.init(params)), Clock()
    for _ in range(given.epochs):
        with clock:
            order = random.permutation(len(digits)).astype(np.int32)
            state = jax.block_until_ready(train_epoch(state, data, order, given.loop))
    found = jax.jit(logits)(state[0], jnp.asarray(prepared(test_pixels)[..., None])).argmax(1)
    answer(clock.seconds, (np.asarray(found) == test_digits).mean(), ["jax", "optax"])


if __name__ == "__main__":
    main()
