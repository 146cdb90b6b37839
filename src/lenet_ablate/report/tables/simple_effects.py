"""The differences between a factor's levels at each level of another factor, where these depend on one another."""

from __future__ import annotations

import math

from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.tables.table import Column, Table
from lenet_ablate.report.text.rounding import difference_text, p_text


def simple_effects_table(analysis: FactorAnalysis) -> Table:
    """The table of `FactorAnalysis.simple_effects`, which is not empty."""
    factor, effects = analysis.comparison.factor, analysis.simple_effects
    columns = {
        Column("within", is_number=False): [str(within) for within in effects["within"]],
        Column(factor.key, is_number=False): [
            f"{a} − {b}" for a, b in zip(effects["level_a"], effects["level_b"], strict=True)
        ],
        Column("seeds"): [str(int(count)) if not math.isnan(count) else "0" for count in effects["n_pairs"]],
        Column("difference, pp [CI]"): [
            difference_text(float(diff), float(low), float(high), 2)
            for diff, low, high in zip(effects["diff"], effects["ci_low"], effects["ci_high"], strict=True)
        ],
        Column("p (corrected)"): [p_text(float(p)) for p in effects["p_corrected"]],
    }
    return Table(
        f"{factor.key}_simple",
        f"Simple effects of {factor.title}",
        "Differences at each level of the setting that they depend on; 95 % t-intervals, paired by seed.",
        tuple(columns),
        tuple(zip(*columns.values(), strict=True)),
        notes=(
            "p: two-sided t-tests, corrected by Holm over all rows that belong to one other setting, and for looks.",
        ),
    )
