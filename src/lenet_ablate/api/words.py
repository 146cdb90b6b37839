"""Settings as Python has them, as words of the command line, where they are checked and have one meaning."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_ablate.api.callables import without_callables
from lenet_ablate.config.checks import Optional, Pair, Several
from lenet_ablate.config.experiments import word
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.settings import is_open, iter_settings
from lenet_ablate.config.supervision import PREFIX, Supervision
from lenet_ablate.config.text_words import TEXT_KEYS, quote, quote_word
from lenet_ablate.errors import ConfigError

_NAME = re.compile(r"(?!(?i:true|false|null|nan|inf)$)[A-Za-z_][A-Za-z0-9_]*")
_LAUNCHER = frozenset(field.name for field in dataclasses.fields(Supervision))


def to_words(typed: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """The words that ask for the same.

    `lr=[0.01, 0.001]` becomes `lr=0.01,0.001`, `optimizer__momentum=0.9` `optimizer.momentum=0.9`; text is taken as it
    would be typed, that of paths, studies and arguments of own code as it is. A function or class as `model` or
    `optimizer` stands for its file, see `without_callables`.

    Args:
        typed: Words as they are typed.
        settings: Values by setting; several of them in a list, tuple, range, array or series.

    Raises:
        ConfigError: A value is of a type that no setting has, or code of no file.
    """
    words = []
    for text in typed:
        if not isinstance(text, str) or "=" not in text:
            raise ConfigError(f"{text!r}: is not like 'pool=max,avg'; other settings are named: lr=0.01")
        words.append(text)
    return words + [_word(name, value) for name, value in without_callables(settings).items()]


def _word(name: str, value: Any) -> str:
    key = name.replace("__", ".")
    if key in _LAUNCHER:
        key = PREFIX + key
    if key in GRID_WORDS:
        return f"{key}={_grid_value(key, value)}"
    values = _values(key, value)
    if not values:
        raise ConfigError(f"{name}: an empty list; give it at least one value")
    return f"{key}={','.join(_spelled(key, each) for each in values)}"


def _values(key: str, value: Any) -> list[Any]:
    """The values that are meant: a list is several, but for a setting that is a list itself."""
    plain = _plain(key, value)
    if not isinstance(plain, list):
        return [plain]
    if key in _LISTS and not (plain and all(isinstance(entry, list) or entry is None for entry in plain)):
        return [plain]
    return plain


def _is_list(check: object) -> bool:
    return isinstance(check.check if isinstance(check, Optional) else check, (Pair, Several))


_LISTS = frozenset(key for key, setting in iter_settings() if _is_list(setting.metadata.get("check")))


def _plain(key: str, value: Any) -> Any:
    """The value without the types of NumPy and pandas."""
    if hasattr(value, "tolist"):  # arrays, series, their numbers
        value = value.tolist()
    if isinstance(value, (list, tuple, range)):
        return [_plain(key, entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(key, entry) for name, entry in value.items()}
    if hasattr(value, "__fspath__"):
        value = value.__fspath__()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ConfigError(f"{key}={value!r}: a {type(value).__name__} is no value; several values make a list")


def _spelled(key: str, value: Any) -> str:
    if isinstance(value, str) and is_open(key):
        return value if _NAME.fullmatch(value) else quote(value)
    if isinstance(value, str):
        is_word = key not in TEXT_KEYS or ("," not in value and quote_word(f"{key}={value}") == f"{key}={value}")
        return value if is_word else quote(value)
    if isinstance(value, float):
        return repr(value)
    return word(value)


def _grid_value(key: str, value: Any) -> str:
    plain = _plain(key, value)
    if isinstance(plain, str):
        return plain
    if key == "experiment" and isinstance(plain, list):
        return ",".join(map(str, plain))
    return word(plain)
