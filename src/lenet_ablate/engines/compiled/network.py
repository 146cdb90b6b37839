"""The network as a sequence of kernels: forward, backward, and one call for many training steps."""

from __future__ import annotations

from lenet_ablate.engines.compiled import convolution, linear
from lenet_ablate.engines.compiled.activation import RELU, activate
from lenet_ablate.engines.compiled.denormals import flush_denormals, restore
from lenet_ablate.engines.compiled.gather import gather, sample
from lenet_ablate.engines.compiled.jit import Array, kernel, part
from lenet_ablate.engines.compiled.layout import CHUNK, FEWEST_LANES, LANE_MULTIPLE, Buffers, Parameters
from lenet_ablate.engines.compiled.loss import cross_entropy, loss_and_gradient, predict
from lenet_ablate.engines.compiled.nonlinear import (
    activation_backward,
    activation_forward,
    pool_backward,
    pool_forward,
)
from lenet_ablate.engines.compiled.optimizers import ADAM, ADAMW, RMSPROP, adam, rmsprop, sgd
from lenet_ablate.engines.compiled.rule import Rule
from lenet_ablate.engines.compiled.vectors import REGISTER_BYTES, in_halves, width

# 6·4 sums and their operands fill 32 registers, 6·2 fill the 16 of narrower processors.
VECTORS = 4 if REGISTER_BYTES == 64 else 2
_c1_wide = convolution.make_forward(6, VECTORS)
_c1_narrow = convolution.make_forward(6, 2)
_c3_wide = convolution.make_forward(4, VECTORS)
_c3_narrow = convolution.make_forward(4, 5)  # rows of 10 pixels are too short for the wide one at few lanes
_c1_weights = convolution.make_weight_gradient(3 if VECTORS == 4 else 2)
_c3_weights = convolution.make_weight_gradient(4 if VECTORS == 4 else 2)
_c3_inputs_wide = convolution.make_input_gradient(6, VECTORS)
_c3_inputs_narrow = convolution.make_input_gradient(6, 1)
_linear_wide = linear.make_forward(VECTORS)
_linear_narrow = linear.make_forward(1)
_linear_inputs_wide = linear.make_input_gradient(4, VECTORS)
_linear_inputs_narrow = linear.make_input_gradient(8, 1)


@kernel
def _maps(flat: Array, maps: int, side: int, lanes: int) -> Array:
    return flat[: maps * side * side * lanes].reshape((maps, side, side * lanes))


@kernel
def _units(flat: Array, lanes: int) -> Array:
    units = flat.size // CHUNK
    return flat[: units * lanes].reshape((units, lanes))


@kernel
def _images(flat: Array, lanes: int) -> Array:
    columns = flat.size // CHUNK
    return flat[: lanes * columns].reshape((lanes, columns))


@kernel
def _shaped(flat: Buffers, p: Parameters, side: int, lanes: int) -> Buffers:
    """The buffers for a number of lanes in the shapes that layout.py describes."""
    maps1, maps3 = p.c1_bias.size, p.c3_bias.size
    s2 = (side - 4) // 2
    s4 = (s2 - 4) // 2
    return Buffers(
        _maps(flat.image, p.c1_weight.shape[1], side, lanes),
        _maps(flat.c1, maps1, side - 4, lanes),
        _maps(flat.s2, maps1, s2, lanes),
        _maps(flat.c3, maps3, s2 - 4, lanes),
        _maps(flat.s4, maps3, s4, lanes),
        _units(flat.c5, lanes),
        _units(flat.f6, lanes),
        _units(flat.output, lanes),
        _maps(flat.s2_gradient, maps1, s2, lanes),
        _units(flat.s4_gradient, lanes),
        _units(flat.c5_gradient, lanes),
        _units(flat.f6_gradient, lanes),
        _images(flat.s4_transposed, lanes),
        _images(flat.c5_transposed, lanes),
        _images(flat.f6_transposed, lanes),
        flat.c1_slope,
        flat.c3_slope,
        flat.c5_slope,
        flat.f6_slope,
        flat.places,
        flat.sums,
    )


