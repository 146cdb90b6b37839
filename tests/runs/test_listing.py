"""`lenet-runs` without a command: which runs are shown, in which order, and in which form."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate import __version__
from lenet_ablate.config.choices import Pool
from lenet_ablate.config.plan import run_name
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.frames import read_runs
from lenet_ablate.runs.table import Column, table_lines, text_width
from runs.conftest import Call
from support.report_runs import write_study


def column(text: str, title: str) -> list[str]:
    """A column of the first table in a text, by the place of its title."""
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("run "))
    names = lines[head].split()
    found = []
    for line in lines[head + 1 :]:
        if not line.strip():
            break
        cells = line.split()
        found.append(cells[names.index(title)])
    return found


def test_every_run_is_listed_by_study_with_what_varies_and_its_state(outputs: Path, lenet_runs: Call) -> None:
    status, out, err = lenet_runs()
    assert (status, err) == (0, "")
    assert "ablation: 9 runs, 1 planned, 6 done, 1 failed, 1 interrupted\n" in out
    assert "seeds: 2 runs, 2 done\n" in out
    first, second = out.split("\n\n")
    assert first.splitlines()[1].split()[:4] == ["run", "pool", "lr", "state"]
    assert "=broke" in first and "1/3" in first and "95.10" in first
    assert second.splitlines()[1].split()[:3] == ["run", "seed", "state"]


def test_epochs_that_vary_are_told_from_those_that_were_trained(tmp_path: Path, lenet_runs: Call) -> None:
    runs = [RunConfig(epochs=epochs, seed=seed) for epochs in (2, 3) for seed in (0, 1)]
    write_study(tmp_path / "lengths", runs, lambda config, epoch: (0.1, 0.9))
    _, out, _ = lenet_runs(str(tmp_path))
    assert out.splitlines()[1].split()[:5] == ["run", "epochs", "seed", "state", "trained"]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        (["pool=avg"], 3),
        (["lr=0.1,0.01"], 4),
        (["lr=1e-1"], 2),
        (["lr=step"], 2),
        (["lr<0.15"], 4),
        (["lr>=0.1", "lr<=0.2"], 3),
        (["state=failed"], 1),
        (["status!=done"], 3),
        (["test_accuracy>0.95"], 3),
        (["pool=avg", "lr=step"], 1),
        (["optimizer.betas=[0.9,0.999]"], 9),
    ],
)
def test_conditions_choose_runs(outputs: Path, lenet_runs: Call, where: list[str], count: int) -> None:
    words = [word for condition in where for word in ("--where", condition)]
    status, out, _ = lenet_runs("--study", "ablation", *words, "--json")
    assert status == 0
    assert len(json.loads(out)) == count


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--where", "pol=max"], 1, "did you mean pool?"),
        (["--where", "pool=mx"], 1, "no run has pool=mx; there is avg, max"),
        (["--where", "pool"], 1, "is not like pool=max"),
        (["--where", "lr<a"], 1, "< needs one number"),
        (["--where", "pool=avg", "--where", "state=failed"], 2, "no run meets pool=avg and state=failed"),
        (["--study", "abl"], 1, "the studies are ablation, seeds"),
        (["--sort", "accurcy"], 1, "there is no such column"),
        (["nowhere"], 2, "there is no such folder"),
        (["--no-such"], 1, "see lenet-runs --help"),
        (["--out", "x.csv"], 1, "goes with --csv"),
        (["--archived"], 2, "there are no archived runs"),
    ],
)
def test_what_is_wrong_is_one_line(outputs: Path, lenet_runs: Call, words: list[str], status: int, told: str) -> None:
    found, out, err = lenet_runs(*words)
    assert (found, out) == (status, "")
    assert told in err and len(err.splitlines()) == 1


def test_sorted_by_a_column_what_is_not_known_comes_last(outputs: Path, lenet_runs: Call) -> None:
    _, out, _ = lenet_runs("--study", "ablation", "--sort", "test_accuracy", "--json")
    figures = [row["test_accuracy"] for row in json.loads(out)]
    known = [figure for figure in figures if figure is not None]
    assert known == sorted(known, reverse=True) and figures[len(known) :] == [None] * (9 - len(known))
    _, out, _ = lenet_runs("--study", "ablation", "--sort", "-accuracy", "--json")
    assert [row["test_accuracy"] for row in json.loads(out)][: len(known)] == sorted(known)
    _, out, _ = lenet_runs("--study", "ablation", "--sort", "lr", "--json")
    rates = [row["lr"] for row in json.loads(out)]
    assert rates == [0.01, 0.01, 0.1, 0.1, 0.2, 0.3, 0.4, None, None]


def test_the_newest_come_first_and_the_rest_is_counted(outputs: Path, lenet_runs: Call) -> None:
    configs = [RunConfig(seed=seed, epochs=1) for seed in range(23)]
    write_study(outputs / "many", configs, lambda config, epoch: (0.1, 0.9))
    for age, config in enumerate(configs):
        os.utime(outputs / "many" / run_name(config) / "result.json", (1e9 - age, 1e9 - age))
    _, out, _ = lenet_runs("--study", "many")
    assert column(out, "seed")[:20] == [str(seed) for seed in range(20)]
    assert out.endswith("… 3 more; --all shows them\n")
    _, out, _ = lenet_runs("--study", "many", "--all")
    assert len(column(out, "seed")) == 23 and "more" not in out


def test_the_csv_has_the_columns_and_values_of_read_runs(outputs: Path, lenet_runs: Call) -> None:
    status, out, _ = lenet_runs("--csv")
    listed = pd.read_csv(io.StringIO(out)).set_index("run").sort_index()
    read = read_runs(outputs).set_index("run").sort_index()
    assert status == 0 and set(read.columns) < set(listed.columns)
    for name in ("lr", "val_accuracy", "test_accuracy", "epochs_done", "seed"):
        pd.testing.assert_series_equal(listed[name], read[name], check_dtype=False)
    assert list(listed["lr_label"]) == list(read["lr_label"])
    assert "'=broke" in out  # no formula for a spreadsheet


def test_a_file_for_spreadsheets_has_a_byte_order_mark_where_it_is_needed(outputs: Path, lenet_runs: Call) -> None:
    assert lenet_runs("--csv", "--out", "plain.csv")[0] == 0
    assert not Path("plain.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert lenet_runs("note", "@last", "zu groß")[0] == 0
    assert lenet_runs("--csv", "--out", "marked.csv")[0] == 0
    assert Path("marked.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "zu groß" in set(pd.read_csv("marked.csv")["note"])


def test_studies_are_counted(outputs: Path, lenet_runs: Call) -> None:
    status, out, _ = lenet_runs("--studies")
    titles, *lines = [line.split() for line in out.splitlines()]
    assert status == 0 and titles[:3] == ["study", "runs", "planned"]
    assert [line[0] for line in lines] == ["ablation", "seeds"]
    assert lines[0][1:6] == ["9", "1", "6", "1", "1"]


def test_several_folders_and_each_study_once(outputs: Path, lenet_runs: Call, tmp_path: Path) -> None:
    write_study(tmp_path / "b/outputs/other", [RunConfig(epochs=3)], lambda config, epoch: (0.1, 0.9))
    _, out, _ = lenet_runs("outputs", "outputs/ablation", "b/outputs", "--studies")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["ablation", "other", "seeds"]


def test_damaged_runs_are_shown_as_such(outputs: Path, lenet_runs: Call) -> None:
    name = run_name(RunConfig(lr=0.1, pool=Pool.avg, epochs=3))
    path = outputs / "ablation" / name / "result.json"
    path.write_text(path.read_text().replace("61706", "61707"))
    status, out, _ = lenet_runs("--study", "ablation")
    (line,) = [line for line in out.splitlines() if line.startswith(name[-8:])]
    assert status == 0 and "unreadable" in line and "0.1" in line


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_a_table_fits_its_terminal(width: int) -> None:
    columns = [
        Column("run", ["0123abcd", "日本語の名前" * 9]),
        Column("setting", ["x" * 50, "y"]),
        Column("accuracy", ["98.76", "1.00"], True),
        Column("age", ["3 min", ""], True, rank=1),
        Column("remark", ["z" * 300, ""], rank=2),
    ]
    lines = table_lines(columns, width)
    assert len(lines) == 3 and max(map(text_width, lines)) <= width
    assert all("98.76" in lines[1] and "0123abcd" in lines[1] for _ in lines)
    if width == 200:
        assert all(column.title in lines[0] for column in columns)


def test_hostile_names_do_nothing_to_a_terminal(outputs: Path, lenet_runs: Call) -> None:
    folder = outputs / "ev\x1b[31mil\n"
    write_study(folder, [RunConfig(epochs=1)], lambda config, epoch: (0.1, 0.9))
    (folder / "a\x1b]0;x\x07b").mkdir()
    (folder / "a\x1b]0;x\x07b/status.json").write_text('{"format": 1, "error": "\\u001b[2J"}')
    for words in ((), ("--studies",), ("show", "ev"), ("show", "0;x"), ("rm", "0;x"), ("show", "nothing\x1b[2J")):
        _, out, err = lenet_runs(*words)
        assert "\x1b" not in out + err and "\x07" not in out + err, words
    _, out, _ = lenet_runs("--csv")
    assert len(list(csv.reader(io.StringIO(out)))) == 14


def test_help_and_version(lenet_runs: Call) -> None:
    status, out, _ = lenet_runs("--help")
    assert status == 0 and "examples:" in out and "exit status" in out and "--where" in out
    assert lenet_runs("--version")[:2] == (0, f"lenet-runs {__version__}\n")
    for name in ("show", "diff", "rm", "archive", "restore", "mv", "note", "tag"):
        status, out, _ = lenet_runs(name, "--help")
        assert status == 0 and f"usage: lenet-runs {name}" in out


def test_a_reader_that_leaves_and_letters_that_lack(outputs: Path) -> None:
    code = "import sys; from lenet_ablate.runs.main import main; sys.exit(main())"
    shell = f'"{sys.executable}" -c "{code}" --json | head -c 10; echo "${{PIPESTATUS[0]}}" >&2'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert (len(done.stdout), done.stderr) == (10, "0\n")
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code, "--help"], env=ascii_only, capture_output=True, text=True)
    assert done.returncode == 0 and "[OUTPUTS ...]" in done.stdout
