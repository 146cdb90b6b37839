"""Tables as Markdown that is readable in a terminal too: rounded, captioned, with notes on what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lenet_ablate.report.cells import Comparison
from lenet_ablate.report.collect import Study
from lenet_ablate.report.safe_text import markdown_text
from lenet_ablate.report.tables.captions import (
    factor_caption,
    factor_notes,
    problem_lines,
    schedule_notes,
    study_notes,
    variants_caption,
)
from lenet_ablate.report.tables.rounding import loss_text, percent_texts

TERMINAL_WIDTH = 100


@dataclass(frozen=True)
class Rendered:
    """A table ready to be shown, all of it Markdown.

    Attributes:
        title: What it is about.
        caption: Model, epochs, n, what is averaged over and what is held fixed.
        table: The table itself.
        notes: A sentence each, on what a reader must know of this table.
        study_notes: The same for all tables of the study.
    """

    title: str
    caption: str
    table: str
    notes: tuple[str, ...]
    study_notes: tuple[str, ...]

    def document(self) -> str:
        """All of it as a Markdown document."""
        return f"# {self._body(self.caption, (*self.notes, *self.study_notes))}"

    def brief(self) -> str:
        """The same for a terminal, where the study's notes are told once for all tables."""
        return self._body(textwrap.fill(self.caption, TERMINAL_WIDTH, break_on_hyphens=False), self.notes)

    def _body(self, caption: str, notes: Sequence[str]) -> str:
        listed = "\n" + "".join(f"- {note}\n" for note in notes) if notes else ""
        return f"{self.title}\n\n{caption}\n\n{self.table}\n{listed}"


def render_factor(study: Study, comparison: Comparison, table: pd.DataFrame) -> Rendered:
    """A factor's table (see `tables.factor_table`) with its caption and notes."""
    factor = comparison.factor
    shown = {
        factor.key: [markdown_text(level) for level in table["level"]],
        **_counts(table),
        "seeds": [str(seeds) for seeds in table["seeds"]],
        **_figures(table),
    }
    title = factor.title.capitalize()
    return Rendered(
        f"{title} ({factor.key})" if factor.title != factor.key else title,
        markdown_text(factor_caption(study, comparison), limit=0),
        _table(shown),
        tuple(markdown_text(note, limit=0) for note in factor_notes(comparison)),
        _study_notes(study),
    )


def render_variants(study: Study, table: pd.DataFrame) -> Rendered:
    """The table of all variants (see `tables.variant_table`) with its caption and notes."""
    shown = {
        **{factor.key: [markdown_text(level) for level in table[factor.key]] for factor in study.factors},
        "variant": list(table["variant_id"]),
        **_counts(table),
        **_figures(table),
    }
    return Rendered(
        "Variants",
        markdown_text(variants_caption(study, table["seeds"].tolist()), limit=0),
        _table(shown),
        tuple(markdown_text(note, limit=0) for note in schedule_notes(study.factors)),
        _study_notes(study),
    )


def _study_notes(study: Study) -> tuple[str, ...]:
    left_out = [f"Left out: {line}" for line in problem_lines(study)]
    return (*(markdown_text(note, limit=0) for note in study_notes(study)), *left_out)


def _counts(table: pd.DataFrame) -> dict[str, list[str]]:
    pairs = zip(table["runs_used"], table["runs_planned"], strict=True)
    return {"runs": [str(used) if used == planned else f"{used} of {planned}" for used, planned in pairs]}


def _figures(table: pd.DataFrame) -> dict[str, list[str]]:
    loss, accuracy = "train_loss_running", "test_accuracy"
    return {
        "training loss, last epoch": list(map(loss_text, table[f"{loss}_mean"], table[f"{loss}_sd"])),
        "test accuracy, %": percent_texts(table[f"{accuracy}_mean"].tolist(), table[f"{accuracy}_sd"].tolist()),
    }


def _table(columns: dict[str, list[str]]) -> str:
    # Numbers are text by now; tabulate would read them again and drop their last zeros.
    words = list(columns).index("runs")
    align = ["left"] * words + ["right"] * (len(columns) - words)
    text: str = pd.DataFrame(columns).to_markdown(index=False, disable_numparse=True, colalign=align)
    return text
