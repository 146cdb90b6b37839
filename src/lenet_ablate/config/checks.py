"""Range checks for settings: each says what it allows and turns a raw value into a typed one.

A check is called with a value as YAML or the command line gives it and returns the typed value, or raises
`ValueError` with the rest of a sentence ("must be …"). `suggest` names the legal value that was probably meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class Check(Protocol):
    """What a setting may be."""

    @property
    def allowed(self) -> str:
        """The legal values in words, to stand behind "must be"."""

    def __call__(self, value: object) -> Any:
        """The typed value; raises `ValueError` where it is not legal."""

    def suggest(self, value: object) -> object | None:
        """The legal value that was probably meant, or None."""


SYNONYMS = {"gpu": "cuda", "metal": "mps", "mean": "avg", "momentum": "sgd"}
"""What a word is often called elsewhere."""


def closest(word: str, words: Iterable[str]) -> str | None:
    """The known word that `word` is probably a misspelling of, or None; of `a/b`, b alone will do."""
    known = {w.lower(): w for w in words}
    known = {short.rpartition("/")[2]: w for short, w in known.items()} | known
    if (synonym := SYNONYMS.get(word.lower())) in known:
        return known[synonym]
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


@dataclass(frozen=True)
class Whole:
    """A whole number in [low, high]; 32.0 is refused, as a count is not a measurement."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return f"a whole number from {self.low} to {self.high}"

    def __call__(self, value: object) -> int:
        """The value as int."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> int | None:
        """The sign dropped or the fraction rounded away, where that is legal."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) <= self.high:
            return None
        guess = round(abs(value))
        return guess if guess != 0 and self.low <= guess <= self.high else None


@dataclass(frozen=True)
class Real:
    """A finite number between two bounds; whether the bounds themselves are legal is said for each."""

    low: float
    high: float
    with_low: bool = False
    with_high: bool = True

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        if self.with_low and self.with_high:
            return f"a number from {self.low:g} to {self.high:g}"
        start = f"from {self.low:g}" if self.with_low else f"above {self.low:g}"
        return f"a number {start} and {'at most' if self.with_high else 'below'} {self.high:g}"

    def __call__(self, value: object) -> float:
        """The value as float."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            above = value > self.low or (self.with_low and value == self.low)
            if above and (value < self.high or (self.with_high and value == self.high)):
                return float(value)
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> float | None:
        """The sign dropped, where that is legal."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value < 0:
            return None
        return abs(value) if self.low < -value <= self.high else None


@dataclass(frozen=True)
class YesNo:
    """True or false."""

    allowed = "true or false"

    def __call__(self, value: object) -> bool:
        """The value as it is."""
        if isinstance(value, bool):
            return value
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> str | None:
        """What a number or another word stands for."""
        return {"1": "true", "0": "false", "on": "true", "off": "false"}.get(str(value).lower())


@dataclass(frozen=True)
class OneOf:
    """A member of an Enum, given by its value."""

    kind: type[Enum]

    @property
    def words(self) -> list[str]:
        """The legal words in the order of the Enum."""
        return [str(member.value) for member in self.kind]

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return "one of " + ", ".join(self.words)

    def __call__(self, value: object) -> Enum:
        """The Enum's member."""
        if isinstance(value, str) and value in self.words:
            return self.kind(value)
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> str | None:
        """The closest word."""
        return closest(str(value), self.words)


@dataclass(frozen=True)
class Text:
    """A string that matches a pattern as a whole."""

    pattern: str
    allowed: str

    def __call__(self, value: object) -> str:
        """The value as it is; a number is taken as its digits, since `study=3` is a name."""
        if value is None or isinstance(value, (bool, float)):
            kind = {type(None): "nothing", bool: "true or false"}.get(type(value), "a number")
            raise ValueError(f"must be {self.allowed}; without quotes it is {kind}")
        text = str(value) if isinstance(value, (str, int)) else ""
        if re.fullmatch(self.pattern, text):
            return text
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> str | None:
        """The same with every illegal character replaced, where that is legal."""
        guess = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-.") if isinstance(value, str) else ""
        return guess if re.fullmatch(self.pattern, guess) else None


@dataclass(frozen=True)
class Optional:
    """What another check allows, or null."""

    check: Check

    @property
    def words(self) -> list[str] | None:
        """The legal words, where there are such."""
        return getattr(self.check, "words", None)

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return f"{self.check.allowed}, or null"

    def __call__(self, value: object) -> Any:
        """The typed value or None."""
        try:
            return None if value is None else self.check(value)
        except ValueError as error:
            raise ValueError(str(error).replace(self.check.allowed, self.allowed, 1)) from None

    def suggest(self, value: object) -> object | None:
        """What the other check suggests."""
        return self.check.suggest(value)


@dataclass(frozen=True)
class Pair:
    """A list of two values that each pass a check."""

    check: Check

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return f"a list of two, each {self.check.allowed}"

    def __call__(self, value: object) -> tuple[Any, Any]:
        """The two typed values."""
        if isinstance(value, (list, tuple)) and len(value) == 2:
            return self.check(value[0]), self.check(value[1])
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> None:
        """Nothing: a wrong list gives no hint of what was meant."""
        return


@dataclass(frozen=True)
class Several:
    """A list of at most so many values that each pass a check."""

    check: Check
    most: int

    @property
    def allowed(self) -> str:
        """The legal values in words."""
        return f"a list of at most {self.most}, each {self.check.allowed}"

    def __call__(self, value: object) -> tuple[Any, ...]:
        """The typed values."""
        if isinstance(value, (list, tuple)) and len(value) <= self.most:
            return tuple(self.check(entry) for entry in value)
        raise ValueError(f"must be {self.allowed}")

    def suggest(self, value: object) -> object | None:
        """The list with what each wrong value was probably meant to be; for a legal value alone, a list of it."""
        given = value if isinstance(value, (list, tuple)) else [value]
        if len(given) > self.most:  # asking for each of them would take long
            return None
        meant = [entry if self._is_legal(entry) else self.check.suggest(entry) for entry in given]
        is_guess = None not in meant and (given is value or meant == given)
        return f"[{','.join(map(str, meant))}]" if is_guess else None

    def _is_legal(self, entry: object) -> bool:
        try:
            self.check(entry)
        except ValueError:
            return False
        return True
