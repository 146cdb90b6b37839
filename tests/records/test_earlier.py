"""What an earlier version left is read, skipped, reported, predicted with, archived and gone on from as ever."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from lenet_ablate.cli import main as cli
from lenet_ablate.predict.calibration import read_calibration
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.records.archive import archive_run, restore_run
from lenet_ablate.records.frames import read_runs
from lenet_ablate.records.plans import read_sweeps
from lenet_ablate.records.read import iter_records, read_run
from lenet_ablate.records.record import State
from lenet_ablate.report.main import main as report
from lenet_ablate.runs.main import main as lenet_runs
from support.earlier import as_earlier

WORDS = ["data=digits", "epochs=1", "lr=0.01,0.001", "seed=0,1", "hydra.launcher.workers=2"]


def call(monkeypatch: pytest.MonkeyPatch, main: object, *words: str) -> None:
    monkeypatch.setattr("sys.argv", ["lenet", *words])
    try:
        main()  # type: ignore[operator]
    except SystemExit as end:
        assert end.code in (0, None), end.code


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("earlier")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        call(patch, cli.main, *WORDS)
        call(patch, report, "outputs")
    return place / "outputs/ablation"


def tables(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(place.glob("outputs/report/**/*.csv"))}


def test_an_earlier_study_is_read_reported_and_skipped(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = study.parents[1]
    monkeypatch.chdir(place)
    before, frame = tables(place), read_runs(study.parent)
    calibrations = [read_calibration(record.folder) for record in iter_records(study)]
    (plan,) = read_sweeps(study)
    as_earlier(study)
    assert not list(study.glob("sweeps/*.gz")) and len(list(study.glob("*/calibration.json"))) == 4
    assert [record.state for record in iter_records(study)] == [State.done] * 4
    assert [read_calibration(record.folder) for record in iter_records(study)] == calibrations
    assert calibrations[0] is not None
    assert read_sweeps(study) == (plan,)
    assert frame.equals(read_runs(study.parent))
    call(monkeypatch, report, "outputs", "--force")
    assert before and tables(place) == before
    capsys.readouterr()
    call(monkeypatch, lenet_runs, "--study", "ablation", "--csv")
    assert len(list(csv.DictReader(capsys.readouterr().out.splitlines()))) == 4
    call(monkeypatch, cli.main, *WORDS)
    assert "all done already" in capsys.readouterr().out
    assert len(list(study.glob("sweeps/*"))) == 1  # the plan of an earlier version is the same plan


def test_an_earlier_run_predicts_is_archived_and_gone_on_from(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(study.parents[1])
    as_earlier(study)
    folder = next(record.folder for record in iter_records(study))
    (member,) = Predictor.load(folder).members
    assert member.calibration is not None and member.calibration == read_calibration(folder)
    archive_run(folder)
    assert [record.state for record in iter_records(study)] == [State.done] * 3
    assert restore_run(study, folder.name) == folder and read_run(folder).state is State.done
    capsys.readouterr()
    words = [word for word in WORDS if not word.startswith("epochs")]
    call(monkeypatch, cli.main, *words, "epochs=2")
    assert capsys.readouterr().err.count("goes on from the end of") == 4
    assert json.loads((folder / "status.json").read_bytes())["status"] == "done"
