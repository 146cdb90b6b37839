"""Functions and classes among the settings: `model=Wide, width=[16, 32]` as the settings of own code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lenet_ablate.config.callables import factory_of
from lenet_ablate.config.checks import closest
from lenet_ablate.config.choices import Model
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.own_code import CODED
from lenet_ablate.config.settings import NAMED_GROUPS, setting_keys
from lenet_ablate.config.signature import parameters_asked
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.errors import ConfigError

OWN = Model.own.value


def without_callables(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every function and class as its file and name.

    `model=Wide` becomes `model="own", model__factory="nets.py:Wide"`, and a setting that is none of the program's but
    an argument of what was given, `width=16`, becomes `model__args__width=16`.

    Raises:
        ConfigError: A function or class is of no file, or an argument is one of several of them.
    """
    taken: dict[str, str] = {}
    codes: dict[str, Sequence[Callable[..., Any]]] = {}
    given: dict[str, Any] = {}
    for key, value in settings.items():
        called = [each for each in _entries(value) if _is_code(each)] if key in CODED else []
        if not called:
            given[key] = value
            continue
        given |= _words(key, value, called, settings)
        for name in _arguments(key, called):
            if name in settings and not _is_known(name):
                if name in taken:
                    raise ConfigError(f"{name}: {taken[name]} and {key} take it; write {key}__args__{name}=…")
                taken[name] = key
        codes[key] = called
    for key, code in codes.items():
        taken |= dict.fromkeys(_others(key, code, [name for name in settings if name not in taken]), key)
    return {(f"{taken[key]}__args__{key}" if key in taken else key): value for key, value in given.items()}


def _words(key: str, value: Any, called: Sequence[Callable[..., Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A group's choice and its code."""
    for spelling in (f"{key}__factory", f"{key}.factory"):
        if spelling in settings:
            raise ConfigError(f"{spelling}: {key} names the code already; leave one of them out")
    chosen = list(dict.fromkeys(OWN if _is_code(each) else each for each in _entries(value)))
    factories = [factory_of(each, key) for each in called]
    return {
        key: chosen if len(chosen) > 1 else OWN,
        f"{key}__factory": factories if len(factories) > 1 else factories[0],
    }


def _arguments(key: str, called: Sequence[Callable[..., Any]]) -> list[str]:
    """What can be given by name; an optimizer's first argument is given already, and a tensor function's."""
    found = [parameters_asked(each) for each in called]
    given = [key == "optimizer" or (key == "activation" and each.is_of_tensor(())) for each in found]
    found = [each.without_first() if is_given else each for each, is_given in zip(found, given, strict=True)]
    return list(dict.fromkeys(name for each in found for name in each.names))


def _others(key: str, called: Sequence[Callable[..., Any]], names: Sequence[str]) -> list[str]:
    """Names that code with `**more` takes; nearly an argument's is refused, nearly a setting's left alone."""
    unknown = [name for name in names if not _is_known(name) and "__" not in name and "." not in name]
    for name in unknown:
        if guess := closest(name, _arguments(key, called)):
            raise ConfigError(f"{name}: is neither a setting nor an argument of {key}; did you mean {guess}?")
    takes_any = any(parameters_asked(each).takes_any for each in called)
    return [name for name in unknown if takes_any and not closest(name, _KNOWN)]


def _entries(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, (list, tuple)) else [value]


def _is_code(value: Any) -> bool:
    return callable(value)


def _is_known(name: str) -> bool:
    """Whether a name is a setting's, a group's or a word of the grid."""
    return name in _KNOWN


_KNOWN = frozenset({*setting_keys(), *NAMED_GROUPS, *GRID_WORDS, *vars(Supervision()), "config_dir"})
