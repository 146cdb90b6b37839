from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate import __version__
from lenet_ablate.config.choices import Model, Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import ModelConfig, RunConfig
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.frames import read_epochs, read_runs
from lenet_ablate.records.record import STATUS, State
from lenet_ablate.rendering.escape import markdown_text, one_line
from lenet_ablate.report import write as write_module
from lenet_ablate.report.main import main
from lenet_ablate.report.text.csv import csv_bytes
from support.figure_studies import undrawn
from support.report_runs import plan_of, rows_of, write_run, write_study, write_sweep

Run = Callable[..., tuple[int, str, str]]


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    scale = (2 if config.lr == 0.01 else 1) + config.seed / 10
    scale += 1e-9 * (config.pool is Pool.avg)  # else both would have trained identically
    return scale / epoch / 3, 0.9 + config.seed / 100


FIGURES = (
    *(f"{name}_{key}" for name in ("differences", "effects", "loss", "error") for key in ("lr", "pool")),
    *("loss_lr_panels", "loss_pool_panels", "loss_variants", "effects", "heatmap_pool_lr", "time_error", "noise"),
)
INDEX = {"index.html", "index.md", "manifest.json"}
TABLES = ("lr", "lr_epochs", "pool", "pool_epochs", "variants", "anova")


@pytest.fixture(autouse=True)
def figures_undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are left out, which take most of the time; `drawn` in a test's name draws them."""
    if "drawn" not in request.node.name:
        monkeypatch.setattr("lenet_ablate.report.figures.drawing.draw_image", undrawn)
        monkeypatch.setattr("lenet_ablate.report.figures.processes.MAX_HELPERS", 0)


def grid(lrs: Sequence[float | StepDecay] = (0.001, 0.01), seeds: int = 2) -> list[RunConfig]:
    return [RunConfig(lr=lr, pool=pool, seed=seed, epochs=2) for lr in lrs for pool in Pool for seed in range(seeds)]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `lenet-report` with some words beside outputs/; gives exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            status = stop.code
        out, err = capsys.readouterr()
        return status, out, err

    return call


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


def test_one_study_has_the_place_that_it_has_beside_others(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid((0.001, 0.01, StepDecay("step"))), figures)
    status, out, err = report()
    assert status == 0
    assert set(files_below(tmp_path / "outputs" / "report" / "s1")) == {
        "manifest.json",
        "runs.csv",
        "epochs.csv",
        "index.html",
        "summary.csv",
        "summary.json",
        "pairs.csv",
        "anova.csv",
        "tables/all.tex",
        "figures/captions.md",
        *(f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex", "html")),
        *(f"figures/{name}.svg" for name in FIGURES),
    }
    assert {path.name for path in (tmp_path / "outputs" / "report").iterdir()} == INDEX | {"s1"}
    assert out.startswith("s1: 12 of 12 runs finished\n")
    assert re.search(r"^step +4 ", out, re.MULTILINE)
    assert "written to outputs/report/s1:" in out and " loss_lr.svg " in out
    assert "failed" not in err


def test_runs_can_be_grouped_by_every_setting(tmp_path: Path) -> None:
    shapes = [ModelConfig(Model.mlp, c5=None, hidden=hidden) for hidden in ((4, 2), (64,))]
    configs = [RunConfig(model=model, seed=seed) for model in shapes for seed in (0, 1)]
    write_study(tmp_path / "outputs" / "s1", configs, lambda config, epoch: (0.5, 0.5))
    groups = read_runs(tmp_path / "outputs").groupby("model.hidden")["seed"].agg(list).to_dict()
    assert groups == {"[4,2]": [0, 1], "[64]": [0, 1]}


def test_a_list_is_one_value_of_a_condition(report: Run, tmp_path: Path) -> None:
    shapes = [ModelConfig(Model.mlp, c5=None, hidden=hidden) for hidden in ((4, 2), (8, 8), (64,))]
    configs = [RunConfig(model=model, seed=seed) for model in shapes for seed in (0, 1)]
    write_study(tmp_path / "outputs" / "s1", configs, lambda config, epoch: (0.5, 0.5))
    status, out, _ = report("--where", "model=mlp hidden=[4,2],mlp hidden=[64]")
    assert status == 0 and "hidden=[4,2]" in out and "hidden=[64]" in out and "hidden=[8,8]" not in out


def test_csv_files_are_exact_and_tidy(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), lambda config, epoch: (1 / 3 / epoch, 2 / 3))
    report()
    folder = tmp_path / "outputs" / "report" / "s1"
    runs = pd.read_csv(folder / "runs.csv")
    assert len(runs) == 8
    assert list(runs["train_loss_running"]) == [1 / 6] * 8
    assert list(runs.columns) == list(read_runs("outputs").columns)
    epochs = pd.read_csv(folder / "epochs.csv")
    assert list(epochs.columns) == ["run", "epoch", "step", "split", "metric", "value"]
    assert len(epochs) == len(read_epochs("outputs")) > 0
    losses = epochs[(epochs["split"] == "train") & (epochs["metric"] == "loss_running")]
    assert set(losses["value"]) == {1 / 3, 1 / 6}
    table = pd.read_csv(folder / "tables" / "lr.csv")
    assert list(table["level"]) == [0.001, 0.01]
    assert list(table["mean"]) == [2 / 3, 2 / 3]
    assert b"\r" not in (folder / "tables" / "lr.csv").read_bytes()


