"""Which settings vary between configurations, and what their values are called in tables and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar

from lenet_ablate.config.activations import Nonlinearity, OwnActivation
from lenet_ablate.config.arguments import Arguments
from lenet_ablate.config.choices import Activation
from lenet_ablate.config.own_code import CODED
from lenet_ablate.config.plan import factory_name
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.settings import FOUND_OUT, DataConfig, ModelConfig, OptimizerConfig, RunConfig
from lenet_ablate.rendering.escape import well_formed

TITLES = {"lr": "learning rate", "pool": "pooling", "data": "data set"}
REPLICATE = "seed"
MAX_COMPARED = 100
"""Levels of a factor whose pairs are looked at, all 4,950 of them; their number grows as a square."""
ALWAYS_TOLD = ("model", "pool", "activation", "optimizer", "lr", "batch_size", "epochs", "data")

Order = tuple[Any, ...]
_Coded = TypeVar("_Coded", ModelConfig, OptimizerConfig, Nonlinearity)
_CODED = (ModelConfig, OptimizerConfig, OwnActivation)


@dataclass(frozen=True)
class Level:
    """One value of a factor.

    Attributes:
        label: What it is called, unique within its factor: "0.001", "avg", "sgd momentum=0.5".
        order: Sorts levels: numbers by size, words as their Enum has them, schedules behind numbers.
        meaning: What a schedule's name stands for; empty for all others.
    """

    label: str
    order: Order
    meaning: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the level has a place on a scale."""
        return bool(self.order[0] == _NUMBER)


@dataclass(frozen=True)
class Factor:
    """A setting that varies, with its levels in their natural order."""

    key: str
    levels: tuple[Level, ...]

    @property
    def title(self) -> str:
        """The setting in words."""
        return TITLES.get(self.key, argument_of(self.key)[1].replace("_", " "))

    @property
    def labels(self) -> list[str]:
        """The levels' labels in their order."""
        return [level.label for level in self.levels]

    @property
    def is_compared(self) -> bool:
        """Whether its levels are few enough to be compared in pairs."""
        return len(self.levels) <= MAX_COMPARED

    def value_of(self, config: RunConfig) -> Any:
        """The value that a configuration has."""
        return _value(config, self.key)

    def label_of(self, config: RunConfig) -> str:
        """The label of the level that a configuration has."""
        return self._labels_by_order[_order(self.value_of(config))]

    @cached_property
    def _labels_by_order(self) -> dict[Order, str]:
        return {level.order: level.label for level in self.levels}


def find_factors(configs: Sequence[RunConfig]) -> tuple[Factor, ...]:
    """Every setting but the seed that differs between the configurations, in the order of `RunConfig`'s fields.

    Of own networks, optimizers or nonlinearities that differ in their arguments alone each argument is a factor,
    `model.args.width`.
    """
    factors = []
    keys = [key for name in _keys() for key in (_arguments(name, configs) if name in CODED else [name])]
    for key in keys:
        values = {_order(value): value for value in (_value(config, key) for config in configs)}
        if len(values) > 1:
            ordered = [values[order] for order in sorted(values)]
            labels = _unique(_labels(ordered))
            levels = zip(labels, ordered, strict=True)
            factors.append(Factor(key, tuple(Level(label, _order(v), _meaning(v)) for label, v in levels)))
    return tuple(factors)


def fixed_settings(config: RunConfig, factors: Sequence[Factor]) -> dict[str, str]:
    """The settings that do not vary, by key: `64`, `sgd (momentum=0.9)`; of a group only what is not its default.

    Settings beside ALWAYS_TOLD are left out where they are as usual.
    """
    varied, usual = {factor.key for factor in factors}, RunConfig()
    told = [key for key in _keys() if key in ALWAYS_TOLD or getattr(config, key) != getattr(usual, key)]
    fixed = dataclasses.replace(
        config,
        model=_without("model", config.model, varied),
        optimizer=_without("optimizer", config.optimizer, varied),
        activation=_without("activation", config.activation, varied),
    )
    return {key: _setting_text(key, getattr(fixed, key)) for key in told if key not in varied}


def argument_of(key: str) -> tuple[str, str]:
    """Group and name of an argument of own code, `("model", "width")` of `model.args.width`; no group of other keys."""
    group, is_argument, name = key.partition(".args.")
    return (group, name) if is_argument and group in CODED else ("", key)


def _arguments(group: str, configs: Sequence[RunConfig]) -> list[str]:
    """The keys under which the configurations' networks, optimizers or nonlinearities may differ."""
    chosen = {getattr(config, group) for config in configs}
    if (
        len(chosen) < 2
        or any(isinstance(each, Activation) for each in chosen)
        or len({_order(dataclasses.replace(each, args=None)) for each in chosen}) > 1
    ):
        return [group]
    return [
        f"{group}.args.{name}" for name in dict.fromkeys(name for each in chosen for name in sorted(each.args or ()))
    ]


