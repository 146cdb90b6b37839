"""Five studies through the report's own functions, against what R says of the same runs; see `golden/studies.R`."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.analyse import analyse_comparison
from lenet_ablate.report.analysis.anova import anova
from lenet_ablate.report.analysis.failures import level_counts
from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA
from support.report_designs import design_of, factors_of

GOLDEN = Path(__file__).parent / "golden"
EXACT = 1e-9
OF_LEVELS = {"mean", "sd", "ci_low", "ci_high"}


@functools.cache
def said_by_r() -> pd.DataFrame:
    return pd.read_csv(GOLDEN / "studies.out.csv", dtype={"key": str})


def design_named(study: str) -> pd.DataFrame:
    """The study's runs as `collect` makes them of a full grid; those that R was not given have no figure."""
    rows = pd.read_csv(GOLDEN / "studies.csv")
    rows = rows[rows["study"] == study].sort_values(["a", "b", "seed"])
    shape = tuple(rows[name].nunique() for name in ("a", "b", "seed"))
    levels = {"a": [str(level) for level in range(shape[0])], "b": [str(level) for level in range(shape[1])]}
    design = design_of(levels, rows["outcome"].to_numpy(float).reshape(shape))
    status = rows["status"].to_numpy(object)
    return design.assign(status=status, is_usable=status == "done")


@functools.cache
def analysed(study: str) -> FactorAnalysis:
    design = design_named(study)
    factors = factors_of({"a": sorted(design["a"].unique())})
    return analyse_comparison(compare(design, factors[0], factors), DEFAULT_CRITERIA)


def ours(study: str, what: str, key: str) -> Any:
    found = analysed(study)
    if "-" not in key:
        return found.levels.set_index("level").at[key, what]
    first, second = key.split("-")
    pair = found.pairs[(found.pairs["level_a"] == first) & (found.pairs["level_b"] == second)].iloc[0]
    if what == "detectable_effect":
        tests = int(pair["m_tests"])
        return power.detectable_effect(int(pair["n_pairs"]), statistics.spent(DEFAULT_CRITERIA.alpha, 1) / tests)
    return pair[what]


@pytest.mark.parametrize("study", ["balanced", "unbalanced", "failures", "one"])
def test_levels_and_pairs_are_those_of_r(study: str) -> None:
    said = said_by_r()
    rows = said[(said["study"] == study) & ~said["what"].str.startswith("wilson")]
    assert len(rows) > 5
    for _, what, key, value in rows.itertuples(index=False):
        assert ours(study, what, key) == pytest.approx(value, rel=EXACT, abs=1e-13), (what, key)


def test_failure_rates_are_those_of_r() -> None:
    said = said_by_r().set_index(["study", "what", "key"])["value"]
    counts = level_counts(analysed("failures").comparison)
    for level in ("1", "2"):
        found = statistics.wilson(counts[level].troubled, counts[level].ended)
        expected = [said["failures", end, level] for end in ("wilson_low", "wilson_high")]
        assert found == pytest.approx(expected, rel=EXACT)


def test_the_analysis_of_variance_is_that_of_r() -> None:
    said = said_by_r()
    design = design_named("interaction")
    factors = factors_of({key: sorted(design[key].unique()) for key in ("a", "b")})
    table = anova(design, factors).set_index("term")
    names = {"sum_sq": "sum_sq", "anova_p": "p", "p_paired": "p_paired"}
    rows = said[(said["study"] == "interaction") & said["what"].isin(names)]
    assert len(rows) == 7
    for _, what, key, value in rows.itertuples(index=False):
        assert float(table.at[key.replace(":", " × "), names[what]]) == pytest.approx(value, rel=EXACT), (what, key)


def test_one_seed_is_tested_neither_here_nor_there() -> None:
    found = analysed("one")
    assert found.pairs["p"].isna().all() and np.isnan(found.pairs["p_corrected"]).all()
    assert not math.isnan(found.levels["ci_low"][0])
