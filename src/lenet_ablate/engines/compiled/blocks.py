"""Transposing blocks of a matrix in registers, since element by element it would cost more than what it is for.

n vectors of n elements are transposed by log2 n rounds; each interleaves vector i with vector i + n/2.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from lenet_ablate.engines.compiled.jit import intrinsic
from lenet_ablate.engines.compiled.layout import LANE_MULTIPLE
from lenet_ablate.engines.compiled.vectors import element_pointer, load_vector, splat_value, store_vector, vector_of


def _interleave(builder: Any, one: Any, other: Any, half: int) -> Any:
    """The elements of both vectors' lower (0) or upper (1) halves in turn."""
    count = one.type.count
    begin = half * count // 2
    places = [place for k in range(begin, begin + count // 2) for place in (k, k + count)]
    kind = ir.VectorType(ir.IntType(32), count)
    return builder.shuffle_vector(one, other, ir.Constant(kind, places))


def _transpose(builder: Any, rows: list[Any]) -> list[Any]:
    half = len(rows) // 2
    for _ in range(len(rows).bit_length() - 1):
        pairs = list(zip(rows[:half], rows[half:], strict=True))
        rows = [_interleave(builder, one, other, part) for one, other in pairs for part in (0, 1)]
    return rows


def _times(builder: Any, number: int, factor: Any) -> Any:
    return builder.mul(ir.Constant(factor.type, number), factor)


@intrinsic
def transpose_block(typing: Any, x: Any, x_at: Any, x_stride: Any, y: Any, y_at: Any, y_stride: Any) -> Any:
    """y[y_at + j·y_stride + i] = x[x_at + i·x_stride + j] for i and j below the vectors' width."""
    count = vector_of(x).count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, x_at, x_stride, target, y_at, y_stride = arguments
        rows = [
            load_vector(context, builder, x, source, builder.add(x_at, _times(builder, i, x_stride)))
            for i in range(count)
        ]
        for j, row in enumerate(_transpose(builder, rows)):
            store_vector(context, builder, y, target, builder.add(y_at, _times(builder, j, y_stride)), row)
        return context.get_dummy_value()

    return types.none(x, types.intp, types.intp, y, types.intp, types.intp), generate


@intrinsic
def gather_block(
    typing: Any, images: Any, places: Any, lane: Any, pixel: Any, scale: Any, shift: Any, x: Any, x_at: Any, lanes: Any
) -> Any:
    """x[x_at + p·lanes + k] = images[places[lane + k] + pixel + p] · scale + shift for p and k below LANE_MULTIPLE."""
    count = LANE_MULTIPLE

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begins, lane, pixel, scale, shift, target, x_at, lanes = arguments
        pixels = ir.VectorType(ir.IntType(8), count)
        rows = []
        for k in range(count):
            begin = element_pointer(context, builder, places, begins, builder.add(lane, ir.Constant(lane.type, k)))
            pointer = element_pointer(context, builder, images, source, builder.add(builder.load(begin), pixel))
            rows.append(builder.load(builder.bitcast(pointer, pixels.as_pointer()), align=1))
        numbers = ir.VectorType(context.get_value_type(x.dtype), count)
        factor, offset = splat_value(builder, numbers, scale), splat_value(builder, numbers, shift)
        for p, row in enumerate(_transpose(builder, rows)):
            value = builder.uitofp(row, numbers)
            value = builder.fadd(builder.fmul(value, factor, flags=("contract",)), offset, flags=("contract",))
            store_vector(context, builder, x, target, builder.add(x_at, _times(builder, p, lanes)), value)
        return context.get_dummy_value()

    number, index = x.dtype, types.intp
    return types.none(images, places, index, index, number, number, x, index, index), generate
