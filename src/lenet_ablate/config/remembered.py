"""Settings of thousands of runs, which share nearly all values: each value is checked once.

Whatever is wrong, or unusual, is left to `config.parse`, which says what.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from typing import Any

from lenet_ablate.config.parse import cross_checks, parse_alone, parse_config
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.errors import LenetAblateError

NOTHING: Any = object()
MAX_ENTRY = 2000  # characters of a value that is remembered
_OWN = tuple(RunConfig.__dataclass_fields__)
_TOGETHER = ("model", "pool", "activation", "optimizer", "data", "augment", "early_stop")


def parse_point(values: Mapping[str, Any]) -> tuple[RunConfig, Options]:
    """What `config.parse.parse_config` gives, for one of many points.

    Args:
        values: The composed mapping, plain values alone.

    Raises:
        ConfigError: As there.
    """
    schedules = repr(values.get("lr_schedules"))
    options = _options(repr({name: value for name, value in values.items() if name not in _OWN}))
    parsed: dict[str, Any] = {}
    for name in _OWN:
        if name in values:
            parsed[name] = _parsed(name, repr(values[name]), schedules if name == "lr" else "None")
            if parsed[name] is NOTHING:
                return parse_config(values)
    config = RunConfig(**parsed)
    return (config, options) if options is not NOTHING and goes_together(config) else parse_config(values)


def typed_value(name: str, text: str) -> Any:
    """A setting's typed value behind the text that Python has for its plain one; NOTHING where it is not legal."""
    return _parsed(name, text, "None") if len(text) <= MAX_ENTRY else NOTHING


def goes_together(config: RunConfig) -> bool:
    """Whether settings that are legal each are so beside one another."""
    return _goes_together(*(getattr(config, name) for name in _TOGETHER))


@functools.lru_cache(maxsize=4096)
def _goes_together(*values: Any) -> bool:
    """Whether these settings, in the order of _TOGETHER, are legal beside one another; no other one matters to that."""
    return not cross_checks(RunConfig(**dict(zip(_TOGETHER, values, strict=True))))


@functools.lru_cache(maxsize=4096)
def _parsed(name: str, text: str, schedules: str) -> Any:
    try:
        values = {name: ast.literal_eval(text)}
        if schedules == "None":
            return getattr(parse_alone(values), name)
        return getattr(parse_config({**values, "lr_schedules": ast.literal_eval(schedules)})[0], name)
    except (LenetAblateError, ValueError, SyntaxError, AttributeError, RecursionError, MemoryError):
        return NOTHING


@functools.lru_cache(maxsize=64)
def _options(text: str) -> Any:
    try:
        return parse_config(ast.literal_eval(text))[1]
    except (LenetAblateError, ValueError, SyntaxError, RecursionError, MemoryError):
        return NOTHING
