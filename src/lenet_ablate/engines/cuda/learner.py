"""The cuda engine's learner: one network in training, one thread block, one queue."""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.datasets.augment import NUMBERS
from lenet_ablate.datasets.base import Dataset, Labels
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.base import Batches, Evaluation, Split, State
from lenet_ablate.engines.cuda.device import JUDGE, TRAIN, Arrays, Memory, Reserve, Stream, bytes_of
from lenet_ablate.engines.cuda.kind import Number, make_kind
from lenet_ablate.engines.cuda.layout import Layout
from lenet_ablate.engines.cuda.rule import MOMENTS, make_rule, step_rates
from lenet_ablate.engines.cuda.structs import make_judged, make_run
from lenet_ablate.engines.networks import layer_shapes, num_classes, num_parameters
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import EngineError

SUMS_3, SUMS_1 = 16 * 150 + 16, 6 * 25 + 6  # a part of each convolution's gradient
ROWS_1 = 4
JUDGING_BLOCKS = 8
"""Thread blocks that judge a split; what they say does not depend on it."""
CLASSES = np.uint16


@dataclass(frozen=True)
class DeviceData:
    """A data set on the device, shared by all its learners: addresses of images (N, S·S) uint8 and labels uint16."""

    train_images: int
    train_labels: int
    test_images: int
    test_labels: int


