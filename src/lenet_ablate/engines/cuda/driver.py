"""A GPU through CUDA's driver, by NVIDIA's `cuda-bindings`, which PyTorch's CUDA builds bring along.

The context is the one that PyTorch uses in the same process, so that both may work on a card.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.engines.cuda.device import JUDGE, TRAIN, Memory
from lenet_ablate.engines.cuda.kind import Kind
from lenet_ablate.engines.cuda.nvrtc import EXTRA, load_or_build, older_than_compiler
from lenet_ablate.errors import EngineError

THREADS = 384  # of block.cu
MAX_SHARED = 100  # per cent of a multiprocessor's memory: CU_SHAREDMEM_CARVEOUT_MAX_SHARED


class CudaDevice:
    """The first GPU that the driver shows; see `device.Device`.

    Raises:
        EngineError: There is none, or it or its driver cannot be used.
    """

    def __init__(self) -> None:
        self._driver = driver = _import_driver()
        # As in `select.num_cuda_devices`, for who has not asked there.
        os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
        call(driver.cuInit, 0)
        device = call(driver.cuDeviceGet, 0)
        name: bytes = call(driver.cuDeviceGetName, 128, device)
        self.card = name.split(b"\0")[0].decode(errors="replace").strip()
        attribute = driver.CUdevice_attribute

        def ask(what: str) -> int:
            return int(call(driver.cuDeviceGetAttribute, getattr(attribute, f"CU_DEVICE_ATTRIBUTE_{what}"), device))

        self.multiprocessors = ask("MULTIPROCESSOR_COUNT")
        self.shared_bytes = ask("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN")
        self.capability = 10 * ask("COMPUTE_CAPABILITY_MAJOR") + ask("COMPUTE_CAPABILITY_MINOR")
        self._about = f"{self.card}, driver {call(driver.cuDriverGetVersion)}"
        self._context = call(driver.cuDevicePrimaryCtxRetain, device)
        self._programs: dict[Kind, dict[str, Any]] = {}
        self._locks: defaultdict[Kind, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._held: list[tuple[Any, Any]] = []
        weakref.finalize(self, _free, driver, self._context, device, self._held)

    def program(self, kind: Kind) -> dict[str, Any]:
        """The entry points of block.cu for a kind of network, and its shared memory."""
        with self._lock:
            lock = self._locks[kind]
        with lock:
            if kind not in self._programs:
                self._programs[kind] = self._load(kind)
            return self._programs[kind]

    def _load(self, kind: Kind) -> dict[str, Any]:
        cubin = load_or_build(kind, self.capability, self._about)
        self.enter()
        driver = self._driver
        try:
            module = call(driver.cuModuleLoadData, cubin)
        except EngineError as error:
            raise EngineError(f"{error}{older_than_compiler(call(driver.cuDriverGetVersion))}") from error
        self._held.append((driver.cuModuleUnload, module))
        functions = {name: call(driver.cuModuleGetFunction, module, name.encode()) for name in (TRAIN, JUDGE)}
        attribute = driver.CUfunction_attribute
        most = attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        carveout = attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
        for function in functions.values():
            call(driver.cuFuncSetAttribute, function, most, kind.shared_bytes)
            # The same for all kinds: a launch with another preference than the last may wait for the whole card (CUDA
            # driver API, cuCtxSetCacheConfig).
            call(driver.cuFuncSetAttribute, function, carveout, MAX_SHARED)
        return {**functions, "shared_bytes": kind.shared_bytes}

    def keep(self, array: npt.NDArray[Any]) -> int:
        """Copy an array to the card."""
        self.enter()
        address = self._allocate(array.nbytes)
        call(self._driver.cuMemcpyHtoD, address, array.ctypes.data, array.nbytes)
        # From memory that is not pinned it comes back before all has arrived, and learners' streams do not wait for
        # the default one (CUDA driver API, "API synchronization behavior").
        call(self._driver.cuStreamSynchronize, 0)
        return int(address)

    def allocate(self, size: int) -> Memory:
        """Memory on the card, and pinned memory on the host."""
        self.enter()
        address = self._allocate(size)
        pinned = call(self._driver.cuMemHostAlloc, size, 0)
        self._held.append((self._driver.cuMemFreeHost, pinned))
        host = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(int(pinned)))
        return Memory(int(address), host)

    def _allocate(self, size: int) -> Any:
        address = call(self._driver.cuMemAlloc, size)
        self._held.append((self._driver.cuMemFree, address))
        return address

    def open_stream(self) -> CudaStream:
        """A stream with its event."""
        self.enter()
        return CudaStream(self, self._driver, self._held)

    def enter(self) -> None:
        """Make the card the calling thread's."""
        call(self._driver.cuCtxSetCurrent, self._context)


