"""Parts of a study: what may be compared, and that the report compares and averages nothing else."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from lenet_ablate.config.choices import Activation, DataSet, Model, Pool
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import DataConfig, ModelConfig, RunConfig
from lenet_ablate.records.plans import SweepPlan, parse_plan
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import METRICS, State
from lenet_ablate.report.figures.drawing import draw_image
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.comparable import Part, reasons, split
from lenet_ablate.report.study.published import published_frame
from support.report_designs import record_of
from support.report_runs import plan_file, plan_of, rows_of, write_run, write_study, write_sweep

DIGITS = DataConfig(DataSet.digits, val_size=200)
MLP = ModelConfig(Model.mlp, c5=None, hidden=(8,))
Run = Callable[..., tuple[int, str, str]]


def point_config(name: str, activation: Activation = Activation.relu, seed: int = 0, **data: Any) -> RunConfig:
    """A small network on one of the playground's sets."""
    plain = yaml.safe_load((config_dir() / f"data/playground/{name}.yaml").read_text()) | data
    config, _ = parse_config({"data": plain, "model": {"name": "mlp", "c5": None, "hidden": [4]}})
    return dataclasses.replace(config, activation=activation, seed=seed, epochs=2)


def grid(pools: Sequence[Pool] = tuple(Pool), seeds: int = 2, **changes: Any) -> list[RunConfig]:
    usual = RunConfig(epochs=2)
    return [dataclasses.replace(usual, pool=pool, seed=seed, **changes) for pool in pools for seed in range(seeds)]


def parts_of(configs: Sequence[RunConfig], *sweeps: SweepPlan) -> list[Part]:
    return split([record_of(config, 0.9) for config in configs], sweeps)


def titles(configs: Sequence[RunConfig], *sweeps: SweepPlan) -> list[str]:
    return [part.title for part in parts_of(configs, *sweeps)]


def swept(configs: Sequence[RunConfig], *keys: str) -> SweepPlan:
    return parse_plan(plan_file(configs, {key: ["one", "other"] for key in keys}))


def test_a_study_on_one_data_set_has_no_parts() -> None:
    assert titles(grid()) == []
    assert titles(grid(), swept(grid(), "pool", "seed")) == []
    assert titles([]) == []


def test_data_sets_are_parts_even_where_a_sweep_varied_them() -> None:
    configs = [*grid(data=DIGITS), *grid()]
    for sweeps in ([], [swept(configs, "data", "pool")]):
        parts = parts_of(configs, *sweeps)
        assert [(part.title, part.folder) for part in parts] == [
            ("data=mnist", "data-mnist"),
            ("data=digits", "data-digits"),
        ]
        assert [len(part.records) for part in parts] == [4, 4]


def test_what_makes_another_test_set_is_a_part() -> None:
    noisy = [point_config("xor", noise=noise) for noise in (0.0, 0.1)]
    assert titles(noisy, swept(noisy, "data.noise")) == ["data.noise=0.0", "data.noise=0.1"]
    paths = [RunConfig(data=DataConfig(DataSet.idx, path)) for path in ("one", "two")]
    assert titles(paths, swept(paths, "data.path")) == ["data.path=one", "data.path=two"]
    assert titles([*noisy, point_config("gauss")]) == [
        "data=playground/xor, data.noise=0.0",
        "data=playground/xor, data.noise=0.1",
        "data=playground/gauss",
    ]


@pytest.mark.parametrize(
    ("key", "changes", "expected"),
    [
        ("epochs", [{"epochs": 1}, {"epochs": 30}], ["epochs=1", "epochs=30"]),
        ("model", [{}, {"model": ModelConfig(Model.cnn4, c5=None)}], ["model=lenet5", "model=cnn4"]),
        (
            "model.hidden",
            [{"model": MLP}, {"model": dataclasses.replace(MLP, hidden=(8, 8))}],
            ["model.hidden=[8]", "model.hidden=[8,8]"],
        ),
        (
            "data.train_size",
            [{"data": DataConfig(train_size=size)} for size in (100, 1000)],
            ["data.train_size=100", "data.train_size=1000"],
        ),
        (
            "data.val_size",
            [{"data": DataConfig(val_size=size)} for size in (0, 5000)],
            ["data.val_size=0", "data.val_size=5000"],
        ),
    ],
)
def test_what_a_sweep_varied_is_a_factor_and_what_sweeps_held_fixed_makes_parts(
    key: str, changes: list[dict[str, Any]], expected: list[str]
) -> None:
    first, second = (grid(**change) for change in changes)
    both = [*first, *second]
    assert sorted(titles(both, swept(first, "pool"), swept(second, "pool"))) == sorted(expected)
    assert titles(both, swept(both, key, "pool")) == []
    assert titles(both, swept(first, "pool"), swept(second, "pool"), swept(both, key)) == []
    assert sorted(titles(both, swept(both, "pool"))) == sorted(expected)  # as two experiments in one command


