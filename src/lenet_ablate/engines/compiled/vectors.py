"""Vectors as wide as the processor's registers, for kernels: `load`, arithmetic, comparison, `where`, `store`.

An array that has gone through `in_halves` gives vectors of half that width, for rows too short for whole ones.
LLVM's own vectoriser does not keep a tile of sums in registers and settles for half-wide ones on many processors;
with vectors as values the kernels decide. An operation on a vector is that operation on each of its elements.
"""

from __future__ import annotations

import operator
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from lenet_ablate.engines.compiled.jit import intrinsic


def _register_bytes() -> int:
    features = llvmlite.binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx") else 16


REGISTER_BYTES = _register_bytes()


class Vector(types.Type):  # type: ignore[misc]
    """Numbers of one type that one register holds."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype = dtype
        self.count = count
        super().__init__(f"Vector({dtype} x {count})")


class Halves(types.Array):  # type: ignore[misc]
    """An array whose vectors are half as wide as a register."""

    def __init__(self, array: Any) -> None:
        super().__init__(array.dtype, array.ndim, array.layout, name=f"Halves({array})")


class Mask(types.Type):  # type: ignore[misc]
    """A truth value for each element of a vector."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"Mask({count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        element = ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(element, kind.count))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.count))


register_model(Halves)(models.ArrayModel)


def vector_of(kind: Any) -> Vector:
    """The type of an array's vectors; of a vector its own."""
    if isinstance(kind, Vector):
        return kind
    whole = REGISTER_BYTES * 8 // kind.dtype.bitwidth
    return Vector(kind.dtype, whole // 2 if isinstance(kind, Halves) else whole)


def element_pointer(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    """Pointer to the element at a flat offset of a contiguous array."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


def load_vector(context: Any, builder: Any, kind: Any, array: Any, offset: Any, like: Any = None) -> Any:
    """The vector that begins at a flat offset, of the array's type or like another; no alignment is assumed."""
    pointer = element_pointer(context, builder, kind, array, offset)
    vector = context.get_value_type(vector_of(like or kind))
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=kind.dtype.bitwidth // 8)


def store_vector(context: Any, builder: Any, kind: Any, array: Any, offset: Any, value: Any) -> None:
    """Write a vector to a flat offset."""
    pointer = element_pointer(context, builder, kind, array, offset)
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=kind.dtype.bitwidth // 8)


def splat_value(builder: Any, vector: Any, scalar: Any) -> Any:
    """A vector all of whose elements are one number."""
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), zeros)


def _intrinsic_function(builder: Any, name: str, function: Any, vector: Any) -> Any:
    return get_or_insert_function(builder.module, function, f"{name}.v{vector.count}{vector.element.intrinsic_name}")


def call_vector(builder: Any, name: str, *arguments: Any) -> Any:
    """Call an LLVM intrinsic that maps vectors of one type to such a vector."""
    vector = arguments[0].type
    function = ir.FunctionType(vector, [vector] * len(arguments))
    return builder.call(_intrinsic_function(builder, name, function, vector), arguments)


@intrinsic
def in_halves(typing: Any, array: Any) -> Any:
    """The same array, whose vectors are half as wide as a register."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return Halves(array)(array), generate


@intrinsic
def width(typing: Any, array: Any) -> Any:
    """How many elements of the array a vector holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, vector_of(array).count)

    return types.intp(array), generate


@intrinsic
def load(typing: Any, array: Any, offset: Any) -> Any:
    """The vector at a flat offset of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return load_vector(context, builder, array, *arguments)

    return vector_of(array)(array, types.intp), generate


@intrinsic
def load_like(typing: Any, vector: Any, array: Any, offset: Any) -> Any:
    """The vector at a flat offset of a contiguous array, with as many elements as another."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, source, offset = arguments
        return load_vector(context, builder, array, source, offset, vector)

    return vector(vector, array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write a vector to a flat offset of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        store_vector(context, builder, array, *arguments)
        return context.get_dummy_value()

    return types.none(array, types.intp, value), generate


@intrinsic
def fill(typing: Any, array: Any, value: Any) -> Any:
    """A vector of the array's type, or like another vector, with one number everywhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return splat_value(builder, context.get_value_type(vector_of(array)), arguments[1])

    return vector_of(array)(array, array.dtype), generate


@intrinsic
def where(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """`yes` where the mask holds, else `no`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return yes(mask, yes, no), generate


@intrinsic
def root(typing: Any, value: Any) -> Any:
    """Square root."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return call_vector(builder, "llvm.sqrt", arguments[0])

    return value(value), generate


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """Sum of the elements."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return sum_value(builder, arguments[0])

    return value.dtype(value), generate


def sum_value(builder: Any, vector: Any) -> Any:
    """Sum of a vector's elements, taken pairwise."""
    element = vector.type.element
    function = ir.FunctionType(element, [element, vector.type])
    reduce = _intrinsic_function(builder, "llvm.vector.reduce.fadd", function, vector.type)
    return builder.call(reduce, [ir.Constant(element, -0.0), vector], fastmath=("reassoc",))


_ARITHMETIC = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
_COMPARISON = {operator.gt: ">", operator.le: "<=", operator.ne: "!="}


def _define_arithmetic(operation: Any, name: str) -> None:
    class Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            return signature(args[0], *args) if isinstance(args[0], Vector) and args[0] == args[1] else None

    infer_global(operation)(Typing)

    @lower_builtin(operation, Vector, Vector)  # type: ignore[untyped-decorator]
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments, flags=("contract",))


def _define_comparison(operation: Any, symbol: str) -> None:
    class Typing(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            wanted = isinstance(args[0], Vector) and args[0] == args[1]
            return signature(Mask(args[0].count), *args) if wanted else None

    infer_global(operation)(Typing)

    @lower_builtin(operation, Vector, Vector)  # type: ignore[untyped-decorator]
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        compare = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
        return compare(symbol, *arguments)


@infer_global(operator.or_)
class _EitherTyping(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], *args) if isinstance(args[0], Mask) and args[0] == args[1] else None


@lower_builtin(operator.or_, Mask, Mask)  # type: ignore[untyped-decorator]
def _either(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.or_(*arguments)


for _operation, _name in _ARITHMETIC.items():
    _define_arithmetic(_operation, _name)
for _operation, _symbol in _COMPARISON.items():
    _define_comparison(_operation, _symbol)