class CudaStream:
    """A stream, and an event by which it is waited for; see `device.Stream`.

    A copy that is queued behind a kernel could hold up the copies of all other streams, which share the card's copy
    engines. So the host waits for the kernel before it queues the copy of what it gave.
    """

    def __init__(self, device: CudaDevice, driver: Any, held: list[tuple[Any, Any]]) -> None:
        self._device, self._driver = device, driver
        self._stream = call(driver.cuStreamCreate, driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
        held.append((driver.cuStreamDestroy, self._stream))
        flags = driver.CUevent_flags
        # Waiting must not keep a core busy: there may be a hundred threads that wait.
        kind = flags.CU_EVENT_BLOCKING_SYNC | flags.CU_EVENT_DISABLE_TIMING
        self._event = call(driver.cuEventCreate, int(kind))
        held.append((driver.cuEventDestroy, self._event))

    def send(self, memory: Memory, begin: int, end: int) -> None:
        """Queue a copy to the card."""
        self._device.enter()
        host = memory.host.ctypes.data + begin
        call(self._driver.cuMemcpyHtoDAsync, memory.address + begin, host, end - begin, self._stream)

    def launch(self, program: dict[str, Any], entry: str, argument: ctypes.Structure, blocks: int) -> None:
        """Queue a kernel."""
        self._device.enter()
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(argument))
        sizes = (blocks, 1, 1, THREADS, 1, 1, program["shared_bytes"])
        call(self._driver.cuLaunchKernel, program[entry], *sizes, self._stream, ctypes.addressof(arguments), 0)

    def fetch(self, memory: Memory, begin: int, end: int) -> None:
        """Wait, then copy from the card."""
        self.wait()
        host = memory.host.ctypes.data + begin
        call(self._driver.cuMemcpyDtoHAsync, host, memory.address + begin, end - begin, self._stream)
        self.wait()

    def wait(self) -> None:
        """Sleep until all is done."""
        self._device.enter()
        call(self._driver.cuEventRecord, self._event, self._stream)
        call(self._driver.cuEventSynchronize, self._event)


def call(function: Any, *arguments: Any) -> Any:
    """What a function of the driver gives.

    Raises:
        EngineError: It failed.
    """
    try:
        status, *rest = function(*arguments)
    except Exception as error:  # a driver without this function
        raise EngineError(f"engine=cuda: {function.__name__}: {error}") from error
    if int(status) != 0:
        raise EngineError(f"engine=cuda: {function.__name__}: {getattr(status, 'name', status)}")
    return rest[0] if len(rest) == 1 else rest


def _import_driver() -> Any:
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise EngineError(f"engine=cuda: cuda-bindings cannot be imported ({error}); {EXTRA}") from error
    return driver


def _free(driver: Any, context: Any, device: Any, held: list[tuple[Any, Any]]) -> None:
    """Free what was held, the latest first; errors change nothing any more."""
    driver.cuCtxSetCurrent(context)
    for release, thing in reversed(held):
        release(thing)
    driver.cuDevicePrimaryCtxRelease(device)
