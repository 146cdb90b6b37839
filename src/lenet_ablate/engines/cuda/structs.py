"""What a launch is given, in C's layout: `Rule`, `Run` and `Judged` of block.cu."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from lenet_ablate.engines.cuda.kind import Number
from lenet_ablate.engines.cuda.rule import Rule

_POINTERS_OF_A_RUN = (
    *("pixels", "labels", "order", "maps", "rates", "weights", "first", "second", "gradient", "sums", "losses"),
)
_POINTERS_OF_A_SPLIT = ("pixels", "labels", "order", "weights", "losses", "probabilities", "logits", "classes")


def make_run(number: Number, addresses: Mapping[str, int], **values: Any) -> ctypes.Structure:
    """A `Run`: addresses by the names of its pointers, `scale`, `shift`, `rule`, `images` and `batch`."""
    kinds = _structures(number)
    rule: Rule = values.pop("rule")
    run: ctypes.Structure = kinds["Run"](**addresses, **values, rule=kinds["Rule"](**dataclasses.asdict(rule)))
    return run


def make_judged(number: Number, addresses: Mapping[str, int], **values: Any) -> ctypes.Structure:
    """A `Judged`: addresses by the names of its pointers, `scale`, `shift` and `images`."""
    judged: ctypes.Structure = _structures(number)["Judged"](**addresses, **values)
    return judged


@functools.cache
def _structures(number: Number) -> dict[str, Any]:
    real = ctypes.c_float if number == "float32" else ctypes.c_double
    numbers = [(name, real) for name in ("keep1", "add1", "keep2", "add2", "eps", "decay")]
    rule = type("Rule", (ctypes.Structure,), {"_fields_": [*numbers, ("optimizer", ctypes.c_int)]})
    ends: list[Any] = [("scale", real), ("shift", real)]
    run: list[Any] = [(name, ctypes.c_void_p) for name in _POINTERS_OF_A_RUN]
    run += [*ends, ("rule", rule), ("images", ctypes.c_int), ("batch", ctypes.c_int)]
    judged: list[Any] = [(name, ctypes.c_void_p) for name in _POINTERS_OF_A_SPLIT]
    judged += [*ends, ("images", ctypes.c_int)]
    return {
        "Rule": rule,
        "Run": type("Run", (ctypes.Structure,), {"_fields_": run}),
        "Judged": type("Judged", (ctypes.Structure,), {"_fields_": judged}),
    }
