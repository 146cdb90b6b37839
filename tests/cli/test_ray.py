"""`hydra/launcher=ray` with a stand-in for Ray; the real one: test_clusters.py."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from hydra_plugins.lenet_ablate import ray_launcher
from lenet_ablate.records.record import RESULT

STAND_IN = Path(__file__).parents[1] / "support/stand_in_ray"
DIGITS = ("data=digits", "epochs=1")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(STAND_IN)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    for name in ("RAY_ADDRESS", "RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    module = importlib.import_module("ray")
    yield module
    sys.modules.pop("ray", None)


@pytest.mark.slow
def test_ray_tasks_train_a_sweep(run, tmp_path: Path, ray) -> None:
    words = (*DIGITS, "seed=0,1,2", "study=ray", "hydra/launcher=ray")
    status, out = run(*words, "hydra.launcher.num_gpus=1")
    assert status == 1 and "no node has 1 CPUs and 1 GPUs" in out
    status, out = run(*words, "hydra.launcher.address='10.0.0.1:6379'")
    assert status == 0 and "3 trained" in out and "Ray: 2 tasks" in out, out
    calls = dict(ray.CALLS)
    assert calls["init"]["address"] == "10.0.0.1:6379" and calls["remote"]["max_retries"] == -1
    assert ray.CALLS[-1][0] == "shutdown" and os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    study = tmp_path / "outputs/ray"
    assert len(list((study / "sweeps").glob("*.jsonl.gz"))) == 1
    assert len(list((study / "sweeps").glob("ray-*_[01].log"))) == 2
    typed = shlex.join(["lenet-ablate", "-m", *words, "hydra.launcher.address='10.0.0.1:6379'"])
    told = {json.loads(path.read_text())["provenance"]["command"] for path in study.glob(f"*/{RESULT}")}
    assert told == {typed}


def test_a_cluster_out_of_reach_is_one_line(run, ray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_RAY", "gone")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.2:1")
    status, out = run(*DIGITS, "hydra/launcher=ray")
    assert status == 1 and "hydra/launcher=ray: 10.0.0.2:1: cannot be reached: no such cluster at all" in out


def test_without_ray_the_command_that_installs_it_is_told(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    status, out = run(*DIGITS, "hydra/launcher=ray")
    assert status == 1 and out.strip() == "hydra/launcher=ray: is not installed: pip install 'lenet-ablate[ray]'"


def test_hydras_launcher_of_the_same_name_has_another() -> None:
    store = ConfigStore.instance()
    before = dict(store.repo["hydra"]["launcher"])
    try:
        store.store(group="hydra/launcher", name="ray", node={"n_jobs": 3}, provider="ray_launcher")
        ray_launcher.register()
        ray_launcher.register()
        assert store.repo["hydra"]["launcher"]["ray_per_run.yaml"].node == {"n_jobs": 3}
        assert store.repo["hydra"]["launcher"]["ray.yaml"].provider == "lenet-ablate"
    finally:
        store.repo["hydra"]["launcher"] = before
