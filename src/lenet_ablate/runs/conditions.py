"""Which runs are meant: conditions on the columns of runs.csv, such as `pool=max`, `lr<0.01` or `tag=paper`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config.checks import closest
from lenet_ablate.config.experiments import word
from lenet_ablate.errors import ConfigError
from lenet_ablate.rendering.escape import one_line
from lenet_ablate.runs.collect import Entry

_FORM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(<=|>=|!=|<|>|=)\s*(.+?)\s*")
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ALIASES = {"state": "status", "tag": "tags", "name": "run"}
MAX_TOLD = 12


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: As it was typed.
        key: A column.
        sign: One of = != < <= > >=.
        values: Any of them will do; of an order there is one.
    """

    text: str
    key: str
    sign: str
    values: tuple[str, ...]

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a run's row meets it; what is not known meets nothing but `=null` and `!=`."""
        if self.sign in _ORDERS:
            number, limit = _number(_own(row, self.key)[0]), _number(self.values[0])
            return number is not None and limit is not None and _ORDERS[self.sign](number, limit)
        is_one = any(_is_same(own, value) for own in _own(row, self.key) for value in self.values)
        return is_one == (self.sign == "=")


def parse_condition(text: str) -> Condition:
    """The condition that was typed.

    Raises:
        ConfigError: It is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigError(f"--where {one_line(text)}: is not like pool=max, seed!=0,1 or test_accuracy>0.98")
    key, sign, rest = found.groups()
    # A list such as [4,2] is one value.
    values = tuple(value.strip() for value in re.split(r",(?![^\[\]]*\])", rest))
    if sign in _ORDERS and (len(values) > 1 or _number(values[0]) is None):
        raise ConfigError(f"--where {one_line(text)}: {sign} needs one number")
    return Condition(text.strip(), ALIASES.get(key, key), sign, values)


def select(entries: Sequence[Entry], conditions: Sequence[Condition]) -> list[Entry]:
    """The runs that meet all conditions.

    Raises:
        ConfigError: A condition names a column that no run has, or a value that none has there.
    """
    for condition in conditions:
        _check(condition, entries)
    return [entry for entry in entries if all(condition.holds(entry.row) for condition in conditions)]


def _check(condition: Condition, entries: Sequence[Entry]) -> None:
    keys = list(dict.fromkeys(key for entry in entries for key in entry.row))
    told = f"--where {one_line(condition.text)}"
    if condition.key not in keys:
        guess = closest(condition.key, keys)
        raise ConfigError(f"{told}: no run has {condition.key}{f'; did you mean {guess}?' if guess else ''}")
    if condition.sign != "=":
        return
    there = {text: None for entry in entries for text in map(_text, _own(entry.row, condition.key))}
    for value in condition.values:
        if not any(_is_same(text, value) for text in there):
            shown = ", ".join(map(one_line, list(there)[:MAX_TOLD])) + (" …" if len(there) > MAX_TOLD else "")
            raise ConfigError(f"{told}: no run has {condition.key}={one_line(value)}; there is {shown}")


def _own(row: Mapping[str, Any], key: str) -> list[Any]:
    """What a run has there: of tags each is one."""
    if key == "tags":
        return (row.get(key) or "").split() or [None]
    value = row.get(key)
    return [row.get("lr_label") if key == "lr" and value is None else value]


def _is_same(own: Any, value: str) -> bool:
    text = _text(own)
    if text == value:
        return True
    number, wanted = _number(text), _number(value)
    return number is not None and number == wanted


def _text(value: Any) -> str:
    return value if isinstance(value, str) else word(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
