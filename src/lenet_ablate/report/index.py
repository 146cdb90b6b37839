"""The page that leads to several studies' reports."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd

from lenet_ablate.report.collect import Study, count_line
from lenet_ablate.report.safe_text import markdown_text


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
