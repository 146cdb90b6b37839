"""The processor's mode for denormal numbers, those below the smallest normal one (1.2e-38 in float32).

A network that has learned its images by heart has gradients and moments that small, and many processors compute with
them some hundred times slower. While a kernel runs, its thread takes them for zero, as `torch.set_flush_denormal` does.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, get_or_insert_function

from lenet_ablate.engines.compiled.jit import intrinsic

MACHINE = platform.machine().lower()
# Bits of MXCSR: 15 makes denormal results zero, 6 denormal operands (Intel 64 manual, volume 1, 10.2.3).
X86_BITS = 1 << 15 | 1 << 6
# Bit of FPCR: 24 does both (Arm Architecture Reference Manual, FPCR.FZ).
ARM_BITS = 1 << 24

_WORD, _LONG = ir.IntType(32), ir.IntType(64)


def _read(builder: Any) -> Any:
    """The control register; 0 on processors that are not known here."""
    if MACHINE in ("x86_64", "amd64"):
        slot = alloca_once(builder, _WORD)
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), _pointer(builder, slot))
        return builder.zext(builder.load(slot), _LONG)
    if MACHINE in ("aarch64", "arm64"):
        return _call(builder, "llvm.aarch64.get.fpcr", _LONG)
    return ir.Constant(_LONG, 0)


def _write(builder: Any, mode: Any) -> None:
    if MACHINE in ("x86_64", "amd64"):
        slot = alloca_once(builder, _WORD)
        builder.store(builder.trunc(mode, _WORD), slot)
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), _pointer(builder, slot))
    elif MACHINE in ("aarch64", "arm64"):
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), mode)


def _pointer(builder: Any, slot: Any) -> Any:
    return builder.bitcast(slot, ir.IntType(8).as_pointer())


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def flush_denormals(typing: Any) -> Any:
    """Take denormal numbers for zero in this thread from now on; returns the mode before, for `restore`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        before = _read(builder)
        bits = ARM_BITS if MACHINE in ("aarch64", "arm64") else X86_BITS
        _write(builder, builder.or_(before, ir.Constant(_LONG, bits)))
        return before

    return types.int64(), generate


@intrinsic
def restore(typing: Any, mode: Any) -> Any:
    """Return to a mode that `flush_denormals` gave."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _write(builder, arguments[0])
        return context.get_dummy_value()

    return types.none(types.int64), generate
