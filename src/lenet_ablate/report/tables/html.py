"""Tables as HTML: a `<table>` with caption and scopes, and a list of its notes."""

from __future__ import annotations

import functools

from jinja2 import Environment

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.rendering.templates import environment
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.text.wording import prose


def html_table(table: Table, *, is_scrolled: bool = False) -> str:
    """The table and its notes as HTML for use within a page; every text is escaped.

    Args:
        table: The table.
        is_scrolled: Whether it stands in a box of the class `table`, which scrolls where the page is too narrow.
    """
    return _environment().get_template("table.html.jinja").render(table=table, is_scrolled=is_scrolled)


@functools.cache
def _environment() -> Environment:
    found = environment("lenet_ablate.report.tables")
    found.globals |= {"line": functools.partial(one_line, limit=0), "prose": prose}
    return found