def _value(config: RunConfig, key: str) -> Any:
    group, name = argument_of(key)
    if group:
        args = getattr(config, group).args
        return _frozen(args.plain().get(name) if args else None)
    return getattr(config, key)


def _without(group: str, chosen: _Coded, varied: Collection[str]) -> _Coded:
    """A network, optimizer or nonlinearity without the arguments that vary."""
    if isinstance(chosen, Activation):
        return chosen
    kept = {name: value for name, value in (chosen.args or {}).items() if f"{group}.args.{name}" not in varied}
    return dataclasses.replace(chosen, args=Arguments(kept) if kept else None)


def _frozen(value: Any) -> Any:
    """A plain value as one that can be sorted and compared."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return Arguments(value) if isinstance(value, dict) else value


def _keys() -> list[str]:
    return [f.name for f in dataclasses.fields(RunConfig) if f.name != REPLICATE]


_NOTHING, _NUMBER, _WORD, _TEXT, _LIST, _GROUP = range(6)


def _order(value: object) -> Order:
    # The leading rank keeps values of different types from being compared with each other.
    if value is None:
        return (_NOTHING,)
    if isinstance(value, Enum):
        return (_WORD, list(type(value)).index(value))
    if isinstance(value, (int, float)):
        return (_NUMBER, value)
    if isinstance(value, tuple):
        return (_LIST, *map(_order, value))
    if dataclasses.is_dataclass(value):
        # A schedule is its values, as in a run's identity; its name only calls it.
        inner = _inner(value, without="name" if isinstance(value, Schedule) else "")
        if isinstance(value, DataConfig) and value.sha256:  # is its content, as in a run's identity
            inner = {key: of for key, of in inner.items() if key not in ("path", "range", "transpose")}
        if isinstance(value, _CODED) and value.sha256:
            inner = {**inner, "factory": factory_name(value)}
        return (_GROUP, type(value).__name__, *map(_order, inner.values()))
    if isinstance(value, Arguments):
        return (_GROUP, *((name, _order(_frozen(inner))) for name, inner in value.items()))
    return (_TEXT, str(value))


def _labels(values: Sequence[object]) -> list[str]:
    """A group's or schedule's label is its name, with what tells it from others of that name."""
    labels = []
    by_name: dict[str, list[object]] = {}
    for value in values:
        by_name.setdefault(_name(value), []).append(value)
    for value in values:
        namesakes = by_name[_name(value)]
        if not dataclasses.is_dataclass(value) or len(namesakes) == 1:
            labels.append(_name(value))
            continue
        own = _inner(value, without="name")
        differing = [key for key in own if len({_order(getattr(other, key, None)) for other in namesakes}) > 1]
        if isinstance(value, DataConfig) and len({getattr(other, "path", None) for other in namesakes}) == len(
            namesakes
        ):
            differing = [key for key in differing if key not in FOUND_OUT]
        if isinstance(value, _CODED):
            differing = [key for key in differing if key != "factory"]  # is its name
        labels.append(" ".join([_name(value), *(_told(key, own[key]) for key in differing)]))
    return labels


def _told(key: str, value: object) -> str:
    if key == "args":
        return " ".join(f"{name}={_text(_frozen(inner))}" for name, inner in (value or {}).items())  # type: ignore[attr-defined]
    return f"{key}={_text(value)[: 8 if key == 'sha256' else None]}"


def _unique(labels: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    unique = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        unique.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return unique


def _name(value: object) -> str:
    if isinstance(value, _CODED) and value.factory:
        return factory_name(value)
    return _text(getattr(value, "name", None) if dataclasses.is_dataclass(value) else value)


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple):
        return "[" + ",".join(map(_text, value)) + "]"  # as it is typed
    if isinstance(value, Arguments):
        return "{" + ",".join(f"{name}:{_text(_frozen(inner))}" for name, inner in value.items()) + "}"
    return well_formed(str(value))


def _meaning(value: object) -> str:
    return value.meaning if isinstance(value, Schedule) else ""


def _setting_text(key: str, value: object) -> str:
    if isinstance(value, Schedule):
        return f"{value.name} ({_meaning(value)})"
    if not dataclasses.is_dataclass(value):
        return _text(value)
    usual = getattr(RunConfig(), key)
    neutral = _inner(usual, without="name") if dataclasses.is_dataclass(usual) else {}
    own = _inner(value, without="name")
    hidden = {"sha256"} | ({"num_classes"} if own.get("classes") else set())
    told = [
        f"{len(v)} classes" if k == "classes" else f"{k}={_text(v)}"
        for k, v in own.items()
        if v is not None and v != neutral.get(k) and k not in hidden
    ]
    return _name(value) + (f" ({', '.join(told)})" if told else "")


def _inner(value: object, without: str) -> Mapping[str, Any]:
    assert dataclasses.is_dataclass(value)
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name != without}
