"""The launchers on the real things, a SLURM of one node and a Ray of two, which these tests bring up and take down.

To be run with `scripts/test -m cluster tests/cli/test_clusters.py`. They need what scripts/cluster-slurm and
scripts/cluster-ray say, and Ray in the environment that runs them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from lenet_ablate.records.record import LOG, RESULT
from support.commands import command
from support.sweeps import start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
SCRIPTS = Path(__file__).parents[2] / "scripts"
RUNS = ("data=digits", "epochs=1", "seed=range(24)")
FAULTY = ("data=digits", "epochs=20", "seed=range(10)", "study=faulty")
SECONDS = 400.0
PROGRAMS = {"slurm": ("sbatch", "munged", "slurmctld", "slurmd"), "ray": ()}


def cluster(kind: str, folder: Path) -> Mapping[str, str]:
    """Brings one up; what commands that use it find in their environment."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [program for program in PROGRAMS[kind] if shutil.which(program, path=path) is None]
    if missing or (kind == "ray" and importlib.util.find_spec("ray") is None):
        pytest.skip(f"needs {', '.join(missing) or 'ray'}")
    script, env = [str(SCRIPTS / f"cluster-{kind}"), "up", str(folder)], os.environ | {"PYTHON": sys.executable}
    up = subprocess.run([*script, *(["2"] if kind == "slurm" else [])], env=env, capture_output=True, text=True)
    assert up.returncode == 0, up.stderr
    return dict(word.partition("=")[::2] for word in up.stdout.split()[1:])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Path, Mapping[str, str]]]]:
    """The folder and the environment of a cluster, which is up until all tests have ended."""
    there: dict[str, tuple[Path, Mapping[str, str]]] = {}

    def get(kind: str) -> tuple[Path, Mapping[str, str]]:
        if kind not in there:
            folder = Path(tmp_path_factory.mktemp("c"))
            there[kind] = folder, cluster(kind, folder)
        return there[kind]

    yield get
    for kind, (folder, _) in there.items():
        subprocess.run([SCRIPTS / f"cluster-{kind}", "down", folder], check=True)


