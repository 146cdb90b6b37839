"""The engine's two entry points as machine code: taken from a cache on disk, which another process fills.

Numba may give other bits in the process that compiles than in one that loads its cache. So no process trains with
code that it compiled: what the cache lacks is compiled by a child (`python -m lenet_ablate.engines.compiled.build`).
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import event

from lenet_ablate.config.home import CACHE_VARIABLE, cache_home
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.augment import NUMBERS
from lenet_ablate.engines.compiled import network
from lenet_ablate.engines.compiled.jit import FAST_MATH
from lenet_ablate.engines.compiled.layout import Layout
from lenet_ablate.engines.compiled.rule import Rule
from lenet_ablate.engines.networks import image_size, layer_shapes
from lenet_ablate.errors import EngineError
from lenet_ablate.records.locks import held

CACHE_FOLDER = "_LENET_ABLATE_KERNELS"  # tells the child its parent's very folder
USUAL_SECONDS = 30


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

    Raises:
        EngineError: They cannot be compiled or cached.
    """
    try:
        return _from_cache(dtype)
    except NotCachedError:
        pass
    with held(cache_folder() / "lock"):  # another process may be compiling: then its result is awaited
        try:
            return _from_cache(dtype)
        except NotCachedError:
            _compile_in_child(dtype)
    try:
        return _from_cache(dtype)
    except NotCachedError:
        raise EngineError(f"engine=compiled: {cache_folder()} does not keep the compiled code") from None


def compile_kernels(dtype: str) -> None:
    """Compile the entry points into the cache; for a process that does nothing else."""
    for entry, signature in zip(_entries(), signatures(dtype), strict=True):
        entry.compile(signature)


def _from_cache(dtype: str) -> Kernels:
    entries = _entries()
    with _no_compilation():
        for entry, signature in zip(entries, signatures(dtype), strict=True):
            entry.compile(signature)
    for entry in entries:
        entry.disable_compile()  # arguments of other types are a mistake, not a reason to compile
    return Kernels(*entries)


def _compile_in_child(dtype: str) -> None:
    print(f"compiling the engine for this machine, once, about {USUAL_SECONDS} s", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "lenet_ablate.engines.compiled.build", dtype]
    environment = os.environ | {
        CACHE_FOLDER: str(cache_folder()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"engine=compiled: compilation failed\n{done.stderr.strip()}")


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


@functools.cache
def cache_folder() -> Path:
    """The folder of the compiled code for exactly these sources and versions, created if need be.

    Numba itself looks only at the file of the entry point, so the name carries a digest of all of them.
    """
    told = os.environ.get(CACHE_FOLDER)
    if told:
        return Path(told)
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, np.__version__, sys.version)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    try:
        folder = cache_home() / f"kernels-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        # A private folder for this process alone: cached code is unpickled, so a shared one could not be trusted.
        folder = Path(tempfile.mkdtemp(prefix="lenet-ablate-"))
        print(f"warning: the home folder is not writable; set {CACHE_VARIABLE} to keep compiled code", file=sys.stderr)
    return folder


def signatures(dtype: str) -> list[tuple[Any, ...]]:
    """The argument types of the entry points."""
    layout = Layout(layer_shapes(RunConfig()), image_size(RunConfig().model))
    flat = np.zeros(layout.size, dtype)
    views, buffers = layout.views(flat), layout.buffers(dtype)
    rule = Rule(0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0)
    data = (
        read_only(np.zeros((1, 2, 2), np.uint8)),
        read_only(np.zeros(1, np.uint8)),
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
        np.zeros(1, np.uint8),
        np.zeros(1, np.float32),
        np.zeros((1, 1), np.float32),
    )
    return [tuple(numba.typeof(value) for value in arguments) for arguments in (train, evaluate)]


def read_only(array: Any) -> Any:
    """A contiguous view that cannot be written: a file's content and an array in memory become the same type."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
