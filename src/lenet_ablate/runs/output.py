"""Runs for other programs: CSV and JSON with the columns of runs.csv."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from lenet_ablate.rendering.escape import no_formula
from lenet_ablate.runs.collect import Entry

BYTE_ORDER_MARK = "\ufeff"


def csv_text(entries: Sequence[Entry]) -> str:
    """One line per run below the columns' names; text that a spreadsheet would take for a formula is made harmless."""
    columns = list(dict.fromkeys(key for entry in entries for key in entry.row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for entry in entries:
        writer.writerow([_cell(entry.row.get(column)) for column in columns])
    return text.getvalue()


def json_text(entries: Sequence[Entry]) -> str:
    """A list with an object per run."""
    return json.dumps([entry.row for entry in entries], indent=1, ensure_ascii=False) + "\n"


def for_spreadsheet(text: str) -> bytes:
    """CSV as a file that spreadsheets read rightly: beyond ASCII they take UTF-8 only behind a byte order mark."""
    return ("" if text.isascii() else BYTE_ORDER_MARK).encode() + text.encode()


def _cell(value: Any) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else no_formula(value)
