"""The page that leads to several studies' reports."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd

from lenet_ablate.report.collect import Study, count_line
from lenet_ablate.report.safe_text import markdown_text


def index_page(studies: Sequence[Study]) -> str:
    """Markdown with a row per study: runs finished, what varies, links to its tables."""
    rows = [
        (
            markdown_text(study.name),
            count_line(study),
            ", ".join(f"{factor.key} ({markdown_text(', '.join(factor.labels))})" for factor in study.factors) or "–",
            _links(study),
        )
        for study in studies
    ]
    table: str = pd.DataFrame(rows, columns=["study", "runs", "varies", "tables"]).to_markdown(
        index=False, disable_numparse=True
    )
    return f"# Studies\n\n{table}\n"


def _links(study: Study) -> str:
    if not study.num_finished:
        return "–"
    names = [*(factor.key for factor in study.factors), "variants"]
    return ", ".join(f"[{name}]({quote(study.name, safe='')}/tables/{name}.md)" for name in names)
