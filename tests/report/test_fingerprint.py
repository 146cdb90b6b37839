"""A report that would be the same again is left alone; whatever it is made from, a change of it makes it anew."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.record import CONFIG, METRICS, MODEL, PREDICTIONS, RESULT, STATUS, State
from lenet_ablate.report import fingerprint
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.figures.picture import Draw
from lenet_ablate.report.main import main
from lenet_ablate.report.options import ReportOptions, parse_options
from support.figure_studies import undrawn
from support.report_runs import rows_of, write_run, write_study, write_sweep

CONFIGS = [RunConfig(pool=pool, seed=seed, epochs=2) for pool in Pool for seed in range(2)]
LABELS = "MNIST/raw/t10k-labels-idx1-ubyte"

Report = Callable[..., str]


def idx_labels(labels: Sequence[int]) -> bytes:
    return bytes([0, 0, 8, 1]) + np.array(len(labels), ">u4").tobytes() + bytes(labels)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the figures that are drawn; nothing is."""
    names: list[str] = []

    def draw_image(name: str, draw: Draw, formats: Sequence[str]) -> Image:
        names.append(name)
        return undrawn(name, draw, formats)

    monkeypatch.setattr("lenet_ablate.report.figures.drawing.draw_image", draw_image)
    return names


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Report:
    """Reports the study outputs/s1, whose predictions of five digits are all right, and gives what is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENET_ABLATE_DATA", "data")
    write_study(tmp_path / "outputs/s1", CONFIGS, lambda config, epoch: (0.1 / epoch, 1.0))
    write_sweep(tmp_path / "outputs/s1", CONFIGS)
    (tmp_path / "data" / LABELS).parent.mkdir(parents=True)
    (tmp_path / "data" / LABELS).write_bytes(idx_labels([0] * 5))

    def call(*words: str) -> str:
        assert main(words) == 0
        return capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first report is kept for the tests that begin with one."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def again(report: Report, drawn: list[str], kept: Path) -> Report:
    """Reports the study again: a first report is there."""
    if not any(kept.iterdir()):
        report()
        shutil.copytree("outputs", kept / "outputs")
    shutil.rmtree("outputs")
    shutil.copytree(kept / "outputs", "outputs")
    drawn.clear()
    return report


def first_run() -> Path:
    return sorted(path for path in Path("outputs/s1").iterdir() if path.name != "sweeps")[0]


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def change_status() -> None:
    status = json.loads((first_run() / STATUS).read_text())
    (first_run() / STATUS).write_text(json.dumps({**status, "note": "touched"}))


def change_figures() -> None:
    folder = first_run()
    shutil.rmtree(folder)
    assert write_run(Path("outputs/s1"), CONFIGS[2], rows_of(CONFIGS[2], lambda c, e: (0.2, 1.0))) == folder


CHANGES: dict[str, Callable[[], object]] = {
    "a status": change_status,
    "a run trained again": change_figures,
    "a result": lambda: append(first_run() / RESULT),
    "metrics": lambda: append(first_run() / METRICS),
    "predictions": lambda: append(first_run() / PREDICTIONS),
    "weights": lambda: append(first_run() / MODEL),
    "settings": lambda: append(first_run() / CONFIG),
    "a run removed": lambda: shutil.rmtree(first_run()),
    "a run added": lambda: write_run(
        Path("outputs/s1"), RunConfig(seed=7, epochs=2), rows_of(CONFIGS[0], lambda c, e: (0.1, 1.0))
    ),
    "a run begun": lambda: write_run(Path("outputs/s1"), RunConfig(seed=7, epochs=2), [], State.running),
    "a plan": lambda: append(Path("outputs/s1/sweeps/one.json")),
    "a plan added": lambda: shutil.copy("outputs/s1/sweeps/one.json", "outputs/s1/sweeps/two.json"),
    "labels changed": lambda: (Path("data") / LABELS).write_bytes(idx_labels([0, 0, 0, 0, 1])),
    "labels removed": lambda: (Path("data") / LABELS).unlink(),
    "a table edited": lambda: append(Path("outputs/report/s1/tables/pool.md")),
    "a figure removed": lambda: Path("outputs/report/s1/figures/loss_pool.svg").unlink(),
    "the page edited": lambda: append(Path("outputs/report/s1/index.html")),
    "the manifest damaged": lambda: Path("outputs/report/s1/manifest.json").write_text("{"),
}


def test_an_unchanged_report_is_not_made_again(report: Report, drawn: list[str]) -> None:
    first = report()
    assert "written to outputs/report/s1" in first and drawn
    times = {path: path.stat().st_mtime_ns for path in Path("outputs/report/s1").rglob("*")}
    drawn.clear()
    second = report()
    assert not drawn
    assert "unchanged: s1 (outputs/report/s1/index.html)" in second
    assert second.split("unchanged:")[0] == first.split("written to")[0]  # tables and verdicts are told all the same
    assert {path: path.stat().st_mtime_ns for path in Path("outputs/report/s1").rglob("*")} == times
    report("--force")
    assert drawn


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_makes_it_again(again: Report, drawn: list[str], what: str) -> None:
    CHANGES[what]()
    assert "written to" in again()
    assert drawn
    drawn.clear()
    assert "unchanged" in again()
    assert not drawn


def test_a_report_moved_with_its_runs_is_not_made_again(
    report: Report, drawn: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report()
    (tmp_path / "elsewhere").mkdir()
    for name in ("outputs", "data"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "unchanged" in report()


def test_another_program_makes_it_again(again: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_program", lambda: b"another")
    assert "written to" in again()


@pytest.mark.parametrize("words", [("--figures", "all"), ("--data-dir", "elsewhere"), ("--formats", "pdf,svg")])
def test_other_options_in_the_same_folder_make_it_again(again: Report, words: tuple[str, ...]) -> None:
    assert "written to" in again("outputs", *words)
    assert "unchanged" in again("outputs", *words)
    assert "written to" in again()


def test_what_is_interrupted_is_made_again(
    report: Report, drawn: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("lenet_ablate.report.write._write_manifest", _stop_at_the_second())
        assert main([]) == 130
        capsys.readouterr()
    assert "written to" in report()


def _stop_at_the_second() -> Callable[..., None]:
    from lenet_ablate.report.write import _write_manifest

    calls: list[int] = []

    def write(out: Path, digests: dict[str, str], made_from: str = "") -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        _write_manifest(out, digests, made_from)

    return write


def test_of_several_studies_only_the_changed_one_is_made_again(report: Report, drawn: list[str]) -> None:
    write_study(Path("outputs/s2"), CONFIGS, lambda config, epoch: (0.1 / epoch, 0.9))
    first = report()
    assert "written: outputs/report/s1/index.html" in first and "written: outputs/report/s2/index.html" in first
    change_status()
    second = report()
    assert "written: outputs/report/s1/index.html" in second and "unchanged: outputs/report/s2/index.html" in second
    # One of them alone is the same report in the same place.
    assert "unchanged: s2 (outputs/report/s2/index.html)" in report("outputs", "--study", "s2")


def test_a_study_that_is_gone_leaves_nothing_behind(report: Report, drawn: list[str]) -> None:
    for name in ("s2", "s3"):
        write_study(Path("outputs") / name, CONFIGS, lambda config, epoch: (0.1 / epoch, 0.9))
    report()
    shutil.rmtree("outputs/s3")
    report()
    assert sorted(path.name for path in Path("outputs/report").iterdir() if path.is_dir()) == ["s1", "s2"]
    shutil.rmtree("outputs/s2")
    report()
    assert sorted(path.name for path in Path("outputs/report").iterdir() if path.is_dir()) == ["s1"]
    assert Path("outputs/report/s1/runs.csv").is_file()


def _by_pool(config: RunConfig) -> float:
    return config.seed / 100 + (config.pool is Pool.avg) * (config.seed + 1) / 1000


def test_several_studies_are_told_in_a_few_lines_and_in_full_where_asked_for(report: Report, drawn: list[str]) -> None:
    write_study(Path("outputs/s2"), CONFIGS, lambda config, epoch: (0.1 / epoch, 0.9 + _by_pool(config)))
    brief = report()
    assert "s2: 4 of 4 runs finished, 2 seeds\n  Use pool=" in brief and "  pool: avg and max are not disting" in brief
    assert "test accuracy, %" not in brief
    assert "test accuracy, %" in report("outputs", "--tables")
    index = Path("outputs/report/index.html").read_text(encoding="utf-8")
    assert "<dt>pool</dt><dd>avg and max are not distinguishable" in index


def test_a_choice_of_runs_is_a_report_of_its_own(again: Report) -> None:
    plain = {path: path.read_bytes() for path in Path("outputs/report/s1").rglob("*") if path.is_file()}
    again("outputs", "--where", "seed=0", "--margin", "0.2")
    assert Path("outputs/report/seed=0+margin=0.2/s1/index.html").is_file()
    assert all(path.read_bytes() == content for path, content in plain.items())
    assert "unchanged" in again()


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        ((), ""),
        (("--margin", "0.1", "--epoch", "last", "--figures", "all", "--study", "s1"), ""),
        (("--where", "pool=max", "--where", "lr=0.01,step"), "lr=0.01,step+pool=max"),
        (("--where", "lr=0.01,step", "--where", "pool=max"), "lr=0.01,step+pool=max"),
        (("--factor", "pool,lr", "--alpha", "0.01"), "factor=lr,pool+alpha=0.01"),
        (("--where", "data=playground/circle"), "data=playground_circle-875681d4"),
    ],
)
def test_the_folder_of_a_choice(words: tuple[str, ...], folder: str) -> None:
    assert parse_options(words)[0].selection == folder


def test_no_choice_names_a_folder_badly() -> None:
    names = [parse_options(["--where", f"data=../{'x' * 300}{end}"])[0].selection for end in "ab"]
    assert len(set(names)) == 2 and all(len(name) < 100 and "/" not in name and "=" in name for name in names)
    assert ReportOptions(Path("outputs")).selection == ""


@pytest.mark.parametrize("name", ["/dev/zero", "../../outputs/secret", "pipe", "loop", "folder", "a\0b", "x" * 5000])
def test_a_hostile_manifest_harms_nothing(name: str, tmp_path: Path) -> None:
    from lenet_ablate.report.write import is_current, write_report

    (tmp_path / "secret").write_text("kept")
    out = tmp_path / "report"
    write_report(out, {"index.html": b"page"}, made_from="this")
    assert is_current(out, "this")
    os.mkfifo(out / "pipe")
    (out / "loop").symlink_to("loop")
    (out / "folder").mkdir()
    digest = hashlib.sha256(b"kept").hexdigest()
    manifest = {"made_from": "this", "files": {name: digest, "../secret": digest, "index.html": 3}}
    (out / "manifest.json").write_text(json.dumps(manifest))
    is_current(out, "this")
    write_report(out, {"index.html": b"new"}, made_from="that")
    assert is_current(out, "that") and (tmp_path / "secret").read_text() == "kept"
    for content in ("[" * 100_000, '{"files": [1]}', "[]", "\0"):
        (out / "manifest.json").write_text(content)
        assert not is_current(out, "that")
        write_report(out, {"index.html": b"new"}, made_from="that")
