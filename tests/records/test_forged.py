"""Forged folders: whatever lies in one, it costs one run, one sentence, and little time and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.trained import best_run, read_trained
from lenet_ablate.records.damage import damage_of
from lenet_ablate.records.read import RunRecord, iter_records, read_finished, read_run
from lenet_ablate.records.record import CONFIG, STATUS, State
from support import forged_runs as forged
from support.trained_runs import DIGITS, write_run

Report = Callable[..., tuple[int, str, str]]
CONFIGURATION = RunConfig(data=DIGITS, epochs=2)


def genuine_run(study: Path, seed: int = 0) -> Path:
    """Written without a manifest of its calibration, as everything that a run may have without having to."""
    return write_run(study, epochs=2, seed=seed)


@pytest.fixture
def genuine(tmp_path: Path) -> Path:
    return genuine_run(tmp_path / "genuine")


def look(folder: Path) -> RunRecord:
    """What everything that reads a run's folder makes of it; nothing but a RecordError may come out."""
    record = read_run(folder)
    assert record.error.isprintable() and len(record.error) < 3000
    assert (record.state is State.unreadable) == (record.config is None)
    finished = read_finished(folder, CONFIGURATION)
    for ask in (lambda: damage_of(folder, CONFIGURATION), lambda: read_trained(folder)):
        try:
            ask()
        except RecordError as error:
            assert str(error)
    if finished is not None:
        assert record.state.is_finished, "the sweep and the report must agree on what is finished"
    return record


@hypothesis.given(
    name=st.sampled_from([*forged.JSON_FILES, CONFIG]),
    place=st.integers(0, 200),
    by=st.sampled_from([*forged.HOSTILE_VALUES, ...]),
)
@hypothesis.settings(
    max_examples=int(os.environ.get("LENET_ABLATE_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_hostile_values_anywhere_are_a_sentence(genuine: Path, tmp_path: Path, name: str, place: int, by: Any) -> None:
    folder = tmp_path / "forged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(genuine, folder)
    forged.change_json(folder, name, place, by)
    look(folder)


@pytest.mark.skipif(os.name == "nt", reason="makes named pipes")
@pytest.mark.parametrize("kind", forged.KINDS)
@pytest.mark.parametrize("name", forged.FILES)
def test_what_is_no_file_is_a_sentence(genuine: Path, name: str, kind: str) -> None:
    forged.put_in_place(genuine / name, kind)
    record = look(genuine)
    assert record.state is State.unreadable and name in record.error
    assert read_finished(genuine, CONFIGURATION) is None


@pytest.mark.parametrize("trick", forged.TRICKS)
def test_tricks_are_a_sentence(genuine: Path, trick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(genuine)
    forged.TRICKS[trick](genuine)
    record = look(genuine)
    told_elsewhere = {"calibration", "no header", "huge header", "zip bomb", "many dimensions", "huge shape", "objects"}
    if trick not in told_elsewhere | {"no zip", "many keys", "long list"}:
        assert record.state is State.unreadable
    assert not Path("HACKED").exists()


def test_a_name_of_ours_must_be_that_of_its_identity(genuine: Path) -> None:
    assert read_run(genuine).state is State.done
    other = genuine.with_name(f"{genuine.name[:-8]}{'0' * 8}")
    shutil.copytree(genuine, other)
    assert read_run(other).error == f"{STATUS} is about another run than the folder's name"
    copied = genuine.with_name("my copy")
    shutil.copytree(genuine, copied)
    assert read_run(copied).state is State.done


def forged_study(study: Path, count: int) -> Path:
    """A study with one good run and many forged ones."""
    good = genuine_run(study)
    origin = genuine_run(study.parent / "origin", seed=1)
    for number in range(count):
        forged.forge(origin, study / f"forged{number}_bs64_e2_s1-{origin.name[-8:]}", number)
    shutil.rmtree(study.parent / "origin")
    return good


MEASURED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from lenet_ablate.report.main import main as report
from lenet_ablate.predict.main import main as predict
status = report(["outputs"])
assert status == 0, status
assert predict(["digit.png", "--outputs", "outputs"]) in (0, 3)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process's own peak is known on Linux alone")
def test_one_good_run_among_two_hundred_forged_ones_is_reported_and_predicts_with(tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    good = forged_study(tmp_path / "outputs/s", 200)
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(100, 30), (100, 170)], fill=0, width=16)
    picture.save(tmp_path / "digit.png")
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) <= 200 and "Traceback" not in done.stderr
    assert max(map(len, lines)) < 4000
    assert good.name in done.stderr  # as the run that predicts
    runs = (tmp_path / "outputs/report/s/runs.csv").read_text()
    assert f"{good.name}," in runs and ",done," in runs
    assert int(lines[-1].split()[1]) < 500_000, lines[-1]


def test_a_good_run_is_found_among_forged_ones(tmp_path: Path) -> None:
    good = forged_study(tmp_path / "s", len(forged.TRICKS))
    records = {record.folder: record for record in iter_records(tmp_path / "s")}
    assert records[good].state is State.done
    better = tmp_path / "s" / "better"
    shutil.copytree(good, better)
    result = json.loads((better / "result.json").read_bytes())
    result["final"]["val_accuracy"] = 1.0
    (better / "result.json").write_text(json.dumps(result))  # and not signed
    told: list[str] = []
    chosen = best_run(tmp_path, on_damaged=told.append)
    assert read_trained(chosen) and chosen != better
    assert any("result.json is damaged" in reason for reason in told)
