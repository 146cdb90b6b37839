"""Pages of small studies, made of nothing on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.plans import SweepPlan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.records.result import parse_result
from lenet_ablate.report.analysis.results import StudyAnalysis
from lenet_ablate.report.assemble import StudyReport, assemble
from lenet_ablate.report.findings import Findings, findings_of
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.predictions import NO_PREDICTIONS
from lenet_ablate.report.study.provenance import find_provenance
from lenet_ablate.report.study.study import Study
from support.report_analysis import simple_analysis
from support.report_runs import plan_of, rows_of

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="660" height="300"><rect width="660" height="300"/></svg>'


def record_of(config: RunConfig, state: State = State.done, error: str = "") -> RunRecord:
    plan = plan_of(config)
    rows = rows_of(config, lambda c, epoch: (0.1 / epoch, 0.9 + 0.01 * c.seed)) if state.is_finished else []
    provenance = {
        "lenet_ablate": "9.9",
        "python": "3.11",
        "packages": {"numpy": "2.0"},
        "git": {"commit": "c" * 40, "dirty": True},
        "machine": {"processor": "abacus", "logical_cores": 2, "system": "Linux"},
        "engine": "compiled",
        "device": "cpu",
        "threads": 1,
        "data_sha256": "d" * 64,
    }
    result = {"num_train": 55_000, "num_val": 5_000, "num_test": 10_000, "provenance": provenance} if rows else {}
    return RunRecord(Path("s") / plan.name, state, plan.identity, config, tuple(rows), parse_result(result), error)


def study_of(name: str = "s1", seeds: int = 2, error: str = "it broke") -> Study:
    configs = [
        RunConfig(pool=pool, lr=lr, seed=seed, epochs=2) for pool in Pool for lr in (0.1, 0.01) for seed in range(seeds)
    ]
    records = [record_of(config) for config in configs[:-1]] + [record_of(configs[-1], State.failed, error)]
    return dataclasses.replace(make_study(Path("s"), records), name=name)


SWEEP = SweepPlan("2026-01-02T03:04:05+00:00", "lenet-ablate -m pool=max,avg")


def report_of(study: Study, analysis: StudyAnalysis | None = None) -> StudyReport:
    return assemble(findings(study, analysis), find_provenance(study, [SWEEP]), ("One is left out.",))


def findings(study: Study, analysis: StudyAnalysis | None = None) -> Findings:
    return findings_of(study, analysis or simple_analysis(study), NO_PREDICTIONS)
