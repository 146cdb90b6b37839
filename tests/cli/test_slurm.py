"""`hydra/launcher=slurm` with stand-ins for SLURM's programs; the real ones: test_clusters.py."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hydra_plugins.lenet_ablate import _slurm_queue as queue
from hydra_plugins.lenet_ablate._slurm_script import is_edited
from lenet_ablate.config.clusters import RaySettings, SlurmSettings, launcher_fields, parse_cluster
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.plans import read_plans
from lenet_ablate.records.record import CHECKPOINT, METRICS, MODEL, RESULT, STATUS
from support.stand_in_slurm import install
from support.sweeps import start
from support.tiny import without_seconds

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM runs on Linux")
DIGITS = ("data=digits", "epochs=1")
SLURM = ("hydra/launcher=slurm", "hydra.launcher.max_tasks=2")


@pytest.fixture
def jobs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins' memory."""
    folder = tmp_path_factory.mktemp("slurm")
    jobs = install(folder)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return jobs


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def commands(study: Path) -> set[str]:
    return {json.loads(path.read_text())["provenance"]["command"] for path in study.glob(f"*/{RESULT}")}


@pytest.mark.slow
def test_a_job_array_trains_a_sweep(run, tmp_path: Path, jobs: Path) -> None:
    words = (*DIGITS, "seed=0,1,2,3", "study=slurm", *SLURM)
    assert run(*words, "hydra.launcher.submit=false")[0] == 0
    study = tmp_path / "outputs/slurm"
    (plan,) = (study / "sweeps").glob("*.jsonl.gz")
    bad = study / read_plans(study).sweeps[0].runs[3].run
    bad.mkdir()
    (bad / STATUS).write_text('{"format": 99}')  # of another version, so it is not touched
    status, out = run(*words)
    assert status == 1, out
    assert (
        "SLURM job 1 submitted" in out and "scancel 1" in out and "[3/4] seed=" in out and "3 trained, 1 failed" in out
    )
    assert "failed: seed=3: " in out and "format 99 is not known to this version" in out
    (retry,) = [line.partition("retry: lenet-ablate ")[2] for line in out.splitlines() if "retry: " in line]
    assert {"hydra/launcher=slurm", "hydra.launcher.max_tasks=2", "seed=3"} <= set(shlex.split(retry))
    (bad / STATUS).unlink()
    bad.rmdir()
    status, out = run(*words)
    assert status == 0 and "1 trained, 3 already done" in out, out
    assert list((study / "sweeps").glob("*.jsonl.gz")) == [plan]
    assert commands(study) == {shlex.join(["lenet-ablate", "-m", *words])}
    logs = ["slurm-1_0.log", "slurm-1_1.log", "slurm-2_0.log"]
    assert sorted(path.name for path in (study / "sweeps").glob("*.log")) == logs
    status, out = run(*words)
    assert status == 0 and "nothing to train" in out and not (jobs / "3.name").exists()

    assert run(*DIGITS, "seed=0,1,2,3", "study=local")[0] == 0
    for folder in (tmp_path / "outputs/local").glob("digits_*"):
        other = study / folder.name
        assert (folder / MODEL).read_bytes() == (other / MODEL).read_bytes()
        assert without_seconds(folder / METRICS) == without_seconds(other / METRICS)


def test_the_script_is_written_read_and_kept_as_edited(run, tmp_path: Path, jobs: Path) -> None:
    asked = ["partition=cpu", "account=us", "time=1:30:00", "cpus=2", "memory=4G", "isolate=true", "retries=1"]
    asked += ["submit=false", "'setup=[\"module load x\"]'", "options=['--exclude=n7']"]
    words = [*DIGITS, "seed=range(9)", *SLURM, *(f"hydra.launcher.{word.strip(chr(39))}" for word in asked[:8])]
    words += ["hydra.launcher.setup=['module load x']", "hydra.launcher.options=['--exclude=n7']", "report=true"]
    status, out = run(*words)
    assert status == 0, out
    (script,) = (tmp_path / "outputs/ablation/sweeps").glob("*.sbatch")
    text = script.read_text()
    assert f"submit it: {shlex.join(queue.submission(script))}" in out
    for option in (
        *("array=0-1", "requeue", "signal=B:USR1@60", "partition=cpu", "account=us", "time=1:30:00", "mem=4G"),
        *("cpus-per-task=2", "exclude=n7", "open-mode=append"),
    ):
        assert f"#SBATCH --{option}\n" in text
    assert "\nmodule load x\n" in text and "report=true" not in text.replace(text.split("LENET_ABLATE_SWEEP")[1], "")
    (line,) = [line for line in text.splitlines() if " -m lenet_ablate " in line]
    for word in ("workers=2", "isolate=true", "retries=1"):
        assert f" hydra.launcher.{word} " in line
    assert " report=false hydra/launcher=local " in line and "partition" not in line
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert not list(jobs.iterdir()) and not is_edited(text)

    script.write_text(text.replace("#SBATCH --requeue\n", "#SBATCH --requeue\n#SBATCH --nice=10\n"))
    status, out = run(*words)
    assert "was edited and is used as it is" in out and "--nice=10" in script.read_text()