@part
def _linear_forward(x: Array, w: Array, b: Array, y: Array) -> None:
    if x.shape[1] % (VECTORS * width(x)) == 0:
        _linear_wide(x, w, b, y)
    elif x.shape[1] % width(x) == 0:
        _linear_narrow(x, w, b, y)
    else:
        _linear_narrow(in_halves(x), w, in_halves(b), in_halves(y))


@part
def _linear_back(transposed: Array, dy: Array, w: Array, dx: Array, dw: Array, db: Array) -> None:
    linear.weight_gradient(transposed, dy, dw)
    if dx.shape[1] % (VECTORS * width(dx)) == 0:
        linear.bias_gradient(dy, db)
        _linear_inputs_wide(dy, w, dx)
    elif dx.shape[1] % width(dx) == 0:
        linear.bias_gradient(dy, db)
        _linear_inputs_narrow(dy, w, dx)
    else:
        linear.bias_gradient(in_halves(dy), db)
        _linear_inputs_narrow(in_halves(dy), w, in_halves(dx))


@part
def _c3_input_gradient(dy: Array, w: Array, dx: Array, lanes: int) -> None:
    columns, inner = dx.shape[2] // lanes, dy.shape[2] // lanes
    if lanes % (VECTORS * width(dx)) == 0:
        _c3_inputs_wide(dy, w, dx, lanes, 0, columns)
    elif lanes % width(dx) == 0:
        _c3_inputs_narrow(dy, w, dx, lanes, 0, columns)
    else:  # two columns in a vector, but for those at the sides, that not every tap reaches
        _c3_inputs_narrow(dy, w, dx, lanes, 4, inner)
        _c3_inputs_narrow(in_halves(dy), w, in_halves(dx), lanes, 0, 4)
        _c3_inputs_narrow(in_halves(dy), w, in_halves(dx), lanes, inner, columns)


