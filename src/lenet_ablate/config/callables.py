"""A function or class at hand in Python, as `FILE.py:NAME`, under which a file alone tells it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lenet_ablate.errors import ConfigError

Named = str | Callable[..., Any]
Factory = Named | Sequence[Named] | None
"""Code as Python's callers name it: `FILE.py:NAME`, or the function or class itself; or several of them."""
_ELSEWHERE = "put it into a file FILE.py and import it from there"


def factory_of(called: Callable[..., Any], key: str) -> str:
    """The text by which settings name a function or class of a module.

    A run belongs to a file, which is hashed, copied and read again by other processes; so what a file does not tell
    is refused. The file counts as it is now, also where it was imported before an edit.

    Args:
        called: The function or class.
        key: The setting that it is the value of, for messages.

    Raises:
        ConfigError: It is of no file, or has no name there, in one line.
    """
    name = getattr(called, "__qualname__", "")
    if not name:
        raise ConfigError(f"{key}: a {type(called).__name__} is no function or class with a name; {_ELSEWHERE}")
    if "<lambda>" in name:
        raise ConfigError(f"{key}: a lambda has no name; make it a function, and {_ELSEWHERE}")
    if "." in name:
        raise ConfigError(f"{key}: {name.replace('.<locals>', '')} is within another function or class; {_ELSEWHERE}")
    module = sys.modules.get(str(getattr(called, "__module__", "")))
    file = getattr(module, "__file__", None)
    if module is None or module.__name__ in ("__main__", "__mp_main__") or not file:
        raise ConfigError(f"{key}: {name} is of this session or script, not of a module with a file; {_ELSEWHERE}")
    if Path(file).suffix != ".py":
        raise ConfigError(f"{key}: {name} is of {Path(file).name}, which is no Python file; {_ELSEWHERE}")
    if getattr(module, name, None) is not called:
        raise ConfigError(f"{key}: {module.__name__}.{name} is something else by now; {_ELSEWHERE}")
    return f"{file}:{name}"
