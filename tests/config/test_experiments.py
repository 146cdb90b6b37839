from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_plugins.lenet_ablate._axes import Grid, expand_grid
from lenet_ablate.config.choices import Design, Protocol
from lenet_ablate.config.experiments import Experiment, experiment_names, read_experiment, word
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.grid_words import as_typed, parse_grid_words, to_hydra
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.frames import read_runs
from lenet_ablate.records.plans import read_sweeps
from lenet_ablate.records.read import iter_records

Run = Callable[..., tuple[int, str]]
NAMES = experiment_names([config_dir()])
SHORT = ("data=digits", "epochs=1", "seed=0", "data.train_size=48", "data.val_size=50")


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "experiment").mkdir(exist_ok=True)
    (folder / "experiment" / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_trains_in_short_form(run: Run, name: str) -> None:
    design = ["design=one_factor"] if name == "full_grid" else []  # which are 9 of its 108 runs
    status, out = run(f"experiment={name}", *SHORT, *design)
    assert status == 0, out
    experiment = read_experiment(name, [config_dir()])
    runs = read_runs(f"outputs/{name}")
    assert set(runs["status"]) == {"done"}
    (sweep,) = read_sweeps(Path("outputs") / name)
    assert sweep.experiments == (name,)
    assert [(entry.factor, entry.level, entry.test_accuracy) for entry in sweep.references] == [
        (entry["factor"], entry["level"], entry["test_accuracy"]) for entry in experiment.references
    ]
    assert run(f"experiment={name}", *SHORT, *design)[1].count("nothing to train") == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_says_how_to_run_it_and_what_it_answers(name: str) -> None:
    first, second, *_ = (config_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert first == f"# lenet-ablate experiment={name}"
    assert second.startswith("# ") and "?" in second


def test_references_name_factors_and_levels_of_their_experiment() -> None:
    for name in NAMES:
        experiment = read_experiment(name, [config_dir()])
        for reference in experiment.references:
            if reference["factor"] != "variant":
                levels = [level for grid in experiment.sweeps for level in grid.get(reference["factor"], ())]
                assert reference["level"] in levels
            assert 0.9 < reference["test_accuracy"] < 1
            assert reference["model"] == experiment.settings.get("model", "lenet5") and reference["data"] == "mnist"


def test_several_experiments_are_one_sweep_with_each_run_once(run: Run) -> None:
    status, out = run("experiment=learning_rate,pooling", *SHORT)
    assert status == 0
    assert "4 runs in outputs/ablation: 4 to train" in out  # max pooling at 0.001 belongs to both
    assert "4 already done" not in out
    (sweep,) = read_sweeps(Path("outputs/ablation"))
    assert sweep.experiments == ("learning_rate", "pooling")
    assert sweep.factors is not None and sweep.factors["lr"] == ("0.01", "0.001", "step")
    assert {entry.factor for entry in sweep.references} == {"lr", "pool"}


def test_the_command_line_has_the_last_word(run: Run) -> None:
    assert run("experiment=pooling", *SHORT, "pool=avg", "study=mine")[0] == 0
    (record,) = iter_records(Path("outputs/mine"))
    assert record.config is not None and record.config.pool.value == "avg"


def test_the_documents_protocol_has_its_own_settings(run: Run) -> None:
    words = [word for word in SHORT if not word.startswith("data.val_size")]
    assert run("experiment=tanh_average", "protocol=document", *words)[0] == 0
    (record,) = iter_records(Path("outputs/tanh_average"))
    assert record.config is not None
    assert record.config.data.val_size == 0
    assert record.config.data.resize.value == "bilinear"


def test_the_command_is_recorded_so_that_it_runs_again(run: Run) -> None:
    run("experiment=tiny", "design=one_factor", "seed=0")
    (sweep,) = read_sweeps(Path("outputs/tiny"))
    _, *words = sweep.command.replace("'", "").split()
    assert "nothing to train" in run(*words)[1]


def test_an_experiment_of_ones_own(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "mine", "settings: {data: digits, epochs: 1, data.train_size: 40}\nsweep: {pool: [max, avg]}\n")
    assert "2 runs in outputs/mine" in run("experiment=mine", "--config-dir", str(tmp_path))[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["experiment=tinny"], "did you mean experiment=tiny?"),
        (["experiment=tiny", "protocol=documents"], "did you mean protocol=document?"),
        (["protocol=document"], "needs an experiment=…"),
        (["design=one"], "must be one of full, one_factor"),
        (["zip=[lr,foo]"], "there is no setting 'foo'"),
        (["zip=lr"], "must be a list"),
        (["zip=[lr,seed]", "lr=0.1,0.2"], "seed has no values to advance through"),
        (["zip=[lr,seed]", "lr=0.1,0.2", "seed=0,1,2"], "must have the same number of values each"),
        (["exclude=5"], "must be like exclude={lr:0.01,pool:avg}"),
        (["exclude={}"], "must be like exclude={lr:0.01,pool:avg}"),
        (["lr=0.01", "exclude={lr:0.01}"], "every run is excluded"),
        (["lr=0.01,0.1", "exclude={lr:0.02}"], "exclude={lr:0.02}: leaves out no run; lr is 0.01, 0.1"),
        (["zip=[lr,sed]"], "did you mean 'seed'?"),
        (["zip=lr,pool"], "zip: must be a list"),
        (["--cfg", "job", "experiment=tiny"], "plan=true lists the runs"),
    ],
)
def test_bad_grid_words_are_told_in_a_line(run: Run, tmp_path: Path, words: list[str], told: str) -> None:
    status, out = run(*words)
    assert status == 1
    assert told in out
    assert out.strip().count("\n") <= 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- 1", "must be a mapping"),
        ("sweeps: {}", "has no 'sweeps'; an experiment has settings, sweep"),
        ("sweep: {poool: [max]}", "there is no setting 'poool'; did you mean 'pool'?"),
        ("sweep: {pool: max}", "must be a list of values"),
        ("settings: {lr: [", "cannot be read"),
        ("references: [{factor: lr}]", "a reference has factor, level"),
    ],
)
def test_a_broken_experiment_is_told_in_a_line(run: Run, tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path, "broken", text)
    status, out = run("experiment=broken", "--config-dir", str(tmp_path))
    assert status == 1
    assert told in out
    assert out.strip().count("\n") == 0


