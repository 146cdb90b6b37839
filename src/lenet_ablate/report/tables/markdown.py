"""Tables as Markdown that is readable in a terminal too."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import pandas as pd

from lenet_ablate.report.safe_text import markdown_text
from lenet_ablate.report.tables.table import Table

TERMINAL_WIDTH = 100


def markdown_document(table: Table) -> str:
    """The table with its caption and all notes as a Markdown document."""
    return f"# {_text(table, table.caption, (*table.notes, *table.study_notes), bold='**')}"


def terminal_text(table: Table, width: int = TERMINAL_WIDTH) -> str:
    """The same for a terminal: without the columns that do not fit and without the study's notes."""
    dropped: set[int] = set()
    ranked = sorted((place for place, column in enumerate(table.columns) if column.rank), key=_rank(table))
    while ranked and max(map(len, _grid(table.without_columns(dropped), "").splitlines())) > width:
        dropped.add(ranked.pop())
    caption = textwrap.fill(table.caption, width, break_on_hyphens=False)
    notes = [textwrap.fill(note, width - 2, break_on_hyphens=False, subsequent_indent="  ") for note in table.notes]
    return _text(table.without_columns(dropped), caption, notes, bold="")


def _rank(table: Table) -> object:
    return lambda place: (table.columns[place].rank, place)


def _text(table: Table, caption: str, notes: Sequence[str], bold: str) -> str:
    escape = _escape if bold else lambda text: text
    listed = "\n" + "".join(f"- {escape(note)}\n" for note in notes) if notes else ""
    return f"{escape(table.title)}\n\n{escape(caption)}\n\n{_grid(table, bold)}\n{listed}"


def _grid(table: Table, bold: str) -> str:
    rows = [
        [
            f"{bold}{markdown_text(cell)}{bold}" if (number, place) in table.bold else markdown_text(cell)
            for place, cell in enumerate(row)
        ]
        for number, row in enumerate(table.body)
    ]
    # Numbers are text by now; tabulate would read them again and drop their last zeros.
    text: str = pd.DataFrame(rows, columns=[markdown_text(column.name) for column in table.columns]).to_markdown(
        index=False,
        disable_numparse=True,
        colalign=["right" if column.is_number else "left" for column in table.columns] if rows else None,
    )
    return text


def _escape(text: str) -> str:
    return markdown_text(text, limit=0)
