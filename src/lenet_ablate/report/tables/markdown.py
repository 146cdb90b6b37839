"""Tables as Markdown that is readable in a terminal too."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable

from tabulate import tabulate

from lenet_ablate.rendering.escape import markdown_text, one_line
from lenet_ablate.report.tables.table import Table

TERMINAL_WIDTH = 100


def markdown_document(table: Table) -> str:
    """The table with its caption and all notes as a Markdown document."""
    notes = "".join(f"- {_markdown(note)}\n" for note in (*table.notes, *table.study_notes))
    parts = [f"# {_markdown(table.title)}", _markdown(table.caption), _grid(table, "pipe", _markdown, "**")]
    return "\n\n".join([*parts, notes] if notes else [*parts, ""])


def terminal_text(table: Table, width: int = TERMINAL_WIDTH) -> str:
    """The same for a terminal: without the columns that do not fit and without the study's notes."""
    dropped: set[int] = set()
    ranked = sorted(
        (place for place, column in enumerate(table.columns) if column.rank),
        key=lambda place: (table.columns[place].rank, place),
    )
    while ranked and _width(table.without_columns(dropped)) > width:
        dropped.add(ranked.pop())
    fill = functools.partial(textwrap.fill, width=width, break_on_hyphens=False)
    notes = "".join(fill(one_line(f"- {note}", 0), subsequent_indent="  ") + "\n" for note in table.notes)
    shown = _grid(table.without_columns(dropped), "simple", one_line)
    parts = [one_line(table.title), fill(one_line(table.caption, 0)), shown]
    return "\n\n".join([*parts, notes] if notes else [*parts, ""])


def _width(table: Table) -> int:
    return max(map(len, _grid(table, "simple", one_line).splitlines()))


def _grid(table: Table, form: str, escape: Callable[[object], str], mark: str = "") -> str:
    rows = [
        [
            f"{mark}{escape(cell)}{mark}" if (number, place) in table.bold else escape(cell)
            for place, cell in enumerate(row)
        ]
        for number, row in enumerate(table.body)
    ]
    # Numbers are text by now; tabulate would read them again and drop their last zeros.
    text: str = tabulate(
        rows,
        headers=[escape(column.name) for column in table.columns],
        tablefmt=form,
        disable_numparse=True,
        colalign=["right" if column.is_number else "left" for column in table.columns] if rows else None,
    )
    return text


def _markdown(text: object) -> str:
    return markdown_text(text, limit=0)
