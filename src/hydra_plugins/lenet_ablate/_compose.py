"""From override lists to composed settings: what Hydra's own loader gives, at a tenth of its time per run.

Hydra composes the whole configuration, its own node included, for every point. Here a full composition is made once
per distinct choice of groups; values are then set on the settings alone. A test compares both ways.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import Container, DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.lenet_ablate._interpolations import MARK, hydra_node, reason, resolve
from lenet_ablate.config.yaml_text import to_yaml
from lenet_ablate.errors import ConfigError


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes:
        overrides: The words that stand for it alone.
        settings: The composed settings, interpolations resolved.
        hydra: Hydra's node, interpolations unresolved; shared by all points with the same groups.
    """

    overrides: tuple[str, ...]
    settings: Mapping[str, Any]
    hydra: Mapping[str, Any]

    def hydra_files(self, folder: Path) -> dict[str, bytes]:
        """The content of the run's `.hydra/`: config.yaml, hydra.yaml and overrides.yaml, as Hydra writes them."""
        task = list(self.overrides)
        node = {
            **self.hydra,
            "overrides": {**self.hydra["overrides"], "task": task},
            "job": {**self.hydra["job"], "override_dirname": ",".join(task)},
            "runtime": {**self.hydra["runtime"], "output_dir": str(folder.resolve())},
        }
        return {
            "config.yaml": to_yaml(self.settings, allow_unicode=True),
            "hydra.yaml": to_yaml({"hydra": node}, allow_unicode=True),
            "overrides.yaml": to_yaml(task, allow_unicode=True),
        }


def compose_points(loader: ConfigLoader, master: DictConfig, points: Sequence[Sequence[str]]) -> list[Point]:
    """Compose every point of a sweep.

    Args:
        loader: Hydra's loader.
        master: The configuration that the sweep was started with.
        points: Each point's overrides.

    Raises:
        ConfigError: A point cannot be composed.
    """
    with hydra_node(master):
        composer = Composer(loader, master)
        return [composer.compose(words) for words in points]


