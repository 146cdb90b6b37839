"""PyTorch behind the engine protocol.

The whole data set is one uint8 tensor on the device and a batch is an index slice of it: there is no DataLoader and
no per-image transform. On an accelerator nothing waits for the host within `train` until all its steps are queued.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from lenet_ablate.config import choices
from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.own_code import has_own_code, has_own_network
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset, Labels
from lenet_ablate.datasets.splits import Indices
from lenet_ablate.engines.base import Batches, Evaluation, Split, State
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.pytorch.optimizers import Memory, make_optimizer, to_host
from lenet_ablate.engines.pytorch.own import OwnRun, make_network, passing_buffers, stored_tensors
from lenet_ablate.engines.pytorch.own_activation import check_activation
from lenet_ablate.engines.pytorch.own_optimizer import make_own_memory
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.cores import num_usable_cores

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class DeviceData:
    """A data set on the device: images (N, 1, S, S) uint8 or points (N, 1, 1, F) float32, labels (N,) int64."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


class TorchEngine:
    """PyTorch on one device; puts each data set there once, for all its learners."""

    name = "torch"

    def __init__(self, device: str) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                f"device=cuda: PyTorch {torch.__version__} cannot use this machine's GPU "
                "(it is a CPU build, or the driver is too old)"
            )
        if device == "mps" and not torch.backends.mps.is_available():
            raise ConfigError("device=mps: this machine has no Metal device")
        if device == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS begins: the same bits again
            # The same bits again, and float32 as on the CPU; cuDNN's convolutions take TF32 unless told not to.
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = False
        # The first optimizer loads it, for a second; here it belongs to what a forecast knows of.
        with contextlib.suppress(ImportError, OSError):  # it looks for a temporary folder
            importlib.import_module("torch._dynamo")
        self.device = device
        self.card = torch.cuda.get_device_name() if device == "cuda" else ""
        self.threads = 1
        self.side_by_side = num_usable_cores() if device == "cpu" else 1
        self._lock = threading.Lock()
        self._data: dict[int, tuple[Dataset, DeviceData]] = {}

    def learner(self, plan: RunPlan, dataset: Dataset, train: Indices, val: Indices) -> TorchLearner:
        """A learner at step 0."""
        if self.device == "cpu":
            torch.set_num_threads(self.threads)  # holds for the calling thread
            torch.set_flush_denormal(True)  # saturated sigmoids breed denormals, which are slow
        return TorchLearner(plan, dataset, self._on_device(dataset), train, val, torch.device(self.device))

    def _on_device(self, dataset: Dataset) -> DeviceData:
        with self._lock:
            images = id(dataset.train_images)  # runs may differ in the normalisation alone
            if images not in self._data:
                self._data[images] = (dataset, _to_device(dataset, torch.device(self.device)))
            return self._data[images][1]


def _to_device(dataset: Dataset, device: torch.device) -> DeviceData:
    def images(array: npt.NDArray[Any]) -> torch.Tensor:
        # PyTorch warns of read-only arrays, such as a file's content.
        found = torch.from_numpy(array if array.flags.writeable else array.copy())
        return (found if found.ndim == 4 else found.unsqueeze(1)).to(device)

    def labels(array: Labels) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.int64)).to(device)

    return DeviceData(
        images(dataset.train_images),
        labels(dataset.train_labels),
        images(dataset.test_images),
        labels(dataset.test_labels),
    )


