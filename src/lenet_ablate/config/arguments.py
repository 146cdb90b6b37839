"""Arguments by name as the value of a setting: what the user's own code is given."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config.checks import Optional, Text

MAX_DEPTH, MAX_TEXT, MAX_WHOLE = 2, 1000, 2**53
Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


class Arguments(Mapping[str, Any]):
    """Plain values by name, never changed.

    Two are equal where they are the same JSON: Python takes 1, 1.0 and true for equal, which code may tell apart.

    Args:
        values: None, true or false, finite numbers, text, and lists and mappings of these.
    """

    __slots__ = ("_text",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._text = json.dumps(dict(values), sort_keys=True, allow_nan=False)

    def plain(self) -> dict[str, Any]:
        """The values as a mapping of their own, sorted by name."""
        values: dict[str, Any] = json.loads(self._text)
        return values

    def __getitem__(self, name: str) -> Any:
        return self.plain()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arguments) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Arguments({self.plain()!r})"


@dataclass(frozen=True)
class Named:
    """So many plain values by name; none of them is null."""

    most: int
    allowed = "values by name, such as {width:32}"

    def __call__(self, value: object) -> Arguments | None:
        """The arguments; None of an empty mapping."""
        if not isinstance(value, Mapping) or len(value) > self.most:
            raise ValueError(f"must be {self.allowed}")
        for name, inner in value.items():
            if not (isinstance(name, str) and name.isidentifier() and len(name) <= 100):
                raise ValueError(f"must be {self.allowed}; {str(name)[:100]!r} is no name")
            if not _is_plain(inner, 0):
                raise ValueError(f"must be {self.allowed}; {name} is no plain value: a number, text, true, false, null")
        return Arguments(value) if value else None

    def suggest(self, value: object) -> None:
        """Nothing: what was meant cannot be told."""
        return


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and value.isprintable()
    if isinstance(value, int):  # also true and false
        return abs(value) <= MAX_WHOLE
    if isinstance(value, (list, tuple)):
        return depth < MAX_DEPTH and len(value) <= 1000 and all(_is_plain(entry, depth + 1) for entry in value)
    if isinstance(value, Mapping):
        is_named = all(isinstance(key, str) and _is_plain(key, depth) for key in value)
        return is_named and _is_plain(list(value.values()), depth)
    return value is None


FACTORY = Optional(Text(r"[^\x00\n\ud800-\udfff]+:[^\W\d]\w*", "FILE.py:NAME, a function or class in a file"))
ARGUMENTS = Optional(Named(100))
DIGEST = Optional(Text(r"[0-9a-f]{64}", "64 digits of 0-9 a-f"))
"""The values that tell own code: what makes it, what it is given, and what it must be."""
