"""Runs that several people trained, each into a folder of their own, in one report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from support.report_runs import plan_of, rows_of, write_run, write_study

Report = Callable[..., tuple[int, str, str]]


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    return 1 / epoch, 0.9 + config.seed / 100 + 0.02 * (config.pool is Pool.max)


def of_seeds(*seeds: int) -> list[RunConfig]:
    return [RunConfig(pool=pool, seed=seed, epochs=1) for pool in Pool for seed in seeds]


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Ann trained seeds 0 and 1, Bob 1 and 2; both called their study `s`, and Bob has another one."""
    write_study(tmp_path / "ann/outputs/s", of_seeds(0, 1), figures)
    write_study(tmp_path / "bob/outputs/s", of_seeds(1, 2), figures)
    write_study(tmp_path / "bob/outputs/alone", of_seeds(0), figures)
    return tmp_path


@pytest.mark.parametrize("words", [("ann/outputs", "bob/outputs"), (".",), ("ann", "bob", "ann/outputs")])
def test_studies_of_one_name_are_one_and_each_run_says_where_it_is_from(
    report: Report, both: Path, words: tuple[str, ...]
) -> None:
    status, out, err = report(*words)
    assert status == 0 and "other figures" not in err and "copy" not in err
    assert "s: 6 of 6 runs finished, 3 seeds" in out and "alone: 2 of 2 runs finished" in out
    runs = pd.read_csv(both / "report/s/runs.csv")
    assert list(runs.columns[:3]) == ["study", "origin", "run"] and runs["run"].is_unique
    origins = {origin.removeprefix("./"): set(own["seed"]) for origin, own in runs.groupby("origin")}
    assert origins == {"ann/outputs": {0, 1}, "bob/outputs": {2}}
    assert set(pd.read_csv(both / "report/s/pairs.csv")["n_pairs"]) == {3}


def test_the_second_report_of_them_is_unchanged_until_one_of_them_changes(report: Report, both: Path) -> None:
    report("ann/outputs", "bob/outputs")
    assert "unchanged: report/s/index.html" in report("ann/outputs", "bob/outputs")[1].replace(f"{both}/", "")
    status = next((both / "bob/outputs/s").glob("*_s2-*/status.json"))
    status.write_text(status.read_text().replace('"format": 1', '"format": 1, "note": "touched"'))
    assert "written: report/s/index.html" in report("ann/outputs", "bob/outputs")[1].replace(f"{both}/", "")


def test_runs_of_the_same_settings_that_differ_are_named(report: Report, both: Path) -> None:
    changed = of_seeds(1)[0]
    shutil.rmtree(both / "bob/outputs/s" / plan_of(changed).name)
    write_run(both / "bob/outputs/s", changed, rows_of(changed, lambda config, epoch: (1 / epoch, 0.5)))
    _, out, err = report("ann/outputs", "bob/outputs", "--study", "s")
    assert "s: 6 of 6" in out
    name = plan_of(changed).name
    assert f"bob/outputs/s/{name} has the same settings as ann/outputs/s/{name} and other figures" in err
    assert err.count("other figures") == 1
    runs = pd.read_csv(both / "report/s/runs.csv").set_index("run")
    assert runs.at[name, "origin"] == "ann/outputs" and runs.at[name, "test_accuracy"] > 0.9


def test_a_folder_without_runs_stops_no_other(report: Report, both: Path) -> None:
    (both / "eve/outputs").mkdir(parents=True)
    status, out, err = report("ann/outputs", "eve/outputs", "nobody")
    assert status == 0 and out.startswith("s: 4 of 4 runs finished")
    assert "left out: eve/outputs: holds no runs" in err and "left out: nobody: there is no such folder" in err
    assert report("eve/outputs", "nobody")[0] == 2


def test_an_unreadable_run_of_one_hides_no_run_of_the_other(report: Report, both: Path) -> None:
    name = plan_of(of_seeds(1)[0]).name
    (both / "bob/outputs/s" / name / "metrics.csv").write_text("damaged")
    (both / "ann/outputs/s" / plan_of(of_seeds(0)[0]).name / "config.yaml").write_text("damaged")
    status, out, _ = report("ann/outputs", "bob/outputs", "--study", "s")
    assert status == 0 and "s: 5 of 6 runs finished (1 unreadable)" in out