def test_varying_one_setting_of_a_model_compares_no_models() -> None:
    wide = dataclasses.replace(MLP, hidden=(8, 8))
    mlps, cnn4 = [*grid(model=MLP), *grid(model=wide)], grid(model=ModelConfig(Model.cnn4, c5=None))
    sweep = swept([*mlps, *cnn4], "model.hidden", "pool")
    assert titles([*mlps, *cnn4], sweep) == ["model=cnn4", "model=mlp"]
    assert titles([*mlps, *cnn4], sweep, swept([*mlps, *cnn4], "model.name", "model.hidden")) == []


def test_a_first_try_with_one_epoch_stands_alone() -> None:
    first, later = grid([Pool.max], 1, epochs=1), grid(epochs=30)
    assert titles([*first, *later], swept(first), swept(later, "pool", "seed")) == ["epochs=1", "epochs=30"]
    assert titles([*first, *later]) == ["epochs=1", "epochs=30"]


def test_without_plans_crossed_runs_are_one_study() -> None:
    assert titles([*grid(epochs=1), *grid(epochs=30)]) == []
    assert titles([*grid(epochs=1), *grid(epochs=30, lr=0.5)]) == ["epochs=1", "epochs=30"]
    crossed = [*grid(epochs=1), *grid(epochs=30)]
    assert titles(crossed, parse_plan(plan_file(crossed))) == []  # a plan that does not tell what it varied


def test_parts_hold_several_levels_of_what_was_varied() -> None:
    varied, other = [*grid(epochs=1), *grid(epochs=30)], grid(epochs=5, data=DIGITS)
    assert titles([*varied, *other], swept(varied, "epochs", "pool"), swept(other, "pool")) == [
        "data=mnist, epochs=1,30",
        "data=digits, epochs=5",
    ]


def test_runs_are_linked_through_several_sweeps() -> None:
    one, two, three = (grid(epochs=epochs) for epochs in (1, 2, 3))
    sweeps = [swept([*one, *two], "epochs"), swept([*two, *three], "epochs")]
    assert titles([*one, *two, *three], *sweeps) == []
    assert titles([*one, *two, *three], *sweeps[:1]) == ["epochs=1,2", "epochs=3"]


def test_every_run_is_in_one_part_whatever_the_order() -> None:
    configs = [
        *(config for epochs in (1, 2) for config in grid(epochs=epochs)),
        *grid(data=DIGITS, epochs=3),
        *(point_config(name, seed=seed) for name in ("xor", "spiral") for seed in range(3)),
    ]
    sweeps = [swept(configs[:4], "pool"), swept(configs[4:], "data", "pool")]
    records = [record_of(config, 0.9) for config in configs]
    found = split(records, sweeps)
    assert sorted(record.folder for part in found for record in part.records) == sorted(r.folder for r in records)
    random.Random(0).shuffle(records)
    again = split(records, sweeps[::-1])
    assert [(part.title, part.folder, {run.folder for run in part.records}) for part in again] == [
        (part.title, part.folder, {run.folder for run in part.records}) for part in found
    ]
    assert len({part.folder.lower() for part in found}) == len(found) == 5


def test_parts_that_no_setting_tells_apart_are_numbered() -> None:
    cnn4 = ModelConfig(Model.cnn4, c5=None)
    one = [*grid(epochs=1), *grid(epochs=30, model=cnn4)]
    two = [*grid(epochs=30), *grid(epochs=1, model=cnn4)]
    found = parts_of([*one, *two], swept(one, "epochs", "model"), swept(two, "epochs", "model"))
    assert [part.title for part in found] == ["part 1", "part 2"]
    assert len({part.folder for part in found}) == 2


