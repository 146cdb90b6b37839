"""Which engine and device a sweep runs on, found out without importing PyTorch."""

from __future__ import annotations

import ctypes
import sys

from lenet_ablate import config
from lenet_ablate.engines.base import Engine
from lenet_ablate.errors import ConfigError


def make_engine(options: config.Options) -> Engine:
    """The engine that `engine=…` and `device=…` ask for.

    Raises:
        ConfigError: The device asked for by name is not there.
    """
    device = choose_device(options.device)
    from lenet_ablate.engines.pytorch.engine import TorchEngine  # 2 s: only once something is to be trained

    try:
        return TorchEngine(device)
    except ConfigError as error:
        if options.device is not config.Device.auto:
            raise
        print(f"warning: {error}; device=auto takes the CPU", file=sys.stderr)
        return TorchEngine("cpu")


def choose_device(wanted: config.Device) -> str:
    """The device's name in PyTorch; `auto` is cuda where there is one, else cpu, and never mps.

    Raises:
        ConfigError: cuda is asked for and there is none.
    """
    if wanted is config.Device.auto:
        return "cuda" if num_cuda_devices() else "cpu"
    if wanted is config.Device.cuda and not num_cuda_devices():
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
