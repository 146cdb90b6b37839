"""YAML that anybody may have written, as plain values: no aliases, no tags, and no more of it than a run's settings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import yaml

from lenet_ablate.errors import RecordError

# libyaml is several times faster and is not compiled in everywhere.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS: dict[str, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
_PREFIX = "tag:yaml.org,2002:"
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TYPES: dict[str, Callable[[yaml.ScalarNode], Any]] = {
    f"{_PREFIX}null": lambda node: None,
    f"{_PREFIX}bool": _CONSTRUCTOR.construct_yaml_bool,
    f"{_PREFIX}int": _CONSTRUCTOR.construct_yaml_int,
    f"{_PREFIX}float": _CONSTRUCTOR.construct_yaml_float,
}
MAX_DEPTH, MAX_NODES, MAX_TEXT = 8, 10_000, 5000


def parse_yaml(content: bytes) -> Any:
    """The mappings, lists, texts, numbers, booleans and nulls behind a YAML document.

    Raises:
        RecordError: It is none, uses aliases or tags, or is too large or nested too deeply.
    """
    try:
        return _compose(content)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "unreadable"
        raise RecordError(f"is no YAML: {' '.join(str(problem).split())[:200]}") from None
    except (ValueError, RecursionError) as error:  # wrong letters, numbers of thousands of digits
        raise RecordError(f"is no YAML: {' '.join(str(error).split())[:200]}") from None


def _compose(content: bytes) -> Any:
    """The values, from the parser's events one by one, so that too much is seen before it is built."""
    documents: list[Any] = []
    open_nodes: list[Any] = [documents]
    keys: list[Any] = [None]  # of each open mapping the key that waits for its value
    event: Any
    for count, event in enumerate(yaml.parse(content, Loader=_Loader)):
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = _scalar(event)
        elif kind is yaml.MappingStartEvent:
            value = {}
        elif kind is yaml.SequenceStartEvent:
            value = []
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            open_nodes.pop()
            keys.pop()
            continue
        elif kind is yaml.AliasEvent:
            raise RecordError("has aliases, which this program never writes")
        else:
            continue
        if event.anchor is not None or event.tag not in (None, "!"):
            raise RecordError("has anchors or tags, which this program never writes")
        _put(open_nodes[-1], keys, value)
        if kind is not yaml.ScalarEvent:
            open_nodes.append(value)
            keys.append(None)
        if count > MAX_NODES or len(open_nodes) > MAX_DEPTH:
            raise RecordError("is nested too deeply or too long")
    if len(documents) > 1:
        raise RecordError("has several documents")
    return documents[0] if documents else None


def _put(parent: Any, keys: list[Any], value: Any) -> None:
    if isinstance(parent, list):
        parent.append(value)
    elif keys[-1] is None:
        if not isinstance(value, str):
            raise RecordError("has a key that is no text")
        keys[-1] = value
    else:
        parent[keys[-1]] = value
        keys[-1] = None


def _scalar(event: yaml.ScalarEvent) -> Any:
    if len(event.value) > MAX_TEXT:
        raise RecordError(f"has a value of more than {MAX_TEXT} characters")
    return _resolve(event.value) if event.implicit[0] else event.value


@functools.lru_cache(maxsize=1024)
def _resolve(text: str) -> Any:
    """What a text without quotation marks stands for."""
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            construct = _TYPES.get(tag)
            return text if construct is None else construct(yaml.ScalarNode(tag, text))
    return text
