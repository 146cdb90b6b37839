"""What the files of `conf/` say of a group's choices: their description, and their settings' defaults."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from lenet_ablate.config.clusters import KINDS, launcher_fields
from lenet_ablate.config.settings import NAMED_GROUPS, iter_settings
from lenet_ablate.config.supervision import PREFIX
from lenet_ablate.config.yaml_text import from_yaml

_LONG = 12  # entries of a list


def options_of(group: str, config_dirs: Sequence[Path]) -> list[str]:
    """The options of a group, sorted, those in subfolders as `folder/option`; empty where there is no such group."""
    roots = [folder / group for folder in config_dirs]
    found = {path.relative_to(root).with_suffix("").as_posix() for root in roots for path in root.rglob("*.yaml")}
    return sorted(found)


def example_of(key: str, config_dirs: Sequence[Path]) -> str:
    """Words that give a setting its default, with the choice of its group that has it."""
    if kinds := launchers_with(key):
        name, field = next(iter(kinds.items()))
        chosen = "" if name == "local" else f"hydra/launcher={name} "
        return f"{chosen}{key}={shown(field.default)}"
    if "." not in key:
        return f"{key}={default_of(key, config_dirs)}"
    group, _, setting = key.partition(".")
    for option in options_of(group, config_dirs):
        value = _content(group, option, tuple(config_dirs)).get(setting)
        if value is not None:
            return f"{group}={option} {key}={shown(value)}"
    return f"{key}=null"


def description(group: str, option: str, config_dirs: Sequence[Path]) -> list[str]:
    """The lines of the comment that an option's file begins with; empty where it has none."""
    lines = _file(group, option, tuple(config_dirs)).read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return [line.lstrip("# ") for line in comment if not line.startswith("# @")]  # that one is for Hydra


def default_of(key: str, config_dirs: Sequence[Path]) -> str:
    """A setting's default as it would be typed; of a group's setting by choice, as in `rmsprop: 0; sgd: 0.9`."""
    if key.startswith(PREFIX):
        defaults = {name: shown(field.default) for name, field in launchers_with(key).items()}
        if len(set(defaults.values())) == 1:
            return next(iter(defaults.values()))
        return "; ".join(f"{name}: {default}" for name, default in defaults.items())
    if "." in key:
        return _by_choice(key, config_dirs)
    settings = dict(iter_settings())
    named = f"{key}.{NAMED_GROUPS[key]}" if key in NAMED_GROUPS else key
    return shown(settings[named].default)


def launchers_with(key: str) -> dict[str, dataclasses.Field[Any]]:
    """The launchers made here that have a setting such as `hydra.launcher.time`, each with what it says of it."""
    name = key.removeprefix(PREFIX)
    return {
        kind: launcher_fields(kind)[name] for kind in KINDS if key.startswith(PREFIX) and name in launcher_fields(kind)
    }


def _by_choice(key: str, config_dirs: Sequence[Path]) -> str:
    group, _, setting = key.partition(".")
    options = options_of(group, config_dirs)
    values = {option: _content(group, option, tuple(config_dirs)).get(setting) for option in options}
    by_value: dict[str, list[str]] = {}
    for option, value in values.items():
        if value is not None:
            by_value.setdefault(_brief(value), []).append(option.partition("/")[0])
    if len(by_value) == 1 and None not in values.values():
        return next(iter(by_value))
    return "; ".join(f"{', '.join(dict.fromkeys(names))}: {value}" for value, names in by_value.items()) or "null"


def _brief(value: object) -> str:
    """The same, of a long list its ends."""
    if isinstance(value, list) and len(value) > _LONG:
        return f"[{','.join(map(shown, value[:2]))},…,{shown(value[-1])}]"
    return shown(value)


def shown(value: object) -> str:
    """A default as it would be typed."""
    if isinstance(value, Enum):
        return shown(value.value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


@functools.cache
def _content(group: str, option: str, config_dirs: tuple[Path, ...]) -> Mapping[str, Any]:
    content = from_yaml(_file(group, option, config_dirs).read_bytes())
    return content if isinstance(content, dict) else {}


def _file(group: str, option: str, config_dirs: tuple[Path, ...]) -> Path:
    return next(path for folder in config_dirs if (path := folder / group / f"{option}.yaml").is_file())