@pytest.mark.slow
def test_a_launch_is_left_and_followed_again(tmp_path: Path, jobs: Path) -> None:
    words = ("data=digits", "epochs=3000", "seed=0,1", "study=long", *SLURM)
    client = start(*words, cwd=tmp_path)
    client.wait_for("SLURM job 1: 2 running")
    client.process.send_signal(signal.SIGINT)
    status, told = client.end()
    assert status == 130 and "SLURM job 1 goes on; the same command follows it again" in told and "scancel 1" in told
    assert len(list(jobs.glob("1_*.alive"))) == 2

    client = start(*words, cwd=tmp_path)
    client.wait_for("SLURM job 1 works on this sweep already and is followed")
    client.wait_for("SLURM job 1: 2 running")
    study = tmp_path / "outputs/long"
    wait_until(lambda: len(list(study.glob(f"*/{CHECKPOINT}"))) == 2)
    (marker,) = jobs.glob("1_0.alive")
    shell = subprocess.run(["pgrep", "-P", marker.read_text()], capture_output=True, text=True)
    os.kill(int(shell.stdout), signal.SIGUSR1)  # near the time limit, as SLURM does it: to the batch shell alone
    wait_until(lambda: not marker.exists())
    assert (jobs / "scontrol.log").read_text() == "requeue 1_0\n" and not (jobs / "2.name").exists()
    subprocess.run(["scancel", "1"], check=True)
    status, told = client.end()
    assert status == 1 and "2 runs are unfinished: they were cancelled" in told and "2 unfinished" in told
    for log in (study / "sweeps").glob("*.log"):
        assert "interrupted after" in log.read_text()  # each copy was told by its script, and saved its run


def test_refusals_are_one_line(run, jobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*DIGITS, "seed=0", *SLURM)
    (jobs / "refusal").write_text("sbatch: error: invalid partition specified: nope")
    status, out = run(*words)
    assert status == 1 and "sbatch: error: invalid partition specified: nope; the script: " in out
    (jobs / "silence").touch()
    status, out = run(*words)
    (line,) = [line for line in out.splitlines() if "SLURM gives no answer (squeue: " in line]
    assert status == 1 and "Unable to contact slurm controller" in line and "`sinfo` must work" in line
    assert "slurm_load_jobs" not in out and "Traceback" not in out
    monkeypatch.setenv("PATH", "/nonexistent")
    status, out = run(*words)
    assert status == 1 and "sbatch and squeue are not on this machine's PATH" in out


def test_no_name_reaches_a_shell(run, tmp_path: Path, jobs: Path) -> None:
    folder = tmp_path / "a $(touch broken) `touch broken`; touch broken 'q\" %A #SBATCH\n"
    folder.mkdir()
    os.chdir(folder)
    status, out = run(*DIGITS, "seed=0", 'output_dir="o $(touch broken) \'x"', *SLURM)
    assert "1 trained" in out, out
    assert status == 0 and not list(tmp_path.rglob("broken"))


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("partition='a;b'", "partition=a;b: must be a name"),
        ("time=soon", "time=soon: must be minutes, or HH:MM:SS"),
        ("max_tasks=0", "max_tasks=0: must be a whole number from 1"),
        ("gpus=many", "gpus=many: must be a number"),
        ("memory=lots", "memory=lots: must be like 4G"),
        ("options=['--wrap=a b']", "options"),
        ("setup=ls", "setup=ls: must be a list"),
        ("submit=maybe", "submit=maybe: must be true or false"),
        ("on_error=stop", "works with hydra/launcher=local alone"),
        ("partion=x", "did you mean hydra.launcher.partition=…?"),
        ("num_gpus=1", "belongs to hydra/launcher=ray"),
        ("partition=a,b", "cannot be swept"),
    ],
)
def test_wrong_settings_are_told(run, word: str, told: str) -> None:
    status, out = run(*DIGITS, "hydra/launcher=slurm", f"hydra.launcher.{word}")
    assert status == 1 and told in out and "Traceback" not in out


def test_the_configurations_hold_the_defaults() -> None:
    from hydra_plugins.lenet_ablate.ray_launcher import RayLauncherConf
    from hydra_plugins.lenet_ablate.slurm_launcher import SlurmLauncherConf

    for name, conf, kind in (("slurm", SlurmLauncherConf, SlurmSettings), ("ray", RayLauncherConf, RaySettings)):
        given = {key: value for key, value in vars(conf()).items() if key != "_target_"}
        settings, supervision = parse_cluster(kind, given)
        assert settings == kind() and supervision == parse_cluster(kind, {})[1]
        assert set(launcher_fields(name)) < set(given)


@pytest.mark.parametrize("line", ["a\nb", "a\rb", "a\0b"])
def test_a_line_of_setup_is_one_line(line: str) -> None:
    with pytest.raises(ConfigError, match="one line of a shell"):
        parse_cluster(SlurmSettings, {"setup": [line]})


def test_tasks_that_are_held_are_not_waited_for() -> None:
    held, queued, running = (
        queue.Task("1", state, reason)
        for state, reason in (("PENDING", "JobHeldUser"), ("PENDING", "Resources"), ("RUNNING", "None"))
    )
    assert queue.alive([held, held]).is_stuck
    assert not queue.alive([held, queued]).is_stuck and not queue.alive([held, running]).is_stuck
    assert not queue.alive([]).is_stuck and str(queue.alive([running, queued])) == "1 running, 1 waiting (Resources)"


def test_a_launcher_of_ones_own_is_built_on_it(run, tmp_path: Path) -> None:
    own = tmp_path / "mine/hydra/launcher/lab.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("defaults: [slurm]\npartition: gpu\nsubmit: false\n")
    words = ("--config-dir", "mine", *DIGITS, "hydra/launcher=lab", "hydra.launcher.isolate=true")
    status, out = run(*words)
    assert status == 0, out
    (script,) = (tmp_path / "outputs/ablation/sweeps").glob("*.sbatch")
    assert "--partition=gpu\n" in script.read_text() and " hydra.launcher.isolate=true " in script.read_text()
