r"""Tables as LaTeX: a snippet each, which needs `\usepackage{booktabs}` and nothing else, and a document of all."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.tables.table import Row, Table

_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "√": r"$\surd$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "ω": r"$\omega$",
    "²": "$^2$",
    "‡": r"$\ddagger$",
    "†": r"$\dagger$",
    "§": r"\S{}",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}
_PREAMBLE = r"""\documentclass[a4paper,landscape]{article}
\usepackage{booktabs}
\ifdefined\pdfpagewidth\pdfpagewidth=\paperwidth\pdfpageheight=\paperheight\fi
\setlength{\oddsidemargin}{-0.4in}
\setlength{\textwidth}{26cm}
\setlength{\topmargin}{-0.5in}
\setlength{\textheight}{16cm}
\pagestyle{plain}
"""


def latex_text(text: object, limit: int = 300) -> str:
    """The text as one line of LaTeX that shows it as it is; a sign that plain LaTeX lacks becomes a question mark."""
    line = one_line(text, limit)
    # Two hyphens would join into a dash.
    return "".join(("{}" if sign == before == "-" else "") + _sign(sign) for before, sign in pairwise(f" {line}"))


def latex_table(table: Table) -> str:
    r"""The table as a `table` environment."""
    align = "".join("r" if column.is_number else "l" for column in table.columns)
    lines = [
        r"\begin{table}[tbp]",
        r"\setlength{\belowcaptionskip}{6pt}",
        rf"\caption{{{latex_text(table.title)}. {latex_text(table.caption, limit=0)}}}",
        rf"\label{{tab:{_label(table.name)}}}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        _row([latex_text(column.name) for column in table.columns]),
        r"\midrule",
        *(_row(_cells(table, number, row)) for number, row in enumerate(table.rows)),
        *([r"\midrule"] if table.rows and table.references else []),
        *(_row(list(map(latex_text, row))) for row in table.references),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    notes = [latex_text(note, limit=0) for note in (*table.notes, *table.study_notes)]
    if notes:
        lines += ["", r"\medskip", rf"\parbox{{\linewidth}}{{\raggedright {' '.join(notes)}}}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def latex_document(tables: Sequence[Table]) -> str:
    """A document of all tables that compiles alone."""
    body = "\\clearpage\n".join(latex_table(table) for table in tables)
    return f"{_PREAMBLE}\\begin{{document}}\n{body}\\end{{document}}\n"


def _cells(table: Table, number: int, row: Row) -> list[str]:
    texts = [latex_text(cell) for cell in row]
    return [rf"\textbf{{{text}}}" if (number, place) in table.bold else text for place, text in enumerate(texts)]


def _row(cells: Sequence[str]) -> str:
    # A cell that opens with a bracket would be read as the argument of the line break before it.
    opening = "{}" if cells and cells[0].startswith(("[", "*")) else ""
    return opening + " & ".join(cells) + r" \\"


def _label(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in name)


def _sign(char: str) -> str:
    if char in _SIGNS:
        return _SIGNS[char]
    if char.isascii():
        return char
    plain = unicodedata.normalize("NFKD", char)[0]
    return plain if plain.isascii() and plain.isalnum() else "?"
