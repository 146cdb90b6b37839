"""More levels, variants and runs than anybody reads: told in a line each, and nothing grows as a square."""

from __future__ import annotations

from pathlib import Path

import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.report.analysis import analyse as module
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.page import sections
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.factors import MAX_COMPARED
from lenet_ablate.report.study.study import Study
from lenet_ablate.report.tables import variants
from lenet_ablate.report.tables.frames import variant_table
from lenet_ablate.report.tables.variants import variants_table
from support.report_runs import plan_of, rows_of

TITLE = "Learning rate has {} levels, and no pairs of more than 100 are compared: tables/variants.csv has each."


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    accuracy = 0.9 - 10 * float(config.lr) - 0.001 * config.seed  # type: ignore[arg-type]
    return 1 - accuracy, accuracy


def study_of(levels: int) -> Study:
    configs = [
        RunConfig(lr=round(1e-5 * (level + 1), 7), pool=pool, epochs=1, seed=seed)
        for level in range(levels)
        for pool in (Pool.max, Pool.avg)
        for seed in (0, 1)
    ]
    records = []
    for config in configs:
        plan = plan_of(config)
        rows = tuple(rows_of(config, figures))
        records.append(RunRecord(Path("outputs/s") / plan.name, State.done, plan.identity, config, rows))
    return make_study(Path("outputs/s"), records)


def test_a_factor_of_many_levels_is_not_compared_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    few = analyse(study_of(3))
    assert [one.comparison.factor.key for one in few.factors] == ["pool", "lr"]
    monkeypatch.setattr(module, "anova", lambda *_: pytest.fail("its table would have a column per level"))
    many = analyse(study_of(MAX_COMPARED + 1))
    assert [one.comparison.factor.key for one in many.factors] == ["pool"]  # paired within each level of the other
    assert many.factors[0].pairs["n_combinations"].tolist() == [MAX_COMPARED + 1]
    assert TITLE.format(MAX_COMPARED + 1) in many.warnings and not [text for text in few.warnings if "levels" in text]


def test_a_table_shows_the_best_of_many_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(4)
    frame = variant_table(study.design, study.factors)
    assert len(variants_table(study, frame).rows) == 8
    monkeypatch.setattr(variants, "MAX_ROWS", 4)
    table = variants_table(study, frame)
    lr = next(place for place, column in enumerate(table.columns) if column.name == "lr")
    assert [row[lr] for row in table.rows] == ["1e-05", "2e-05", "1e-05", "2e-05"]  # the best ones, in their order
    assert table.notes[0] == "4 of 8 variants, those with the highest test accuracy; variants.csv has all."


def test_a_page_lists_some_of_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(2)
    assert len(sections._run_rows(study)) == 8 and list(sections._not_listed(study)) == []
    monkeypatch.setattr(sections, "MAX_LISTED", 3)
    assert (len(sections._run_rows(study)), len(sections._reproduce(study))) == (3, 3)
    (told,) = sections._not_listed(study)
    assert told == "This page lists 3 of 8 runs and 3 of 4 variants; runs.csv has all."
