"""Stamps: every table, page and verdict says where its figures were helped by the test set or by more data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.choices import DataSet, EarlyStop, Pool, StopSplit
from lenet_ablate.config.settings import DataConfig, EarlyStopConfig, RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import EpochRow, State
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.study.protocol import protocol_notes
from support.report_designs import record_of, study_of
from support.report_runs import rows_of, write_run, write_study

BY_TEST = EarlyStopConfig(EarlyStop.patience, StopSplit.test, patience=2, min_delta=0.0)
BY_VAL = dataclasses.replace(BY_TEST, split=StopSplit.val)
OPTIMISTIC = "Stopped by test accuracy: these figures are optimistic."
DOCUMENT = "No validation images (document protocol): trained on all 60,000."
Run = Callable[..., tuple[int, str, str]]


def grid(**changes: Any) -> list[RunConfig]:
    usual = RunConfig(epochs=2)
    return [dataclasses.replace(usual, pool=pool, seed=seed, **changes) for pool in Pool for seed in range(2)]


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    return 1 / epoch, 0.9 + config.seed / 100


def document_run(config: RunConfig) -> RunRecord:
    made = record_of(config, 0.98 + config.seed / 1000, val=None)
    return dataclasses.replace(made, result=dataclasses.replace(made.result, num_train=60_000))


def test_sound_runs_have_no_stamp() -> None:
    for config in (RunConfig(), RunConfig(early_stop=BY_VAL)):
        assert protocol_notes(study_of([record_of(config, 0.98)])) == ()
    assert protocol_notes(study_of([record_of(RunConfig(early_stop=BY_TEST), 0.98, state=State.failed)])) == ()


def test_runs_that_looked_at_the_test_set_are_stamped() -> None:
    records = [record_of(config, 0.98) for config in grid(early_stop=BY_TEST)]
    assert protocol_notes(study_of(records)) == (OPTIMISTIC,)
    mixed = [*records, *(record_of(config, 0.97) for config in grid(early_stop=BY_VAL))]
    assert protocol_notes(study_of(mixed)) == ("Stopped by test accuracy, and so optimistic: 4 of 8 runs.",)
    off = dataclasses.replace(BY_TEST, name=EarlyStop.off, patience=None, min_delta=None)
    assert protocol_notes(study_of([record_of(config, 0.98) for config in grid(early_stop=off)])) == ()


def test_runs_without_validation_images_are_stamped() -> None:
    records = [document_run(config) for config in grid(data=DataConfig(val_size=0))]
    assert protocol_notes(study_of(records)) == (DOCUMENT,)
    few = [document_run(config) for config in grid(data=DataConfig(val_size=0, train_size=100))]
    assert protocol_notes(study_of(few)) == ("No validation images (document protocol).",)


def test_every_verdict_ends_with_the_stamps() -> None:
    records = [document_run(config) for config in grid(data=DataConfig(val_size=0), early_stop=BY_TEST)]
    found = analyse(study_of(records))
    assert found.protocol_notes == (OPTIMISTIC, DOCUMENT)
    assert found.factors and found.best is not None
    for sentence in (*(v.sentence for factor in found.factors for v in factor.verdicts), found.best.sentence):
        assert sentence.endswith(f". {OPTIMISTIC} {DOCUMENT}")


def test_every_table_and_the_page_are_stamped(report: Run, tmp_path: Path) -> None:
    configs = [*grid(early_stop=BY_TEST), *grid(early_stop=BY_TEST, lr=0.01)]
    write_study(tmp_path / "outputs/s1", configs, figures)
    status, out, _ = report()
    folder = tmp_path / "outputs/report/s1"
    assert status == 0
    tables = [*folder.glob("tables/*.md"), *folder.glob("tables/*.html"), *folder.glob("tables/*.tex")]
    assert len(tables) > 15
    for path in tables:
        assert OPTIMISTIC in " ".join(path.read_text(encoding="utf-8").split()), path
    assert "the test set chooses nothing" not in (folder / "index.html").read_text(encoding="utf-8")
    head = (folder / "index.html").read_text(encoding="utf-8").partition("<main")[0]
    assert f'<p class="stamp">{OPTIMISTIC}</p>' in head
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["stamps"] == [OPTIMISTIC]
    told = " ".join(out.split())
    assert told.count(OPTIMISTIC) >= 2 + 3  # tables and verdicts of two factors, and the best setting


def unvalidated_rows(config: RunConfig) -> list[EpochRow]:
    return [dataclasses.replace(row, val_loss=None, val_accuracy=None) for row in rows_of(config, figures)]


@pytest.mark.parametrize("words", [("--epoch", "best_val"), ("--metric", "val_accuracy")])
def test_nothing_is_judged_by_validation_where_there_is_none(
    report: Run, tmp_path: Path, words: tuple[str, str]
) -> None:
    for config in grid(data=DataConfig(val_size=0)):
        write_run(tmp_path / "outputs/s1", config, unvalidated_rows(config))
    status, out, err = report("outputs", *words)
    assert (status, out) == (2, "")
    assert err == (
        f"lenet-report: {' '.join(words)}: no run has a validation split to go by; "
        "leave it out, or train with data.val_size above 0\n"
    )
    assert not (tmp_path / "outputs/report/s1").exists()


def test_a_part_without_validation_is_left_out_aloud(report: Run, tmp_path: Path) -> None:
    digits = DataConfig(DataSet.digits, val_size=0)
    write_study(tmp_path / "outputs/s1", grid(), figures)
    for config in grid(data=digits):
        write_run(tmp_path / "outputs/s1", config, unvalidated_rows(config))
    status, out, err = report("--epoch", "best_val", "--out", "out")
    assert status == 0 and "s1: data=mnist: 4 of 4" in out
    assert "s1: data=digits: left out: no run has a validation split, which --epoch best_val goes by" in err
    folder = tmp_path / "out/s1"
    assert (folder / "data-mnist/index.html").is_file() and not (folder / "data-digits").exists()
    assert report("--out", "out")[0] == 0 and (folder / "data-digits/index.html").is_file()


def test_drawn_test_images_are_stamped() -> None:
    data = DataConfig(DataSet.file, "/a.npz", sha256="0" * 64)
    drawn = dataclasses.replace(data, train_fraction=0.8, seed=3, sha256="1" * 64)
    assert protocol_notes(study_of([record_of(RunConfig(data=data), 0.98)])) == ()
    records = [record_of(config, 0.98) for config in grid(data=drawn)]
    told = "The data name no test images: these are 20% of each class, drawn with data.seed=3."
    assert protocol_notes(study_of(records)) == (told,)
