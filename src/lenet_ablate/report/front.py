"""The front of a study whose runs cannot all be compared: its parts side by side, each with a report of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from lenet_ablate.report.assemble import PAGE, StudyReport, draw
from lenet_ablate.report.collect import Study, count_line
from lenet_ablate.report.figures.gallery import Draw
from lenet_ablate.report.index import index_page
from lenet_ablate.report.origins import find_origins
from lenet_ablate.report.page.content import Page, without_key
from lenet_ablate.report.page.render import Entry, Front, render_index
from lenet_ablate.report.parts import reasons
from lenet_ablate.report.safe_text import csv_bytes
from lenet_ablate.report.summary import json_bytes, parts_summary

INDEX = "index.md"


def front_files(study: Study, reports: Mapping[str, StudyReport], pictures: Mapping[str, Draw]) -> dict[str, bytes]:
    """The files above the parts' folders: all runs and epochs, what was found in each part, and a page that shows it.

    Args:
        study: A study with parts.
        reports: By title of the part; those with a finished run.
        pictures: Figures of the whole.
    """
    files, images = draw(pictures)
    notes = [*apart(study), *_unreadable(study)]
    origins = find_origins(study, study.sweeps)
    summaries = {part.place: reports[part.title].summary for part in study.parts if part.title in reports}
    entries = tuple(entry_of(part, reports) for part in study.parts)
    page = render_index(Front(entries, study.name, count_line(study), tuple(notes), tuple(images)))
    return files | {
        "runs.csv": csv_bytes(study.runs),
        "epochs.csv": csv_bytes(study.epochs, missing="NaN"),
        "summary.json": json_bytes(parts_summary(study, summaries, origins, notes)),
        INDEX: index_page(study.parts, study.name).encode(),
        PAGE: page,
    }


def entry_of(study: Study, reports: Mapping[str, StudyReport]) -> Entry:
    """A study, or a part of one, in a list: what was found, in sentences."""
    link = f"{quote(study.place or study.name, safe='')}/{PAGE}"
    known = [(part.part, reports[part.title].page) for part in study.parts if part.title in reports]
    if known:
        best = tuple((part, (page.best,)) for part, page in known if page.best)
        return Entry(study.name, link, f"{count_line(study)}, in {len(study.parts)} parts", best)
    name = study.part or study.name
    if study.title not in reports:
        return Entry(name, "", count_line(study), ())
    page = reports[study.title].page
    return Entry(name, link, page.lead, _found(page) or tuple(("", (stamp,)) for stamp in page.stamps))


def apart(study: Study) -> list[str]:
    """Why a study has parts, in sentences; none where it has none."""
    return reasons([list(part.configs.values()) for part in study.parts])


def _unreadable(study: Study) -> Iterator[str]:
    """The runs that are in no part, since their settings are not known."""
    runs = study.runs[~study.runs["run"].isin(study.design["run"])]
    for run, error in zip(runs["run"], runs["error"], strict=True):
        yield f"Left out: {run} cannot be read: {error}"


def _found(page: Page) -> tuple[tuple[str, tuple[str, ...]], ...]:
    answers = [
        (factor.key, tuple(without_key(factor.key, verdict.sentence) for verdict in factor.headline))
        for factor in page.factors
    ]
    return (*answers, ("best setting", (page.best,))) if page.best else tuple(answers)
