"""Values of a record by name and type: what is of another type, or out of range, is an error in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lenet_ablate.errors import RecordError

MOST_WHOLE = 2**53  # what a float holds exactly, and a frame's column


@dataclass(frozen=True)
class Fields:
    """A mapping as read from disk, taken apart field by field; a field that is missing or null is None.

    Attributes:
        values: The mapping.
        place: What it is called in a sentence, `result.json` or `result.json: final`.
    """

    values: Mapping[str, Any]
    place: str

    def whole(self, name: str, least: int = 0, most: int = MOST_WHOLE) -> int | None:
        """A whole number within these bounds."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(name, f"must be a whole number from {least} to {most}")
        return value

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A finite number within these bounds."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise self.error(name, f"must be a number from {least:g} to {most:g}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.error(name, "must be a finite number")
        return number

    def text(self, name: str, most: int = 1000) -> str | None:
        """A text of at most so many characters, each of which can be written as UTF-8."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > most:
            raise self.error(name, f"must be a text of at most {most} characters")
        return value.encode(errors="replace").decode()

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.error(name, "must be true or false")
        return value

    def fields(self, name: str) -> Fields | None:
        """A mapping within this one."""
        value = self.values.get(name)
        return None if value is None else fields_of(value, f"{self.place}: {name}")

    def needed(self, name: str) -> Any:
        """A field that must be there, of whatever type."""
        if self.values.get(name) is None:
            raise RecordError(f"{self.place} has no {name}")
        return self.values[name]

    def error(self, name: str, problem: str) -> RecordError:
        """The error that a field is not what it must be."""
        return RecordError(f"{self.place}: {name} {problem}")


def fields_of(value: object, place: str) -> Fields:
    """The fields of a value that must be a mapping.

    Raises:
        RecordError: It is none.
    """
    if not isinstance(value, dict):
        raise RecordError(f"{place} must be a mapping")
    return Fields(value, place)