class Composer:
    """Composes one point after the other; within `hydra_node`, which tells what `${hydra:…}` stands for.

    Points share what they have in common: what a word makes of the setting that it is about is found out once.

    Args:
        loader: Hydra's loader.
        master: The configuration that the sweep was started with.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create()
        self._parsed: dict[str, tuple[Override, bool]] = {}
        self._groups: dict[str, bool] = {}
        self._numbers: dict[str, Override] = {}
        self._bases: dict[tuple[str, ...], _Base] = {}

    def compose(self, words: Sequence[str]) -> Point:
        """The point that these overrides stand for.

        Raises:
            ConfigError: It cannot be composed.
        """
        parsed = [self._parse(word) for word in words]
        groups = tuple(word for word, (_, is_group) in zip(words, parsed, strict=True) if is_group)
        values = [override for override, is_group in parsed if not is_group]
        try:
            return Point(tuple(words), (base := self._base(groups)).with_values(values), base.hydra)
        except (HydraException, OmegaConfBaseException) as error:
            telling = [f"{key}={value}" for key, value in _found_elsewhere(override for override, _ in parsed)]
            raise ConfigError(f"{' '.join(telling or words)}: {reason(error)}") from error

    def _parse(self, word: str) -> tuple[Override, bool]:
        """An override, and whether it chooses of a group."""
        if word not in self._parsed:
            override = self._parse_number(word) or self._parser.parse_override(word)
            if override.key_or_group not in self._groups:
                self._groups[override.key_or_group] = _is_group(self._loader, override)
            self._parsed[word] = override, self._groups[override.key_or_group]
        return self._parsed[word]

    def _parse_number(self, word: str) -> Override | None:
        """`seed=17` as `seed=16` was parsed, without the parser, which takes longer than all else; None for others."""
        found = _WHOLE.fullmatch(word)
        if found is None:
            return None
        key, value = found[1], int(found[2])
        if key not in self._numbers:
            self._numbers[key] = self._parser.parse_override(word)
        return dataclasses.replace(self._numbers[key], _value=value, input_line=word)

    def _base(self, groups: tuple[str, ...]) -> _Base:
        if groups not in self._bases:
            base = _compose_base(self._loader, self._master, list(groups))
            self._bases[groups] = base
            # What ${now:…} once stood for it stands for in every point.
            OmegaConf.copy_cache(next(iter(self._bases.values())).settings, base.settings)
        return self._bases[groups]


def _found_elsewhere(overrides: Iterable[Override]) -> Iterator[tuple[str, str]]:
    """The keys whose values refer to something, with their values."""
    values = ((override.key_or_group, str(override.value())) for override in overrides)
    return ((key, value) for key, value in values if MARK in value)


_MISSING = object()
_WHOLE = re.compile(r"([a-z_]+)=(0|[1-9][0-9]{0,14})")


class _Base:
    """What a choice of groups composes to, and what values make of it.

    Attributes:
        settings: The settings; as they were again after each use.
        hydra: Hydra's node.
    """

    def __init__(self, settings: DictConfig, hydra: dict[str, Any]) -> None:
        self.settings, self.hydra = settings, hydra
        self._has_interpolations = MARK in OmegaConf.to_yaml(settings)
        plain: Any = None if self._has_interpolations else OmegaConf.to_container(settings)
        self._plain: dict[str, Any] = plain or {}
        self._found: dict[tuple[str, ...], Any] = {}
        self._takes_numbers: set[str] = set()

    def with_values(self, values: Sequence[Override]) -> dict[str, Any]:
        """The settings with some values; what is in them is shared, and not to be changed."""
        if self._has_interpolations or any(_found_elsewhere(values)):
            resolved: dict[str, Any] = _set_values(self.settings, values, resolve)
            return resolved
        by_key: dict[str, list[Override]] = {}
        for value in values:
            by_key.setdefault(value.key_or_group.partition(".")[0], []).append(value)
        settings = dict(self._plain)
        for key, own in by_key.items():
            number = own[0].value() if len(own) == 1 and own[0].key_or_group == key else None
            is_whole = type(number) is int
            if is_whole and key in self._takes_numbers:
                settings[key] = number
                continue
            words = tuple(str(value.input_line) for value in own)
            if words not in self._found:
                self._found[words] = _set_values(self.settings, own, functools.partial(_part, key=key))
            if self._found[words] is not _MISSING:
                settings[key] = self._found[words]
                if is_whole and type(settings[key]) is int and settings[key] == number:
                    self._takes_numbers.add(key)  # as it takes every other one
            else:
                settings.pop(key, None)
        return settings


def _part(config: DictConfig, key: str) -> Any:
    if key not in config:
        return _MISSING
    node = config._get_node(key)
    return OmegaConf.to_container(node) if isinstance(node, Container) else config[key]


def _set_values(base: DictConfig, values: Sequence[Override], take: Callable[[DictConfig], Any]) -> Any:
    """What is taken of the base with some values, which is set back afterwards: to copy it whole would take longer."""
    keys = {value.key_or_group.partition(".")[0] for value in values}
    before = {key: copy.deepcopy(base._get_node(key)) for key in keys}
    try:
        if any(value.key_or_group.startswith("activation.") for value in values) and isinstance(base.activation, str):
            base.activation = {"name": base.activation}  # beside a word nothing can be set
        ConfigLoaderImpl._apply_overrides_to_config(list(values), base)
        return take(base)
    finally:
        with open_dict(base):
            for key, node in before.items():
                base[key] = node


def _is_group(loader: ConfigLoader, override: Override) -> bool:
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.group_exists(override.key_or_group)


def _compose_base(loader: ConfigLoader, master: DictConfig, groups: list[str]) -> _Base:
    config = loader.load_sweep_config(master, groups)
    node: Any = OmegaConf.to_container(config.hydra, resolve=False, enum_to_str=True)
    with open_dict(config):
        del config["hydra"]
    return _Base(config, node)
