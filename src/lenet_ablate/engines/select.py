"""Which engine and device a sweep runs on, found out without importing PyTorch."""

from __future__ import annotations

import ctypes
import dataclasses
import sys
from collections.abc import Iterable

from lenet_ablate.config import choices
from lenet_ablate.config.activations import Coded, OwnActivation
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.engines.base import Engine
from lenet_ablate.errors import ConfigError, EngineError
from lenet_ablate.rendering.console import warn

COMPILED_MODELS = {choices.Model.lenet5, choices.Model.lenet5_28}


EngineKey = choices.Model | choices.Optimizer | Coded
"""What decides which engine a run needs: its network, or that its optimizer or its nonlinearity is an own one."""


def engine_key(run: RunConfig) -> EngineKey:
    """What decides which engine a run needs."""
    if isinstance(run.activation, OwnActivation) and run.model.name is not choices.Model.own:
        return run.activation.name
    return run.optimizer.name if run.optimizer.name is choices.Optimizer.own else run.model.name


def make_engines(options: Options, kinds: Iterable[EngineKey]) -> dict[EngineKey, Engine]:
    """The engine of each kind of run in a sweep, see `engine_key`; those that can share one do.

    Raises:
        ConfigError: The device asked for by name is not there, or the compiled engine is asked for elsewhere or for a
            network or optimizer that it does not know.
        EngineError: The compiled engine is asked for by name and cannot work here.
    """
    wanted = set(kinds)
    known = {kind for kind in wanted if kind in COMPILED_MODELS}
    unknown = wanted - known
    if unknown and options.engine is choices.Engine.compiled:
        models = ",".join(sorted(kind.value for kind in unknown if isinstance(kind, choices.Model)))
        groups = {choices.Optimizer: "optimizer", Coded: "activation"}
        others = [f"{groups[type(kind)]}=own" for kind in unknown if type(kind) in groups]
        what = f"model={models}" if models else sorted(others)[0]
        raise ConfigError(f"engine=compiled: does not know {what}; engine=auto takes torch for it")
    engines: dict[EngineKey, Engine] = dict.fromkeys(known, make_engine(options)) if known else {}
    if unknown:
        shared = next((engine for engine in engines.values() if engine.name == "torch"), None)
        engines |= dict.fromkeys(
            unknown, shared or make_engine(dataclasses.replace(options, engine=choices.Engine.torch))
        )
    return engines


def make_engine(options: Options) -> Engine:
    """The engine that `engine=…` and `device=…` ask for; `auto` is compiled on the CPU, else torch.

    Raises:
        ConfigError: The device asked for by name is not there, or the compiled engine is asked for elsewhere.
        EngineError: The compiled engine is asked for by name and cannot work here.
    """
    device = choose_device(options.device)
    if options.engine is choices.Engine.compiled:
        if options.device not in (choices.Device.auto, choices.Device.cpu):
            raise ConfigError(f"engine=compiled: runs on the CPU only; device={device} needs engine=torch")
        return _make_compiled()
    if options.engine is choices.Engine.auto and device == "cpu":
        return _make_cpu_engine()
    try:
        return _make_torch(device)
    except ConfigError as error:
        if options.device is not choices.Device.auto:
            raise
        warn(f"warning: {error}; device=auto takes the CPU")
    return _make_cpu_engine() if options.engine is choices.Engine.auto else _make_torch("cpu")


def _make_cpu_engine() -> Engine:
    try:
        return _make_compiled()
    except EngineError as error:
        warn(f"warning: {error}; engine=auto takes torch")
        return _make_torch("cpu")


def _make_compiled() -> Engine:
    try:
        from lenet_ablate.engines.compiled.engine import CompiledEngine  # 0.4 s: only once something is to be trained
    except ImportError as error:
        raise EngineError(f"engine=compiled: Numba cannot be imported ({error})") from error
    return CompiledEngine()


def _make_torch(device: str) -> Engine:
    from lenet_ablate.engines.pytorch.engine import TorchEngine  # 2 s: only once something is to be trained

    return TorchEngine(device)


def choose_device(wanted: choices.Device) -> str:
    """The device's name in PyTorch; `auto` is cuda where there is one, else cpu, and never mps.

    Raises:
        ConfigError: cuda is asked for and there is none.
    """
    if wanted is choices.Device.auto:
        return "cuda" if num_cuda_devices() else "cpu"
    if wanted is choices.Device.cuda and not num_cuda_devices():
        raise ConfigError("device=cuda: this machine shows no CUDA device; did you mean device=auto?")
    return str(wanted.value)


def num_cuda_devices() -> int:
    """How many CUDA devices the driver shows; 0 where there is no driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
