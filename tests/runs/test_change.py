"""`lenet-runs rm`, `archive`, `restore`, `mv`, `note`, `tag`: what they change, and what they leave alone."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.predict.trained import best_run
from lenet_ablate.records.claims import claims_in
from lenet_ablate.records.frames import read_runs
from lenet_ablate.records.record import State
from lenet_ablate.records.write import write_status
from lenet_ablate.report.study.collect import collect
from lenet_ablate.studies.finished import take_back
from lenet_ablate.studies.jobs import Job, Sweep
from runs.conftest import Call
from support.trained_runs import write_run

AVG = RunConfig(lr=0.1, pool=Pool.avg, epochs=3)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(text))


def statuses(outputs: Path) -> dict[str, str]:
    runs = read_runs(outputs)
    return dict(zip(runs["run"], runs["status"], strict=True))


def test_a_removed_run_is_gone_and_planned_again(outputs: Path, lenet_runs: Call) -> None:
    before = statuses(outputs)
    status, out, _ = lenet_runs("rm", "--yes", run_name(AVG))
    assert status == 0 and out == f"removed ablation/{run_name(AVG)}\n"
    assert statuses(outputs) == before | {run_name(AVG): "planned"}
    assert not (outputs / "ablation" / run_name(AVG)).exists() and not (outputs / "ablation/.archive").exists()


@pytest.mark.parametrize(("typed", "status", "is_gone"), [("y\n", 0, True), ("\n", 1, False), ("", 1, False)])
def test_the_user_is_asked_first(
    outputs: Path, lenet_runs: Call, monkeypatch: pytest.MonkeyPatch, typed: str, status: int, is_gone: bool
) -> None:
    answer(monkeypatch, typed)
    found, out, _ = lenet_runs("rm", "--where", "pool=avg")
    assert found == status and "remove 3 runs? [y/N]" in out and out.count("  ablation/avg") == 3
    assert (outputs / "ablation" / run_name(AVG)).exists() is not is_gone


def test_without_a_terminal_nothing_is_removed_unasked(
    outputs: Path, lenet_runs: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    status, out, err = lenet_runs("rm", run_name(AVG))
    assert status == 1 and "--yes" in err and "nothing was removed" in out
    assert (outputs / "ablation" / run_name(AVG)).exists()


@pytest.mark.parametrize("command", ["rm", "archive"])
def test_a_run_in_training_is_left_alone(outputs: Path, lenet_runs: Call, command: str) -> None:
    study = outputs / "ablation"
    with claims_in(study) as claims, claims.claim(run_name(AVG)) as is_mine:
        assert is_mine
        status, out, err = lenet_runs(command, "--yes", "--where", "lr=0.1")
    assert status == 1 and f"{run_name(AVG)}: is in training" in err and "1 of 2" in err
    assert (study / run_name(AVG)).is_dir() and out.count("\n") == 1
    write_status(study / run_name(AVG), State.running, identity(AVG))  # by this very process, with no lock held
    assert lenet_runs(command, "--yes", run_name(AVG))[0] == 2 - (command in ("rm", "archive"))
    assert lenet_runs("mv", "ablation", "other")[0] in (1, 2) and study.is_dir()


def test_an_archived_run_is_in_no_report_until_it_is_restored(outputs: Path, lenet_runs: Call) -> None:
    before = statuses(outputs)
    files = {path.name: path.read_bytes() for path in (outputs / "ablation" / run_name(AVG)).iterdir()}
    status, out, _ = lenet_runs("archive", "--yes", "--where", "pool=avg")
    assert status == 0 and out.count("archived ablation/") == 3
    left = {name: state for name, state in before.items() if not name.startswith("avg")}
    assert statuses(outputs) == left
    (study,) = [study for study in collect(outputs) if study.name == "ablation"]
    assert set(study.runs["run"]) == {name for name in left if name in set(study.runs["run"])}
    assert not any(name.startswith("avg") for name in study.runs["run"])
    _, out, _ = lenet_runs("--archived")
    assert "ablation: 3 runs, 3 done" in out
    assert lenet_runs("show", "--archived", run_name(AVG))[1].startswith(f"ablation/{run_name(AVG)} (archived)")
    assert lenet_runs("restore", "--where", "pool=avg")[0] == 0
    assert statuses(outputs) == before
    assert {path.name: path.read_bytes() for path in (outputs / "ablation" / run_name(AVG)).iterdir()} == files


def test_an_archived_run_is_never_the_best(outputs: Path, lenet_runs: Call) -> None:
    good, better = (write_run(outputs / "d", accuracy, seed=seed) for seed, accuracy in enumerate((0.8, 0.9)))
    assert best_run(outputs) == better
    assert lenet_runs("archive", "--yes", "--study", "d", "@best")[0] == 0
    assert best_run(outputs) == best_run(outputs / "d") == good


def test_what_a_sweep_asks_for_comes_back_from_the_archive(outputs: Path, lenet_runs: Call) -> None:
    assert lenet_runs("archive", "--yes", "--where", "pool=avg")[0] == 0
    jobs = (Job(AVG), Job(RunConfig(lr=0.1, pool=Pool.max, epochs=3)))
    sweep = Sweep(jobs, Options(output_dir=str(outputs)), "lenet-ablate")
    assert take_back(sweep) == 1 and take_back(sweep) == 0
    assert (outputs / "ablation" / run_name(AVG)).is_dir()


def test_an_archived_run_that_was_trained_anew_stays_away(outputs: Path, lenet_runs: Call) -> None:
    import shutil

    folder = outputs / "ablation" / run_name(AVG)
    copy = shutil.copytree(folder, outputs.parent / "copy")
    assert lenet_runs("archive", "--yes", run_name(AVG))[0] == 0
    shutil.copytree(copy, folder)
    status, _, err = lenet_runs("restore", run_name(AVG))
    assert status == 1 and "is there already" in err
    assert lenet_runs("rm", "--archived", "--yes", run_name(AVG))[0] == 0
    assert folder.is_dir() and lenet_runs("--archived")[0] == 2


def test_a_study_gets_another_name(outputs: Path, lenet_runs: Call) -> None:
    before = statuses(outputs)
    status, out, _ = lenet_runs("mv", "ablation", "first")
    assert status == 0 and "study=first" in out
    assert statuses(outputs) == before and set(read_runs(outputs).study) == {"first", "seeds"}
    for name, told in (("seeds", "is there already"), ("report", "must be"), ("a/b", "must be"), ("", "must be")):
        status, _, err = lenet_runs("mv", "first", name)
        assert status in (1, 2) and told in err


def test_notes_and_tags_are_shown_and_chosen_by(outputs: Path, lenet_runs: Call) -> None:
    assert lenet_runs("tag", run_name(AVG), "paper", "v1") == (0, f"tagged paper v1: ablation/{run_name(AVG)}\n", "")
    assert lenet_runs("note", run_name(AVG), "too\x1b[31m good")[0] == 0
    assert lenet_runs("tag", "--where", "lr=step", "paper")[0] == 0
    _, out, _ = lenet_runs("--where", "tag=paper", "--csv")
    assert out.count("\n") == 4
    _, out, _ = lenet_runs("--study", "ablation")
    (line,) = [line for line in out.splitlines() if line.startswith(run_name(AVG)[-8:])]
    assert "paper v1" in line and "too [31m good" in line
    assert lenet_runs("tag", "--remove", run_name(AVG), "v1")[0] == 0
    assert lenet_runs("note", run_name(AVG), "")[0] == 0
    row = read_runs(outputs).set_index("run").loc[run_name(AVG)]
    assert row["tags"] == "paper" and not isinstance(row["note"], str)
    (study,) = [study for study in collect(outputs) if study.name == "ablation"]
    assert "paper" in set(study.runs["tags"])


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["tag", "@last", "a b"], 1, "a tag is"),
        (["tag", "@last"], 1, "name a tag"),
        (["note", "lr0.4", "x"], 2, "has not begun"),
        (["note", "@last", "x" * 1001], 1, "at most 1,000"),
        (["rm", "lr0.4"], 2, "has not begun"),
        (["rm"], 1, "name runs, or give --where"),
        (["rm", "@last", "--where", "pool=max"], 1, "name runs, or give --where"),
        (["mv", "nothing", "x"], 1, "the studies are"),
        (["restore", "@last"], 2, "there is no such run"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    outputs: Path, lenet_runs: Call, words: list[str], status: int, told: str
) -> None:
    found, _, err = lenet_runs(*words)
    assert found == status and told in err and len(err.splitlines()) == 1
