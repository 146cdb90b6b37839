"""The compiled engine's learner: one network in training, one thread, no allocation per step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Activation, Optimizer, OutputActivation, Pool
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import OptimizerConfig, RunConfig
from lenet_ablate.datasets.augment import NUMBERS
from lenet_ablate.datasets.base import Dataset, Labels
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.base import Batches, Evaluation, Split, State
from lenet_ablate.engines.compiled import activation, optimizers
from lenet_ablate.engines.compiled.kernels import LABELS, Kernels, read_only
from lenet_ablate.engines.compiled.layout import FEWEST_LANES, Layout, aligned_zeros
from lenet_ablate.engines.compiled.rule import MAX, MEAN, Rule
from lenet_ablate.engines.networks import image_size, layer_shapes, num_classes, num_parameters
from lenet_ablate.engines.weights import draw_weights

POOLS = {Pool.max: MAX, Pool.avg: MEAN}
ACTIVATIONS = {
    Activation.relu: activation.RELU,
    Activation.tanh: activation.TANH,
    Activation.sigmoid: activation.SIGMOID,
    Activation.gelu: activation.GELU,
}
OPTIMIZERS = {
    Optimizer.adam: optimizers.ADAM,
    Optimizer.adamw: optimizers.ADAMW,
    Optimizer.sgd: optimizers.SGD,
    Optimizer.rmsprop: optimizers.RMSPROP,
}
MOMENTS = {
    Optimizer.adam: ("exp_avg", "exp_avg_sq"),
    Optimizer.adamw: ("exp_avg", "exp_avg_sq"),
    Optimizer.sgd: ("momentum_buffer",),
    Optimizer.rmsprop: ("square_avg", "momentum_buffer"),
}


class CompiledLearner:
    """One network in training; see `engines.base.Learner`.

    Args:
        dtype: float32; float64 serves the tests of the gradients.
    """

    def __init__(
        self, kernels: Kernels, plan: RunPlan, dataset: Dataset, train: Indices, val: Indices, dtype: str = "float32"
    ) -> None:
        self._kernels = kernels
        self._batch_size = plan.config.batch_size
        self._rule = make_rule(plan.config)
        self._moments = MOMENTS[plan.config.optimizer.name]
        self._label_type = dataset.train_labels.dtype
        train_data = _planes(dataset.train_images), _labels(dataset.train_labels)
        test_data = _planes(dataset.test_images), _labels(dataset.test_labels)
        self._splits = {
            Split.train: (*train_data, _indices(train)),
            Split.val: (*train_data, _indices(val)),
            Split.test: (*test_data, _indices(np.arange(len(dataset.test_images)))),
        }
        number = np.dtype(dtype).type
        self._normal = number(1 / (255 * dataset.std)), number(-dataset.mean / dataset.std)
        self._layout = Layout(layer_shapes(plan.config), image_size(plan.config.model))
        # Parameters, gradients and two moments.
        self._flat = tuple(aligned_zeros(self._layout.size, dtype) for _ in range(4))
        self._views = tuple(self._layout.views(flat) for flat in self._flat[:2])
        self.buffers = self._layout.buffers(dtype)
        self._layout.pack(draw_weights(plan.config), self._flat[0])
        self._steps_done = 0
        self.num_parameters = num_parameters(plan.config)

    def train(self, batches: Batches) -> npt.NDArray[np.float32]:
        """Make one update per batch, all in one call without the interpreter's lock."""
        images, labels, _ = self._splits[Split.train]
        losses = np.empty(len(batches.learning_rates), np.float32)
        rates = read_only(batches.learning_rates.astype(np.float64))
        self._kernels.train_steps(
            *(images, labels, _indices(batches.indices), _transforms(batches), *self._normal, rates),
            self._batch_size,
            *(self._flat, *self._views, self.buffers, self._rule, self._steps_done, losses),
        )
        self._steps_done += len(losses)
        return losses

    def evaluate(self, split: Split) -> Evaluation:
        """Judge the current weights on a whole split."""
        images, labels, indices = self._splits[split]
        digits, probabilities = np.empty(len(indices), LABELS), np.empty(len(indices), np.float32)
        logits = np.empty((len(indices), self._rule.classes), np.float32)
        loss = self._kernels.evaluate(
            *(images, labels, indices, *self._normal),
            *(self._views[0], self.buffers, self._rule, digits, probabilities, logits),
        )
        accuracy = float((digits == labels[indices]).mean())
        digits = digits.astype(self._label_type)
        return Evaluation(float(loss), accuracy, digits, probabilities.astype(np.float16), logits)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by layer name."""
        return self._layout.unpack(self._flat[0])

    def gradients(self) -> dict[str, npt.NDArray[Any]]:
        """The last step's gradients by layer name, without weight decay."""
        return self._layout.unpack(self._flat[1])

    def state(self) -> State:
        """Weights and moments as `<kind>/<layer>.<weight or bias>`, and the number of steps done.

        Where batches have lanes of their own (layout.py), those too: they decide how the next updates are rounded, and
        a state of before there were any is not one to go on from.
        """
        kinds = {"weights": self._flat[0], **dict(zip(self._moments, self._flat[2:], strict=False))}
        state: dict[str, npt.NDArray[Any]] = {"steps_done": np.array(self._steps_done, np.int64)}
        if self._batch_size <= FEWEST_LANES:
            state["lanes"] = np.array(FEWEST_LANES, np.int64)
        for kind, flat in kinds.items():
            state |= {f"{kind}/{name}": array for name, array in self._layout.unpack(flat).items()}
        return state

    def load_state(self, state: State) -> None:
        """Go on from a state."""
        kinds = {"weights": self._flat[0], **dict(zip(self._moments, self._flat[2:], strict=False))}
        for kind, flat in kinds.items():
            prefix = f"{kind}/"
            arrays = {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
            self._layout.pack(arrays, flat)
        self._steps_done = int(state["steps_done"])


def make_rule(config: RunConfig) -> Rule:
    """The configuration as the numbers that the kernels know."""
    settings: OptimizerConfig = config.optimizer
    beta1, beta2 = settings.betas or (0.9, 0.999)
    assert isinstance(config.activation, Activation)  # others are refused before a learner is made
    kind = ACTIVATIONS[config.activation]
    return Rule(
        classes=num_classes(config),
        pool=POOLS[config.pool],
        activation=kind,
        derivative=activation.derivative_by(kind),
        output_relu=int(config.model.output_activation is OutputActivation.relu),
        optimizer=OPTIMIZERS[settings.name],
        beta1=float(beta1),
        beta2=float(beta2),
        alpha=float(0.99 if settings.alpha is None else settings.alpha),
        eps=float(1e-8 if settings.eps is None else settings.eps),
        momentum=float(settings.momentum or 0.0),
        nesterov=int(settings.nesterov),
        weight_decay=float(settings.weight_decay),
    )


def _planes(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Images (N, C·S, S), the colours of each one below the other."""
    planes: npt.NDArray[Any] = read_only(images.reshape(len(images), -1, images.shape[-1]))
    return planes


def _labels(labels: Labels) -> npt.NDArray[np.uint16]:
    array: npt.NDArray[np.uint16] = read_only(labels.astype(LABELS))
    return array


def _indices(indices: npt.NDArray[Any]) -> Indices:
    array: Indices = read_only(indices.astype(np.int32))
    return array


def _transforms(batches: Batches) -> npt.NDArray[np.float32]:
    """The images' affine maps; no row at all where there are none."""
    empty = np.empty((0, NUMBERS), np.float32)
    array: npt.NDArray[np.float32] = read_only(empty if batches.transforms is None else batches.transforms)
    return array
