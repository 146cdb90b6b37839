"""A study's report as files in memory: which tables, figures and pages there are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import class_name
from lenet_ablate.rendering.escape import markdown_text
from lenet_ablate.report.analysis.results import StudyAnalysis
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.findings import Findings
from lenet_ablate.report.page.content import Page
from lenet_ablate.report.page.html import render_page
from lenet_ablate.report.page.placement import section_of
from lenet_ablate.report.page.sections import illustrated, page_of
from lenet_ablate.report.study.provenance import Provenance
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables.html import html_table
from lenet_ablate.report.tables.latex import latex_document, latex_table
from lenet_ablate.report.tables.markdown import markdown_document
from lenet_ablate.report.tables.summary_json import json_bytes, study_summary
from lenet_ablate.report.tables.table import Table
from lenet_ablate.report.text.csv import csv_bytes

PAGE = "index.html"


@dataclass(frozen=True)
class StudyReport:
    """The report of one study.

    Attributes:
        files: Content by path within the report's folder, with `/` between folders.
        page: What the page shows.
    """

    files: dict[str, bytes]
    page: Page


def assemble(findings: Findings, provenance: Provenance, left_out: Sequence[str] = ()) -> StudyReport:
    """The report of a study with at least one finished run, without its figures; see `with_figures`.

    Args:
        findings: What was found.
        provenance: Where the results come from.
        left_out: Why figures are missing, a sentence each.
    """
    study, analysis = findings.study, findings.analysis
    files = _frames(study, analysis)
    for name, table in findings.tables.items():
        files |= _table_files(table, findings.frames[name])
    files["tables/all.tex"] = latex_document(list(findings.tables.values())).encode()
    files["summary.json"] = json_bytes(study_summary(study, analysis, provenance))
    downloads = {name: data for name, data in files.items() if name.endswith(".csv") and "/" not in name}
    page = page_of(study, analysis, provenance, findings.tables, left_out, downloads)
    return StudyReport(files | {PAGE: render_page(page)}, page)


def with_figures(report: StudyReport, images: Sequence[Image]) -> StudyReport:
    """The same report with figures, in the order in which they are shown."""
    placed: dict[str, list[Image]] = {}
    for image in images:
        placed.setdefault(section_of(image.name, report.page.factor_keys), []).append(image)
    page = illustrated(report.page, placed)
    return StudyReport(report.files | figure_files(images) | {PAGE: render_page(page)}, page)


def figure_files(images: Sequence[Image]) -> dict[str, bytes]:
    """The figures as files, and what goes beside each where it is shown elsewhere; none where there is no figure."""
    files = {f"figures/{image.name}.{kind}": image.files[kind] for image in images for kind in image.kept}
    told = [
        f"## {image.name}\n\n**{markdown_text(image.title, 0)}.** {markdown_text(image.caption, 0)}\n"
        for image in images
    ]
    text = "# Captions of the figures\n\n" + "\n".join(told)
    return files | {"figures/captions.md": text.encode("utf-8", errors="replace")} if told else {}


def _frames(study: Study, analysis: StudyAnalysis) -> dict[str, bytes]:
    """The CSV files; one that would have no row is left out."""
    frames = {
        "summary.csv": _stacked([factor.levels for factor in analysis.factors]),
        "pairs.csv": _stacked([factor.pairs for factor in analysis.factors]),
        "anova.csv": analysis.anova,
        "confusion.csv": _with_names(analysis.confusion, study.config_of(analysis.best_variant)),
    }
    files = {"runs.csv": csv_bytes(study.runs), "epochs.csv": csv_bytes(study.epochs, missing="NaN")}
    return files | {name: csv_bytes(frame) for name, frame in frames.items() if len(frame)}


def _with_names(confusion: pd.DataFrame, config: RunConfig | None) -> pd.DataFrame:
    """The counts with what the classes are called, where they have names."""
    names = config.data.classes if config else None
    if not names or confusion.empty:
        return confusion
    called = {key: [class_name(names, int(number)) for number in confusion[key]] for key in ("true", "predicted")}
    return confusion.assign(**{f"{key}_name": found for key, found in called.items()})


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _table_files(table: Table, frame: pd.DataFrame) -> dict[str, bytes]:
    texts: Mapping[str, str] = {
        "md": markdown_document(table),
        "tex": latex_table(table),
        "html": html_table(table),
    }
    files = {f"tables/{table.name}.{kind}": text.encode() for kind, text in texts.items()}
    return files | {f"tables/{table.name}.csv": csv_bytes(frame)}
