"""`lenet-ablate --help lr`: what there is to know of one setting, one group or one word."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from lenet_ablate.cli.choices import default_of, description, example_of, launchers_with, options_of, shown
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.hints import unknown_key
from lenet_ablate.config.schedules import KINDS, schedule_keys
from lenet_ablate.config.settings import NAMED_GROUPS, iter_settings
from lenet_ablate.config.yaml_text import from_yaml
from lenet_ablate.errors import ConfigError

GRID_HELP = {
    "experiment": ("ready-made sweeps, one or several; their settings can be replaced on the command line", ""),
    "protocol": (
        "how an experiment is carried out: standard, or document as in the text that it comes from",
        "standard",
    ),
    "design": ("full: all combinations; one_factor: those that differ from the first in one setting alone", "full"),
    "zip": ("settings that advance together instead of combining: zip=[lr,batch_size]", ""),
    "exclude": ("combinations that are left out: exclude={lr:0.01,pool:avg}, or a list of such", ""),
}
EXAMPLES = {
    "lr": "lr=0.01,0.001,step",
    "pool": "pool=max,avg",
    "optimizer": "optimizer=adam,sgd",
    "activation": "activation=relu,tanh,sigmoid",
    "activation.factory": "activation=relu,own activation.factory=act.py:Swish",
    "activation.args": "activation=own activation.factory=act.py:Swish activation.args.beta=1,2",
    "batch_size": "batch_size=32,64,128",
    "seed": "seed=range(5)",
    "data": "data=digits epochs=3",
    "experiment": "experiment=pooling epochs=3",
    "protocol": "experiment=pooling protocol=document",
    "design": "lr=0.01,0.001 pool=max,avg design=one_factor",
    "zip": "lr=0.01,0.02 batch_size=32,64 zip=[lr,batch_size]",
    "exclude": "lr=0.01,0.001 pool=max,avg 'exclude={lr:0.01,pool:avg}'",
    "early_stop": "early_stop=patience early_stop.patience=3",
    "study": "study=friday",
}
"""Words that show a setting in use, where its default does not."""
SCHEDULES = "schedules: by name, or inline with the same keys, which take these values where they are left out"


def topic_text(topic: str, config_dirs: Sequence[Path]) -> str:
    """The help for one setting, group or grid word.

    Raises:
        ConfigError: There is no such thing.
    """
    key = topic.partition("=")[0]
    if key in GRID_WORDS:
        lines = _grid_word(key, config_dirs)
    elif kinds := launchers_with(key):
        lines = _launcher_setting(key, kinds)
    elif key in NAMED_GROUPS or (options_of(key, config_dirs) and key in dict(iter_settings())):
        lines = _group(key, config_dirs)
    elif key in dict(iter_settings()):
        lines = _setting(key, dict(iter_settings())[key], config_dirs)
    else:
        raise ConfigError(f"--help {topic}: {unknown_key(key, GRID_WORDS)}")
    lines += _schedules(config_dirs) if key == "lr" else []
    example = EXAMPLES.get(key) or example_of(key, config_dirs)
    return "\n".join([*lines, "", f"example: lenet-ablate {example}", ""])


def _grid_word(key: str, config_dirs: Sequence[Path]) -> list[str]:
    text, default = GRID_HELP[key]
    lines = [f"{key}: {text}"] + ([f"default: {default}"] if default else [])
    if key == "experiment":
        lines += ["", "experiments:"]
        for name in options_of(key, config_dirs):
            told = [line for line in description(key, name, config_dirs) if not line.startswith("lenet-ablate ")]
            lines += [_entry(name, " ".join(told))]
    return lines


def _group(key: str, config_dirs: Sequence[Path]) -> list[str]:
    settings = dict(iter_settings())
    named = NAMED_GROUPS.get(key)
    field = settings[f"{key}.{named}" if named else key]
    default = field.default.value if isinstance(field.default, Enum) else field.default
    lines = [f"{key}: {field.metadata['help']}", "", f"choices (default: {default}):"]
    for option in options_of(key, config_dirs):
        lines += [_entry(option, " ".join(description(key, option, config_dirs)))]
    own = [(name, inner) for name, inner in settings.items() if name.startswith(f"{key}.") and name != f"{key}.{named}"]
    if own:
        lines += ["", "its settings:"]
        lines += [_entry(name, _meaning(name, inner, config_dirs)) for name, inner in own]
    return lines


def _setting(key: str, field: dataclasses.Field[Any], config_dirs: Sequence[Path]) -> list[str]:
    return textwrap.wrap(f"{key}: {_meaning(key, field, config_dirs)}", 100)


def _launcher_setting(key: str, kinds: Mapping[str, dataclasses.Field[Any]]) -> list[str]:
    """What it means; to each launcher, where two mean something else by it."""
    told = {name: f"{_allowed(field)}; default: {shown(field.default)}" for name, field in kinds.items()}
    if len(set(told.values())) == 1:
        lines = textwrap.wrap(f"{key}: {next(iter(told.values()))}", 100)
    else:
        lines = [line for name, text in told.items() for line in textwrap.wrap(f"{key} ({name}): {text}", 100)]
    return lines if "local" in kinds else [*lines, f"belongs to hydra/launcher={' and hydra/launcher='.join(kinds)}"]


def _allowed(field: dataclasses.Field[Any]) -> str:
    allowed = getattr(field.metadata.get("check"), "allowed", "")
    return f"{field.metadata['help']}{f'; {allowed}' if allowed else ''}"


def _meaning(key: str, field: dataclasses.Field[Any], config_dirs: Sequence[Path]) -> str:
    return f"{_allowed(field)}; default: {default_of(key, config_dirs)}"


def _schedules(config_dirs: Sequence[Path]) -> list[str]:
    named = from_yaml((config_dirs[0] / "config.yaml").read_bytes())["lr_schedules"]
    lines = ["", SCHEDULES + ":"]
    for kind in KINDS:
        fields = schedule_keys(kind)
        names = [name for name, values in named.items() if values.keys() <= fields.keys()]
        own = next((name for name in names if _kind_of(named[name]) is kind), names[0] if names else "")
        keys = ", ".join(f"{name} ({field.metadata['help']})" for name, field in fields.items())
        inline = ",".join(f"{name}:{shown(value)}" for name, value in named.get(own, {}).items())
        lines += [_entry(own, f"{{{inline}}}: {keys}")]
    return lines


def _kind_of(values: dict[str, object]) -> type:
    return next(kind for kind in KINDS if values.keys() <= schedule_keys(kind).keys())


def _entry(name: str, text: str) -> str:
    indent = " " * 28
    return textwrap.fill(f"  {name:<25} {text}", 110, subsequent_indent=indent, break_on_hyphens=False)
