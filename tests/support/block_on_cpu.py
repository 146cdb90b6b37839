"""The cuda engine's device without a GPU: `block.cu` as C++, a block on a thread of the host, memory apart from it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lenet_ablate.config.home import cache_home
from lenet_ablate.engines.cuda.device import JUDGE, TRAIN, Memory
from lenet_ablate.engines.cuda.kind import Kind

HOPPER_BYTES = 227 * 1024  # CUDA C Programming Guide, technical specifications by compute capability
SIZES = """
extern "C" {
extern const int run_bytes, judged_bytes;
const int run_bytes = sizeof(Run), judged_bytes = sizeof(Judged);
}
"""
"""Behind the program, for `fake_cuda.cpp`."""
FLAGS = ("-std=c++17", "-O2", "-march=native", "-shared", "-fPIC", "-pthread", "-Wall", "-Wno-unknown-pragmas")


def compiler() -> str:
    """The system's C++ compiler; skips the test where there is none."""
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not found:
        pytest.skip("needs a C++ compiler (g++ or clang++, or CXX)")
    return found


def build(source: str, *more: str) -> Path:
    """A library out of a program's text; kept, by text, compiler and machine, for the next time."""
    command = [compiler(), *FLAGS, *more]
    about = [source, *command, platform.node(), _version(command[0])]
    digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:24]
    folder = cache_home() / "blocks-on-cpu"
    library = folder / f"{digest}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            made, text = Path(place) / "block.so", Path(place) / "block.cpp"
            text.write_text(source, encoding="utf-8")
            done = subprocess.run([*command, "-o", str(made), str(text)], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert not done.stderr, done.stderr
            made.replace(library)
    return library


@functools.cache
def _version(command: str) -> str:
    return subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout


@functools.cache
def load(library: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(library))


class HostDevice:
    """The CPU as a device.

    Args:
        crew: Threads of a block.
        is_reversed: Whether each phase goes through its items from the last to the first.
        shared_bytes: Most shared memory of a block.
        change: Changes the program's text before it is compiled.
    """

    card = "the CPU"
    multiprocessors = 4

    def __init__(
        self,
        crew: int = 1,
        is_reversed: bool = False,
        shared_bytes: int = HOPPER_BYTES,
        change: Callable[[str], str] = str,
        flags: tuple[str, ...] = (),
    ) -> None:
        self._flags = flags
        self.crew, self.is_reversed, self.shared_bytes, self._change = crew, is_reversed, shared_bytes, change
        self._kept: list[Any] = []
        self.launches = 0

    def program(self, kind: Kind) -> ctypes.CDLL:
        return load(build(self._change(kind.source) + SIZES, *self._flags))

    def keep(self, array: npt.NDArray[Any]) -> int:
        self._kept.append(array.copy())
        return int(self._kept[-1].ctypes.data)

    def allocate(self, size: int) -> Memory:
        device, host = np.full(size, 0xFF, np.uint8), np.full(size, 0xFF, np.uint8)  # NaN of every type
        self._kept.append(device)
        return Memory(int(device.ctypes.data), host)

    def open_stream(self) -> HostStream:
        return HostStream(self)


class HostStream:
    """Work that is done when it is queued."""

    def __init__(self, device: HostDevice) -> None:
        self._device = device

    def send(self, memory: Memory, begin: int, end: int) -> None:
        ctypes.memmove(memory.address + begin, memory.host.ctypes.data + begin, end - begin)

    def launch(self, program: ctypes.CDLL, entry: str, argument: ctypes.Structure, blocks: int) -> None:
        self._device.launches += 1
        given = (self._device.crew, int(self._device.is_reversed))
        if entry == JUDGE:
            program.judge_split(ctypes.byref(argument), blocks, *given)
        else:
            assert (entry, blocks) == (TRAIN, 1)
            program.train_run(ctypes.byref(argument), *given)

    def fetch(self, memory: Memory, begin: int, end: int) -> None:
        ctypes.memmove(memory.host.ctypes.data + begin, memory.address + begin, end - begin)

    def wait(self) -> None:
        pass
