"""A study's report as files in memory: which tables and figures there are, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from lenet_ablate.report.cells import Comparison, compare
from lenet_ablate.report.collect import Study
from lenet_ablate.report.figures.gallery import gallery
from lenet_ablate.report.figures.style import figure_files
from lenet_ablate.report.safe_text import csv_bytes
from lenet_ablate.report.tables.frames import factor_table, variant_table
from lenet_ablate.report.tables.markdown import Rendered, render_factor, render_variants

Watch = Callable[[Iterable[str]], Iterable[str]]


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
    pictures = gallery(study, every_variant=every_variant).pictures
    for name in watch(pictures):
        picture = pictures[name]()
        made = figure_files(picture.figure, picture.kinds)
        files |= {f"figures/{name}.{kind}": data for kind, data in made.items()}
    return StudyReport(files, tuple(tables))


def _tables(study: Study, comparisons: Sequence[Comparison]) -> Iterator[tuple[str, pd.DataFrame, Rendered]]:
    for comparison in comparisons:
        table = factor_table(comparison)
        yield comparison.factor.key, table, render_factor(study, comparison, table)
    variants = variant_table(study.design, study.factors)
    yield "variants", variants, render_variants(study, variants)