def levels(grid: Grid) -> list[str]:
    return [" ".join(text.partition("=")[2] for text in point) for point in grid.points]


def test_one_setting_at_a_time_from_the_first_of_each() -> None:
    grid = expand_grid({}, ["lr=1,2,3", "pool=max,avg", "seed=0,1"], grid=Grid({}, design=Design.one_factor))
    assert sorted(levels(grid)) == sorted(
        f"{rest} {seed}" for seed in (0, 1) for rest in ("1 max", "2 max", "3 max", "1 avg")
    )


GRIDS = """
settings: {data: digits, epochs: 1}
sweep:
  - {optimizer: [adam], lr: [0.001, 0.01]}
  - {optimizer: [sgd], lr: [0.01, 0.1], optimizer.momentum: [0.5, 0.9]}
zip: [[lr, optimizer.momentum]]
exclude: [{optimizer: adam, lr: 0.01}]
"""


def test_a_list_of_grids_is_all_of_their_runs(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "mixed", GRIDS)
    words = ("--config-dir", str(tmp_path), "experiment=mixed")
    status, out = run(*words, "data.train_size=48", "data.val_size=50")
    assert status == 0, out
    runs = read_runs("outputs/mixed")
    settings = runs[["optimizer", "lr", "optimizer.momentum"]].fillna(-1)
    assert sorted(settings.itertuples(index=False, name=None)) == [
        ("adam", 0.001, -1.0),
        ("sgd", 0.01, 0.5),
        ("sgd", 0.1, 0.9),
    ]
    # What is typed has the last word in each grid.
    assert run(*words, "lr=0.5", "seed=0,1", "plan=true")[1].startswith("6 runs in ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sweep: [3]", "must be a mapping"),
        ("sweep: [{lr: 0.1}]", "sweep.lr: must be a list of values"),
        ("sweep: [{lr: [1]}, {lrr: [1]}]", "there is no setting 'lrr'; did you mean 'lr'?"),
        ("sweep: [{lr: [1, 2]}]\nzip: [[lr, pool]]", "zip: pool has no values to advance through in sweep"),
    ],
)
def test_a_wrong_list_of_grids_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        read_experiment("wrong", [write(tmp_path, "wrong", text)])


def test_zipped_settings_advance_together() -> None:
    grid = expand_grid({}, ["lr=1,2", "pool=max,avg", "batch_size=8,16"], grid=Grid({}, zips=[["lr", "batch_size"]]))
    assert levels(grid) == ["1 max 8", "1 avg 8", "2 max 16", "2 avg 16"]


def test_a_single_value_ends_an_experiments_zip() -> None:
    experiment = Experiment("x", sweeps=({"lr": ("1", "2"), "batch_size": ("8", "16")},), zips=(("lr", "batch_size"),))
    assert levels(expand_grid(experiment.params(False)[0], ["lr=5"], experiment=experiment)) == ["5 8", "5 16"]


def test_excluded_combinations_are_left_out() -> None:
    grid = expand_grid({}, ["lr=1,2", "pool=max,avg"], grid=Grid({}, exclude=[{"lr": "1", "pool": "avg"}]))
    assert levels(grid) == ["1 max", "2 max", "2 avg"]


def test_grid_words_go_to_the_sweeper_and_back() -> None:
    typed = ["lr=0.1", "experiment=[a,b]", "zip=[lr,seed]", "design=one_factor", "experimental=1"]
    turned = to_hydra(typed)
    assert turned[0] == "lr=0.1" and turned[4] == "experimental=1"
    assert as_typed(turned) == typed
    words = parse_grid_words({"experiment": ["a", "b", "a"], "zip": [["lr", "seed"]], "protocol": "document"})
    assert (words.experiments, words.protocol) == (("a", "b"), Protocol.document)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (0.001, "0.001"), ([300, 100], "[300,100]"), ("a b", "'a b'"), ("off", "off")],
)
def test_values_are_spelled_as_on_the_command_line(value: object, text: str) -> None:
    assert word(value) == text
    assert word({"a": value}) == f"{{a:{text}}}"


def test_too_many_runs_are_refused_before_they_are_made() -> None:
    words = [f"optimizer.weight_decay={','.join(str(i) for i in range(1001))}", "seed=range(1000)"]
    with pytest.raises(ConfigError, match="more than 1,000,000 runs"):
        _ = expand_grid({}, words).points
