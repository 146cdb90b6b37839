"""A study's report as files in memory: which tables, figures and pages there are, and what they are called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lenet_ablate.rendering.escape import markdown_text
from lenet_ablate.report.analysis.results import FactorAnalysis, StudyAnalysis
from lenet_ablate.report.figures.gallery import Draw, Gallery
from lenet_ablate.report.figures.style import figure_files
from lenet_ablate.report.page.content import Image, Page
from lenet_ablate.report.page.html import render_page
from lenet_ablate.report.page.placement import section_of
from lenet_ablate.report.page.sections import page_of
from lenet_ablate.report.study.provenance import Provenance
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.anova import anova_table
from lenet_ablate.report.tables.factor import factor_table
from lenet_ablate.report.tables.frames import epoch_table, variant_table
from lenet_ablate.report.tables.html import html_table
from lenet_ablate.report.tables.latex import latex_document, latex_table
from lenet_ablate.report.tables.markdown import markdown_document
from lenet_ablate.report.tables.simple_effects import simple_effects_table
from lenet_ablate.report.tables.summary_json import json_bytes, study_summary
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.tables.variants import epochs_table, variants_table
from lenet_ablate.report.text.csv import csv_bytes

Watch = Callable[[Iterable[str]], Iterable[str]]

PAGE = "index.html"


@dataclass(frozen=True)
class StudyReport:
    """The report of one study.

    Attributes:
        files: Content by path within the report's folder, with `/` between folders.
        tables: The same tables as in `files`, for the terminal.
        page: What the page shows.
        summary: What summary.json holds.
    """

    files: dict[str, bytes]
    tables: dict[str, Table]
    page: Page
    summary: dict[str, Any]


def assemble(
    study: Study,
    analysis: StudyAnalysis,
    provenance: Provenance,
    shown: Gallery,
    references: pd.DataFrame | None = None,
    watch: Watch = lambda names: names,
) -> StudyReport:
    """The report of a study with at least one finished run.

    Args:
        study: What it is about.
        analysis: What was found; its factors are the ones shown.
        provenance: Where the results come from.
        shown: Its figures.
        references: Published single runs; see `published.published_frame`.
        watch: Wraps the iteration over the figures' names, to show progress.
    """
    files = _frames(study, analysis)
    tables = {}
    for plain, frame in _tables(study, analysis, references):
        table = plain.noted(analysis.protocol_notes)
        tables[table.name] = table
        files |= _table_files(table, frame)
    files["tables/all.tex"] = latex_document(list(tables.values())).encode()
    drawn, pictures = draw(shown.pictures, watch)
    files |= drawn
    images: dict[str, list[Image]] = {}
    keys = [factor.key for factor in study.factors]
    for image in pictures:
        images.setdefault(section_of(image.name, keys), []).append(image)
    summary = study_summary(study, analysis, provenance)
    files["summary.json"] = json_bytes(summary)
    downloads = {name: data for name, data in files.items() if name.endswith(".csv") and "/" not in name}
    page = page_of(study, analysis, provenance, tables, images, shown.left_out, downloads)
    files[PAGE] = render_page(page)
    return StudyReport(files, tables, page, summary)


def draw(pictures: Mapping[str, Draw], watch: Watch = lambda names: names) -> tuple[dict[str, bytes], list[Image]]:
    """Figures as files and as the page embeds them, drawn one by one."""
    files: dict[str, bytes] = {}
    images = []
    for name in watch(pictures):
        picture = pictures[name]()
        kinds = figure_files(picture.figure, picture.kinds)
        files |= {f"figures/{name}.{kind}": data for kind, data in kinds.items()}
        width, height = map(float, picture.figure.get_size_inches())
        images.append(Image(name, picture.title, picture.alt, picture.caption, kinds, (width, height)))
    return files | _captions(images), images


def _captions(images: Sequence[Image]) -> dict[str, bytes]:
    """What goes beside each figure where it is shown elsewhere; no file where there is no figure."""
    told = [
        f"## {image.name}\n\n**{markdown_text(image.title, 0)}.** {markdown_text(image.caption, 0)}\n"
        for image in images
    ]
    text = "# Captions of the figures\n\n" + "\n".join(told)
    return {"figures/captions.md": text.encode("utf-8", errors="replace")} if told else {}


def _frames(study: Study, analysis: StudyAnalysis) -> dict[str, bytes]:
    """The CSV files; one that would have no row is left out."""
    frames = {
        "summary.csv": _stacked([factor.levels for factor in analysis.factors]),
        "pairs.csv": _stacked([factor.pairs for factor in analysis.factors]),
        "anova.csv": analysis.anova,
        "confusion.csv": analysis.confusion,
    }
    files = {"runs.csv": csv_bytes(study.runs), "epochs.csv": csv_bytes(study.epochs, missing="NaN")}
    return files | {name: csv_bytes(frame) for name, frame in frames.items() if len(frame)}


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _tables(
    study: Study, analysis: StudyAnalysis, references: pd.DataFrame | None
) -> Iterable[tuple[Table, pd.DataFrame]]:
    for factor in analysis.factors:
        yield factor_table(study, factor, references), factor.levels
        if len(factor.simple_effects):
            yield simple_effects_table(factor), factor.simple_effects
        by_epoch = epoch_table(study.epochs, factor.comparison)
        if len(by_epoch):
            yield epochs_table(study, factor.comparison, by_epoch, references), by_epoch
    variants = variant_table(study.design, study.factors)
    yield variants_table(study, variants, references), variants
    if len(analysis.anova):
        yield anova_table(analysis.anova), analysis.anova


def _table_files(table: Table, frame: pd.DataFrame) -> dict[str, bytes]:
    texts = {"md": markdown_document(table), "tex": latex_table(table), "html": html_table(table)}
    files = {f"tables/{table.name}.{kind}": text.encode() for kind, text in texts.items()}
    return files | {f"tables/{table.name}.csv": csv_bytes(frame)}


def only_factors(analysis: StudyAnalysis, keys: Sequence[str]) -> StudyAnalysis:
    """The analysis with the factors of these keys alone; all of them where there are no keys."""
    kept: tuple[FactorAnalysis, ...] = tuple(
        factor for factor in analysis.factors if not keys or factor.comparison.factor.key in keys
    )
    return dataclasses.replace(analysis, factors=kept)