class TorchLearner:
    """One network in training; see `engines.base.Learner`."""

    def __init__(
        self, plan: RunPlan, dataset: Dataset, data: DeviceData, train: Indices, val: Indices, device: torch.device
    ) -> None:
        self._batch_size = plan.config.batch_size
        self._data = data
        self._label_type = dataset.train_labels.dtype
        self._device = device
        self._scale, self._shift = 1 / (255 * dataset.std), -dataset.mean / dataset.std
        self._splits = {Split.train: self._index(train), Split.val: self._index(val), Split.test: None}
        self._model = self._network(plan.config, train)
        self._is_own = has_own_network(plan.config)
        self._own = OwnRun(plan.config, device) if has_own_code(plan.config) else None
        if plan.config.optimizer.name is choices.Optimizer.own:
            self._memory: Memory = make_own_memory(plan, self._model, device)
        else:
            self._memory = Memory(make_optimizer(plan.config.optimizer, self._model), self._model)
        self._optimizer = self._memory.optimizer

    def _network(self, config: RunConfig, train: Indices) -> torch.nn.Module:
        if config.model.name is choices.Model.own:
            examples = self._normalise(self._data.train_images[self._index(train[:2])])
            return make_network(config, self._device, examples)
        model = build_model(config, draw_weights(config))
        model = model.to(self._device)
        if self._device.type == "cpu":
            # A tenth faster there than NCHW, which oneDNN reorders on the way in and out; not measured elsewhere.
            model = model.to(memory_format=torch.channels_last)
        if isinstance(config.activation, OwnActivation):
            check_activation(config, model, self._normalise(self._data.train_images[self._index(train[:2])]))
        return model

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(parameter.numel() for parameter in self._model.parameters() if parameter.requires_grad)

    def train(self, batches: Batches) -> npt.NDArray[np.float32]:
        """Make one update per batch; the losses are fetched once, behind the last."""
        with self._own.training() if self._own else contextlib.nullcontext():
            return self._train(batches)

    def _train(self, batches: Batches) -> npt.NDArray[np.float32]:
        self._model.train()
        chosen = self._index(batches.indices).split(self._batch_size)  # type: ignore[no-untyped-call]
        maps = self._maps(batches)
        losses = torch.empty(len(chosen), device=self._device)
        for step, (batch, lr) in enumerate(zip(chosen, batches.learning_rates, strict=True)):
            images = self._data.train_images[batch]
            images = images if maps is None else _sample(images, maps[step])
            loss = functional.cross_entropy(self._model(self._normalise(images)), self._data.train_labels[batch])
            for group in self._optimizer.param_groups:
                group["lr"] = float(lr)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            losses[step] = loss.detach()
        self._memory.check()
        return losses.cpu().numpy()

    @torch.inference_mode()
    def evaluate(self, split: Split) -> Evaluation:
        """Judge the current weights; the sums are kept on the device and fetched once."""
        with self._own.judging() if self._own else contextlib.nullcontext():
            return self._evaluate(split)

    def _evaluate(self, split: Split) -> Evaluation:
        self._model.eval()
        images, labels = self._data.train_images, self._data.train_labels
        if split is Split.test:
            images, labels = self._data.test_images, self._data.test_labels
        chosen = self._splits[split]
        everything = torch.arange(len(images), device=self._device) if chosen is None else chosen
        widest = torch.float32 if self._device.type == "mps" else torch.float64
        loss = torch.zeros((), dtype=widest, device=self._device)
        right = torch.zeros((), dtype=torch.int64, device=self._device)
        digits, probabilities, every_logits = [], [], []
        for batch in everything.split(EVALUATION_BATCH):  # type: ignore[no-untyped-call]
            logits = self._model(self._normalise(images[batch]))
            loss += functional.cross_entropy(logits, labels[batch], reduction="none").to(widest).sum()
            top = logits.softmax(1).max(1)
            right += (top.indices == labels[batch]).sum()
            digits.append(top.indices.to(torch.int32))
            probabilities.append(top.values.to(torch.float16))
            every_logits.append(logits)
        found = {"loss": loss, "right": right, "digits": torch.cat(digits)}
        found |= {"probabilities": torch.cat(probabilities), "logits": torch.cat(every_logits)}
        host = to_host(found)
        return Evaluation(
            loss=float(host["loss"]) / len(everything),
            accuracy=int(host["right"]) / len(everything),
            digits=host["digits"].astype(self._label_type),
            probabilities=host["probabilities"],
            logits=host["logits"],
        )

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by layer name."""
        return to_host(stored_tensors(self._model))

    def state(self) -> State:
        """Weights as `weights/<name>`, the optimizer's memory as `optimizers.Memory` has it.

        Of own code also its random numbers, `generator/<device>`, and of an own network or nonlinearity the buffers
        that are not kept with the weights, `buffers/<name>`.
        """
        state: dict[str, npt.NDArray[Any]] = {f"weights/{name}": array for name, array in self.weights().items()}
        state |= self._memory.state()
        if self._is_own:
            state |= to_host({f"buffers/{name}": each for name, each in passing_buffers(self._model).items()})
        if self._own:
            state |= self._own.draws.state()
        return state

    def load_state(self, state: State) -> None:
        """Go on from a state."""
        weights = stored_tensors(self._model)
        buffers = passing_buffers(self._model) if self._is_own else {}
        if self._own:
            self._own.draws.load(state)
        memory = {}
        with torch.no_grad():
            for key, array in state.items():
                kind, _, name = key.partition("/")
                if kind == "weights":
                    weights[name].copy_(torch.from_numpy(array))
                elif kind == "buffers" and self._is_own:
                    buffers[name].copy_(torch.from_numpy(array))
                elif kind != "generator":
                    memory[key] = array
            self._memory.load(memory)

    def _index(self, indices: Indices) -> torch.Tensor:
        return self._send(np.ascontiguousarray(indices, dtype=np.int64))

    def _send(self, array: npt.NDArray[Any]) -> torch.Tensor:
        """A copy on the device, for which a GPU need not wait."""
        tensor = torch.from_numpy(array)
        is_cuda = self._device.type == "cuda"
        return (tensor.pin_memory() if is_cuda else tensor).to(self._device, non_blocking=is_cuda)

    def _maps(self, batches: Batches) -> Sequence[torch.Tensor] | None:
        """The images' affine maps as `_sample` takes them, (images of a batch, 2, 3) for each batch."""
        if batches.transforms is None:
            return None
        # PyTorch measures in halves of the distance between the outermost pixels.
        half = (self._data.train_images.shape[-1] - 1) / 2
        maps = batches.transforms.reshape(-1, 2, 3) / np.array([1.0, 1.0, half], np.float32)
        split: Sequence[torch.Tensor] = self._send(maps).split(self._batch_size)  # type: ignore[no-untyped-call]
        return split

    def _normalise(self, images: torch.Tensor) -> torch.Tensor:
        if self._data.train_images.is_floating_point():  # points are taken as they are
            return images
        return images.to(torch.float32).mul(self._scale).add_(self._shift)


def _sample(images: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """The images (N, C, S, S) sampled by their maps (N, 2, 3), as `datasets.augment` says; float32 in 0..255."""
    grid = functional.affine_grid(maps, list(images.shape), align_corners=True)
    return functional.grid_sample(images.to(torch.float32), grid, align_corners=True)