def test_a_part_has_the_plans_of_its_runs_alone() -> None:
    first, later = grid(), grid(data=DIGITS)
    both = [*first, *later]
    mnist, digits = parts_of(both, swept(first, "pool"), swept(both, "data", "pool"))
    assert [len(sweep.runs) for sweep in mnist.sweeps] == [4, 4]
    assert [{run.identity for run in sweep.runs} for sweep in digits.sweeps] == [set(map(identity, later))]


def test_an_unreadable_run_is_in_no_part_and_counts() -> None:
    records = [record_of(config, 0.9) for config in (*grid(), *grid(data=DIGITS))]
    lost = RunRecord(Path("outputs/s/lost"), State.unreadable, error="has no status.json")
    study = make_study(Path("outputs/s"), [*records, lost])
    assert len(study.runs) == 9 and [len(part.runs) for part in study.parts] == [4, 4]
    assert make_study(Path("outputs/s"), [*records[:4], lost]).parts == ()


def test_the_reason_names_what_would_compare_them() -> None:
    assert reasons([grid(), grid(data=DIGITS)]) == [
        "Figures on different test sets answer different questions: they are neither compared nor averaged."
    ]
    (told,) = reasons([grid(epochs=1), grid(epochs=30)])
    assert "Runs that differ in epochs come from sweeps that did not vary it" in told and "epochs=1,30," in told
    both = reasons([grid(epochs=1), grid(epochs=30), grid(data=DIGITS)])
    assert len(both) == 2 and "epochs=1,30," in both[1]  # not the 2 of the digits
    (told,) = reasons([grid(), grid(model=MLP)])
    assert "differ in model come" in told and "model=lenet5,mlp" in told
    assert reasons([]) == []


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    """On the digits all is far worse, so that any average over data sets would show."""
    level = 0.97 if config.data.name is DataSet.mnist else 0.5
    return (1 + config.seed / 10) / epoch, level + (config.pool is Pool.max) / 100 + config.seed**2 / 500


def test_each_part_is_what_the_study_would_be_with_its_runs_alone(report: Run, tmp_path: Path) -> None:
    mnist, digits = grid(seeds=3), grid(seeds=3, data=DIGITS)
    write_study(tmp_path / "outputs/s1", [*mnist, *digits], figures)
    for name, configs in (("mnist", mnist), ("digits", digits)):
        write_study(tmp_path / name / "s1", configs, figures)
        assert report(name, "--out", f"only_{name}")[0] == 0
    status, out, _ = report("outputs", "--out", "mixed")
    assert status == 0
    assert out.startswith("s1: 12 of 12 runs finished\n\n→ Figures on different test sets answer different questions")
    for name in ("mnist", "digits"):
        alone, part = tmp_path / f"only_{name}/s1", tmp_path / f"mixed/s1/data-{name}"
        made = sorted(path.relative_to(alone) for path in alone.rglob("*") if path.is_file())
        same = [path for path in made if path.suffix in (".csv", ".md", ".tex") or path.parent.name == "tables"]
        assert {"pairs.csv", "summary.csv", "runs.csv", "pool.md"} <= {path.name for path in same}
        for path in same:
            assert (part / path).read_bytes() == (alone / path).read_bytes(), path
        assert {path.relative_to(part) for path in part.rglob("*.*")} >= set(made) - {Path("manifest.json")}
        assert f"s1: data={name}: 6 of 6 runs finished" in out


