"""The command that trains a variant: only what differs from the defaults is spelled out."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_ablate.config.choices import Model
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.own_code import CODED
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.settings import NAMED_GROUPS, RunConfig, to_mapping
from lenet_ablate.config.yaml_text import from_yaml
from lenet_ablate.report.study.factors import REPLICATE

DEFAULT_STUDY = "ablation"


def variant_command(config: RunConfig, seeds: Sequence[int], study: str = DEFAULT_STUDY) -> str:
    """The `lenet-ablate` command that trains a variant with these seeds, quoted for a shell.

    Args:
        config: The variant; its own seed does not count.
        seeds: At least one.
        study: The study that the runs are to lie in.
    """
    default = to_mapping(RunConfig())
    words = []
    for key, value in to_mapping(config).items():
        if key == REPLICATE:
            continue
        if key in NAMED_GROUPS:
            words += _group_words(key, value, default[key])
        elif key == "lr":
            words += [f"lr={_lr_text(config.lr)}"] if config.lr != RunConfig().lr else []
        elif isinstance(value, dict):  # an own nonlinearity
            words += [f"{key}={value['name']}", *_code_words(key, value)]
        elif value != default[key]:
            words.append(f"{key}={_value_text(value)}")
    words += [] if study == DEFAULT_STUDY else [f"study={study}"]
    return shlex.join(["lenet-ablate", *words, f"seed={','.join(map(str, seeds))}"])


def variants_command(configs: Sequence[RunConfig], seeds: Sequence[int], study: str = DEFAULT_STUDY) -> str | None:
    """One `lenet-ablate` command that trains several variants, in which what differs advances together.

    Args:
        configs: The variants; their own seeds do not count.
        seeds: At least one.
        study: The study that the runs are to lie in.

    Returns:
        The command, quoted for a shell; None where a setting of one variant, such as `optimizer.momentum`, does not
        exist in another.
    """
    spelled = [shlex.split(variant_command(config, seeds, study))[1:] for config in configs]
    words = [dict(word.split("=", 1) for word in own) for own in spelled]
    told, together = [], []
    for key in dict.fromkeys(key for own in words for key in own):
        usual = _usual_word(key)
        values = [own.get(key, usual) for own in words]
        if None in values:
            return None
        differ = len(set(values)) > 1
        told.append(f"{key}={','.join(map(str, values)) if differ else values[0]}")
        together += [key] if differ else []
    advancing = [f"zip=[{','.join(together)}]"] if len(together) > 1 else []
    return shlex.join(["lenet-ablate", *told, *advancing])


def _usual_word(key: str) -> str | None:
    """What a setting is where a command does not name it; None for those of a group."""
    default = to_mapping(RunConfig())
    if key not in default:
        return None
    if key == "lr":
        return _lr_text(RunConfig().lr)
    return _value_text(default[key][NAMED_GROUPS[key]] if key in NAMED_GROUPS else default[key])


def _group_words(group: str, value: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    name = value[NAMED_GROUPS[group]]
    chosen = _read(f"{group}/{name}.yaml")
    words = [] if name == default[NAMED_GROUPS[group]] else [f"{group}={name}"]
    own = {key: inner for key, inner in value.items() if key != NAMED_GROUPS[group] and inner != chosen.get(key)}
    if name == Model.own.value and group in CODED:
        return words + _code_words(group, own)
    return words + [f"{group}.{key}={_value_text(inner)}" for key, inner in own.items()]


def _code_words(group: str, own: Mapping[str, Any]) -> list[str]:
    """The settings of own code, without the digest, which is that of the code as it is."""
    settings = {key: inner for key, inner in own.items() if key not in ("name", "args", "sha256")}
    settings |= {f"args.{key}": inner for key, inner in (own.get("args") or {}).items()}
    return [f"{group}.{key}={_value_text(inner)}" for key, inner in settings.items()]


def _lr_text(lr: float | Schedule) -> str:
    if not isinstance(lr, Schedule):
        return repr(lr)
    values = {key: value for key, value in to_mapping(lr).items() if key != "name"}
    if _read("config.yaml")["lr_schedules"].get(lr.name) == values:
        return lr.name
    return "{" + ",".join(f"{key}:{_value_text(value)}" for key, value in values.items()) + "}"


def _value_text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_value_text, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_value_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_./][A-Za-z0-9_./-]*", value):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return repr(value) if isinstance(value, float) else str(value)


@functools.cache
def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = from_yaml((config_dir() / name).read_bytes())
    return read
