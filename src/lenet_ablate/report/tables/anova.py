"""The analysis of variance as a table."""

from __future__ import annotations

import math

import pandas as pd

from lenet_ablate.report.tables.table import Column, Table
from lenet_ablate.report.text.rounding import NOTHING, fixed_text, p_text, plain_text


def anova_table(frame: pd.DataFrame) -> Table:
    """The table of `StudyAnalysis.anova`."""
    columns = {
        Column("term", is_number=False): [str(term).replace(":", " × ") for term in frame["term"]],
        Column("df"): [_whole(df) for df in frame["df"]],
        Column("sum of squares, pp²"): [plain_text(1e4 * float(value)) for value in frame["sum_sq"]],
        Column("F"): [fixed_text(float(f), 2) for f in frame["f"]],
        Column("p"): [p_text(float(p)) for p in frame["p"]],
        Column("p by seed (Holm)"): [p_text(float(p)) for p in frame["p_holm"]],
        Column("ω²"): [fixed_text(float(share), 3) for share in frame["omega_sq"]],
        Column("range of means, pp"): [fixed_text(100 * float(span), 2) for span in frame["range"]],
    }
    return Table(
        "anova",
        "Analysis of variance",
        "How much of the spread in accuracy each setting explains; accuracies in percent, seeds as blocks.",
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        notes=(
            "Descriptive only: it assumes the same spread everywhere, which levels that train badly do not have. "
            "The verdicts come from the paired comparisons, and “depends on” from the last p: of what each seed's runs "
            "deviate from the sum of both effects, with Greenhouse and Geisser's correction; or from a level of the "
            "other setting at which a difference is turned round.",
        ),
    )


def _whole(value: float) -> str:
    return NOTHING if math.isnan(float(value)) else f"{float(value):g}"
