"""Settings that only some choices of a swept group have: `optimizer=adam,sgd optimizer.momentum=0.5,0.9`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from lenet_ablate.config.choices import Model, Optimizer
from lenet_ablate.config.settings import AUGMENT_SETTINGS, EARLY_STOP_SETTINGS, OPTIMIZER_SETTINGS, owners


def applicable(words: Sequence[str], settings: Mapping[str, Any], varied: Collection[str]) -> tuple[str, ...]:
    """The words of a point without those for settings that its choice of a group does not have.

    A word is left alone where its group does not vary, so that what applies to no run at all is still refused.

    Args:
        words: The point's.
        settings: What they compose to.
        varied: Keys with several levels.
    """
    return tuple(word for word in words if not _is_foreign(word.partition("=")[0], settings, varied))


def left_out_line(key: str) -> str:
    """The sentence for a setting that was left out of some runs."""
    group, choices = _OWNERS[key]
    return f"{key} belongs to {group}={','.join(choices)}: the other runs go without it"


def _is_foreign(key: str, settings: Mapping[str, Any], varied: Collection[str]) -> bool:
    group, choices = _OWNERS.get(key, ("", ()))
    return group in varied and settings[group]["name"] not in choices


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
    yield "pool", ("model", _words([model for model in Model if model is not Model.mlp]))


def _words(choices: Sequence[Enum]) -> tuple[str, ...]:
    return tuple(str(choice.value) for choice in choices)


_OWNERS = dict(_owners())
"""Settings, each with the group and its choices that have it; `config.parse` refuses it elsewhere."""
