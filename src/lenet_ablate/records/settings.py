"""The settings of a run, as its config.yaml says."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from lenet_ablate.config.parse import parse_alone, parse_config
from lenet_ablate.config.plan import identity
from lenet_ablate.config.remembered import NOTHING, goes_together, typed_value
from lenet_ablate.config.settings import NAMED_GROUPS, RunConfig, to_mapping
from lenet_ablate.config.yaml_text import to_yaml
from lenet_ablate.errors import LenetAblateError, RecordError
from lenet_ablate.records.files import read_file
from lenet_ablate.records.plain_yaml import parse_yaml
from lenet_ablate.records.record import CONFIG

MAX_BYTES = 64 << 10
MAX_ENTRIES, MAX_DEPTH, MAX_TEXT = 1000, 4, 5000
MAX_ENTRY = 2000  # bytes of an entry that is remembered
_KNOWN: dict[str, Any] = {
    f.name: {g.name for g in dataclasses.fields(getattr(RunConfig(), f.name))} if f.name in NAMED_GROUPS else None
    for f in dataclasses.fields(RunConfig)
}


def read_config(folder: Path) -> RunConfig:
    """The settings of the run in a folder.

    Settings that this version does not know are passed over: whether they matter is told by the run's identity.

    Raises:
        RecordError: The file is missing, cannot be read, or holds something else.
    """
    return config_of(read_file(folder, CONFIG, MAX_BYTES))


def config_of(content: bytes) -> RunConfig:
    """The settings that a config.yaml of this content tells; see `read_config`."""
    known = _known_entries(content)
    if known is not None:
        return known
    try:
        return parse_settings(parse_yaml(content))
    except RecordError as error:
        raise RecordError(f"{CONFIG} {error}") from None


_TOP_LEVEL = re.compile(rb"^(?=[A-Za-z_])", re.MULTILINE)
_ENTRY = re.compile(rb"([a-z_]+):[ \n]")


def _known_entries(content: bytes) -> RunConfig | None:
    """The settings, entry by entry: the runs of a study share nearly all of theirs, and each is read once.

    None where that does not work out, whatever the reason: then the whole is read, and told what is wrong with it.
    """
    parsed = {}
    for text in filter(None, _TOP_LEVEL.split(content)):
        entry = _read_entry(text)
        if entry is None:
            return None
        parsed[entry[0]] = entry[1]
    if not parsed:
        return None
    config = RunConfig(**parsed)
    return config if goes_together(config) else None


@functools.lru_cache(maxsize=4096)
def _read_entry(text: bytes) -> tuple[str, Any] | None:
    """Name and typed value of one entry of a config.yaml; None where it is not as this program writes it."""
    named = _ENTRY.match(text)
    if named is None or len(text) > MAX_ENTRY:
        return None
    try:
        values, name = parse_yaml(text), named[1].decode()
        if not isinstance(values, dict) or list(values) != [name] or name not in _KNOWN:
            return None
        return name, getattr(parse_alone(_only_known(values)), name)
    except (LenetAblateError, ValueError):
        return None


def settings_of(values: Mapping[str, Any]) -> RunConfig:
    """The settings behind plain values that name each of them legally, as in a sweep's plan.

    Raises:
        ConfigError: One is not known to this version, or not legal.
    """
    parsed: dict[str, Any] = {}
    for name, value in values.items():
        typed = typed_value(name, repr(value))
        if typed is NOTHING:
            return parse_config(values)[0]
        parsed[name] = typed
    config = RunConfig(**parsed)
    return config if goes_together(config) else parse_config(values)[0]


def is_about(content: bytes, config: RunConfig) -> bool:
    """Whether a config.yaml of this content means the same run as these settings do.

    Raises:
        RecordError: It holds something else.
    """
    return content == config_bytes(config) or identity(config_of(content)) == identity(config)


def config_bytes(config: RunConfig) -> bytes:
    """The config.yaml of a run: its settings as block-style YAML."""
    return b"".join(_entry(name, getattr(config, name)) for name in _KNOWN)


def config_json(config: RunConfig) -> str:
    """The settings of a run as JSON in one line."""
    return "{" + ", ".join(_json_entry(name, getattr(config, name)) for name in _KNOWN) + "}"


@functools.lru_cache(maxsize=4096)
def _json_entry(name: str, value: Any) -> str:
    return json.dumps({name: _plain(value)})[1:-1]


def _plain(value: Any) -> Any:
    return to_mapping(value) if dataclasses.is_dataclass(value) else value.value if isinstance(value, Enum) else value


@functools.lru_cache(maxsize=4096)
def _entry(name: str, value: Any) -> bytes:
    """One setting, or group of them, as it stands in a config.yaml."""
    return to_yaml({name: _plain(value)})


def parse_settings(values: object) -> RunConfig:
    """The settings behind plain values as read from disk; see `read_config`.

    Raises:
        RecordError: They are of another type than they must be, or out of range.
    """
    if not isinstance(values, dict):
        raise RecordError("must be a mapping")
    known = _only_known(values)
    try:
        config, _ = parse_config(known)
    except (LenetAblateError, ValueError) as error:  # a number of thousands of digits has no text
        raise RecordError(f"is not understood: {' '.join(str(error).split())[:200]}") from None
    return config


def _only_known(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that this version knows.

    Raises:
        RecordError: There is too much of them.
    """
    known = {}
    for name, value in values.items():
        if name in _KNOWN:
            own = _KNOWN[name]
            is_group = own is not None and isinstance(value, dict)
            known[name] = {key: inner for key, inner in value.items() if key in own} if is_group else value
    _check_size(known)
    return known


def _check_size(value: object, depth: int = 0) -> None:
    """Refuse what would take long to be told as wrong."""
    if isinstance(value, (Mapping, list)):
        if len(value) > MAX_ENTRIES or depth > MAX_DEPTH:
            raise RecordError("is nested too deeply or too long")
        for entry in (*value.keys(), *value.values()) if isinstance(value, Mapping) else value:
            _check_size(entry, depth + 1)
    elif isinstance(value, str) and len(value) > MAX_TEXT:
        raise RecordError(f"has a value of more than {MAX_TEXT} characters")
    elif isinstance(value, int) and abs(value) > 2**64:
        raise RecordError("has a number that is too large")