def tables(folder: Path) -> dict[str, bytes]:
    """Every table of a study's report."""
    done = subprocess.run(command("report", "outputs"), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kinds = (".csv", ".md", ".tex")
    found = [path for path in (folder / "outputs").rglob("*") if path.suffix in kinds and "report" in path.parts]
    assert len(found) > 5
    return {str(path.relative_to(folder)): without_times(path) for path in found}


def without_times(path: Path) -> bytes:
    """A table's bytes; of one that tells times, in a column or in rows of their own, those of the rest."""
    content = path.read_bytes()
    if path.suffix == ".csv" and b"seconds" in content:
        frame = pd.read_csv(path, dtype=str)
        kept = frame[[name for name in frame if "seconds" not in name]]
        content = kept[~kept.eq("seconds").any(axis=1)].to_csv(index=False).encode()
    return content


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of the sweep on this machine."""
    folder = tmp_path_factory.mktemp("local")
    assert start(*RUNS, cwd=folder).end(SECONDS)[0] == 0
    return tables(folder)


@pytest.mark.parametrize("launcher", ["slurm", "ray", "joblib"])
def test_every_launcher_leaves_the_same(launcher: str, local: dict[str, bytes], home, tmp_path: Path) -> None:
    """The same tables byte for byte, one plan, and the command as it was typed with each run."""
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    environment = home(launcher)[1] if launcher != "joblib" else {}
    words = (*RUNS, f"hydra/launcher={launcher}", *(["hydra.launcher.max_tasks=2"] if launcher != "joblib" else []))
    status, told = start(*words, cwd=tmp_path, environment=environment).end(SECONDS)
    assert status == 0 and "24 trained" in told, told
    assert tables(tmp_path) == local
    study = tmp_path / "outputs/ablation"
    assert len(list((study / "sweeps").glob("*.jsonl.gz"))) == 1
    commands = {json.loads(path.read_text())["provenance"]["command"] for path in study.glob(f"*/{RESULT}")}
    assert commands == {shlex.join(["lenet-ablate", "-m", *words])}


def finished(folder: Path) -> int:
    return len(list((folder / "outputs/faulty").glob(f"*/{RESULT}")))


def wait_for_runs(folder: Path, count: int) -> None:
    deadline = time.monotonic() + SECONDS
    while finished(folder) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_logs(folder: Path) -> None:
    """No run was trained twice at once, or after its end: each attempt goes on where the one before was saved.

    A run without a log was neither interrupted nor resumed.
    """
    runs = [path.parent for path in (folder / "outputs/faulty").glob("digits_*/status.json")]
    assert [json.loads((run / "status.json").read_bytes())["status"] for run in runs] == ["done"] * 10
    for text in (log.read_text() for run in runs if (log := run / LOG).exists()):
        epochs = [int(number) for number in re.findall(r"epoch (\d+)", text.rpartition("starts:")[2])]
        assert epochs == sorted(epochs), text
        assert len(re.findall(r"^.* done", text, re.M)) <= 1, text
    for run in runs:
        assert [line.partition(",")[0] for line in (run / "metrics.csv").read_text().splitlines()[1:]] == [
            str(epoch) for epoch in range(1, 21)
        ]


def of_session(leader: int) -> list[int]:
    """The processes of a session."""
    found = subprocess.run(["ps", "-s", str(leader), "-o", "pid="], capture_output=True, text=True).stdout
    return [int(number) for number in found.split()]


def children(parent: int) -> list[int]:
    found = subprocess.run(["ps", "--ppid", str(parent), "-o", "pid="], capture_output=True, text=True).stdout
    return [int(number) for number in found.split()]


def kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_slurm_survives_what_is_done_to_it(home, tmp_path: Path) -> None:
    """Half the tasks cancelled, slurmd and its steps killed, the client killed: the same command completes."""
    folder, environment = home("slurm")
    words = (*FAULTY, "hydra/launcher=slurm", "hydra.launcher.max_tasks=2")
    client = start(*words, cwd=tmp_path, environment=environment)
    client.wait_for("2 running", SECONDS)
    wait_for_runs(tmp_path, 1)
    env = os.environ | environment
    job = re.findall(r"SLURM job (\d+) submitted", client.printed.read_text())[0]
    subprocess.run(["scancel", f"{job}_1"], env=env, check=True)
    wait_for_runs(tmp_path, 2)
    # A step's process is its daemon's child no more; its batch shell and the copy are its own children.
    steps = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and is_step(entry, folder)]
    family = [child for step in steps for shell in children(step) for child in [*children(shell), shell]]
    assert family
    kill([int((folder / "slurmd.pid").read_text()), *steps, *family, client.process.pid])
    client.process.wait()
    assert finished(tmp_path) < 10
    subprocess.run([SCRIPTS / "cluster-slurm", "up", folder, "2"], check=True, capture_output=True)
    status, told = start(*words, cwd=tmp_path, environment=environment).end(SECONDS)
    assert status == 0 and "works on this sweep already and is followed" in told, told
    assert finished(tmp_path) == 10
    check_logs(tmp_path)


def is_step(process: Path, folder: Path) -> bool:
    """Whether a process is a slurmstepd of the SLURM in a folder."""
    try:
        is_one = process.joinpath("comm").read_text().startswith("slurmstepd")
        return is_one and str(folder).encode() in process.joinpath("environ").read_bytes()
    except OSError:
        return False


def test_ray_survives_a_node(home, tmp_path: Path) -> None:
    """One of two raylets is killed with all of its processes: the sweep completes on the other."""
    folder, environment = home("ray")
    client = start(*FAULTY, "hydra/launcher=ray", cwd=tmp_path, environment=environment)
    client.wait_for("2 running", SECONDS)
    wait_for_runs(tmp_path, 2)
    kill(of_session(int((folder / "second.pid").read_text())))
    status, told = client.end(SECONDS)
    assert status == 0 and "10 trained" in told, told
    check_logs(tmp_path)