@part
def forward(p: Parameters, a: Buffers, rule: Rule, lanes: int) -> None:
    """From the image to the logits."""
    wide = VECTORS * width(a.image)
    if a.c1.shape[2] % wide == 0:
        _c1_wide(a.image, p.c1_weight, p.c1_bias, a.c1, lanes)
    else:
        _c1_narrow(a.image, p.c1_weight, p.c1_bias, a.c1, lanes)
    pool_forward(rule, a.c1, a.c1_slope, a.s2, lanes)
    if a.c3.shape[2] % wide == 0:
        _c3_wide(a.s2, p.c3_weight, p.c3_bias, a.c3, lanes)
    else:
        _c3_narrow(a.s2, p.c3_weight, p.c3_bias, a.c3, lanes)
    pool_forward(rule, a.c3, a.c3_slope, a.s4, lanes)
    _linear_forward(a.s4.reshape((a.s4.size // lanes, lanes)), p.c5_weight, p.c5_bias, a.c5)
    activation_forward(rule, a.c5, a.c5_slope)
    _linear_forward(a.c5, p.f6_weight, p.f6_bias, a.f6)
    activation_forward(rule, a.f6, a.f6_slope)
    _linear_forward(a.f6, p.output_weight, p.output_bias, a.output)
    if rule.output_relu:
        activate(RELU, a.output.reshape(a.output.size))


@part
def back(p: Parameters, g: Parameters, a: Buffers, rule: Rule, lanes: int) -> None:
    """From the gradient of the logits, in `output`, to those of all parameters, added to g."""
    linear.transpose(a.f6, a.f6_transposed)
    _linear_back(a.f6_transposed, a.output, p.output_weight, a.f6_gradient, g.output_weight, g.output_bias)
    activation_backward(rule, a.f6, a.f6_slope, a.f6_gradient)
    linear.transpose(a.c5, a.c5_transposed)
    _linear_back(a.c5_transposed, a.f6_gradient, p.f6_weight, a.c5_gradient, g.f6_weight, g.f6_bias)
    activation_backward(rule, a.c5, a.c5_slope, a.c5_gradient)
    linear.transpose(a.s4.reshape(a.s4_gradient.shape), a.s4_transposed)
    _linear_back(a.s4_transposed, a.c5_gradient, p.c5_weight, a.s4_gradient, g.c5_weight, g.c5_bias)
    pool_backward(rule, a.c3, a.c3_slope, a.s4, a.s4_gradient.reshape(a.s4.shape), lanes)
    _c3_weights(a.s2, a.c3, g.c3_weight, g.c3_bias, a.sums, lanes)
    _c3_input_gradient(a.c3, p.c3_weight, a.s2_gradient, lanes)
    pool_backward(rule, a.c1, a.c1_slope, a.s2, a.s2_gradient, lanes)
    _c1_weights(a.image, a.c1, g.c1_weight, g.c1_bias, a.sums, lanes)


@part
def _lanes(count: int) -> int:
    return (count + LANE_MULTIPLE - 1) // LANE_MULTIPLE * LANE_MULTIPLE


@part
def _update(flat: Array, gradient: Array, first: Array, second: Array, rule: Rule, lr: float, step: int) -> None:
    decay = rule.weight_decay
    if rule.optimizer == ADAM:
        adam(flat, gradient, first, second, lr, step, rule.beta1, rule.beta2, rule.eps, decay, 1.0)
    elif rule.optimizer == ADAMW:
        adam(flat, gradient, first, second, lr, step, rule.beta1, rule.beta2, rule.eps, 0.0, 1.0 - lr * decay)
    elif rule.optimizer == RMSPROP:
        rmsprop(flat, gradient, first, second, lr, rule.alpha, rule.eps, rule.momentum, decay)
    else:
        sgd(flat, gradient, first, lr, rule.momentum, rule.nesterov, decay)


def train_steps(
    images: Array,
    labels: Array,
    indices: Array,
    transforms: Array,
    scale: float,
    shift: float,
    rates: Array,
    batch_size: int,
    flat: tuple[Array, Array, Array, Array],
    p: Parameters,
    g: Parameters,
    buffers: Buffers,
    rule: Rule,
    steps_done: int,
    losses: Array,
) -> None:
    """One update per learning rate: batch after batch of `indices`, each batch's mean loss into `losses`.

    `transforms` has a row per index, or no row where images are taken as they are. `flat` holds parameters, gradients
    and the two moments; p and g are views of the first two.
    """
    mode = flush_denormals()
    for step in range(rates.size):
        batch = indices[step * batch_size : (step + 1) * batch_size]
        flat[1][:] = 0
        loss = 0.0
        for begin in range(0, batch.size, CHUNK):
            chunk = batch[begin : begin + CHUNK]
            lanes = FEWEST_LANES if batch_size <= FEWEST_LANES else _lanes(chunk.size)
            a = _shaped(buffers, p, images.shape[2], lanes)
            if transforms.shape[0] == 0:
                gather(images, chunk, scale, shift, a.places, a.image, lanes)
            else:
                maps = transforms[step * batch_size + begin : step * batch_size + begin + chunk.size]
                sample(images, chunk, maps, scale, shift, a.image.reshape(a.image.size), lanes)
            forward(p, a, rule, lanes)
            loss += loss_and_gradient(a.output, rule.classes, labels, chunk, batch.size, rule.output_relu)
            back(p, g, a, rule, lanes)
        losses[step] = loss / batch.size
        _update(flat[0], flat[1], flat[2], flat[3], rule, rates[step], steps_done + step + 1)
    restore(mode)


def evaluate(
    images: Array,
    labels: Array,
    indices: Array,
    scale: float,
    shift: float,
    p: Parameters,
    buffers: Buffers,
    rule: Rule,
    digits: Array,
    probabilities: Array,
    logits: Array,
) -> float:
    """Mean loss over the indexed images; their predicted classes, those' probabilities and the logits are written."""
    mode = flush_denormals()
    loss = 0.0
    for begin in range(0, indices.size, CHUNK):
        chunk = indices[begin : begin + CHUNK]
        lanes = _lanes(chunk.size)
        a = _shaped(buffers, p, images.shape[2], lanes)
        gather(images, chunk, scale, shift, a.places, a.image, lanes)
        forward(p, a, rule, lanes)
        for lane in range(chunk.size):
            top = predict(a.output, lane, rule.classes)
            nats, total = cross_entropy(a.output, lane, rule.classes, labels[chunk[lane]], top)
            loss += nats
            digits[begin + lane] = top
            probabilities[begin + lane] = 1.0 / total
            for k in range(rule.classes):
                logits[begin + lane, k] = a.output[k, lane]
    restore(mode)
    return loss / indices.size
