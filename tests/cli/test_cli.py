from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lenet_ablate import __version__
from lenet_ablate.cli import main as cli
from lenet_ablate.cli.choices import options_of
from lenet_ablate.cli.overrides import check_overrides, other_words
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.grid_words import GRID_WORDS
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import NAMED_GROUPS, Options, RunConfig, iter_settings, to_mapping
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import METRICS, MODEL, State
from support.sweeps import Started, start
from support.tiny import without_seconds

Run = Callable[..., tuple[int, str, str]]
DIGITS = ("data=digits", "epochs=1")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `lenet-ablate` with some words in an empty folder; gives exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lenet-ablate", *words])
        status: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        if isinstance(status, str):
            return 1, out, err + status
        return int(status or 0), out, err  # type: ignore[call-overload]

    return call


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("poool=max", ["poool=max", "'poool'", "did you mean 'pool'?", "settings: activation"]),
        ("batch_size=0", ["batch_size=0", "from 1 to 65536", "default is 64"]),
        ("lr=-1", ["lr=-1", "above 0", "did you mean lr=1?"]),
        ("lr=stepp", ["lr=stepp", "step", "did you mean lr=step?"]),
        ("pool=mux", ["pool=mux", "avg, max", "did you mean pool=max?"]),
        ("data=mnis", ["data=mnis", "digits, emnist_balanced, emnist_digits", "did you mean data=mnist?"]),
        ("+x=1", ["+x=1", "there is no setting 'x'"]),
        ("++x=1", ["++x=1", "there is no setting 'x'"]),
        ("seed=1.5", ["seed=1.5", "whole number from 0", "did you mean seed=2?"]),
        ("+lr=1", ["+lr=1", "did you mean lr=1?"]),
        ("~lr", ["~lr", "cannot be removed"]),
        ("lr", ["lr: is not of the form setting=value", "did you mean lr=…?"]),
        ("--epochs", ["--epochs: settings are written without dashes: epochs=…"]),
        ("--epoch", ["--epoch: settings are written without dashes: epochs=…"]),
        ("-lr=0.1", ["settings are written without dashes: lr=0.1"]),
        ("--verson", ["--verson: there is no such flag; did you mean --version?"]),
        ("lr=0,001", ["lr=0,001: a decimal has a point, lr=0.001; a comma separates values"]),
        ("--batch-size=32", ["settings are written without dashes: batch_size=32"]),
        ("device=gpu", ["device=gpu", "did you mean device=cuda?"]),
        ("lr=[1,2", ["lr=[1,2: cannot be read", "needs quotes"]),
        ("pool=max,", ["pool=max,: cannot be read"]),
        ("seed=range(0,3,0)", ["seed=range(0,3,0)", "zero"]),
        ("seed=range(1000000000)", ["more than 1,000,000 runs"]),
        ("lr=interval(0,1)", ["intervals cannot be swept"]),
        ("optimizer.momentun=0.5", ["did you mean 'optimizer.momentum'?"]),
        ("optimizer.momentum=0.5", ["setting of sgd"]),
        ("optimizer=sgd,adm", ["optimizer=adm", "adam, adamw, own, rmsprop, sgd", "did you mean optimizer=adam?"]),
        ("pool=max,mux,avg", ["pool=mux"]),
        ("lr=0.01,-3,step", ["lr=-3"]),
        ("study=a/b", ["study=a/b", "did you mean study=a-b?"]),
        ("study=a,b", ["study=a,b: cannot be swept"]),
        ("hydra.sweep.dir=x", ["output_dir=… and study=…"]),
        ("hydra.launcher.workers=0", ["hydra.launcher.workers=0", "from 1"]),
        ("hydra.launcher.workers=abc", ["hydra.launcher.workers=abc", "whole number from 1"]),
        ("hydra.launcher.isolate=yes", ["hydra.launcher.isolate=yes", "true or false"]),
        ("hydra.launcher.run_timeout=-5", ["run_timeout=-5", "from 0", "did you mean hydra.launcher.run_timeout=5?"]),
        ("hydra.launcher.retries=1.5", ["hydra.launcher.retries=1.5", "whole number from 0 to 1000"]),
        ("hydra.launcher.on_error=halt", ["hydra.launcher.on_error=halt", "continue, stop"]),
        ("hydra.launcher.retries=1,2", ["hydra.launcher.retries=1,2: cannot be swept"]),
        ("hydra.launcher.worker=2", ["no such setting", "did you mean hydra.launcher.workers=…?"]),
        ("hydra.launcher._target_=os.system", ["is fixed here", "hydra/launcher=NAME"]),
        ("hydra.launcher={_target_:os.system}", ["is fixed here", "hydra/launcher=NAME"]),
        ("hydra.sweeper._target_=nothing.there", ["is fixed here", "hydra/sweeper=NAME"]),
        ("study=NUL", ["study=NUL", "a name that Windows reserves"]),
        ("study=com1.x", ["study=com1.x", "a name that Windows reserves"]),
        ("study=end.", ["study=end.", "no . behind", "did you mean study=end?"]),
        ("data=npz", ["needs data.path="]),
        ("data.val_size=1437", ["data.val_size=1437", "below the 1437"]),
        ("device=cuda", ["device=cuda"]),
        ("seed=range(0)", ["no value at all"]),
        ("lr_schedules=5", ["lr_schedules=5", "must be a mapping"]),
        ("seed=" + "9" * 400, ["whole number from 0"]),
        ("optimizer.betas=null", ["optimizer.betas=null", "adam needs a value"]),
        ("lr=${nope}", ["nope"]),
        ("", ["is not of the form"]),
        ("=", ["settings are written without spaces, e.g. lr=0.01"]),
        ("experiment=", ["experiment=: names nothing"]),
        ("desgin=oat", ["did you mean 'design'?"]),
        ("learning_rate=0.1", ["did you mean 'lr'?"]),
        ("bs=32", ["did you mean 'batch_size'?"]),
        ("momentum=0.9", ["did you mean 'optimizer.momentum'?"]),
        ("n_jobs=2", ["did you mean 'hydra.launcher.workers'?"]),
        ("dropout=0.5", ["no setting 'dropout'", "no dropout here"]),
        ("lr_scheduler=step", ["a schedule is a value of lr: lr=step"]),
        ("lr={inital:0.1}", ["there is no 'inital'; did you mean 'initial'?"]),
        ("--config-dir=nodir", ["--config-dir nodir: there is no such folder"]),
        ("-cn=other", ["is fixed here", "--config-dir DIR"]),
        ("--experimental-rerun=x", ["the same command again resumes"]),
    ],
)
def test_bad_words_are_told_in_a_line_or_two_and_nothing_is_written(
    run: Run, tmp_path: Path, word: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lenet_ablate.engines.select.num_cuda_devices", lambda: 0)
    status, _out, err = run("data=digits", word) if not word.startswith("data=") else run(word)
    assert status == 1
    assert all(part in err for part in told), err
    assert len(err.strip().splitlines()) <= 2, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["hydra/launcher=submitit_slurm"],
            "hydra/launcher=submitit_slurm: is not installed: pip install hydra-submitit-launcher",
        ),
        (["hydra/sweeper=nevergrad"], "hydra/sweeper=nevergrad: is not installed: pip install hydra-nevergrad-sweeper"),
        (["--config-dir", __file__], f"--config-dir {__file__}: is a file, not a folder"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(run: Run, words: list[str], told: str) -> None:
    status, _, err = run(*words)
    assert (status, err) == (1, told + "\n")


def test_an_unknown_flag_ends_with_1(run: Run, tmp_path: Path) -> None:
    status, _, err = run("--quick=1")
    assert status == 1
    assert "unrecognized arguments: --quick=1" in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_made_ready(run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    status, out, err = run("data=digits", "epochs=1", "output_dir=taken")
    assert status == 1 and "training with" not in out
    assert "taken/ablation: " in err and "taken cannot be written; output_dir=… names another folder" in err


def test_the_last_of_a_setting_given_twice_counts_and_the_sweep_that_may_be_meant_is_told(run: Run) -> None:
    status, out, err = run(*DIGITS, "lr=0.01,0.005", "pool=avg", "lr=0.001", "plan=true")
    told = "lr=0.01,0.005 lr=0.001: lr is given twice, the last one counts; for both: lr=0.01,0.005,0.001\n"
    assert status == 0 and err.startswith(told)
    assert out.startswith("1 run in ") and "_lr0.001_" in out
    status, out, err = run(*DIGITS, *DIGITS, "optimizer=adam", "optimizer=sgd", "plan=true")
    assert status == 0 and "_sgd_" in out and "_adam_" not in out
    assert "optimizer=adam optimizer=sgd: optimizer is given twice" in err and err.count("twice") == 1


def test_what_only_a_single_run_or_the_local_launcher_has_is_told(run: Run) -> None:
    status, _, err = run("seed=0,1", "--cfg", "job")
    assert status == 1
    assert err.strip() == "seed=0,1: --cfg shows a single configuration; plan=true lists the runs of a sweep"
    status, _, err = run("hydra/launcher=basic", "hydra.launcher.isolate=true")
    assert status == 1 and "works with hydra/launcher=local alone" in err
    status, _, err = run("--info", "defaults")
    assert status == 0 and "is not of the form" not in err


def test_a_folder_that_is_gone_is_told_in_a_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(*DIGITS) == (1, "", "the current folder is gone or cannot be entered; change to another one: cd\n")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_run_trains_in_a_folder_whose_name_is_no_unicode(run: Run, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/b\xffd")
    Path(odd).mkdir()
    os.chdir(odd)
    assert run(*DIGITS)[0] == 0
    [folder] = Path("outputs/ablation").glob("digits_*")
    assert read_run(folder).state is State.done


def test_what_a_choice_does_not_have_varies_where_it_has(run: Run, tmp_path: Path) -> None:
    words = (*DIGITS, "optimizer=adam,sgd", "optimizer.momentum=0.5,0.9", "plan=true")
    status, out, _ = run(*words)
    assert status == 0
    assert "optimizer.momentum belongs to optimizer=sgd,rmsprop: the other runs go without it" in out
    told = [line.split()[1:-2] for line in out.splitlines() if line.startswith("  trains")]
    assert told == [["optimizer=adam,"], *(["optimizer=sgd", f"optimizer.momentum={m},"] for m in ("0.5", "0.9"))]
    assert run("model=lenet5,mlp", "pool=max,avg", *DIGITS, "plan=true")[1].count("  trains ") == 3


def test_a_range_has_the_numbers_that_one_would_write(run: Run) -> None:
    out = run(*DIGITS, "lr=range(0.1,0.5,0.1)", "plan=true")[1]
    assert [word for word in out.split() if word.startswith("lr=")] == [f"lr=0.{n}," for n in (1, 2, 3, 4)]


def test_the_retry_runs_as_the_sweep_did(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lenet_ablate.sweep.trainer.train_run", lambda *_: 1 / 0)
    status, out, _ = run(*DIGITS, "hydra.launcher.on_error=stop", "hydra.launcher.retries=1")
    assert status == 1
    assert "retry: lenet-ablate hydra.launcher.on_error=stop hydra.launcher.retries=1 data=digits epochs=1" in out


def test_every_bad_word_is_told(run: Run) -> None:
    status, _, err = run("poool=max", "pool=mux", "lr=1")
    assert status == 1
    assert "poool" in err
    assert "mux" in err


def test_a_single_run_and_a_sweep_share_their_folders(run: Run, tmp_path: Path) -> None:
    assert run(*DIGITS, "lr=0.01")[0] == 0
    status, out, _ = run("-m", *DIGITS, "lr=0.01,0.001", "pool=max,avg")
    assert status == 0
    assert "1 already done, 3 to train" in out
    assert len(list((tmp_path / "outputs/ablation").glob("digits_*"))) == 4


def test_the_order_of_flags_and_words_does_not_matter(run: Run, tmp_path: Path) -> None:
    assert run("lr=0.01,0.001", *DIGITS, "-m", "seed=3")[0] == 0
    assert len(list((tmp_path / "outputs/ablation").glob("digits_*_s3-*"))) == 2


def test_points_that_mean_the_same_are_one_run(run: Run) -> None:
    status, out, _ = run("-m", *DIGITS, "lr=0.01,0.010,1e-2,step,{initial:0.01,gamma:0.1,every:10}")
    assert status == 0
    assert out.startswith("2 runs in")


def test_inline_schedules_and_named_ones_of_ones_own(run: Run, tmp_path: Path) -> None:
    words = ["lr={initial:0.1,gamma:0.5,every:5},slow", "+lr_schedules.slow={initial:0.02,every:3}"]
    status, _out, err = run("-m", *DIGITS, *words)
    assert status == 0, err
    configs = [yaml.safe_load(path.read_text()) for path in (tmp_path / "outputs/ablation").glob("*/config.yaml")]
    assert {config["lr"]["name"] for config in configs} == {"0.1x0.5every5", "slow"}


def test_the_report_is_made_when_the_sweep_has_ended(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lenet_ablate.report.figures.drawing.figure_files", lambda figure, kinds: dict.fromkeys(kinds, b"x")
    )
    words = (*DIGITS, "lr=0.01,0.001", "report=true")
    status, out, err = run(*words)
    page = tmp_path / "outputs" / "report" / "ablation" / "index.html"
    assert status == 0, err
    assert page.is_file() and "report: outputs/report/ablation/index.html" in out and "next: lenet-report" not in out
    page.unlink()
    assert run(*words)[0] == 0 and page.is_file()  # nothing to train, and still a report
    run(*DIGITS, "study=two", "report=true")
    assert (tmp_path / "outputs" / "report" / "two" / "index.html").is_file() and page.is_file()


def test_the_next_step_names_the_study_where_there_are_others(run: Run, tmp_path: Path) -> None:
    _, out, _ = run(*DIGITS)
    assert "next: lenet-report outputs\n" in out
    _, out, _ = run(*DIGITS, "study=two")
    assert "next: lenet-report outputs --study two\n" in out


def test_a_report_that_fails_changes_no_exit_status(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: object) -> None:
        raise RuntimeError("no\nluck")

    monkeypatch.setattr("lenet_ablate.report.build.build_report", fail)
    status, out, _ = run(*DIGITS, "report=true")
    assert status == 0
    assert "report: not made: no luck; try again: lenet-report outputs" in out
    status, _, err = run(*DIGITS, "report=yes")
    assert status == 1 and "report=yes: must be true or false" in err


def test_the_run_folder_is_complete(run: Run, tmp_path: Path) -> None:
    run(*DIGITS, "optimizer=sgd", "lr=0.05")
    (folder,) = (tmp_path / "outputs/ablation").glob("digits_*")
    files = {"status.json", "config.yaml", "metrics.csv", "result.json", "predictions.npz", "model.safetensors"}
    assert {path.name for path in folder.iterdir()} == files
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["pool"], config["optimizer"]["name"], config["optimizer"]["momentum"]) == ("max", "sgd", 0.9)
    provenance = json.loads((folder / "result.json").read_text())["provenance"]
    assert {"lenet_ablate", "python", "packages", "git", "machine", "engine", "device", "threads"} <= set(provenance)
    assert provenance["command"] == "lenet-ablate -m data=digits epochs=1 optimizer=sgd lr=0.05"


def test_hydras_record_stands_once_in_the_sweep_and_in_each_run_where_that_is_asked_for(
    run: Run, tmp_path: Path
) -> None:
    run(*DIGITS, "seed=0,1")
    study = tmp_path / "outputs/ablation"
    (plan,), (multirun,) = study.glob("sweeps/*.jsonl.gz"), study.glob("sweeps/*.multirun.yaml")
    _, *runs = map(json.loads, gzip.decompress(plan.read_bytes()).splitlines())
    assert [run["overrides"] for run in runs] == [[*DIGITS, f"seed={seed}"] for seed in (0, 1)]
    assert yaml.safe_load(multirun.read_text())["hydra"]["overrides"]["task"] == [*DIGITS, "seed=0,1"]
    run(*DIGITS, "seed=2", "hydra.output_subdir=.hydra")
    (folder,) = study.glob("*_s2-*")
    assert {path.name for path in (folder / ".hydra").iterdir()} == {"config.yaml", "hydra.yaml", "overrides.yaml"}
    assert yaml.safe_load((folder / ".hydra/overrides.yaml").read_text()) == [*DIGITS, "seed=2"]


def test_the_launcher_takes_its_settings(run: Run, tmp_path: Path) -> None:
    words = [f"hydra.launcher.{word}" for word in ("isolate=true", "run_timeout=600", "retries=1", "on_error=stop")]
    status, out, err = run(*DIGITS, "seed=0,1", "hydra.launcher.workers=1", *words)
    assert status == 0, err
    assert "training with compiled on cpu, in processes of their own" in out and "2 trained" in out
    assert run(*DIGITS, "seed=2", "hydra.launcher.run_timeout=0", "hydra.launcher.workers=null")[0] == 0


def test_a_full_disk_while_the_report_is_made_is_told_as_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lenet_ablate.report.build.build_report", fail)
    status, out, _ = run(*DIGITS, "report=true")
    (line,) = [line for line in out.splitlines() if line.startswith("report:")]
    assert status == 0
    assert line.startswith("report: not made: outputs: No space left on device (") and "bytes free)" in line
    assert "resumes" not in line and "Errno" not in line and "try again: lenet-report outputs" in line


def test_help_names_every_setting(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    for key in [*to_mapping(RunConfig()), *to_mapping(Options()), "optimizer.momentum", "data.val_size"]:
        assert f"  {key}" in out, key
    assert max(map(len, out.splitlines())) <= 120


def test_help_on_anything_that_can_be_typed(run: Run) -> None:
    inner = [key for key, _ in iter_settings()]
    for topic in [*inner, *NAMED_GROUPS, *GRID_WORDS, "hydra.launcher.retries"]:
        status, out, err = run("--help", topic)
        assert status == 0 and out.startswith(f"{topic}: "), err
        (example,) = [line for line in out.splitlines() if line.startswith("example: lenet-ablate ")]
        words = shlex.split(example)[2:]
        assert not check_overrides(other_words(words), [config_dir()]) and any(topic in word for word in words)
    assert "rmsprop: 0; sgd: 0.9" in " ".join(run("--help", "optimizer.momentum")[1].split())
    assert "{initial:0.01,gamma:0.1,every:10}" in run("--help", "lr")[1]
    assert run("--help=lr") == run("--help", "lr")
    assert all(name in run("--help", "experiment")[1] for name in ("pooling", "tiny"))
    status, out, err = run("--help", "momentum")
    assert status == 1 and "did you mean 'optimizer.momentum'?" in err


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"lenet-ablate {__version__}\n", "")


def test_cfg_prints_the_configuration(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("--cfg", "job", "pool=avg", "lr=step")
    assert status == 0
    printed = yaml.safe_load(out)
    assert (printed["pool"], printed["lr"]) == ("avg", "step")
    assert list(tmp_path.iterdir()) == []


def test_a_config_dir_of_ones_own_adds_choices(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine/optimizer").mkdir(parents=True)
    own = {"name": "sgd", "betas": None, "eps": None, "momentum": 0.5, "weight_decay": 0.0}
    (tmp_path / "mine/optimizer/heavy.yaml").write_text(yaml.safe_dump(own))
    status, _, err = run("--config-dir", "mine", *DIGITS, "optimizer=heavy", "lr=0.05")
    assert status == 0, err
    (config,) = (tmp_path / "outputs/ablation").glob("*/config.yaml")
    assert yaml.safe_load(config.read_text())["optimizer"]["momentum"] == 0.5


def test_config_yaml_holds_the_defaults_of_the_dataclasses() -> None:
    written = yaml.safe_load((config_dir() / "config.yaml").read_text())
    for group in ("model", "optimizer", "data"):
        (choice,) = [d[group] for d in written["defaults"] if isinstance(d, dict) and group in d]
        written[group] = yaml.safe_load((config_dir() / group / f"{choice}.yaml").read_text())
    written = {key: value for key, value in written.items() if key not in ("defaults", "hydra")}
    assert parse_config(written) == (RunConfig(), Options())


def test_every_choice_of_every_group_is_legal() -> None:
    for group in ("model", "pool", "activation", "optimizer", "data"):
        for choice in options_of(group, [config_dir()]):
            content = yaml.safe_load((config_dir() / group / f"{choice}.yaml").read_text())
            values = content if group in ("pool", "activation") else {group: content}
            content = values[group]
            if choice == "own":
                values[group]["factory"] = "mine.py:make"
            if choice in ("idx", "npz", "file"):
                values["data"]["path"] = "somewhere"
            if choice.startswith("playground/"):
                values["model"] = yaml.safe_load((config_dir() / "model/mlp.yaml").read_text())
            config, _ = parse_config(values)
            found = to_mapping(config)[group]
            if not isinstance(found, dict):
                assert found == choice
                continue
            told, given = (
                {key: value for key, value in each.items() if value is not None} for each in (found, content)
            )
            assert told == given


def test_conf_names_no_target() -> None:
    assert not [path for path in config_dir().rglob("*.yaml") if "_target_" in path.read_text()]


def test_words_of_hydra_are_left_to_hydra() -> None:
    assert check_overrides(["hydra.launcher.workers=1", "hydra/launcher=basic"], [config_dir()]) == []


def test_another_launcher_leaves_the_same_runs(run: Run, tmp_path: Path) -> None:
    words = ["-m", *DIGITS, "lr=0.01,0.001"]
    assert run(*words, "study=ours")[0] == 0
    status, out, err = run(*words, "study=stock", "hydra/launcher=basic")
    assert status == 0, err
    assert "2 trained" in out and out.count("next: ") == 1
    for folder in (tmp_path / "outputs/ours").glob("digits_*"):
        other = tmp_path / "outputs/stock" / folder.name
        assert (folder / MODEL).read_bytes() == (other / MODEL).read_bytes()
        assert without_seconds(folder / METRICS) == without_seconds(other / METRICS)
    assert run(*words, "study=stock", "hydra/launcher=basic")[1].count("nothing to train") == 1


def test_jobs_of_another_launcher_are_parts_of_one_sweep(run: Run, tmp_path: Path) -> None:
    """One plan, and the command as it was typed with each run, quotes and interpolations in it too."""
    words = ["-m", *DIGITS, "lr=0.01,${oc.env:NOTHING,0.001}", "hydra/launcher=basic", "study=stock"]
    status, _, err = run(*words)
    assert status == 0, err
    study = tmp_path / "outputs/stock"
    assert len(list((study / "sweeps").glob("*.jsonl.gz"))) == 1
    told = {json.loads(path.read_text())["provenance"]["command"] for path in study.glob("*/result.json")}
    assert told == {shlex.join(["lenet-ablate", *words])}
    assert "LENET_ABLATE_SWEEP" not in os.environ


@pytest.mark.parametrize("error", [OSError(17, "File exists"), RuntimeError("a worker was killed")])
def test_whatever_a_launcher_raises_the_runs_are_judged(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    launch = BasicLauncher.launch

    def first_alone(self: BasicLauncher, jobs: list[list[str]], initial_job_idx: int) -> None:
        launch(self, jobs[:1], initial_job_idx)
        raise error

    monkeypatch.setattr(BasicLauncher, "launch", first_alone)
    words = ["-m", *DIGITS, "lr=0.01,0.001", "hydra/launcher=basic", "study=stock"]
    status, out, err = run(*words)
    assert status == 1 and "the launcher ended early: " in err and "Traceback" not in err
    assert "1 trained" in out and "1 failed" in out
    monkeypatch.setattr(BasicLauncher, "launch", launch)
    assert "1 trained" in run(*words)[1]


def test_help_and_checks_import_nothing_heavy() -> None:
    code = (
        "import sys; from lenet_ablate.cli.main import main; sys.argv = ['x', {word!r}]\n"
        "try: main()\nexcept SystemExit: pass"
    )
    heavy = {"torch", "torchvision", "pandas", "matplotlib", "sklearn", "scipy"}
    for word in ("--help", "poool=max", "batch_size=0", "--version"):
        script = code.format(word=word) + f"\nprint('HEAVY', sorted({heavy!r} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip().endswith("HEAVY []"), word


def test_nothing_to_train_imports_no_torch(run: Run, tmp_path: Path) -> None:
    run(*DIGITS)
    script = (
        "import sys; from lenet_ablate.cli.main import main; sys.argv = ['x', 'data=digits', 'epochs=1']; main()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False"
    assert "nothing to train" in done.stdout


def test_a_reader_that_leaves_costs_no_run(tmp_path: Path) -> None:
    command = f"{sys.executable} -m lenet_ablate -m data=digits epochs=1 seed=0,1 2>errors.txt | head -n 1"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert len(list(tmp_path.glob("outputs/ablation/*/model.safetensors"))) == 2
    assert (tmp_path / "errors.txt").read_text() == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_a_signal_before_the_first_run_ends_with_its_status(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    started = start("data=digits", "epochs=5000", cwd=tmp_path)
    while not started.printed.read_text() and started.process.poll() is None:  # the engine is loaded next
        time.sleep(0.01)
    started.process.send_signal(number)
    returned, printed = started.end(30)
    assert returned == status
    assert "Traceback" not in printed


def test_other_launchers_train_again_what_lacks_something(run: Run) -> None:
    words = (*DIGITS, "hydra/launcher=basic")
    assert run(*words)[0] == 0
    assert "1 to train" in run("data=digits", "epochs=2", "hydra/launcher=basic")[1]
    assert "1 to train" in run("data=digits", "epochs=2", "hydra/launcher=basic", "train_loss_every=1")[1]
    assert "nothing to train" in run("data=digits", "epochs=2", "hydra/launcher=basic", "train_loss_every=1")[1]


def test_another_sweeper_needs_another_launcher(run: Run) -> None:
    status, _, err = run(*DIGITS, "hydra/sweeper=basic")
    assert status == 1
    assert err.strip() == "hydra/launcher=local works with hydra/sweeper=ablation; for other sweepers use basic"


def test_a_glob_sweeps_a_group(run: Run, tmp_path: Path) -> None:
    status, _, err = run(*DIGITS, "pool=glob(*)")
    assert status == 0, err
    assert len(list((tmp_path / "outputs/ablation").glob("digits_*"))) == 2


SWEEP = ("-m", "data=digits", "epochs=6", "lr=0.01,0.001", "pool=max,avg")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert start(*SWEEP, cwd=folder).end()[0] == 0
    return folder / "outputs/ablation"


def wait_for_progress(folder: Path, started: Started, rows: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and started.process.poll() is None:
        if any(len(path.read_text().splitlines()) > rows for path in folder.glob("outputs/ablation/*/metrics.csv")):
            return
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, pytest.param(3, marks=pytest.mark.soak)])
def test_killed_and_started_again_is_as_if_never_killed(run: Run, tmp_path: Path, undisturbed: Path, rows: int) -> None:
    started = start(*SWEEP, cwd=tmp_path)
    wait_for_progress(tmp_path, started, rows)
    started.process.kill()
    started.process.wait()
    states = {read_run(path.parent).state for path in tmp_path.glob("outputs/ablation/*/status.json")}
    assert State.interrupted in states
    assert run(*SWEEP)[0] == 0
    for folder in undisturbed.glob("digits_*"):
        again = tmp_path / "outputs/ablation" / folder.name
        assert (again / MODEL).read_bytes() == (folder / MODEL).read_bytes()
        assert without_seconds(again / METRICS) == without_seconds(folder / METRICS)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    started = start("data=digits", "epochs=400", "batch_size=8", "seed=0,1", cwd=tmp_path)
    wait_for_progress(tmp_path, started, rows=1)
    for _ in range(5):
        started.process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    returned, printed = started.end(30)
    # The last of them may meet an interpreter that has finished and let go of its handlers: a shell shows 130, too.
    assert returned in (130, -signal.SIGINT)
    assert "terminate called" not in printed


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGUSR1, 75),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.soak),
    ],
)
def test_a_signal_saves_every_run_and_the_same_command_resumes(
    run: Run, tmp_path: Path, undisturbed: Path, number: signal.Signals, status: int
) -> None:
    started = start(*SWEEP, cwd=tmp_path)
    wait_for_progress(tmp_path, started, rows=2)
    started.process.send_signal(number)
    returned, printed = started.end(30)
    assert returned == status
    assert "the same command resumes: lenet-ablate -m data=digits" in printed
    assert "Traceback" not in printed
    states = {read_run(path.parent).state for path in tmp_path.glob("outputs/ablation/*/status.json")}
    assert State.interrupted in states
    assert State.running not in states
    assert run(*SWEEP)[0] == 0
    for folder in undisturbed.glob("digits_*"):
        again = tmp_path / "outputs/ablation" / folder.name
        assert (again / MODEL).read_bytes() == (folder / MODEL).read_bytes()
