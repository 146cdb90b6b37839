"""block.cu compiled for a GPU by NVRTC, NVIDIA's compiler as a library; needs no GPU.

What is compiled is kept on disk by its source, the options, the compiler, the driver and the card. It is executed, so a
file begins with the digest of the rest and is compared before it is used.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lenet_ablate.config.home import cache_home
from lenet_ablate.engines.cuda.kind import Kind
from lenet_ablate.errors import EngineError, RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.rendering.console import warn
from lenet_ablate.rendering.escape import one_line

FOLDER = "cuda"
USUAL_SECONDS = 4
DIGEST_BYTES = 32
LIBRARY, BUILTINS = "libnvrtc.so.1[0-9]", "libnvrtc-builtins.so.1[0-9]*"
EXTRA = "pip install 'lenet-ablate[cuda]'"


@dataclass(frozen=True)
class Built:
    """A program for one architecture.

    Attributes:
        cubin: Machine code.
        log: What the assembler says of registers, spills and memory.
    """

    cubin: bytes
    log: str


def load_or_build(kind: Kind, capability: int, about: str) -> bytes:
    """The machine code of a kind, from disk or compiled now.

    Args:
        kind: What is wanted.
        capability: Compute capability, as in 90 for 9.0.
        about: Driver and card.

    Raises:
        EngineError: NVRTC is not there, or it refuses.
    """
    options, source = _options(capability), kind.source
    told = repr((options, _version(), about, source))
    name = f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.cubin"
    with contextlib.suppress(OSError):
        content = (cache_home() / FOLDER / name).read_bytes()
        digest, cubin = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(cubin).digest() == digest:
            return cubin
    warn(f"compiling for this GPU: {kind.activation.value}, {kind.pool.value}; once, about {USUAL_SECONDS} s")
    cubin = build(kind, capability).cubin
    with contextlib.suppress(OSError, RecordError):  # without a cache it is compiled again next time
        (cache_home() / FOLDER).mkdir(parents=True, exist_ok=True)
        write_bytes(cache_home() / FOLDER / name, hashlib.sha256(cubin).digest() + cubin, flush=False)
    return cubin


def build(kind: Kind, capability: int) -> Built:
    """Compile a kind.

    Raises:
        EngineError: NVRTC is not there, or it refuses.
    """
    nvrtc, options = _nvrtc(), [option.encode() for option in _options(capability)]
    program = _checked(nvrtc.nvrtcCreateProgram(kind.source.encode(), b"block.cu", 0, [], []))
    try:
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        log = bytes(_checked(nvrtc.nvrtcGetProgramLogSize(program)))
        _checked(nvrtc.nvrtcGetProgramLog(program, log))
        text = log.decode(errors="replace").strip("\0 \n")
        if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            told = next((line for line in text.splitlines() if "error" in line), str(status))
            raise EngineError(
                f"engine=cuda: NVRTC refuses block.cu for compute capability {capability}: {one_line(told)}"
            )
        cubin = bytes(_checked(nvrtc.nvrtcGetCUBINSize(program)))
        _checked(nvrtc.nvrtcGetCUBIN(program, cubin))
    finally:
        nvrtc.nvrtcDestroyProgram(program)
    return Built(cubin, text)


def older_than_compiler(driver_version: int) -> str:
    """What helps where a driver cannot load what a newer NVRTC made; empty where NVRTC is no newer.

    Args:
        driver_version: The CUDA that the driver knows, 1000 · major + 10 · minor.
    """
    major, rest = divmod(driver_version, 1000)
    ours = _version()
    if tuple(map(int, ours.split("."))) <= (major, rest // 10):
        return ""
    helps = f"a newer driver helps, or pip install 'cuda-toolkit[nvrtc]=={major}.{rest // 10}.*'"
    return f"; the driver knows CUDA {major}.{rest // 10}, and NVRTC is of {ours}: {helps}"


def _options(capability: int) -> list[str]:
    return [f"--gpu-architecture=sm_{capability}", "--std=c++17", "--ptxas-options=-v"]


def _version() -> str:
    nvrtc = _nvrtc()
    return ".".join(map(str, _checked(nvrtc.nvrtcVersion())))


def _nvrtc() -> Any:
    """The library.

    Raises:
        EngineError: It cannot be loaded.
    """
    try:
        from cuda.bindings import nvrtc

        _load_from_path()
        nvrtc.nvrtcVersion()
    except Exception as error:  # a library that is missing is each version's own exception
        why = one_line(str(error).splitlines()[0]) if str(error) else type(error).__name__
        raise EngineError(f"engine=cuda: NVRTC cannot be loaded ({why}); {EXTRA}") from error
    return nvrtc


@functools.cache
def _load_from_path() -> None:
    """Load NVIDIA's wheel from wherever Python finds it: cuda-bindings looks at its own environment alone, where one
    that builds on another, or a folder of PYTHONPATH, has no wheels.
    """
    found = importlib.util.find_spec("nvidia")
    for place in (found and found.submodule_search_locations) or ():
        for library in [*Path(place).glob(f"*/lib/{BUILTINS}"), *Path(place).glob(f"*/lib/{LIBRARY}")]:
            with contextlib.suppress(OSError):
                ctypes.CDLL(str(library))


def _checked(answer: tuple[Any, ...]) -> Any:
    """What a call gave, without its status.

    Raises:
        EngineError: The status says that it failed.
    """
    status, *rest = answer
    if int(status) != 0:
        raise EngineError(f"engine=cuda: NVRTC: {status}")
    return rest[0] if len(rest) == 1 else rest
