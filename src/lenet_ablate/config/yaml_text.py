"""YAML as text and back: block style, in the order given, and never an object that is not plain data."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml is several times faster and is not compiled in everywhere.
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def to_yaml(value: Any, *, allow_unicode: bool = False) -> bytes:
    """Plain values as YAML; letters beyond ASCII are escaped unless they are allowed."""
    written: dict[str, Any] = {"sort_keys": False, "default_flow_style": False, "allow_unicode": allow_unicode}
    try:
        return str(yaml.dump(value, Dumper=_Dumper, **written)).encode()
    except UnicodeEncodeError:  # libyaml has no way to write a byte of a path that is not UTF-8
        return str(yaml.dump(value, Dumper=yaml.SafeDumper, **written)).encode()


def from_yaml(content: bytes) -> Any:
    """The plain values behind YAML.

    Raises:
        yaml.YAMLError: It is none, or names objects of a program.
    """
    return yaml.load(content, Loader=_Loader)  # nosec B506 # a safe loader, whichever it is
