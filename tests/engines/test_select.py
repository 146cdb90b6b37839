from __future__ import annotations

import sys

import pytest
import torch

from lenet_ablate.config.choices import Device, Engine
from lenet_ablate.config.settings import Options
from lenet_ablate.engines import select
from lenet_ablate.errors import ConfigError, EngineError


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
