"""Words of the command line whose value is text: what was typed counts, though it looks like a number or needs quotes.

Hydra reads `study=2024_01_05` as the number 20240105, and refuses `output_dir=~/x` for a character.
"""

from __future__ import annotations

import re

from lenet_ablate.config.checks import Optional, Text
from lenet_ablate.config.settings import NAMED_GROUPS, iter_settings

TEXT_KEYS = frozenset(
    key
    for key, setting in iter_settings()
    if isinstance(getattr(check := setting.metadata.get("check"), "check", check), Text)
)
_MAY_BE_NULL = frozenset(
    key for key, setting in iter_settings() if key in TEXT_KEYS and isinstance(setting.metadata["check"], Optional)
)
_GROUPS = frozenset({*NAMED_GROUPS, "pool", "activation"})
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_OTHER_THAN_TEXT = re.compile(r"['\"\[{]|[a-z_]+\(")  # quoted already, a list, a mapping, or a function of Hydra's


def quote_word(word: str) -> str:
    """The word as Hydra reads it for what was typed; itself where that is so already, or its value is no plain text."""
    key, equals, value = word.partition("=")
    value = value.strip()
    if not equals or not value or key not in TEXT_KEYS | _GROUPS:
        return word
    if "${" in value or "\\," in value or _OTHER_THAN_TEXT.match(value):
        return word
    parts = value.split(",")
    if "" in parts:
        return word
    return f"{key}={','.join(_quoted(key, part.strip()) for part in parts)}"


def unquote_word(word: str) -> str:
    """The word that `quote_word` was given; itself where it did nothing."""
    key, equals, value = word.partition("=")
    if not equals or key not in TEXT_KEYS | _GROUPS or "'" not in value:
        return word
    typed = f"{key}={','.join(map(_unquote, value.split(',')))}"
    return typed if quote_word(typed) == word else word


def key_of(word: str) -> str:
    """The setting that a word is about: `model.args.width` of `++model.args.width=32`."""
    return word.partition("=")[0].lstrip("+")


def quote(text: str) -> str:
    r"""The text in quotes, with what Hydra would read as their end escaped: `it's` becomes `'it\'s'`."""
    inside = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\+)$", r"\1\1", inside) + "'"


def is_read_as_number(text: str) -> bool:
    """Whether Hydra or YAML would make another text of it: `1_000`, `1e3` and `.5`, and not `1000`."""
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return not re.fullmatch(r"0|[1-9][0-9]*", text)


def _quoted(key: str, text: str) -> str:
    if key in _GROUPS:
        return quote(text) if is_read_as_number(text) else text
    if text == "null":  # nothing where that is allowed; elsewhere it is refused, since it is hardly meant as a name
        return text
    is_word = _PLAIN.fullmatch(text) and not is_read_as_number(text) and text.lower() not in ("true", "false", "null")
    return text if is_word else quote(text)


def _unquote(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
    return re.sub(r"(\\*)\\'", lambda found: found[1][len(found[1]) // 2 :] + "'", re.sub(r"(\\+)\1$", r"\1", inner))
