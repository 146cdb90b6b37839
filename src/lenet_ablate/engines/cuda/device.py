"""What the learner needs of a GPU, so that it can be tested without one: memory, queues of work, and programs.

Two things keep these protocols: `driver.CudaDevice`, and in the tests a device that is the CPU.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lenet_ablate.engines.cuda.kind import Kind

TRAIN, JUDGE = "train_run", "judge_split"
"""Entry points of block.cu."""
ALIGNMENT = 256
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Memory:
    """Memory on the device, and as much on the host, which copies between the two need not wait for.

    Attributes:
        address: Where it begins on the device.
        host: (bytes,) uint8, on the host.
    """

    address: int
    host: npt.NDArray[np.uint8]


class Stream(Protocol):
    """A queue of work on the device: what is queued is done in its order. Used by one thread at a time."""

    def send(self, memory: Memory, begin: int, end: int) -> None:
        """Queue a copy of these bytes from host to device; the host's must stay as they are until it is waited for."""

    def launch(self, program: Any, entry: str, argument: ctypes.Structure, blocks: int) -> None:
        """Queue an entry point of a program, for so many thread blocks; the argument is copied at once."""

    def fetch(self, memory: Memory, begin: int, end: int) -> None:
        """Wait for all that is queued, then copy these bytes from device to host."""

    def wait(self) -> None:
        """Wait for all that is queued, without keeping Python's lock or a core busy.

        Raises:
            EngineError: The device failed.
        """


class Device(Protocol):
    """A GPU; may be used by several threads."""

    card: str
    """What it is called."""
    multiprocessors: int
    """How many thread blocks work at once."""
    shared_bytes: int
    """Most shared memory of a block."""

    def program(self, kind: Kind) -> Any:
        """`block.cu` for a kind of network, compiled if need be.

        Raises:
            EngineError: It cannot be compiled.
        """

    def keep(self, array: Array) -> int:
        """Copy an array to the device for as long as this object lives; returns its address there."""

    def allocate(self, size: int) -> Memory:
        """So many bytes, for as long as this object lives."""

    def open_stream(self) -> Stream:
        """A new queue."""


class Reserve:
    """Memory and queues that learners lend from one another, since giving memory back stops the whole card."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._memories: dict[int, list[Memory]] = {}
        self._streams: list[Stream] = []

    def take(self, size: int) -> Memory:
        """At least so many bytes, of any content."""
        rounded = 1 << max(size - 1, 0).bit_length()
        with self._lock:
            free = self._memories.get(rounded)
            if free:
                return free.pop()
        return self.device.allocate(rounded)

    def give_back(self, *memories: Memory) -> None:
        """Let others take what no queued work uses any more."""
        with self._lock:
            for memory in memories:
                self._memories.setdefault(len(memory.host), []).append(memory)

    def take_stream(self) -> Stream:
        """A queue with nothing in it."""
        with self._lock:
            if self._streams:
                return self._streams.pop()
        return self.device.open_stream()

    def give_back_stream(self, stream: Stream) -> None:
        """Let others take a queue with nothing in it."""
        with self._lock:
            self._streams.append(stream)


class Arrays:
    """Several arrays, one behind the other in one memory.

    Args:
        memory: No smaller than `bytes_of(fields)`.
        fields: How many numbers of what type each has, by name.
    """

    def __init__(self, memory: Memory, fields: Mapping[str, tuple[int, Any]]) -> None:
        self.memory = memory
        self._places: dict[str, tuple[int, int, Any]] = {}
        end = 0
        for name, (count, dtype) in fields.items():
            begin, end = end, end + _up(count * np.dtype(dtype).itemsize)
            self._places[name] = begin, count, dtype

    def __getitem__(self, name: str) -> Array:
        """The host's array, which can be written."""
        begin, count, dtype = self._places[name]
        return self.memory.host[begin : begin + count * np.dtype(dtype).itemsize].view(dtype)

    def addresses(self) -> dict[str, int]:
        """Where each lies on the device."""
        return {name: self.memory.address + begin for name, (begin, _, _) in self._places.items()}

    def span(self, *names: str) -> tuple[int, int]:
        """From the first to the last byte of neighbouring arrays."""
        places = [self._places[name] for name in names]
        ends = [begin + count * np.dtype(dtype).itemsize for begin, count, dtype in places]
        return min(begin for begin, _, _ in places), max(ends)


def bytes_of(fields: Mapping[str, tuple[int, Any]]) -> int:
    """How much memory arrays need, see `Arrays`."""
    return sum(_up(count * np.dtype(dtype).itemsize) for count, dtype in fields.values())


def _up(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
