"""Rows of text fitted to a terminal: columns are cut, then left out, before a line breaks."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lenet_ablate.rendering.escape import one_line

GAP, NARROWEST = "  ", 8


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: What stands above it.
        cells: One text per row.
        is_number: Whether it is set flush right.
        rank: Of the columns that are left out where there is no room, the highest goes first; 0: never.
    """

    title: str
    cells: Sequence[str]
    is_number: bool = False
    rank: int = 0


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none, so that nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table_lines(columns: Sequence[Column], width: int | None) -> list[str]:
    """The table, a line for its titles first; columns without any text are left out.

    Args:
        columns: Equally long.
        width: Characters that a line may have; None: any number.
    """
    shown = [Column(c.title, [one_line(cell) for cell in c.cells], c.is_number, c.rank) for c in columns]
    shown = [column for column in shown if any(column.cells)]
    widths = [_widest(column) for column in shown]
    while width is not None and _total(widths) > width:
        text = [i for i, column in enumerate(shown) if not column.is_number and widths[i] > NARROWEST]
        last = max(range(len(shown)), key=lambda i: shown[i].rank, default=0)
        if text:
            widest = max(text, key=lambda i: (widths[i], i))
            widths[widest] = max(NARROWEST, widths[widest] - (_total(widths) - width))
        elif shown[last].rank:
            del shown[last], widths[last]
        else:
            break
    rows = [[column.title for column in shown], *zip(*(column.cells for column in shown), strict=True)]
    cells = [[_fit(text, w, c) for text, w, c in zip(row, widths, shown, strict=True)] for row in rows]
    return [GAP.join(row).rstrip() for row in cells]


def text_width(text: str) -> int:
    """Places that a text takes in a terminal: two for a wide letter, none for a mark on the letter before it."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def _widest(column: Column) -> int:
    return max(map(text_width, (column.title, *column.cells)))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fit(text: str, width: int, column: Column) -> str:
    if text_width(text) > width:
        while text and text_width(text) > width - 1:
            text = text[:-1]
        text += "…"
    space = " " * (width - text_width(text))
    return space + text if column.is_number else text + space