def test_nothing_is_averaged_over_data_sets(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs/s1", [*grid(), *grid(data=DIGITS)], figures)
    _, out, err = report()
    folder = tmp_path / "outputs/report/s1"
    tables = [*folder.rglob("*.md"), *folder.rglob("*.html"), *folder.rglob("*.tex")]
    texts = [" ".join(path.read_text(encoding="utf-8").split()) for path in tables]
    assert len(texts) > 10
    for text in (*texts, out, err):
        assert "averaged over data" not in text
        assert not re.search(r"data=\w+ (and data=\w+ are|is \S+ pp more accurate)", text)
    assert {path.stem for path in folder.rglob("tables/*.csv")} == {"pool", "pool_epochs", "variants"}
    for path in folder.glob("*/runs.csv"):
        assert pd.read_csv(path)["data"].nunique() == 1
    levels = pd.concat([pd.read_csv(path) for path in folder.glob("*/summary.csv")])
    assert set(levels["factor"]) == {"pool"} and not levels["mean"].between(0.6, 0.9).any()


def test_the_front_leads_to_all_parts_and_holds_all_runs(report: Run, tmp_path: Path) -> None:
    configs = [*grid(), *grid(data=DIGITS)]
    first, *_ = write_study(tmp_path / "outputs/s1", configs, figures)
    (first / METRICS).write_text("damaged", encoding="utf-8")
    write_run(tmp_path / "outputs/s1", dataclasses.replace(RunConfig(), epochs=9), [], State.running)
    status, out, _ = report()
    assert status == 0 and "s1: 7 of 9 runs finished (1 running, 1 unreadable)" in out
    folder = tmp_path / "outputs/report/s1"
    assert {path.name for path in folder.iterdir()} == {
        *("index.html", "index.md", "runs.csv", "epochs.csv", "summary.json", "manifest.json"),
        *("data-mnist_epochs-2", "data-digits_epochs-2"),
    }
    assert len(pd.read_csv(folder / "runs.csv")) == 9
    page = (folder / "index.html").read_text(encoding="utf-8")
    for link in re.findall(r'href="([^#"]+)"', page):
        assert (folder / link).is_file()
    assert page.count('class="study"') == 3 and page.count('href="data-') == 2
    assert "Chosen by validation accuracy" in page and "cannot be read" in page
    assert 'href="../index.html"' in (folder / "data-digits_epochs-2/index.html").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", (folder / "index.md").read_text(encoding="utf-8")):
        assert (folder / link).is_file()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["study"] == "s1" and summary["runs"]["planned"] == 9 and summary["verdicts"] == {}
    assert [part["part"] for part in summary["parts"]] == ["data=mnist, epochs=2", "data=digits, epochs=2"]
    for part in summary["parts"]:
        own = json.loads((folder / part["folder"] / "summary.json").read_text(encoding="utf-8"))
        assert part["verdicts"] == own["verdicts"] != {} and part["best"] == own["best"]


def test_a_study_with_parts_stands_beside_others(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs/mixed", [*grid(), *grid(data=DIGITS)], figures)
    write_study(tmp_path / "outputs/plain", grid(), figures)
    assert report()[0] == 0
    folder = tmp_path / "outputs/report"
    for name in ("mixed/index.html", "mixed/data-digits/index.html", "plain/index.html"):
        assert (folder / name).is_file()
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert 'href="mixed/index.html"' in page and page.count("Chosen by validation accuracy") == 3
    assert "[2 parts](mixed/index.md)" in (folder / "index.md").read_text(encoding="utf-8")


def test_several_studies_are_told_of_briefly(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs/mixed", [*grid(), *grid(data=DIGITS)], figures)
    write_study(tmp_path / "outputs/plain", grid(), figures)
    told = " ".join(report()[1].split())
    assert "mixed: 8 of 8 runs finished, 2 seeds, 2 parts" in told
    assert told.count("data=mnist: Use pool=max: ") == told.count("data=digits: Use pool=max: ") == 1
    assert told.count("Use pool=max: ") == 3
    assert "different test sets" in " ".join(report("--tables")[1].split())


def test_a_report_in_parts_is_left_alone_until_something_changes(report: Run, tmp_path: Path) -> None:
    study, folder = tmp_path / "outputs/s1", tmp_path / "outputs/report/s1"
    write_study(study, [*grid(), *grid(data=DIGITS)], figures)
    report()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert "unchanged: s1" in report()[1]
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    write_study(study, grid([Pool.max], 3, data=DIGITS)[2:], figures)
    assert "s1: data=digits: 5 of 5" in report()[1]
    changed = {path.relative_to(folder) for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {"runs.csv", "index.html", "summary.json"} <= {str(path) for path in changed}
    assert not any(path.parts[0] == "data-mnist" for path in changed)
    for run in study.glob("digits*"):
        shutil.rmtree(run)
    report()
    assert (folder / "tables/pool.md").is_file() and not list(folder.glob("data-*"))


def test_choosing_one_data_set_makes_a_plain_study(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs/s1", [*grid(), *grid(data=DIGITS)], figures)
    status, out, _ = report("--where", "data=digits", "--out", "chosen")
    assert status == 0 and out.startswith("s1: 4 of 4 runs finished\n") and "different test sets" not in out
    assert (tmp_path / "chosen/s1/tables/pool.md").is_file()


def test_a_factor_of_no_part_is_refused(report: Run, tmp_path: Path) -> None:
    write_study(tmp_path / "outputs/s1", [*grid(), *grid(data=DIGITS)], figures)
    status, _, err = report("--factor", "data")
    assert status == 1 and err == "lenet-report: --factor data: the factors are pool\n"


def test_one_epoch_then_thirty_are_told_apart_until_a_sweep_asks(report: Run, tmp_path: Path) -> None:
    study, first, later = tmp_path / "outputs/s1", grid(epochs=1), grid(epochs=3)
    write_study(study, [*first, *later], figures)
    write_sweep(study, first, {"pool": ["max", "avg"]}, "first")
    write_sweep(study, later, {"pool": ["max", "avg"]}, "later")
    _, out, _ = report()
    assert "s1: epochs=1: 4 of 4" in out and "s1: epochs=3: 4 of 4" in out
    assert "averaged over" not in " ".join(out.split())
    write_sweep(study, [*first, *later], {"epochs": ["1", "3"], "pool": ["max", "avg"]}, "both")
    _, out, _ = report()
    assert out.startswith("s1: 8 of 8 runs finished\n") and "s1: epochs" not in out
    assert "averaged over epochs (1, 3)" in " ".join(out.split())
    assert (tmp_path / "outputs/report/s1/tables/epochs.md").is_file()
    assert not (tmp_path / "outputs/report/s1/epochs-1").exists()


def test_the_playground_shows_each_set_and_all_boundaries_together(
    report: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lenet_ablate.report.figures.drawing.draw_image", draw_image)
    names, activations = ("circle", "spiral"), (Activation.relu, Activation.tanh)
    configs = [point_config(name, kind, seed) for name in names for kind in activations for seed in range(2)]

    def points(config: RunConfig, epoch: int) -> tuple[float, float]:
        worse = (config.activation is Activation.tanh) == (config.data.name is DataSet.circle)
        return 1 / epoch, 0.9 - 0.3 * worse + config.seed / 250

    write_study(tmp_path / "outputs/points", configs, points)
    write_sweep(tmp_path / "outputs/points", configs, {"data": list(names), "activation": ["relu", "tanh"]})
    status, _, err = report()
    folder = tmp_path / "outputs/report/points"
    assert status == 0, err
    assert (folder / "figures/boundaries.png").is_file()
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "playground/circle with relu" in page and "playground/spiral with tanh" in page
    best = {}
    for name in names:
        part = folder / f"data-playground-{name}"
        assert (part / "tables/activation.md").is_file() and (part / "figures/boundaries.png").is_file()
        best[name] = json.loads((part / "summary.json").read_text(encoding="utf-8"))["best"]["variant"]
    assert best == {"circle": "activation=relu", "spiral": "activation=tanh"}
    assert "Runs differ in" not in err


def test_a_part_without_a_finished_run_is_listed(report: Run, tmp_path: Path) -> None:
    waiting = grid(data=DIGITS)
    write_study(tmp_path / "outputs/s1", grid(), figures)
    write_run(tmp_path / "outputs/s1", waiting[0], rows_of(waiting[0], figures, 1), State.running)
    status, out, _ = report()
    assert status == 0 and "s1: data=digits: 0 of 1 run finished (1 running)" in out
    assert plan_of(waiting[0]).name in (tmp_path / "outputs/report/s1/runs.csv").read_text(encoding="utf-8")
    assert not (tmp_path / "outputs/report/s1/data-digits").exists()


def test_published_figures_stand_beside_their_own_model_and_data_alone() -> None:
    figure = {"factor": "lr", "level": "0.001", "test_accuracy": 0.99}
    provenance: list[dict[str, str]] = [{}, {"model": "lenet5", "data": "mnist"}, {"model": "cnn4", "data": "mnist"}]
    references = [figure | origin | {"n": n} for n, origin in enumerate(provenance, 100)]
    sweeps = [parse_plan({"format": 1, "created": "2026", "runs": [], "references": [*references, "nonsense"]})]
    cnn4 = ModelConfig(Model.cnn4, c5=None)
    expected = {(): [100], (RunConfig(),): [100, 101], (RunConfig(model=cnn4),): [100, 102]}
    expected |= {(RunConfig(data=DIGITS),): [100], (RunConfig(), RunConfig(model=cnn4)): [100, 101, 102]}
    for configs, kept in expected.items():
        assert list(published_frame(sweeps, configs)["n"]) == kept
