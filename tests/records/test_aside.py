"""One bad folder costs one run: it is set aside and its run trained again, or refused by itself."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.predict.trained import best_run
from lenet_ablate.records.aside import find_aside, is_aside, set_aside
from lenet_ablate.records.damage import damage_of
from lenet_ablate.records.read import iter_records, read_run
from lenet_ablate.records.record import CHECKPOINT, CONFIG, LOG, METRICS, MODEL, STATUS, State
from lenet_ablate.studies.finished import only_damaged
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.run import run_sweep
from support.logged_sweeps import logged_sweep
from support.trained_runs import write_run

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    from lenet_ablate.config.choices import Logger

    return logged_sweep(tmp_path, Logger.none, {"seed": 0, "epochs": 1}, {"seed": 1, "epochs": 1})


def harmed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"!")


HARMS: dict[str, Callable[[Path], object]] = {
    "a file is changed": lambda folder: harmed(folder / MODEL),
    "the status is torn": lambda folder: (folder / STATUS).write_text("{"),
    "no files are named": lambda folder: (folder / STATUS).write_text(
        json.dumps({k: v for k, v in json.loads((folder / STATUS).read_bytes()).items() if k != "files"})
    ),
    "another run lies there": lambda folder: (folder / STATUS).write_text(
        json.dumps(json.loads((folder / STATUS).read_bytes()) | {"identity": "0" * 64})
    ),
    "a folder is in a file's place": lambda folder: ((folder / METRICS).unlink(), (folder / METRICS).mkdir()),
    "a folder is in the status's place": lambda folder: ((folder / STATUS).unlink(), (folder / STATUS).mkdir()),
    "the log leads elsewhere": lambda folder: (
        (folder / LOG).symlink_to("/dev/full"),
        harmed(folder / MODEL),
    ),
    "the folder is a file": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "the folder leads to itself": lambda folder: (shutil.rmtree(folder), folder.symlink_to(folder.name)),
}


@pytest.mark.skipif(os.name == "nt", reason="makes symbolic links")
@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_folder_is_set_aside_and_its_run_trained_again(sweep: Sweep, harm: str, capsys: Any) -> None:
    run_sweep(sweep, workers=1)
    folder, other = (sweep.folder(job) for job in sweep.jobs)
    before = (other / STATUS).read_bytes()
    HARMS[harm](folder)
    capsys.readouterr()
    result = run_sweep(sweep, workers=1)
    out, err = capsys.readouterr()
    assert (len(result.ended), result.skipped, result.exit_status) == (1, 1, 0)
    assert (out + err).count(f"set aside as {folder.name}.damaged-1") == 1
    assert read_run(folder).state is State.done and (other / STATUS).read_bytes() == before
    assert os.path.lexists(folder.with_name(f"{folder.name}.damaged-1"))
    assert [record.state for record in iter_records(sweep.study)] == [State.done, State.done]
    assert run_sweep(sweep, workers=1).skipped == 2


def test_nothing_that_was_set_aside_is_ever_replaced(tmp_path: Path) -> None:
    for content in "ab":
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "file").write_text(content)
        set_aside(tmp_path / "run")
    assert [(tmp_path / f"run.damaged-{n}/file").read_text() for n in (1, 2)] == ["a", "b"]
    assert find_aside(tmp_path) == {"run": ["run.damaged-1", "run.damaged-2"]}
    assert is_aside("run.damaged-12") and not is_aside("run.damaged") and not is_aside("run")


def test_another_version_s_folder_fails_its_run_alone_and_stays(sweep: Sweep, capsys: Any) -> None:
    folder = sweep.folder(sweep.jobs[0])
    folder.mkdir(parents=True)
    (folder / STATUS).write_text('{"format": 2}')
    result = run_sweep(sweep, workers=1)
    (failed,) = result.select(State.failed)
    assert "format 2 is not known to this version; move it away" in failed.error
    assert len(result.select(State.done)) == 1 and [path.name for path in folder.iterdir()] == [STATUS]
    assert find_aside(sweep.study) == {}


def test_a_folder_that_cannot_be_renamed_fails_its_run_alone(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sweep(sweep, workers=1)
    harmed(sweep.folder(sweep.jobs[0]) / MODEL)

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    result = run_sweep(sweep, workers=1)
    (failed,) = result.select(State.failed)
    assert "cannot be set aside: Permission denied; move it away" in failed.error and result.skipped == 1


def test_what_can_go_on_is_not_set_aside(sweep: Sweep) -> None:
    folder = sweep.folder(sweep.jobs[0])
    folder.mkdir(parents=True)
    (folder / STATUS).write_bytes(b"\0" * 100)  # as a loss of power leaves an unflushed file
    (folder / CHECKPOINT).write_bytes(b"torn")
    assert len(run_sweep(sweep, workers=1).select(State.done)) == 2
    assert find_aside(sweep.study) == {}


def test_a_checkpoint_left_beside_a_finished_run_is_removed(sweep: Sweep) -> None:
    run_sweep(sweep, workers=1)
    left = sweep.folder(sweep.jobs[0]) / CHECKPOINT
    left.write_bytes(b"left by a kill")
    assert run_sweep(sweep, workers=1).skipped == 2 and not left.exists()


def test_a_repair_trains_what_is_damaged_and_nothing_else(run: Run, tmp_path: Path) -> None:
    words = ("data=digits", "epochs=1", "engine=torch", "study=s")
    run("-m", *words, "seed=0,1,2")
    study = tmp_path / "outputs/s"
    plans = sorted(path.name for path in (study / "sweeps").iterdir())
    status, out = run("study=s", "repair=true")
    assert status == 0 and "repairing outputs/s: nothing is damaged" in out
    first, second, _ = (record.folder for record in iter_records(study))
    harmed(first / MODEL)
    set_aside(second)  # by a command that was stopped before it trained the run again
    status, out = run("study=s", "repair=true", "plan=true")
    assert "2 damaged runs" in out and not (study / f"{first.name}.damaged-1").exists()
    status, out = run("study=s", "repair=true")
    assert status == 0 and "2 damaged runs" in out and "2 trained" in out
    assert [record.state for record in iter_records(study)] == [State.done] * 3
    assert sorted(path.name for path in (study / "sweeps").iterdir()) == plans
    assert "3 runs in outputs/s: all done already" in run("-m", *words, "seed=0,1,2")[1]


def test_a_damaged_plan_is_written_again_and_repairs_find_the_command_s_own_runs(sweep: Sweep) -> None:
    run_sweep(sweep, workers=1)
    (plan,) = (sweep.study / "sweeps").iterdir()
    whole = gzip.decompress(plan.read_bytes())
    plan.write_bytes(plan.read_bytes()[:-9])
    harmed(sweep.folder(sweep.jobs[1]) / MODEL)
    assert only_damaged(sweep).jobs == sweep.jobs[1:]
    run_sweep(sweep, workers=1)
    assert gzip.decompress(plan.read_bytes()).splitlines()[1:] == whole.splitlines()[1:]


def test_the_report_tells_of_what_was_set_aside_and_of_plans_that_are_none(
    report: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    study = tmp_path / "outputs/s"
    good = write_run(study)
    set_aside(write_run(study, seed=1))
    (study / "sweeps").mkdir()
    (study / "sweeps/one.json").write_text("[" * 10_000)
    status, out, err = report()
    assert status == 0 and out.startswith("s: 1 of 1 run finished")
    assert "1 folder was set aside: digits_max_relu_adam_lr0.001_bs64_e30_s1-" in err
    assert "one.json is nested too deeply; this plan is ignored" in err
    assert best_run(tmp_path / "outputs") == Path(good)


def test_options_name_the_repair() -> None:
    assert Options().repair is False


def test_files_of_somebody_else_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "model.safetensors").write_text("thesis")
    (tmp_path / "run").symlink_to(tmp_path / "precious")
    assert damage_of(tmp_path / "run", RunConfig()) == "status.json is missing"
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.yaml").touch()
    assert damage_of(tmp_path / "begun", RunConfig()) == ""


@pytest.mark.parametrize("lost", [(STATUS,), (STATUS, CONFIG)])
def test_a_result_that_lost_its_status_is_seen_and_repaired(sweep: Sweep, lost: tuple[str, ...]) -> None:
    run_sweep(sweep, workers=1)
    folder = sweep.folder(sweep.jobs[0])
    for name in lost:
        (folder / name).unlink()
    (seen,) = (record for record in iter_records(sweep.study) if record.folder == folder)
    assert seen.state is State.unreadable and STATUS in seen.error and seen.config == sweep.jobs[0].config
    assert run_sweep(sweep, workers=1).skipped == 1
    assert {record.state for record in iter_records(sweep.study)} == {State.done}


def test_a_repair_of_no_study_is_refused(run: Run, tmp_path: Path) -> None:
    status, out = run("study=none", "repair=true")
    assert status == 1 and "there is no study outputs/none" in out
    assert not list(tmp_path.iterdir())
