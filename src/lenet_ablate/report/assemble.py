"""A study's report as files in memory: which tables and figures there are, and what they are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from lenet_ablate.report.cells import Comparison, compare
from lenet_ablate.report.collect import Study
from lenet_ablate.report.figures.curves import factor_curves, variant_curves
from lenet_ablate.report.figures.loss import PANELS_PER_SHEET, factor_figure, sheet
from lenet_ablate.report.figures.style import figure_files
from lenet_ablate.report.safe_text import csv_bytes
from lenet_ablate.report.tables.captions import factor_figure_note, variants_figure_note
from lenet_ablate.report.tables.frames import factor_table, variant_table
from lenet_ablate.report.tables.markdown import Rendered, render_factor, render_variants

Watch = Callable[[Iterable[str]], Iterable[str]]
Drawing = Callable[[], Figure]
MAX_NAME = 80


@dataclass(frozen=True)
class StudyReport:
    """The report of one study.

    Attributes:
        files: Content by path within the report's folder, with `/` between folders.
        tables: The same tables as in `files`, for the terminal.
    """

    files: dict[str, bytes]
    tables: tuple[Rendered, ...]


def assemble(study: Study, every_variant: bool, watch: Watch = lambda names: names) -> StudyReport:
    """The report of a study with at least one finished run.

    Args:
        study: What it is about.
        every_variant: Whether each variant gets a figure of its own besides its panel.
        watch: Wraps the iteration over the figures' names, to show progress.
    """
    files = {"runs.csv": csv_bytes(study.runs), "epochs.csv": csv_bytes(study.epochs, missing="NaN")}
    comparisons = [compare(study.design, factor, study.factors) for factor in study.factors]
    tables = []
    for name, frame, rendered in _tables(study, comparisons):
        files[f"tables/{name}.csv"] = csv_bytes(frame)
        files[f"tables/{name}.md"] = rendered.document().encode()
        tables.append(rendered)
    drawings = _drawings(study, comparisons, every_variant)
    for name in watch(drawings):
        files |= {f"figures/{name}.{kind}": data for kind, data in figure_files(drawings[name]()).items()}
    return StudyReport(files, tuple(tables))


def _tables(study: Study, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, pd.DataFrame, Rendered]]:
    for comparison in comparisons:
        table = factor_table(comparison)
        yield comparison.factor.key, table, render_factor(study, comparison, table)
    variants = variant_table(study.design, study.factors)
    yield "variants", variants, render_variants(study, variants)


def _drawings(study: Study, comparisons: Sequence[Comparison], every_variant: bool) -> dict[str, Drawing]:
    """How to draw each figure, by name; drawn one after the other, so that only one is in memory."""
    drawings: dict[str, Drawing] = {
        f"loss_{comparison.factor.key}": partial(_draw_factor, study.epochs, comparison)
        for comparison in comparisons
        if len(comparison.runs)
    }
    curves = variant_curves(study.epochs, study.design)
    note = variants_figure_note(study, curves.has_ghosts)
    pages = [curves.names[start : start + PANELS_PER_SHEET] for start in range(0, len(curves.names), PANELS_PER_SHEET)]
    for number, page in enumerate(pages, start=1):
        suffix, of = (f"_{number}", f" ({number} of {len(pages)})") if len(pages) > 1 else ("", "")
        title = f"Training loss of each variant{of}"
        drawings[f"loss_variants{suffix}"] = partial(sheet, curves, page, title, note)
    if every_variant:
        note = variants_figure_note(study, with_ghosts=False)
        for name, file_name in _file_names(study.design, curves.names).items():
            drawings[f"loss_{file_name}"] = partial(sheet, curves.only([name]), [name], "Training loss", note)
    return drawings


def _draw_factor(epochs: pd.DataFrame, comparison: Comparison) -> Figure:
    return factor_figure(factor_curves(epochs, comparison), comparison.factor, factor_figure_note(comparison))


def _file_names(design: pd.DataFrame, variants: Sequence[str]) -> dict[str, str]:
    """A readable name for each variant that every file system takes; with its identity where it would be cut."""
    identities = dict(zip(design["variant"], design["variant_id"], strict=True))
    full = {name: re.sub(r"[^A-Za-z0-9._]+", "-", name.replace(", ", "_")).strip("-") for name in variants}
    folded = Counter(text.lower() for text in full.values())
    return {
        name: text if folded[text.lower()] == 1 and len(text) <= MAX_NAME else f"{text[:MAX_NAME]}-{identities[name]}"
        for name, text in full.items()
    }
