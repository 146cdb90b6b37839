"""What the card is, and what of it each kind of network takes, as the driver has it."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from workbench import finish, size

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.cuda import nvrtc
from lenet_ablate.engines.cuda.device import JUDGE, TRAIN
from lenet_ablate.engines.cuda.driver import CudaDevice, call
from lenet_ablate.engines.cuda.kind import make_kind
from lenet_ablate.records.provenance import _processor

ASKED = (
    *("COMPUTE_MODE", "KERNEL_EXEC_TIMEOUT", "CONCURRENT_KERNELS", "ASYNC_ENGINE_COUNT"),
    *("CLOCK_RATE", "L2_CACHE_SIZE", "MAX_THREADS_PER_MULTIPROCESSOR", "MAX_REGISTERS_PER_BLOCK"),
)
"""Processes at once (0: any, 3: one), whether long kernels are ended, as on a display, and what sets the pace."""
SMI = (
    "name,driver_version,mig.mode.current,compute_mode,display_active,clocks.sm,clocks.max.sm,power.limit,memory.total"
)


def about(device: CudaDevice) -> dict[str, Any]:
    """What the driver says of it; what this driver does not know is left out."""
    driver, found = device._driver, dict[str, Any]()
    handle = call(driver.cuDeviceGet, 0)
    for name in ASKED:
        with contextlib.suppress(Exception):
            attribute = getattr(driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
            found[name.lower()] = int(call(driver.cuDeviceGetAttribute, attribute, handle))
    if tool := shutil.which("nvidia-smi"):
        words = [tool, f"--query-gpu={SMI}", "--format=csv,noheader"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
        found["nvidia-smi"] = done.stdout.strip()[:300]
    return found


def kind_of(device: CudaDevice, pool: Pool, activation: Activation) -> dict[str, Any]:
    """Registers, local memory and the time to get its program."""
    kind, started = make_kind(RunConfig(pool=pool, activation=activation), device.shared_bytes), time.perf_counter()
    program = device.program(kind)
    found: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 2), "images": kind.images}
    attribute, ask = device._driver.CUfunction_attribute, device._driver.cuFuncGetAttribute
    for entry in (TRAIN, JUDGE):
        for name, which in (("registers", "NUM_REGS"), ("local_bytes", "LOCAL_SIZE_BYTES")):
            found[f"{entry} {name}"] = call(ask, getattr(attribute, f"CU_FUNC_ATTRIBUTE_{which}"), program[entry])
    return found


if __name__ == "__main__":
    device = CudaDevice()
    found = {"card": device.card, "multiprocessors": device.multiprocessors, "shared_bytes": device.shared_bytes}
    found |= {"capability": device.capability, "driver": re.sub(r".*driver ", "", device._about)}
    found |= {"nvrtc": nvrtc._version(), "python": platform.python_version(), "processor": _processor()}
    found |= about(device)
    with ThreadPoolExecutor() as crew:
        work = {f"{pool.value} {f.value}": crew.submit(kind_of, device, pool, f) for pool, f in size().kinds}
    finish(found | {name: future.result() for name, future in work.items()})
