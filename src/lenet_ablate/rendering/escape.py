"""Text from data (names, paths, error messages) made harmless where it would otherwise act as code."""

from __future__ import annotations

import re

MAX_LENGTH = 300
_MOST = 20  # times as many characters are looked at as are shown, of a text that may be megabytes of blanks
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: object, limit: int = MAX_LENGTH) -> str:
    """The text as one line without control characters, which a terminal would obey; shortened unless `limit` is 0."""
    told = str(text)[: _MOST * limit or None]
    printable = "".join(char if char.isprintable() else " " for char in told)
    line = " ".join(printable.split())
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def well_formed(text: str) -> str:
    r"""The text with what is no Unicode, such as a byte of a file name that is not UTF-8, written as `\udce9`."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def markdown_text(text: object, limit: int = MAX_LENGTH) -> str:
    """The text as one line of Markdown that shows it as it is, in a table's cell too."""
    return re.sub(r"([\\|`*<\[])", r"\\\1", one_line(text, limit))


def no_formula(value: object) -> object:
    """The value; text that a spreadsheet would take for a formula with an apostrophe in front, which it hides."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
