"""What `${…}` in a setting stands for: text that was found elsewhere is read as if it had been typed."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from lenet_ablate.config.text_words import TEXT_KEYS
from lenet_ablate.errors import ConfigError

MARK = "${"


@contextlib.contextmanager
def hydra_node(master: DictConfig) -> Iterator[None]:
    """Within, `${hydra:…}` finds Hydra's own node, as far as it is known before any job."""
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(copy.deepcopy(master))
    try:
        yield
    finally:
        instance.cfg = before


def resolve(config: DictConfig) -> dict[str, Any]:
    """The plain settings behind a configuration, interpolations resolved.

    Text that one gives is read as the same text on the command line would be: `${oc.env:SIZE}` may be a number.
    Settings that are text stay as they are.

    Raises:
        ConfigError: A value of Hydra's own node is not there.
        OmegaConfBaseException: An interpolation cannot be resolved; see `reason`.
    """
    resolved, raw = OmegaConf.to_container(config, resolve=True), OmegaConf.to_container(config, resolve=False)
    decoded: dict[str, Any] = _decode("", resolved, raw)
    return decoded


def _decode(key: str, value: Any, raw: Any) -> Any:
    if isinstance(value, dict) and isinstance(raw, Mapping):
        return {name: _decode(f"{key}.{name}".lstrip("."), inner, raw.get(name)) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(raw, list):
        return [_decode(key, *pair) for pair in zip(value, raw, strict=True)]
    if not isinstance(raw, str) or MARK not in raw:
        return value
    if value is None and "${hydra:" in raw:
        raise ConfigError(f"{key}={raw}: stands for nothing: there is no such value, or none before a run has begun")
    return _as_typed(value) if isinstance(value, str) and key not in TEXT_KEYS else value


def reason(error: Exception) -> str:
    """Why settings could not be composed, in one line."""
    text = str(error.__cause__ or error).splitlines()[0]
    if "RecursionError" in text or "Recursive" in text:
        return "an interpolation that refers to itself"
    _, _, inner = text.partition(" raised while resolving interpolation: ")
    return (inner or text).strip('"')


def _as_typed(text: str) -> Any:
    try:
        override = OverridesParser.create().parse_override(f"x={text}")
        return text if override.is_sweep_override() else override.value()
    except HydraException:
        return text
