"""Register tiles: a block of sums, `outputs` rows by `vectors` vectors, that a kernel holds while it adds products.

The two products below are all of a network's arithmetic. Each loads outputs + vectors operands for
outputs·vectors multiply-adds, so with 24 sums in registers the multiply-add units and not the loads set the pace.
A tile is a tuple of vectors, row by row. Offsets and strides count elements of contiguous arrays; the numbers of
outputs and vectors are compile-time constants.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types

from lenet_ablate.engines.compiled.jit import intrinsic
from lenet_ablate.engines.compiled.vectors import (
    call_vector,
    element_pointer,
    load_vector,
    splat_value,
    store_vector,
    sum_value,
    vector_of,
)


def _literal(kind: Any) -> int:
    return int(kind.literal_value)


def _row(builder: Any, begin: Any, stride: Any, count: int) -> list[Any]:
    """The offsets begin + i·stride for i below `count`."""
    return [builder.add(begin, builder.mul(stride, ir.Constant(stride.type, i))) for i in range(count)]


def _grid(builder: Any, begin: Any, stride: Any, rows: int, step: int, columns: int) -> list[Any]:
    """The offsets begin + o·stride + v·step, row by row."""
    heads = _row(builder, begin, stride, rows)
    return [place for head in heads for place in _row(builder, head, ir.Constant(head.type, step), columns)]


def _pack(context: Any, builder: Any, kind: Any, values: list[Any]) -> Any:
    return context.make_tuple(builder, kind, values)


def _unpack(builder: Any, tile: Any, count: int) -> list[Any]:
    return [builder.extract_value(tile, index) for index in range(count)]


def _splat_element(context: Any, builder: Any, vector: Any, kind: Any, array: Any, offset: Any) -> Any:
    number = builder.load(element_pointer(context, builder, kind, array, offset))
    return splat_value(builder, context.get_value_type(vector), number)


def _multiply_add(builder: Any, sums: list[Any], factors: Iterable[Any], operands: list[Any]) -> list[Any]:
    """sums[o, v] + factors[o] · operands[v], row by row; of lazy factors each is loaded just before its row."""
    before = iter(sums)
    return [
        call_vector(builder, "llvm.fmuladd", factor, operand, next(before))
        for factor in factors
        for operand in operands
    ]


@intrinsic
def splat_tile(typing: Any, array: Any, offset: Any, stride: Any, outputs: Any, vectors: Any) -> Any:
    """Row o is `array[offset + o·stride]` everywhere."""
    rows, columns = _literal(outputs), _literal(vectors)
    kind = types.UniTuple(vector_of(array), rows * columns)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, stride = arguments[:3]
        values = []
        for place in _row(builder, begin, stride, rows):
            values += [_splat_element(context, builder, kind.dtype, array, source, place)] * columns
        return _pack(context, builder, kind, values)

    return kind(array, types.intp, types.intp, outputs, vectors), generate


@intrinsic
def zero_tile(typing: Any, array: Any, outputs: Any, vectors: Any) -> Any:
    """All sums zero."""
    kind = types.UniTuple(vector_of(array), _literal(outputs) * _literal(vectors))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zero = ir.Constant(context.get_value_type(vector_of(array)), None)
        return _pack(context, builder, kind, [zero] * kind.count)

    return kind(array, outputs, vectors), generate


@intrinsic
def load_tile(typing: Any, array: Any, offset: Any, stride: Any, outputs: Any, vectors: Any) -> Any:
    """Row o is what lies at `array[offset + o·stride :]`."""
    rows, columns = _literal(outputs), _literal(vectors)
    vector = vector_of(array)
    kind = types.UniTuple(vector, rows * columns)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, stride = arguments[:3]
        places = _grid(builder, begin, stride, rows, vector.count, columns)
        values = [load_vector(context, builder, array, source, place) for place in places]
        return _pack(context, builder, kind, values)

    return kind(array, types.intp, types.intp, outputs, vectors), generate


@intrinsic
def store_tile(typing: Any, tile: Any, array: Any, offset: Any, stride: Any, outputs: Any) -> Any:
    """Write row o to `array[offset + o·stride :]`."""
    rows = _literal(outputs)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, begin, stride = arguments[1:4]
        places = _grid(builder, begin, stride, rows, vector_of(array).count, tile.count // rows)
        for place, value in zip(places, _unpack(builder, arguments[0], tile.count), strict=True):
            store_vector(context, builder, array, target, place, value)
        return context.get_dummy_value()

    return types.none(tile, array, types.intp, types.intp, outputs), generate


@intrinsic
def add_sums(typing: Any, tile: Any, array: Any, offset: Any, stride: Any, outputs: Any) -> Any:
    """`array[offset + o·stride + t]` += sum of the elements of tile[o, t]."""
    rows = _literal(outputs)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, begin, stride = arguments[1:4]
        places = _grid(builder, begin, stride, rows, 1, tile.count // rows)
        for place, value in zip(places, _unpack(builder, arguments[0], tile.count), strict=True):
            pointer = element_pointer(context, builder, array, target, place)
            builder.store(builder.fadd(builder.load(pointer), sum_value(builder, value)), pointer)
        return context.get_dummy_value()

    return types.none(tile, array, types.intp, types.intp, outputs), generate


@intrinsic
def add_scaled(typing: Any, tile: Any, w: Any, w_at: Any, w_stride: Any, x: Any, x_at: Any, outputs: Any) -> Any:
    """tile[o, v] += w[w_at + o·w_stride] · x[x_at + v·width :]: numbers times vectors."""
    rows = _literal(outputs)
    columns, step = tile.count // rows, vector_of(x).count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = _unpack(builder, arguments[0], tile.count)
        weights, w_at, w_stride, source, x_at = arguments[1:6]
        right = _row(builder, x_at, ir.Constant(x_at.type, step), columns)
        operands = [load_vector(context, builder, x, source, place) for place in right]
        left = _row(builder, w_at, w_stride, rows)
        factors = (_splat_element(context, builder, tile.dtype, w, weights, place) for place in left)
        return _pack(context, builder, tile, _multiply_add(builder, sums, factors, operands))

    return tile(tile, w, types.intp, types.intp, x, types.intp, outputs), generate


@intrinsic
def add_products(
    typing: Any, tile: Any, d: Any, d_at: Any, d_stride: Any, x: Any, x_at: Any, x_stride: Any, outputs: Any
) -> Any:
    """tile[o, t] += d[d_at + o·d_stride :] · x[x_at + t·x_stride :]: vectors times vectors, element by element."""
    rows = _literal(outputs)
    columns = tile.count // rows

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = _unpack(builder, arguments[0], tile.count)
        left, d_at, d_stride, right, x_at, x_stride = arguments[1:7]
        operands = [load_vector(context, builder, x, right, place) for place in _row(builder, x_at, x_stride, columns)]
        factors = (load_vector(context, builder, d, left, place) for place in _row(builder, d_at, d_stride, rows))
        return _pack(context, builder, tile, _multiply_add(builder, sums, factors, operands))

    return tile(tile, d, types.intp, types.intp, x, types.intp, types.intp, outputs), generate
