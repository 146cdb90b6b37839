"""`block.cu` as NVRTC compiles it for GPUs, which needs none."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.engines.cuda import nvrtc
from lenet_ablate.engines.cuda.kind import Kind
from lenet_ablate.errors import EngineError

HOPPER = 90
MOST_REGISTERS = 168  # of 65,536 for 384 threads, in eights
FAMILY = list(itertools.product(Pool, Activation))
ENTRIES = 2


def compiled(kind: Kind, capability: int = HOPPER) -> nvrtc.Built:
    try:
        nvrtc._nvrtc()
    except EngineError as error:
        pytest.skip(str(error))
    try:
        return nvrtc.build(kind, capability)
    except EngineError as error:
        if "builtins" in str(error):
            pytest.skip(f"this NVRTC is not whole: {error}")
        raise


def check(kind: Kind) -> None:
    built = compiled(kind)
    registers = [int(number) for number in re.findall(r"Used (\d+) registers", built.log)]
    spills = [int(number) for number in re.findall(r"(\d+) bytes spill", built.log)]
    assert len(registers) == ENTRIES and max(registers) <= MOST_REGISTERS, built.log
    assert spills == [0] * 2 * ENTRIES, built.log
    assert built.cubin[:4] == b"\x7fELF"
    assert kind.shared_bytes <= 227 * 1024


def test_the_usual_network_fits_the_registers_of_a_hopper_card_without_spills() -> None:
    check(Kind(32, 10, Pool.max, Activation.relu, False, 8))


@pytest.mark.block
@pytest.mark.parametrize("side", [32, 28])
@pytest.mark.parametrize(("pool", "activation"), FAMILY)
def test_every_network_does(side: int, pool: Pool, activation: Activation) -> None:
    check(Kind(side, 10, pool, activation, False, 8))


@pytest.mark.block
@pytest.mark.parametrize(("pool", "activation"), FAMILY)
def test_a_float32_program_computes_nothing_in_float64(pool: Pool, activation: Activation) -> None:
    """A number that is written without its type would make it do so, which on most cards is 64 times slower."""
    assert ".f64" not in assembly(Kind(32, 10, pool, activation, False, 8))


@pytest.mark.block
def test_the_search_for_float64_finds_it() -> None:
    assert ".f64" in assembly(Kind(32, 10, Pool.max, Activation.relu, False, 1, "float64"))


def assembly(kind: Kind) -> str:
    """PTX."""
    try:
        library = nvrtc._nvrtc()
    except EngineError as error:
        pytest.skip(str(error))
    _, program = library.nvrtcCreateProgram(kind.source.encode(), b"block.cu", 0, [], [])
    (status,) = library.nvrtcCompileProgram(program, 2, [b"--gpu-architecture=compute_90", b"--std=c++17"])
    assert int(status) == 0
    text = bytes(library.nvrtcGetPTXSize(program)[1])
    library.nvrtcGetPTX(program, text)
    return text.decode()


def test_what_nvrtc_refuses_is_told_in_one_line() -> None:
    kind = Kind(32, 10, Pool.max, Activation.relu, False, 8)
    compiled(kind)
    with pytest.raises(EngineError, match=r"NVRTC refuses block\.cu for compute capability 35") as told:
        nvrtc.build(kind, 35)
    assert "\n" not in str(told.value)


def test_what_was_compiled_is_kept_and_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("LENET_ABLATE_CACHE", str(tmp_path))
    kind, calls = Kind(32, 10, Pool.max, Activation.relu, False, 8), []

    def build(kind: Kind, capability: int) -> nvrtc.Built:
        calls.append(capability)
        return nvrtc.Built(np.random.default_rng(0).bytes(100), "")

    monkeypatch.setattr(nvrtc, "build", build)
    monkeypatch.setattr(nvrtc, "_version", lambda: "13.0")
    first = nvrtc.load_or_build(kind, 90, "card, driver 1")
    assert nvrtc.load_or_build(kind, 90, "card, driver 1") == first and len(calls) == 1
    nvrtc.load_or_build(kind, 90, "card, driver 2")
    nvrtc.load_or_build(kind, 89, "card, driver 1")
    assert len(calls) == 3
    for path in (nvrtc.cache_home() / nvrtc.FOLDER).iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert nvrtc.load_or_build(kind, 90, "card, driver 1") == first and len(calls) == 4
