"""One's own data in a report: one level wherever they lie, told apart by the path alone."""

from __future__ import annotations

import dataclasses

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.report.study.comparable import split
from lenet_ablate.report.study.factors import find_factors, fixed_settings
from support.report_designs import record_of

HERE = DataConfig(DataSet.file, "/a.npz", range=255.0, transpose=False, sha256="0" * 64)
THERE = dataclasses.replace(HERE, path="/b/a.csv", range=1.0)
OTHER = dataclasses.replace(HERE, path="/c.npz", train_fraction=0.8, seed=0, sha256="1" * 64)


def test_the_same_content_is_one_level() -> None:
    assert find_factors([RunConfig(data=HERE), RunConfig(data=THERE, seed=1)]) == ()
    (factor,) = find_factors([RunConfig(data=HERE), RunConfig(data=OTHER)])
    assert factor.labels == ["file path=/a.npz", "file path=/c.npz"]
    assert "sha256" not in fixed_settings(RunConfig(data=HERE), [])["data"]


def test_parts_are_called_by_their_paths() -> None:
    parts = split([record_of(RunConfig(data=data), 0.9) for data in (HERE, OTHER)], [])
    assert [part.title for part in parts] == ["data.path=/a.npz", "data.path=/c.npz"]