def test_the_report_repeats_byte_for_byte(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    report("outputs", "--out", "first")
    report("outputs", "--out", "second", "--figures", "summary")
    assert files_below(tmp_path / "first") == files_below(tmp_path / "second")


def test_only_the_runs_asked_for_are_reported(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid((0.001, 0.01, StepDecay("step"))), figures)
    status, out, _ = report("outputs", "--where", "lr=0.01,step", "--where", "pool=max")
    assert status == 0 and out.startswith("s1: 4 of 4 runs finished\n")
    folder = tmp_path / "outputs/report/lr=0.01,step+pool=max/s1"
    summary = pd.read_csv(folder / "summary.csv")
    assert list(summary["factor"] + "=" + summary["level"]) == ["lr=0.01", "lr=step"]
    runs = pd.read_csv(folder / "runs.csv")
    assert set(runs["pool"]) == {"max"} and set(runs["lr_label"]) == {"0.01", "step"}
    assert report("outputs", "--where", "seed=1")[1].startswith("s1: 6 of 6")


def test_only_the_factors_asked_for_are_shown(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    status, out, _ = report("outputs", "--factor", "lr")
    folder = tmp_path / "outputs/report/factor=lr/s1"
    assert status == 0 and "Learning rate (lr)" in out and "Pooling" not in out
    assert "averaged over pool (max, avg)" in " ".join(out.split())
    assert (folder / "tables/lr.csv").exists() and not (folder / "tables/pool.csv").exists()
    assert not list((folder / "figures").glob("*_pool.svg"))
    assert set(pd.read_csv(folder / "pairs.csv")["factor"]) == {"lr"}


def test_one_study_of_several_has_the_place_that_it_has_among_all(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "one", grid(seeds=1), figures)
    write_study(tmp_path / "outputs" / "two", grid(seeds=1), figures)
    assert report("outputs", "--study", "two")[0] == 0
    assert [path.name for path in (tmp_path / "outputs/report").iterdir()] == ["two"]
    alone = files_below(tmp_path / "outputs/report/two")
    report("outputs")
    assert (
        alone.items() - {("manifest.json", alone["manifest.json"])}
        <= files_below(tmp_path / "outputs/report/two").items()
    )
    index = (tmp_path / "outputs/report/index.html").read_text(encoding="utf-8")
    assert 'href="one/index.html"' in index and 'href="two/index.html"' in index
    assert "one seed" in index.lower() or "one run" in index.lower()


def test_criteria_reach_the_verdicts_and_the_summary(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    words = ("--metric", "val_accuracy", "--epoch", "best_val", "--margin", "0.2", "--target", "0.5", "--alpha", "0.01")
    words += ("--family", "study")
    assert report("outputs", *words)[0] == 0
    folder = (
        tmp_path / "outputs/report/metric=val_accuracy+epoch=best_val+margin=0.2+target=0.5+alpha=0.01+family=study/s1"
    )
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["criteria"] == {
        "metric": "val_accuracy", "epoch": "best_val", "margin": 0.002, "target": 0.005, "alpha": 0.01,
        "family": "study",
    }  # fmt: skip
    assert summary["runs"] == {"planned": 8, "done": 8}
    assert list(summary["verdicts"]) == ["pool", "lr"] and summary["factors"]["lr"] == ["0.001", "0.01"]
    pairs = pd.read_csv(folder / "pairs.csv")
    assert set(pairs["alpha"]) == {0.01}
    table = (folder / "tables/lr.md").read_text(encoding="utf-8")
    # The highest of many noisy accuracies is described; verdicts go by test accuracy where validation chose the epoch.
    assert "test accuracy at best val, %" in table and "| highest val accuracy, %" in table.replace("  ", "")
    assert "is described only" in (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--margin", "-1"), "argument --margin: -1: must be a number above 0 and at most 50"),
        (("--margin", "much"), "argument --margin: much: must be"),
        (("--alpha", "0.7"), "argument --alpha: 0.7: must be a number above 0 and at most 0.5"),
        (("--target", "nan"), "argument --target: nan: must be"),
        (("--metric", "loss"), "argument --metric: invalid choice"),
        (("--where", "lr"), "argument --where: lr: is not of the form setting=value"),
        (("--where", "leer=1"), "--where leer=1: no setting is called leer: model, "),
        (("--where", "lr=7"), "--where lr=7: no run has lr=7; there is 0.001, 0.01"),
        (("--where", "pool=max", "--where", "seed=9"), "--where seed=9: no run has seed=9; there is 0, 1"),
        (("--factor", "epochs"), "--factor epochs: the factors are pool, lr"),
        (("--factor", "poool"), "--factor poool: the factors are pool, lr; did you mean pool?"),
        (("--study", "s11"), "--study s11: the studies are s1; did you mean s1?"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(report: Run, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    status, out, err = report("outputs", *words)
    assert (status, out) == (1, "")
    assert err.startswith(f"lenet-report: {told}") and err.count("\n") == 1
    assert not (tmp_path / "outputs/report/s1").exists()


def test_the_page_is_opened_only_where_that_is_asked_for(
    report: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or False)
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    report("outputs")
    assert opened == []
    status, _, err = report("outputs", "--open")
    assert status == 0 and opened == [(tmp_path / "outputs/report/s1/index.html").resolve().as_uri()]
    assert "no browser can be opened" in err


def test_a_drawn_report_repeats_byte_for_byte(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=2)], figures)
    report("outputs", "--study", "s1", "--out", "first", "--formats", "png,svg")
    report("outputs", "--study", "s1", "--out", "second", "--formats", "svg,png")
    first = files_below(tmp_path / "first")
    assert first == files_below(tmp_path / "second")
    assert first["figures/loss_variants.png"].startswith(b"\x89PNG") and b"data:image/svg+xml;" in first["index.html"]


def test_an_empty_or_damaged_study_stops_no_other(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "good", grid(), figures)
    (tmp_path / "outputs/empty/sweeps").mkdir(parents=True)
    (tmp_path / "outputs/torn/sweeps").mkdir(parents=True)
    (tmp_path / "outputs/torn/sweeps/1.json").write_text("{")
    status, out, err = report()
    assert status == 0, err
    assert "good: 8 of 8 runs finished" in out


def test_an_empty_study_alone_is_nothing_to_report(report: Run, tmp_path: Path) -> None:
    (tmp_path / "outputs/empty/sweeps").mkdir(parents=True)
    status, _, err = report()
    assert status == 2
    assert "Traceback" not in err


def test_of_two_folders_with_one_run_the_original_counts(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    name = plan_of(grid()[0]).name
    shutil.copytree(tmp_path / "outputs/s1" / name, tmp_path / "outputs/s1/a_copy")
    _, _, err = report()
    assert f"a_copy: is a copy of {name} and does not count" in err


def test_without_a_common_cell_there_is_no_figure_that_claims_something(report: Run, tmp_path: Path) -> None:
    alone = [RunConfig(lr=0.001, pool=Pool.max, epochs=2), RunConfig(lr=0.01, pool=Pool.avg, epochs=2)]
    write_study(tmp_path / "outputs" / "s1", alone, figures)
    assert report()[0] == 0
    made = {path.stem for path in (tmp_path / "outputs/report/s1/figures").iterdir()}
    assert made == {"loss_variants", "heatmap_pool_lr", "time_error", "captions"}
    assert (tmp_path / "outputs/report/s1/tables/lr.md").exists()


def test_several_studies_have_a_folder_each_and_an_index(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "one", grid(seeds=1), figures)
    write_study(tmp_path / "outputs" / "two", [RunConfig(batch_size=size, epochs=1) for size in (32, 64)], figures)
    write_run(tmp_path / "outputs" / "three", RunConfig(), [], State.running)
    status, out, _ = report("outputs/")
    folder = tmp_path / "outputs" / "report"
    assert status == 0
    assert {path.name for path in folder.iterdir()} == {"index.html", "index.md", "manifest.json", "one", "two"}
    index = (folder / "index.md").read_text(encoding="utf-8")
    assert "[lr](one/tables/lr.md)" in index and "[batch_size](two/tables/batch_size.md)" in index
    assert "0 of 1 run finished (1 running)" in index
    assert "one: 4 of 4 runs finished" in out and "three: 0 of 1 run finished (1 running)" in out
    for link in ("one/tables/lr.md", "one/tables/pool.md", "two/tables/variants.md"):
        assert (folder / link).is_file()


def test_a_second_study_moves_nothing(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "one", [RunConfig(epochs=1)], figures)
    report()
    first = files_below(tmp_path / "outputs" / "report" / "one")
    write_run(tmp_path / "outputs" / "two", RunConfig(), [], State.running)
    report()
    assert files_below(tmp_path / "outputs" / "report" / "one") == first
    write_study(tmp_path / "outputs" / "three", [RunConfig(epochs=2)], figures)
    report()
    assert files_below(tmp_path / "outputs" / "report" / "one") == first


def test_a_study_may_be_named_itself(report: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "outputs" / "one", grid(), figures)
    assert report("outputs/one")[0] == 0
    assert (tmp_path / "outputs" / "one" / "report" / "tables" / "lr.md").is_file()
    monkeypatch.chdir(tmp_path / "outputs" / "one")
    status, out, _ = report(".")
    assert status == 0 and out.startswith("one: 8 of 8")


def test_all_figures_are_one_per_variant_as_well(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(seeds=1), figures)
    report("--figures", "all")
    names = {path.stem for path in (tmp_path / "outputs" / "report" / "s1" / "figures").iterdir()}
    variants = {f"loss_pool-{pool}_lr-{lr}" for pool in ("max", "avg") for lr in ("0.001", "0.01")}
    assert names >= {"loss_lr", "loss_pool", "loss_variants"} | variants


def test_more_variants_than_a_sheet_holds_make_several(
    report: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lenet_ablate.report.figures.curve_gallery.PANELS_PER_SHEET", 2)
    write_study(tmp_path / "outputs" / "s1", [RunConfig(batch_size=n, epochs=1) for n in (1, 2, 3)], figures)
    report()
    names = {path.name for path in (tmp_path / "outputs" / "report" / "s1" / "figures").glob("loss_variants*.svg")}
    assert names == {"loss_variants_1.svg", "loss_variants_2.svg"}


def test_a_single_run_has_a_table_a_figure_and_a_warning(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    status, out, err = report("--figures", "all")
    folder = tmp_path / "outputs" / "report" / "s1"
    assert status == 0
    assert {path.stem for path in (folder / "tables").iterdir()} == {"variants", "all"}
    assert (folder / "figures" / "loss_lenet5-on-mnist.svg").is_file()
    assert "n = 1 seed each" in out
    assert "warning: s1: One seed per variant" in err


def test_a_sweep_that_still_runs_is_reported_as_far_as_it_is(report: Run, tmp_path: Path) -> None:
    study, configs = tmp_path / "outputs" / "s1", grid()
    write_study(study, configs[:4], figures)
    write_run(study, configs[4], rows_of(configs[4], figures, 1), State.running)
    write_run(study, configs[5], rows_of(configs[5], figures, 1), State.failed, error="out of memory")
    write_sweep(study, configs)
    status, out, err = report()
    assert status == 0
    assert out.startswith("s1: 4 of 8 runs finished (2 planned, 1 running, 1 failed)\n")
    assert "lr=0.01 has no run with final figures" in out
    assert f"outputs/s1/{plan_of(configs[5]).name} (pool=max, lr=0.01, seed 1): failed: out of memory" in err
    assert err.count(": failed") == 1
    runs = pd.read_csv(tmp_path / "outputs" / "report" / "s1" / "runs.csv")
    assert sorted(runs["status"]) == ["done"] * 4 + ["failed", "planned", "planned", "running"]


def test_unreadable_runs_are_named_and_counts_stay_whole(report: Run, tmp_path: Path) -> None:
    study = tmp_path / "outputs" / "s1"
    first, *_ = write_study(study, grid(), figures)
    (first / "metrics.csv").write_text("damaged", encoding="utf-8")
    status, out, err = report()
    assert status == 0
    assert out.startswith("s1: 7 of 8 runs finished (1 unreadable)\n")
    assert f"outputs/s1/{first.name}: unreadable: metrics.csv is damaged" in err
    runs = pd.read_csv(tmp_path / "outputs" / "report" / "s1" / "runs.csv", dtype=str, keep_default_na=False)
    assert set(runs["batch_size"]) == {"64", ""}
    assert set(runs["num_parameters"]) == {"61706", ""}


def test_diverged_runs_are_results_of_their_own(report: Run, tmp_path: Path) -> None:
    study, configs = tmp_path / "outputs" / "s1", grid()
    write_study(study, configs[:4], figures)
    for config in configs[4:]:
        write_run(study, config, rows_of(config, lambda config, epoch: (float("nan"), 0.1), 1), State.diverged)
    status, out, err = report()
    assert status == 0
    assert out.startswith("s1: 8 of 8 runs finished, 4 of them diverged\n")
    assert err.count(": diverged") == 4
    table = pd.read_csv(tmp_path / "outputs" / "report" / "s1" / "tables" / "lr.csv")
    assert list(table["n_used"]) == [4, 0]
    epochs = (tmp_path / "outputs" / "report" / "s1" / "epochs.csv").read_text(encoding="utf-8")
    assert ",1,860,train,loss_running,NaN\n" in epochs


def test_nothing_finished_writes_nothing(report: Run, tmp_path: Path) -> None:
    status, out, err = report()
    assert (status, out) == (2, "")
    assert err.startswith("lenet-report: outputs: there is no such folder")
    (tmp_path / "outputs").mkdir()
    status, out, err = report()
    assert (status, out) == (2, "") and "holds no runs" in err
    write_run(tmp_path / "outputs" / "s1", RunConfig(), [], State.failed, error="broke")
    status, out, err = report()
    assert (status, out) == (2, "")
    assert err == "lenet-report: outputs: nothing to report yet: s1: 0 of 1 run finished (1 failed)\n"
    assert not (tmp_path / "outputs" / "report" / "s1").exists()


def test_all_that_is_damaged_is_told_where_nothing_is_finished(report: Run, tmp_path: Path) -> None:
    study = tmp_path / "outputs" / "s1"
    for seed in range(11):
        (write_run(study, RunConfig(seed=seed), [], State.failed, error="broke") / "status.json").write_text("torn")
    (study / "sweeps").mkdir()
    (study / "sweeps" / "foreign.json").write_text("[]")
    status, _, err = report()
    lines = err.splitlines()
    assert status == 2 and "s1: 0 of 11 runs finished (11 unreadable)" in lines[0]
    assert sum(line.startswith("  outputs/s1/max_") and "status.json" in line for line in lines) == 10
    assert lines[-2:] == [
        "  outputs/s1: 1 more run cannot be read",
        "  outputs/s1/sweeps: foreign.json must be a mapping; this plan is ignored",
    ]


def test_a_bad_option_or_an_output_that_cannot_be_written_is_status_1(report: Run, tmp_path: Path) -> None:
    for words in (("--figure", "all"), ("--figures", "some"), ("--formats", "svg,gif")):
        status, out, err = report(*words)
        assert (status, out) == (1, "")
        assert err.startswith("lenet-report: ") and err.count("\n") == 1
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for target in ("file", "file/below"):
        status, out, err = report("--out", target)
        assert (status, out) == (1, "")
        assert err.startswith("lenet-report: file") and err.count("\n") == 1
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_stale_files_go_and_foreign_ones_stay(report: Run, tmp_path: Path) -> None:
    study, folder = tmp_path / "outputs" / "one", tmp_path / "outputs" / "report" / "one"
    write_study(study, grid(seeds=1), figures)
    report("--figures", "all")
    (folder / "tables" / "mine.csv").write_text("mine", encoding="utf-8")
    (folder / "tables" / "pool.md").write_text("edited by hand", encoding="utf-8")
    assert (folder / "figures" / "loss_pool.svg").exists()
    for run in study.glob("avg*"):
        shutil.rmtree(run)
    report()
    left = set(files_below(folder))
    assert "tables/mine.csv" in left and "tables/pool.md" in left and "tables/lr.csv" in left
    assert not left & {"tables/pool.csv", "figures/loss_pool.svg", "figures/loss_pool-max_lr-0.01.svg"}
    shutil.rmtree(study)
    write_study(tmp_path / "outputs" / "two", [RunConfig(epochs=1)], figures)
    report()
    assert set(files_below(folder)) == {"tables/mine.csv", "tables/pool.md"}


def test_a_manifest_removes_nothing_outside(report: Run, tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "report"
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    digest = hashlib.sha256(b"precious").hexdigest()
    names = ["../../precious", str(precious), "link/precious"]
    (folder / "manifest.json").write_text(json.dumps({"files": dict.fromkeys(names, digest)}), encoding="utf-8")
    assert report()[0] == 0
    assert precious.exists()
    (folder / "manifest.json").write_text("[", encoding="utf-8")
    assert report()[0] == 0


def test_hostile_text_acts_nowhere(report: Run, tmp_path: Path) -> None:
    study, configs = tmp_path / "outputs" / "s1", grid()
    write_study(study, configs[:-1], figures)
    error = "=cmd|' /C calc'!A0 `x` <script>alert(1)</script>\n| [x](javascript:y) \x1b[31m \ud800"
    folder = write_run(study, configs[-1], [], State.failed)
    found = json.loads((folder / STATUS).read_bytes())
    (folder / STATUS).write_text(json.dumps(found | {"error": error}), encoding="utf-8")
    status, out, err = report()
    assert status == 0
    assert "\x1b" not in out + err and err.count(": failed: =cmd") == 1
    runs = (tmp_path / "outputs" / "report" / "s1" / "runs.csv").read_text(encoding="utf-8")
    assert "'=cmd" in runs
    document = (tmp_path / "outputs" / "report" / "s1" / "tables" / "lr.md").read_text(encoding="utf-8")
    (line,) = [line for line in document.splitlines() if "script" in line]
    assert "\\<script>" in line and "\\[x](" in line and " \\| " in line
    page = (tmp_path / "outputs" / "report" / "s1" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    tex = (tmp_path / "outputs" / "report" / "s1" / "tables" / "all.tex").read_text(encoding="utf-8")
    assert r"\textless{}script" in tex


def test_what_is_said_of_several_studies_is_said_once(report: Run, tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        write_study(tmp_path / "outputs" / name, grid(seeds=1), figures)
    _, _, err = report()
    assert err.count("One seed per variant") == 1 and "warning: a, b, c and 2 more: One seed per variant" in err


def test_letters_beyond_ascii_are_marked_for_spreadsheets() -> None:
    frame = pd.DataFrame({"study": ["größe"], "n": [1]})
    content = csv_bytes(frame)
    assert content.startswith(b"\xef\xbb\xbf") and content.decode("utf-8-sig") == "study,n\ngröße,1\n"
    assert pd.read_csv(io.BytesIO(content)).equals(frame)


def test_formulas_get_an_apostrophe_and_numbers_do_not() -> None:
    frame = pd.DataFrame({"text": ["=1+1", "+1", "-1", "@x", "a=b", None], "number": [-1.5, 1, -2, 0.1, 1e-07, None]})
    lines = csv_bytes(frame).decode().splitlines()
    assert lines == ["text,number", "'=1+1,-1.5", "'+1,1.0", "'-1,-2.0", "'@x,0.1", "a=b,1e-07", ","]
    mixed = pd.DataFrame({"lr": pd.Series([-0.5, "-step"], dtype=object)})
    assert csv_bytes(mixed).decode() == "lr\n-0.5\n'-step\n"


def test_text_becomes_one_line_that_markdown_shows_as_it_is() -> None:
    assert one_line("a\n\tb \x00 c") == "a b c"
    assert one_line("x" * 500).endswith("…") and len(one_line("x" * 500)) == 300
    assert markdown_text("a|b <i> [l] `c` *d* x_y") == r"a\|b \<i> \[l] \`c\` \*d\* x_y"


def test_help_shows_an_example_and_version_the_version(report: Run) -> None:
    status, out, _ = report("--help")
    assert status == 0 and "lenet-report outputs/" in out and "--figures" in out
    assert report("--version")[:2] == (0, f"lenet-report {__version__}\n")


def test_neither_torch_nor_hydra_is_imported(tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    code = (
        "import sys; from lenet_ablate.report.main import main; assert main([]) == 0; "
        "bad = {'torch', 'torchvision', 'hydra', 'omegaconf', 'matplotlib.pyplot'} & set(sys.modules); "
        "sys.exit(f'imports {bad}' if bad else 0)"
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "report" / "s1" / "runs.csv").is_file()


@pytest.mark.parametrize("option", ["--help", "--version", "--wrong"])
def test_asking_for_help_imports_nothing_slow(option: str, tmp_path: Path) -> None:
    code = f"""
import sys
from lenet_ablate.report.main import main
try:
    sys.exit(main([{option!r}]))
finally:
    slow = {{"numpy", "pandas", "matplotlib", "tqdm"}} & set(sys.modules)
    assert not slow, slow
"""
    assert python(code, tmp_path).returncode == (1 if option == "--wrong" else 0)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", [RunConfig(epochs=1)], figures)
    code = "import sys; from lenet_ablate.report.main import main; sys.exit(main([]))"
    command = f"({sys.executable} -u -c '{code}'; echo status $? >&2) | head -n 0"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "status 0" in done.stderr and "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_a_report_overwrites_nothing_of_others(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my thesis")
    status, _, err = report("--out", "mine")
    assert status == 1
    assert "mine/index.html: was not written by a report" in err
    assert files_below(tmp_path / "mine") == {"index.html": b"my thesis"}
    assert report("--out", "new")[0] == 0
    assert report("--out", "new")[0] == 0


def test_an_interrupted_report_can_be_made_again(report: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "outputs" / "s1", grid(), figures)
    writes = iter(range(4))

    def stop_soon(path: Path, data: bytes, flush: bool = True) -> str:
        if next(writes, None) is None:
            raise KeyboardInterrupt
        return write_bytes(path, data, flush=flush)

    with monkeypatch.context() as patch:
        patch.setattr(write_module, "write_bytes", stop_soon)
        assert report()[0] == 130
    assert len(files_below(tmp_path / "outputs" / "report" / "s1")) > 1
    assert report()[0] == 0
