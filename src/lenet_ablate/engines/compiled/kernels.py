"""The engine's two entry points as machine code: taken from a cache on disk, which another process fills.

Numba may give other bits in the process that compiles than in one that loads its cache. So no process trains with
code that it compiled: what the cache lacks is compiled by a child.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import event

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.augment import NUMBERS
from lenet_ablate.engines.compiled import network
from lenet_ablate.engines.compiled.cache import CACHE_FOLDER, cache_folder, lock, remove_unused
from lenet_ablate.engines.compiled.digests import discard, is_whole, sign
from lenet_ablate.engines.compiled.jit import FAST_MATH
from lenet_ablate.engines.compiled.layout import Layout
from lenet_ablate.engines.compiled.rule import Rule
from lenet_ablate.engines.networks import image_size, layer_shapes
from lenet_ablate.errors import EngineError
from lenet_ablate.rendering.console import warn
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.rendering.failures import error_line

USUAL_SECONDS = 30
LABELS = np.uint16
"""The type in which kernels take and give class numbers."""


class NotCachedError(Exception):
    """The cache lacks an entry point for this machine."""


@dataclass(frozen=True)
class Kernels:
    """`network.train_steps` and `network.evaluate`, compiled."""

    train_steps: Callable[..., None]
    evaluate: Callable[..., float]


@functools.cache
def load_kernels(dtype: str = "float32") -> Kernels:
    """The entry points for one type of number, compiled by a child process if the cache lacks them.

    Code is compared with the digests that were written when it was compiled, before any of it is loaded; what differs
    is compiled again. Where something was compiled, the code of versions that nobody uses any more is then removed
    (`cache.remove_unused`).

    Raises:
        EngineError: They cannot be compiled or cached.
    """
    if numba.config.DISABLE_JIT:
        raise EngineError("engine=compiled: NUMBA_DISABLE_JIT is set, so that nothing can be compiled")
    try:
        return _load_or_compile(dtype)
    except EngineError:
        raise
    except Exception as error:  # whatever Numba and LLVM make of a damaged file or an odd machine
        raise EngineError(f"engine=compiled: {cache_folder()}: {error_line(error)}") from error


def _load_or_compile(dtype: str) -> Kernels:
    with suppress(NotCachedError):
        return _from_cache(dtype)
    with lock(cache_folder()):  # another process may be compiling: then its result is awaited
        with suppress(NotCachedError):
            return _from_cache(dtype)
        _compile_in_child(dtype)
    try:
        kernels = _from_cache(dtype)
    except NotCachedError:
        raise EngineError(f"engine=compiled: {cache_folder()} does not keep the compiled code") from None
    remove_unused(cache_folder())
    return kernels


def compile_kernels(dtype: str) -> None:
    """Compile the entry points into the cache and sign them; for a process that does nothing else."""
    entries = _entries()
    folder = _numba_folder(entries)
    if not is_whole(folder):
        discard(folder)
    for entry, signature in zip(entries, signatures(dtype), strict=True):
        entry.compile(signature)
    sign(folder)


def _from_cache(dtype: str) -> Kernels:
    entries = _entries()
    folder = _numba_folder(entries)
    if not is_whole(folder):
        raise NotCachedError
    try:
        with _no_compilation():
            for entry, signature in zip(entries, signatures(dtype), strict=True):
                entry.compile(signature)
    except NotCachedError:
        raise
    except Exception as error:  # signed and still not to be loaded, as by another processor
        discard(folder)
        raise NotCachedError from error
    for entry in entries:
        entry.disable_compile()  # arguments of other types are a mistake, not a reason to compile
    return Kernels(*entries)


def _numba_folder(entries: list[Any]) -> Path:
    """Where Numba keeps the entries, within the cache's folder."""
    return Path(entries[0].stats.cache_path)


def _compile_in_child(dtype: str) -> None:
    warn(f"compiling the engine for this machine, once, about {USUAL_SECONDS} s")
    # Found behind the standard library, which a module in the user's folder may be named like.
    start = "import sys; sys.path += sys.argv[2:]; from lenet_ablate.engines.compiled.kernels import compile_kernels"
    command = [sys.executable, "-P", "-c", f"{start}; compile_kernels(sys.argv[1])", dtype, *filter(None, sys.path)]
    environment = os.environ | {CACHE_FOLDER: str(cache_folder())}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        why = told[-1] if told else f"exit status {done.returncode}"
        raise EngineError(f"engine=compiled: compilation failed: {one_line(why)}")


@contextmanager
def _no_compilation() -> Iterator[None]:
    class Refuse(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            raise NotCachedError

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Refuse()):
        yield


def _entries() -> list[Any]:
    return [_entry(network.train_steps), _entry(network.evaluate)]


def _entry(function: Callable[..., Any]) -> Any:
    # Numba offers no other way to say where one function is cached; the setting is read while decorating.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(nogil=True, cache=True, fastmath=FAST_MATH, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before


def signatures(dtype: str) -> list[tuple[Any, ...]]:
    """The argument types of the entry points."""
    layout = Layout(layer_shapes(RunConfig()), image_size(RunConfig().model))
    flat = np.zeros(layout.size, dtype)
    views, buffers = layout.views(flat), layout.buffers(dtype)
    rule = Rule(0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0)
    data = (
        read_only(np.zeros((1, 2, 2), np.uint8)),
        read_only(np.zeros(1, LABELS)),
        read_only(np.zeros(1, np.int32)),
        np.dtype(dtype).type(0),
        np.dtype(dtype).type(0),
    )
    rates, losses = read_only(np.zeros(1)), np.zeros(1, np.float32)
    transforms = read_only(np.zeros((1, NUMBERS), np.float32))
    train = (*data[:3], transforms, *data[3:], rates, 1, (flat,) * 4, views, views, buffers, rule, 0, losses)
    evaluate = (
        *data,
        views,
        buffers,
        rule,
        np.zeros(1, LABELS),
        np.zeros(1, np.float32),
        np.zeros((1, 1), np.float32),
    )
    return [tuple(numba.typeof(value) for value in arguments) for arguments in (train, evaluate)]


def read_only(array: Any) -> Any:
    """A contiguous view that cannot be written: a file's content and an array in memory become the same type."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