class CudaLearner:
    """One network in training; see `engines.base.Learner`.

    Args:
        number: Type of all arithmetic; float64 serves the tests.

    Raises:
        EngineError: The network does not fit the card, cannot be compiled for it, or the card fails.
    """

    def __init__(
        self,
        reserve: Reserve,
        plan: RunPlan,
        dataset: Dataset,
        data: DeviceData,
        train: Indices,
        val: Indices,
        number: Number = "float32",
    ) -> None:
        self._reserve, self._plan, self._data, self._number = reserve, plan, data, number
        self._kind = make_kind(plan.config, reserve.device.shared_bytes, number)
        self._program = reserve.device.program(self._kind)
        every = np.arange(len(dataset.test_labels), dtype=np.int32)
        self._chosen: dict[Split, Indices] = {Split.train: train, Split.val: val, Split.test: every}
        self._labels: dict[Split, Labels] = {
            Split.train: dataset.train_labels[train],
            Split.val: dataset.train_labels[val],
            Split.test: dataset.test_labels,
        }
        self._normal = {"scale": 1 / (255 * dataset.std), "shift": -dataset.mean / dataset.std}
        self._rule = make_rule(plan.config.optimizer)
        self._moments = MOMENTS[plan.config.optimizer.name]
        self._layout = Layout(layer_shapes(plan.config))
        self._steps_done = 0
        self.num_parameters = num_parameters(plan.config)
        self._stream = reserve.take_stream()
        self._held: list[Memory] = []
        weakref.finalize(self, _release, reserve, self._stream, self._held)
        self._network = self._hold(self._network_fields())
        self._slice: Arrays | None = None
        self._network.memory.host[:] = 0
        self._layout.pack(draw_weights(plan.config), self._network["weights"])
        self._stream.send(self._network.memory, 0, bytes_of(self._network_fields()))
        self._stream.wait()

    def train(self, batches: Batches) -> npt.NDArray[np.float32]:
        """Make one update per batch, all in one launch; the host waits once, behind the last."""
        config, images, steps = self._plan.config, len(batches.indices), len(batches.learning_rates)
        maps = batches.transforms
        fields = {
            "order": (images, np.int32),
            "maps": (0 if maps is None else images * NUMBERS, np.float32),
            "rates": (steps * 3, self._number),
            "losses": (steps, np.float32),
        }
        arrays = self._slice = self._hold(fields, self._slice)
        arrays["order"][:] = batches.indices
        arrays["rates"][:] = step_rates(config.optimizer, batches.learning_rates, self._steps_done).ravel()
        if maps is not None:
            arrays["maps"][:] = maps.ravel()
        addresses = {**self._network.addresses(), **arrays.addresses()}
        addresses |= {"pixels": self._data.train_images, "labels": self._data.train_labels}
        if maps is None:
            del addresses["maps"]
        values = {**self._normal, "rule": self._rule, "images": images, "batch": config.batch_size}
        self._stream.send(arrays.memory, *arrays.span("order", "maps", "rates"))
        self._stream.launch(self._program, TRAIN, make_run(self._number, addresses, **values), 1)
        self._stream.fetch(arrays.memory, *arrays.span("losses"))
        self._steps_done += steps
        return arrays["losses"].copy()

    def evaluate(self, split: Split) -> Evaluation:
        """Judge the current weights on a whole split."""
        chosen, labels = self._chosen[split], self._labels[split]
        images, classes = len(chosen), num_classes(self._plan.config)
        fields = {
            "order": (images, np.int32),
            "losses": (images, np.float32),
            "probabilities": (images, np.float32),
            "classes": (images, CLASSES),
            "logits": (images * classes, np.float32),
        }
        memory = self._reserve.take(bytes_of(fields))
        self._held.append(memory)
        arrays = Arrays(memory, fields)
        arrays["order"][:] = chosen
        addresses = {**arrays.addresses(), "weights": self._network.addresses()["weights"]}
        is_test = split is Split.test
        addresses["pixels"] = self._data.test_images if is_test else self._data.train_images
        addresses["labels"] = self._data.test_labels if is_test else self._data.train_labels
        judged = make_judged(self._number, addresses, **self._normal, images=images)
        self._stream.send(memory, *arrays.span("order"))
        self._stream.launch(self._program, JUDGE, judged, JUDGING_BLOCKS)
        self._stream.fetch(memory, *arrays.span("losses", "probabilities", "classes", "logits"))
        said = arrays["classes"].astype(labels.dtype)
        evaluation = Evaluation(
            loss=float(arrays["losses"].mean(dtype=np.float64)),
            accuracy=_fraction(said, labels),
            digits=said,
            probabilities=arrays["probabilities"].astype(np.float16),
            logits=arrays["logits"].reshape(images, classes).copy(),
        )
        self._held.remove(memory)
        self._reserve.give_back(memory)
        return evaluation

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by layer name."""
        return self._fetch("weights")["weights"]

    def gradients(self) -> dict[str, npt.NDArray[Any]]:
        """The last step's gradients by layer name, without weight decay."""
        return self._fetch("gradient")["gradient"]

    def state(self) -> State:
        """Weights and moments as `<kind>/<layer>.<weight or bias>`, and the number of steps done; one copy."""
        places = self._places()
        found = self._fetch(*places.values())
        state: dict[str, npt.NDArray[Any]] = {"steps_done": np.array(self._steps_done, np.int64)}
        for kind, place in places.items():
            state |= {f"{kind}/{name}": array for name, array in found[place].items()}
        return state

    def load_state(self, state: State) -> None:
        """Go on from a state."""
        places = self._places()
        for kind, place in places.items():
            prefix = f"{kind}/"
            arrays = {key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)}
            self._layout.pack(arrays, self._network[place])
        self._stream.send(self._network.memory, *self._network.span(*places.values()))
        self._stream.wait()
        self._steps_done = int(state["steps_done"])

    def _places(self) -> dict[str, str]:
        """Where block.cu has what a state tells of, by its name there."""
        return {"weights": "weights", **dict(zip(self._moments, ("first", "second"), strict=False))}

    def _fetch(self, *places: str) -> dict[str, dict[str, npt.NDArray[Any]]]:
        self._stream.fetch(self._network.memory, *self._network.span(*places))
        return {place: self._layout.unpack(self._network[place]) for place in places}

    def _network_fields(self) -> dict[str, tuple[int, Any]]:
        images, parts = self._kind.images, (self._kind.side - 4) // ROWS_1
        sums = images * SUMS_3 + images * parts * SUMS_1
        fields = dict.fromkeys(("weights", "first", "second", "gradient"), (self._layout.size, self._number))
        return {**fields, "sums": (sums, self._number)}

    def _hold(self, fields: dict[str, tuple[int, Any]], before: Arrays | None = None) -> Arrays:
        """Arrays in memory that this learner keeps: in that of `before` if it is large enough."""
        size = bytes_of(fields)
        if before is not None:
            if len(before.memory.host) >= size:
                return Arrays(before.memory, fields)
            self._held.remove(before.memory)
            self._reserve.give_back(before.memory)
        memory = self._reserve.take(size)
        self._held.append(memory)
        return Arrays(memory, fields)


def _fraction(said: Labels, wanted: Labels) -> float:
    return float((said == wanted).mean())


def _release(reserve: Reserve, stream: Stream, held: list[Memory]) -> None:
    """Give back what a learner had, once nothing queued uses it; keep it from others where the card has failed."""
    with contextlib.suppress(EngineError):
        stream.wait()
        reserve.give_back(*held)
        reserve.give_back_stream(stream)
