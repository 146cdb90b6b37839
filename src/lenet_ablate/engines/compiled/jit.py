"""How this package's kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numba.extending
import numpy.typing as npt

Array = npt.NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])

# Without `nnan` and `ninf`, which would let the compiler assume that no loss is ever NaN or infinite.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}


def kernel(function: F) -> F:
    """A function to be called from other kernels; it has no wrapper for Python, where a call of it is a crash."""
    options = {"nogil": True, "fastmath": FAST_MATH, "error_model": "numpy", "boundscheck": False}
    compiled: F = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)
    return compiled


def part(function: F) -> F:
    """A function whose lines become its caller's; where there is one caller, that saves compiling them twice."""
    compiled: F = numba.njit(inline="always")(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Any:
    """A function that writes LLVM code for a call; its literal arguments are known when it does."""
    return numba.extending.intrinsic(prefer_literal=True)(function)
