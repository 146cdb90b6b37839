from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lenet_ablate.config.choices import Color, Device, Engine, Model, Optimizer
from lenet_ablate.config.settings import Options
from lenet_ablate.engines import select, speed
from lenet_ablate.engines.cuda import engine as cuda_engine
from lenet_ablate.engines.cuda.engine import CudaEngine
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.errors import ConfigError, EngineError
from support.block_on_cpu import HostDevice


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


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> HostDevice:
    """A machine with a GPU, which is the CPU."""
    device = HostDevice()
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(select, "_make_cuda", lambda: CudaEngine(device))
    return device


@pytest.mark.parametrize(("num_runs", "name"), [(1, "compiled"), (2, "compiled"), (4, "cuda"), (108, "cuda")])
def test_auto_takes_what_is_faster_for_so_many_runs(
    card: HostDevice,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    num_runs: int,
    name: str,
) -> None:
    monkeypatch.setenv("LENET_ABLATE_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "_measure", lambda engine: {"cuda": 1000.0, "compiled": 1500.0}[engine.name])
    compiled = select._make_compiled
    monkeypatch.setattr(select, "_make_compiled", lambda: two_cores(compiled()))
    assert select.make_engine(Options(), num_runs).name == name
    (line,) = capsys.readouterr().out.splitlines()
    runs = "1 run" if num_runs == 1 else f"{num_runs} runs"
    assert line.startswith(f"engine=auto takes {name} for {runs}: about ") and "with cuda on the CPU" in line
    monkeypatch.setattr(speed, "_measure", lambda engine: pytest.fail("measured again"))
    assert select.make_engine(Options(), num_runs).name == name
    assert select.make_engine(Options(device=Device.cuda), num_runs).name == "cuda"


def two_cores(engine: Any) -> Any:
    engine.side_by_side = 2
    return engine


def test_what_was_measured_is_a_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENET_ABLATE_CACHE", str(tmp_path))
    engine = CudaEngine(HostDevice())
    one = speed.images_per_second(engine, 1)
    assert one > 1 and speed.images_per_second(engine, 3) == 3 * one
    assert speed.images_per_second(engine, 100) == 4 * one  # as many as it has room for
    (tmp_path / speed.FILE).write_text("no JSON")
    assert speed.images_per_second(engine, 1) > 1


def test_a_network_that_a_card_does_not_know_is_torchs(card: HostDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(select, "_make_torch", lambda device: made.append(device) or TorchEngine("cpu"))
    kinds = [Model.lenet5, Model.lenet5_28, Model.cnn4, Color.rgb, Optimizer.own]
    options = Options(device=Device.cuda)
    names = {kind: engine.name for kind, engine in select.make_engines(options, kinds).items()}
    assert names == dict(zip(kinds, ["cuda", "cuda", "torch", "torch", "torch"], strict=True))
    assert made == ["cuda"]
    asked = Options(engine=Engine.cuda)
    assert select.make_engines(asked, kinds[:2])[Model.lenet5].name == "cuda"
    for kind, told in ((Model.cnn4, "model=cnn4"), (Color.rgb, "data.color=rgb"), (Optimizer.own, "optimizer=own")):
        with pytest.raises(ConfigError, match=f"engine=cuda: does not know {told}; engine=auto takes torch"):
            select.make_engines(asked, [Model.lenet5, kind])


def test_a_card_that_fails_costs_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(HostDevice):
        def program(self, kind: object) -> None:
            raise EngineError("engine=cuda: NVRTC cannot be loaded")

    monkeypatch.setattr(select, "num_cuda_devices", lambda: 1)
    monkeypatch.setattr(select, "_make_cuda", lambda: CudaEngine(Broken()))
    monkeypatch.setattr(select, "_make_torch", lambda device: TorchEngine("cpu"))
    assert select.make_engine(Options()).name == "torch"
    assert capsys.readouterr().err == "warning: engine=cuda: NVRTC cannot be loaded; engine=auto takes torch\n"
    with pytest.raises(EngineError, match="NVRTC cannot be loaded"):
        select.make_engine(Options(engine=Engine.cuda))


def test_cuda_is_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 0)
    with pytest.raises(ConfigError, match="engine=cuda: runs on an NVIDIA GPU only, and this machine shows none"):
        select.make_engine(Options(engine=Engine.cuda))
    monkeypatch.setattr(select, "num_cuda_devices", lambda: 1)
    with pytest.raises(ConfigError, match="engine=cuda: runs on an NVIDIA GPU only; did you mean"):
        select.make_engine(Options(engine=Engine.cuda, device=Device.cpu))


def test_without_a_driver_its_library_says_so_in_one_line() -> None:
    if select.num_cuda_devices():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match="engine=cuda: ") as told:
        cuda_engine.CudaEngine()
    assert "\n" not in str(told.value)
