"""Text from data (names, paths, error messages) made harmless where it would otherwise act as code."""

from __future__ import annotations

import re

import pandas as pd

MAX_LENGTH = 300
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_line(text: object, limit: int = MAX_LENGTH) -> str:
    """The text as one line without control characters, which a terminal would obey; shortened unless `limit` is 0."""
    printable = "".join(char if char.isprintable() else " " for char in str(text))
    line = " ".join(printable.split())
    return line if not limit or len(line) <= limit else line[: limit - 1] + "…"


def markdown_text(text: object, limit: int = MAX_LENGTH) -> str:
    """The text as one line of Markdown that shows it as it is, in a table's cell too."""
    return re.sub(r"([\\|`*<\[])", r"\\\1", one_line(text, limit))


def csv_bytes(frame: pd.DataFrame, missing: str = "") -> bytes:
    r"""The frame as CSV without its index: UTF-8, `\n`, floats in full precision.

    Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers never do.

    Args:
        frame: What to write.
        missing: Stands for missing values and NaN.
    """
    safe = frame.copy()
    for name in safe:
        if not (pd.api.types.is_numeric_dtype(safe[name]) or pd.api.types.is_bool_dtype(safe[name])):
            safe[name] = safe[name].astype(object).map(_no_formula)
    text: str = safe.to_csv(index=False, lineterminator="\n", na_rep=missing)
    return text.encode("utf-8", errors="replace")


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
