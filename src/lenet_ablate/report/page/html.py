"""From a page's content to its bytes: one file without scripts that loads nothing."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass

from jinja2 import Environment
from markupsafe import Markup

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.rendering.templates import environment, style
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.figures.image import MAX_SVG, Image, few_colours
from lenet_ablate.report.page.content import Page, without_key
from lenet_ablate.report.page.glossary import GLOSSARY
from lenet_ablate.report.tables.html import html_table
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.text.wording import percent, prose

PACKAGE = "lenet_ablate.report.page"
MAX_BYTES = 5_000_000
MAX_DOWNLOAD = 400_000
PIXELS_PER_INCH = 116  # of the page, at which a figure's 8 points are as large as a caption
MIME = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}
_LABELS = {
    Code.one_run: "one run each",
    Code.better: "better",
    Code.better_maybe_less_than_margin: "better, perhaps by little",
    Code.practically_same: "practically the same",
    Code.not_distinguishable: "undecided",
    Code.failures: "failures",
    Code.identical: "trained identically",
    Code.depends_on_failures: "depends on failures",
    Code.not_shared: "not comparable",
}


@dataclass(frozen=True)
class Entry:
    """A study in the list of studies, or a part of one.

    Attributes:
        name: Its name.
        link: Where its page is, relative to the list; empty where it has none yet.
        lead: How far it is.
        findings: What was found: pairs of a factor and the sentences about it.
    """

    name: str
    link: str
    lead: str
    findings: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Overview:
    """A page that leads to others.

    Attributes:
        entries: What it leads to.
        title: What it lists.
        lead: How far that is; may be empty.
        notes: What holds for all of it, a sentence each.
        images: Figures of all of it.
    """

    entries: tuple[Entry, ...]
    title: str = "Studies"
    lead: str = ""
    notes: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()


def render_page(page: Page) -> bytes:
    """The page as UTF-8. Where it would be larger than MAX_BYTES, figures are embedded in their smallest form."""
    template = _environment().get_template("page.html.jinja")
    for prefer_small in (False, True):
        text: str = template.render(page=page, embed=functools.partial(_embed, prefer_small=prefer_small))
        content = text.encode("utf-8", errors="replace")
        if len(content) <= MAX_BYTES:
            break
    return content


def render_overview(front: Overview) -> bytes:
    """The page that lists several studies, or the parts of one."""
    template = _environment().get_template("overview.html.jinja")
    text: str = template.render(front=front, embed=functools.partial(_embed, prefer_small=False))
    return text.encode("utf-8", errors="replace")


def _embed(image: Image, prefer_small: bool) -> str:
    forms = {kind: content for kind, content in image.files.items() if kind in MIME}
    if prefer_small and "png" in forms:
        forms["png"] = few_colours(forms["png"])
    kind = "svg" if len(forms.get("svg", b"")) in range(1, MAX_SVG) else "png"
    if prefer_small or kind not in forms:
        kind = min(forms, key=lambda kind: len(forms[kind]))
    return _data(forms[kind], kind)


def _data(content: bytes, kind: str) -> str:
    return f"data:{MIME[kind]};base64,{base64.b64encode(content).decode()}"


def _table(table: Table) -> Markup:
    return Markup(html_table(_accuracy_first(table), is_scrolled=True))  # nosec B704 # its template escapes


def _accuracy_first(table: Table) -> Table:
    """The table with its accuracies right behind what names the rows, so that a phone shows them without scrolling."""
    columns = list(enumerate(table.columns))
    names = [0, *(place for place, column in columns[1:] if not column.is_number and not column.rank)]
    accuracies = [place for place, column in columns if "accuracy" in column.name and place not in names]
    rest = [place for place, _ in columns if place not in names and place not in accuracies]
    return table.with_columns([*names, *accuracies, *rest])


@functools.cache
def _environment() -> Environment:
    found = environment(PACKAGE)
    found.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    found.globals |= {
        "css": Markup(style(PACKAGE)),  # nosec B704 # our own files
        "line": functools.partial(one_line, limit=0),
        "prose": prose,
        "short": one_line,
        "table": _table,
        "data": _data,
        "svg": functools.partial(_data, kind="svg"),
        "label": lambda code: _LABELS.get(code, code.name.replace("_", " ")),
        "without_key": without_key,
        "percent": percent,
        "glossary": GLOSSARY,
        "max_download": MAX_DOWNLOAD,
        "pixels": lambda inches: round(PIXELS_PER_INCH * inches),
    }
    return found
