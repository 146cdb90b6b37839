"""Which engine and device a sweep runs on, found out without importing PyTorch."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import sys
from collections.abc import Iterable

from lenet_ablate.config import choices
from lenet_ablate.config.activations import Coded, OwnActivation
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.engines.base import Engine
from lenet_ablate.errors import ConfigError, EngineError
from lenet_ablate.rendering.console import say, warn

COMPILED_MODELS = {choices.Model.lenet5, choices.Model.lenet5_28}

EngineKey = choices.Model | choices.Optimizer | choices.Color | Coded
"""What decides which engine a run needs: its network, that a part of it is own code, or that LeNet sees colours."""

KNOWN: dict[str, set[EngineKey]] = {
    "compiled": {*COMPILED_MODELS, choices.Color.rgb},
    "cuda": {*COMPILED_MODELS},
}
"""What the engines know that do not know everything."""


def engine_key(run: RunConfig) -> EngineKey:
    """What decides which engine a run needs."""
    if isinstance(run.activation, OwnActivation) and run.model.name is not choices.Model.own:
        return run.activation.name
    if run.optimizer.name is choices.Optimizer.own:
        return run.optimizer.name
    is_coloured = run.model.name in COMPILED_MODELS and run.data.color is choices.Color.rgb
    return choices.Color.rgb if is_coloured else run.model.name


def make_engines(options: Options, kinds: Iterable[EngineKey], num_runs: int = 1) -> dict[EngineKey, Engine]:
    """The engine of each kind of run in a sweep, see `engine_key`; those that can share one do.

    Args:
        options: What is asked for.
        kinds: The kinds of run.
        num_runs: All runs of the sweep, on which `engine=auto` may depend.

    Raises:
        ConfigError: The device asked for by name is not there, or an engine is asked for elsewhere or for a network or
            optimizer that it does not know.
        EngineError: The engine is asked for by name and cannot work here.
    """
    wanted = set(kinds)
    _refuse_unknown(options.engine, wanted)
    engines: dict[EngineKey, Engine] = {}
    if wanted & KNOWN["compiled"]:
        first = make_engine(options, num_runs)
        engines = {kind: first for kind in wanted if kind in KNOWN.get(first.name, wanted)}
    if unknown := wanted - engines.keys():
        engines |= dict.fromkeys(unknown, make_engine(dataclasses.replace(options, engine=choices.Engine.torch)))
    return engines


def _refuse_unknown(engine: choices.Engine, wanted: set[EngineKey]) -> None:
    unknown = wanted - KNOWN.get(engine.value, wanted)
    if not unknown:
        return
    models = ",".join(sorted(kind.value for kind in unknown if isinstance(kind, choices.Model)))
    groups = {choices.Optimizer: "optimizer=own", Coded: "activation=own", choices.Color: "data.color=rgb"}
    others = sorted(groups[type(kind)] for kind in unknown if type(kind) in groups)
    what = f"model={models}" if models else others[0]
    raise ConfigError(f"engine={engine.value}: does not know {what}; engine=auto takes torch for it")


def make_engine(options: Options, num_runs: int = 1) -> Engine:
    """The engine that `engine=…` and `device=…` ask for, for a network that all of them know.

    `auto` is compiled on the CPU. On a GPU it is cuda, or compiled where the runs are expected to be faster by it;
    where cuda cannot work, torch.

    Args:
        options: What is asked for.
        num_runs: All runs of the sweep.

    Raises:
        ConfigError: The device asked for by name is not there, or an engine is asked for elsewhere.
        EngineError: The engine is asked for by name and cannot work here.
    """
    device = choose_device(options.device)
    if options.engine is choices.Engine.compiled:
        if options.device not in (choices.Device.auto, choices.Device.cpu):
            raise ConfigError(f"engine=compiled: runs on the CPU only; device={device} needs engine=torch")
        return _make_compiled()
    if options.engine is choices.Engine.cuda:
        if device != "cuda":
            there = "" if num_cuda_devices() else ", and this machine shows none"
            raise ConfigError(f"engine=cuda: runs on an NVIDIA GPU only{there}; did you mean engine=auto?")
        return _make_cuda()
    if options.engine is choices.Engine.auto and device == "cpu":
        return _make_cpu_engine()
    if options.engine is choices.Engine.auto and device == "cuda":
        try:
            return _faster(_make_cuda(), num_runs) if options.device is choices.Device.auto else _make_cuda()
        except EngineError as error:
            warn(f"warning: {error}; engine=auto takes torch")
    try:
        return _make_torch(device)
    except ConfigError as error:
        if options.device is not choices.Device.auto:
            raise
        warn(f"warning: {error}; device=auto takes the CPU")
    return _make_cpu_engine() if options.engine is choices.Engine.auto else _make_torch("cpu")


def _faster(cuda: Engine, num_runs: int) -> Engine:
    """The engine by which so many runs are expected to be done first: this one, or compiled on the CPU."""
    from lenet_ablate.engines.speed import images_per_second

    on_card = images_per_second(cuda, num_runs)
    try:
        compiled = _make_compiled()
        on_cpu = images_per_second(compiled, num_runs)
    except EngineError as error:
        warn(f"warning: {error}; engine=auto takes cuda")
        return cuda
    chosen = cuda if on_card >= on_cpu else compiled
    runs = "1 run" if num_runs == 1 else f"{num_runs} runs"
    rates = f"{on_card:,.0f} images/s with cuda on {cuda.card}, {on_cpu:,.0f} with compiled on the CPU"
    say(f"engine=auto takes {chosen.name} for {runs}: about {rates} (measured once)")
    return chosen


def _make_cuda() -> Engine:
    from lenet_ablate.engines.cuda.engine import CudaEngine

    return CudaEngine()


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
    # Read when the driver begins, which is here: streams that share one of its queues may wait for one another.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
