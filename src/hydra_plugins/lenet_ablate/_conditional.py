"""Settings that only some choices of a swept group have: `optimizer=adam,sgd optimizer.momentum=0.5,0.9`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from typing import Any

from lenet_ablate.config.activations import Coded
from lenet_ablate.config.choices import Model, Optimizer
from lenet_ablate.config.own_code import CODED, OFFERED, asked_for
from lenet_ablate.config.owned import AUGMENT_SETTINGS, EARLY_STOP_SETTINGS, OPTIMIZER_SETTINGS, owners
from lenet_ablate.config.settings import OPEN_KEYS
from lenet_ablate.config.text_words import key_of
from lenet_ablate.errors import ConfigError


def applicable(words: Sequence[str], settings: Mapping[str, Any], varied: Set[str]) -> tuple[str, ...]:
    """The words of a point without those for settings that its choice of a group does not have.

    A word is left alone where its group does not vary, so that what applies to no run at all is still refused.

    Args:
        words: The point's.
        settings: What they compose to.
        varied: Keys with several levels.
    """
    return tuple(word for word in words if not _is_foreign(key_of(word), settings, varied))


def left_out_line(key: str) -> str:
    """The sentence for a setting that was left out of some runs."""
    if key == "activation":
        return "activation belongs to networks that ask for it: the other runs go without it"
    group, choices = _OWNERS[_owned(key)]
    asking = f"{' and those that ask' if key in OFFERED else ''}"
    return f"{key} belongs to {group}={','.join(choices)}{asking}: the other runs go without it"


def _is_foreign(key: str, settings: Mapping[str, Any], varied: Set[str]) -> bool:
    group, choices = _OWNERS.get(_owned(key), ("", ()))
    if group in varied and _choice(settings[group]) not in choices:
        return True
    return (
        key.partition(".")[0] in OFFERED
        and not varied.isdisjoint(("model", "model.factory"))
        and not _asks(settings["model"], key.partition(".")[0])
    )


def _choice(chosen: Any) -> Any:
    return chosen["name"] if isinstance(chosen, Mapping) else chosen


def _owned(key: str) -> str:
    """The setting that a key is, or that it lies within."""
    return next((open_key for open_key in OPEN_KEYS if key.startswith(f"{open_key}.")), key)


def _asks(model: Mapping[str, Any], key: str) -> bool:
    """Whether a network has a setting, as far as can be told; what is wrong with its code is told elsewhere."""
    if model["name"] != Model.own.value or not model["factory"]:
        return True
    with contextlib.suppress(ConfigError):
        return key in asked_for(str(model["factory"]))
    return True


def _owners() -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    tables: dict[str, Mapping[Any, Sequence[str]]] = {
        "optimizer": OPTIMIZER_SETTINGS,
        "augment": AUGMENT_SETTINGS,
        "early_stop": EARLY_STOP_SETTINGS,
    }
    for group, table in tables.items():
        for name, choices in owners(table).items():
            yield f"{group}.{name}", (group, _words(choices))
    yield "optimizer.nesterov", ("optimizer", _words([Optimizer.sgd]))
    yield "model.hidden", ("model", _words([Model.mlp]))
    yield "model.c5", ("model", _words([Model.lenet5, Model.lenet5_28]))
    rules = [rule for rule in Optimizer if rule is not Optimizer.own]
    yield "optimizer.weight_decay", ("optimizer", _words(rules))
    for group in CODED:
        yield from ((f"{group}.{name}", (group, _words([Coded.own]))) for name in ("factory", "args", "sha256"))
    yield "pool", ("model", _words([model for model in Model if model is not Model.mlp]))


def _words(choices: Sequence[Enum]) -> tuple[str, ...]:
    return tuple(str(choice.value) for choice in choices)


_OWNERS = dict(_owners())
"""Settings, each with the group and its choices that have it; `config.parse` refuses it elsewhere."""
