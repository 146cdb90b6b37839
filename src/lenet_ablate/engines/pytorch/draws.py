"""The random numbers that a network draws while it trains, as dropout does: a stream of each run's own.

PyTorch draws them from one generator for all threads. So each run keeps the generator's state to itself and lends it
for the time in which its own code runs, one run of a process at a time; between these the generator is as it was.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch

from lenet_ablate.datasets.splits import DRAWS_STREAM, WEIGHTS_STREAM, generator

PREFIX = "generator/"
_ALONE = threading.RLock()

States = dict[str, torch.Tensor]


class Draws:
    """One run's stream.

    Args:
        seed: The run's.
        device: Where it computes, whose generator counts as well.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed, self._device = seed, device
        with _restoring(device):
            _begin(device, seed, DRAWS_STREAM)
            self._states = _get(device)

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Within, numbers are the next ones of the stream."""
        with _restoring(self._device):
            _set(self._states, self._device)
            yield
            self._states = _get(self._device)

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Within, numbers are the same each time, and the stream stays where it is."""
        with _restoring(self._device):
            _begin(self._device, self._seed, DRAWS_STREAM, 1)
            yield

    def state(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Where the stream is: bytes by `generator/<device>`."""
        return {f"{PREFIX}{name}": state.numpy().copy() for name, state in self._states.items()}

    def load(self, state: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        """Go on from where a stream was."""
        self._states = {name: torch.from_numpy(state[f"{PREFIX}{name}"].copy()) for name in self._states}


@contextlib.contextmanager
def making(seed: int, device: torch.device, *part: int) -> Iterator[None]:
    """Within, numbers for initial weights are drawn from a run's seed: PyTorch's, NumPy's and Python's own.

    Args:
        seed: The run's.
        device: Where it computes, whose generator counts as well.
        part: What else is made, so that it draws others than the network does.
    """
    with _restoring(device):
        before, numpys = random.getstate(), np.random.get_state()  # what the user's code may draw from
        try:
            drawn = _begin(device, seed, WEIGHTS_STREAM, *part)
            random.seed(drawn)
            np.random.seed(drawn % 2**32)
            yield
        finally:
            random.setstate(before)
            np.random.set_state(numpys)


def _begin(device: torch.device, seed: int, *stream: int) -> int:
    drawn = int(generator(seed, *stream).integers(2**63))
    torch.default_generator.manual_seed(drawn)  # torch.manual_seed would reach every device
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(drawn)
    elif device.type == "mps":
        torch.mps.manual_seed(drawn)
    return drawn


@contextlib.contextmanager
def _restoring(device: torch.device) -> Iterator[None]:
    with _ALONE:
        before = _get(device)
        try:
            yield
        finally:
            _set(before, device)


def _get(device: torch.device) -> States:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
