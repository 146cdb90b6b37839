from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest
import torch

from lenet_ablate.config.choices import Device, Engine
from lenet_ablate.config.settings import Options
from lenet_ablate.engines import select
from lenet_ablate.errors import ConfigError, EngineError
from lenet_ablate.sweep import cores


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 0)
    assert select.choose_device(Device.auto) == "cpu"
    with pytest.raises(ConfigError, match="shows no CUDA device"):
        select.choose_device(Device.cuda)


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 2)
    assert select.choose_device(Device.auto) == "cuda"
    assert select.choose_device(Device.cpu) == "cpu"


def test_a_gpu_that_pytorch_cannot_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select.make_engine(Options()).device == "cpu"
    assert "device=auto takes the CPU" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="cannot use this machine's GPU"):
        select.make_engine(Options(device=Device.cuda))


def test_auto_is_compiled_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 0)
    assert select.make_engine(Options()).name == "compiled"
    assert select.make_engine(Options(engine=Engine.torch)).name == "torch"
    assert select.make_engine(Options(engine=Engine.compiled)).device == "cpu"
    with pytest.raises(ConfigError, match="runs on the CPU only"):
        select.make_engine(Options(engine=Engine.compiled, device=Device.mps))


def test_auto_is_torch_where_numba_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 0)
    monkeypatch.setitem(sys.modules, "lenet_ablate.engines.compiled.engine", None)
    assert select.make_engine(Options()).name == "torch"
    assert capsys.readouterr().err.count("engine=auto takes torch") == 1
    with pytest.raises(EngineError, match="Numba cannot be imported"):
        select.make_engine(Options(engine=Engine.compiled))


def test_hyperthreads_of_a_core_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4}, raising=False)
    monkeypatch.setattr(cores, "_siblings", lambda cpu: str(cpu % 3))
    monkeypatch.setattr(cores, "_quota", lambda: math.inf)
    assert cores.num_usable_cores() == 3


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 4), ("150000 100000", 2), ("10000 100000", 1), ("?", 4)]
)
def test_a_container_gets_its_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(limit + "\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(cores, "_siblings", str)
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    assert cores.num_usable_cores() == expected
