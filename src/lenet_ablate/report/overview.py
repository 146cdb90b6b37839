"""The front of a study whose runs cannot all be compared: its parts side by side, each with a report of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import pandas as pd

from lenet_ablate.rendering.escape import markdown_text
from lenet_ablate.report.assemble import PAGE, figure_files
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.findings import Findings
from lenet_ablate.report.page.answer import Answer, answer_of
from lenet_ablate.report.page.content import without_key
from lenet_ablate.report.page.html import Entry, Overview, render_overview
from lenet_ablate.report.page.sections import lead
from lenet_ablate.report.study.comparable import reasons
from lenet_ablate.report.study.provenance import find_provenance
from lenet_ablate.report.study.study import Study, count_line
from lenet_ablate.report.tables.summary_json import json_bytes, parts_summary, study_summary
from lenet_ablate.report.text.csv import csv_bytes

INDEX = "index.md"


def overview_files(study: Study, findings: Mapping[str, Findings], images: Sequence[Image]) -> dict[str, bytes]:
    """The files above the parts' folders: all runs and epochs, what was found in each part, and a page that shows it.

    Args:
        study: A study with parts.
        findings: By title of the part; those with a finished run.
        images: Figures of the whole.
    """
    notes = [*part_reasons(study), *_unreadable(study)]
    provenance = find_provenance(study, study.sweeps)
    found = [findings[part.title] for part in study.parts if part.title in findings]
    summaries = {
        one.study.place: study_summary(one.study, one.analysis, find_provenance(one.study, one.study.sweeps))
        for one in found
    }
    entries = tuple(entry_of(part, findings) for part in study.parts)
    page = render_overview(Overview(entries, study.name, count_line(study), tuple(notes), tuple(images)))
    return figure_files(images) | {
        "runs.csv": csv_bytes(study.runs),
        "epochs.csv": csv_bytes(study.epochs, missing="NaN"),
        "summary.json": json_bytes(parts_summary(study, summaries, provenance, notes)),
        INDEX: index_page(study.parts, study.name).encode(),
        PAGE: page,
    }


def entry_of(study: Study, findings: Mapping[str, Findings]) -> Entry:
    """A study, or a part of one, in a list: what was found, in sentences."""
    link = f"{quote(study.place or study.name, safe='')}/{PAGE}"
    known = [findings[part.title] for part in study.parts if part.title in findings]
    if known:
        best = tuple((one.study.part, (in_a_line(answer_of(one.study, one.analysis)),)) for one in known)
        return Entry(study.name, link, f"{count_line(study)}, in {len(study.parts)} parts", best)
    name = study.part or study.name
    if study.title not in findings:
        return Entry(name, "", count_line(study), ())
    found = findings[study.title]
    stamps = tuple(("", (stamp,)) for stamp in found.analysis.protocol_notes)
    return Entry(name, link, lead(study), _found(found) or stamps)


def part_reasons(study: Study) -> list[str]:
    """Why a study has parts, in sentences; none where it has none."""
    return reasons([list(part.configs.values()) for part in study.parts])


def _unreadable(study: Study) -> Iterator[str]:
    """The runs that are in no part, since their settings are not known."""
    runs = study.runs[~study.runs["run"].isin(study.design["run"])]
    for run, error in zip(runs["run"], runs["error"], strict=True):
        yield f"Left out: {run} cannot be read: {error}"


def _found(found: Findings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    answer = answer_of(found.study, found.analysis)
    answers: list[tuple[str, tuple[str, ...]]] = [(answer.term, (in_a_line(answer),))]
    for effect in answer.effects:
        first = [without_key(effect.key, other.sentence) for other in effect.against[:1]]
        told = [without_key(effect.key, verdict.sentence) for verdict in effect.more] + first
        answers += [(effect.key, tuple(told))] if told else []
    return tuple(answers)


def in_a_line(answer: Answer) -> str:
    """What to use and what it reaches: `lr=0.001, pool=max: 98.38 ± 0.03 % test accuracy, 3 seeds. …`."""
    return " ".join(part for part in (f"{answer.words}: {answer.figure}.".lstrip(": "), answer.chosen) if part)


def index_page(studies: Sequence[Study], title: str = "Studies") -> str:
    """Markdown with a row per study, or part of one: runs finished, what varies, links to its tables."""
    rows = [
        (
            markdown_text(study.part or study.name),
            count_line(study),
            ", ".join(f"{factor.key} ({markdown_text(', '.join(factor.labels))})" for factor in study.factors) or "–",
            _links(study),
        )
        for study in studies
    ]
    what = "part" if studies[0].part else "study"
    table: str = pd.DataFrame(rows, columns=[what, "runs", "varies", "tables"]).to_markdown(
        index=False, disable_numparse=True
    )
    return f"# {markdown_text(title)}\n\n{table}\n"


def _links(study: Study) -> str:
    if not study.num_finished:
        return "–"
    folder = quote(study.place or study.name, safe="")
    if study.parts:
        return f"[{len(study.parts)} parts]({folder}/index.md)"
    names = [*(factor.key for factor in study.factors), "variants"]
    return ", ".join(f"[{name}]({folder}/tables/{name}.md)" for name in names)
