"""A table ready to be written in any language: its cells are rounded text, its files differ in nothing but markup."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: What stands in its head.
        is_number: Whether its cells are set flush right.
        rank: In a terminal that is too narrow the columns of the highest rank go first; those of rank 0 stay.
    """

    name: str
    is_number: bool = True
    rank: int = 0


Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; all of it plain text, which the writers escape.

    Attributes:
        name: Its files' name without ending.
        title: What it is about.
        caption: Model, epochs, n, what is averaged over and what is held fixed.
        columns: Its columns; the first one heads the rows.
        rows: A cell per column each.
        bold: Row and column of the cells that stand out.
        references: Rows of other origin, such as published figures, which stand below, set apart.
        notes: A sentence each, on what a reader must know of this table.
        study_notes: The same for all tables of the study.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    bold: frozenset[tuple[int, int]] = frozenset()
    references: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    study_notes: tuple[str, ...] = ()

    @property
    def body(self) -> tuple[Row, ...]:
        """All rows, the references last."""
        return self.rows + self.references

    def noted(self, protocol_notes: Sequence[str]) -> Table:
        """The table with these sentences at the end of its caption."""
        return dataclasses.replace(self, caption=" ".join((self.caption, *protocol_notes)))

    def without_columns(self, dropped: set[int]) -> Table:
        """The table without some of its columns."""
        return self.with_columns([place for place in range(len(self.columns)) if place not in dropped])

    def with_columns(self, kept: Sequence[int]) -> Table:
        """The table with these of its columns, in this order."""
        new = {place: number for number, place in enumerate(kept)}
        return Table(
            self.name,
            self.title,
            self.caption,
            tuple(self.columns[place] for place in kept),
            tuple(tuple(row[place] for place in kept) for row in self.rows),
            frozenset((row, new[column]) for row, column in self.bold if column in new),
            tuple(tuple(row[place] for place in kept) for row in self.references),
            self.notes,
            self.study_notes,
        )
