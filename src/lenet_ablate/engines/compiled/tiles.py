"""Register tiles: a block of sums, `outputs` rows by `vectors` vectors, that a kernel holds while it adds products.

The two products below are all of a network's arithmetic. Each loads outputs + vectors operands for
outputs·vectors multiply-adds, so with 24 sums in registers the multiply-add units and not the loads set the pace.
A tile is a tuple of vectors, row by row. Offsets and strides count elements of contiguous arrays; the numbers of
outputs and vectors are compile-time constants.
"""

from __future__ import annotations

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


def _shift(builder: Any, offset: Any, stride: Any, times: int) -> Any:
    return builder.add(offset, builder.mul(stride, ir.Constant(stride.type, times)))


def _step(builder: Any, kind: Any, offset: Any, vectors: int) -> Any:
    return builder.add(offset, ir.Constant(offset.type, vectors * vector_of(kind).count))


def _pack(context: Any, builder: Any, kind: Any, values: list[Any]) -> Any:
    return context.make_tuple(builder, kind, values)


def _unpack(builder: Any, tile: Any, count: int) -> list[Any]:
    return [builder.extract_value(tile, index) for index in range(count)]


@intrinsic
def splat_tile(typing: Any, array: Any, offset: Any, stride: Any, outputs: Any, vectors: Any) -> Any:
    """Row o is `array[offset + o·stride]` everywhere."""
    rows, columns = _literal(outputs), _literal(vectors)
    kind = types.UniTuple(vector_of(array), rows * columns)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, stride = arguments[:3]
        vector = context.get_value_type(vector_of(array))
        values = []
        for row in range(rows):
            pointer = element_pointer(context, builder, array, source, _shift(builder, begin, stride, row))
            values += [splat_value(builder, vector, builder.load(pointer))] * columns
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
    kind = types.UniTuple(vector_of(array), rows * columns)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, begin, stride = arguments[:3]
        values = []
        for row in range(rows):
            place = _shift(builder, begin, stride, row)
            values += [
                load_vector(context, builder, array, source, _step(builder, array, place, column))
                for column in range(columns)
            ]
        return _pack(context, builder, kind, values)

    return kind(array, types.intp, types.intp, outputs, vectors), generate


@intrinsic
def store_tile(typing: Any, tile: Any, array: Any, offset: Any, stride: Any, outputs: Any) -> Any:
    """Write row o to `array[offset + o·stride :]`."""
    rows = _literal(outputs)
    columns = tile.count // rows

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = _unpack(builder, arguments[0], tile.count)
        target, begin, stride = arguments[1:4]
        for index, value in enumerate(values):
            row, column = divmod(index, columns)
            place = _step(builder, array, _shift(builder, begin, stride, row), column)
            store_vector(context, builder, array, target, place, value)
        return context.get_dummy_value()

    return types.none(tile, array, types.intp, types.intp, outputs), generate


@intrinsic
def add_scaled(typing: Any, tile: Any, w: Any, w_at: Any, w_stride: Any, x: Any, x_at: Any, outputs: Any) -> Any:
    """tile[o, v] += w[w_at + o·w_stride] · x[x_at + v·width :]: numbers times vectors."""
    rows = _literal(outputs)
    columns = tile.count // rows

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = _unpack(builder, arguments[0], tile.count)
        weights, w_at, w_stride, source, x_at = arguments[1:6]
        operands = [
            load_vector(context, builder, x, source, _step(builder, x, x_at, column)) for column in range(columns)
        ]
        values = []
        for row in range(rows):
            pointer = element_pointer(context, builder, w, weights, _shift(builder, w_at, w_stride, row))
            factor = splat_value(builder, operands[0].type, builder.load(pointer))
            for column, operand in enumerate(operands):
                values.append(call_vector(builder, "llvm.fmuladd", factor, operand, sums[row * columns + column]))
        return _pack(context, builder, tile, values)

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
        operands = [
            load_vector(context, builder, x, right, _shift(builder, x_at, x_stride, column))
            for column in range(columns)
        ]
        values = []
        for row in range(rows):
            factor = load_vector(context, builder, d, left, _shift(builder, d_at, d_stride, row))
            for column, operand in enumerate(operands):
                values.append(call_vector(builder, "llvm.fmuladd", factor, operand, sums[row * columns + column]))
        return _pack(context, builder, tile, values)

    return tile(tile, d, types.intp, types.intp, x, types.intp, types.intp, outputs), generate


@intrinsic
def add_sums(typing: Any, tile: Any, array: Any, offset: Any, stride: Any, outputs: Any) -> Any:
    """`array[offset + o·stride + t]` += sum of the elements of tile[o, t]."""
    rows = _literal(outputs)
    columns = tile.count // rows

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = _unpack(builder, arguments[0], tile.count)
        target, begin, stride = arguments[1:4]
        for index, value in enumerate(values):
            row, column = divmod(index, columns)
            place = builder.add(_shift(builder, begin, stride, row), ir.Constant(begin.type, column))
            pointer = element_pointer(context, builder, array, target, place)
            builder.store(builder.fadd(builder.load(pointer), sum_value(builder, value)), pointer)
        return context.get_dummy_value()

    return types.none(tile, array, types.intp, types.intp, outputs), generate
