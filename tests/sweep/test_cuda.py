"""Sweeps by the cuda engine on a device that is the CPU: the same folders and tables as with the other engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.choices import Activation, EarlyStop, Optimizer, Pool
from lenet_ablate.config.settings import EarlyStopConfig, OptimizerConfig
from lenet_ablate.engines.cuda.engine import CudaEngine
from lenet_ablate.records.frames import read_epochs, read_runs
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import CHECKPOINT, METRICS, MODEL, PREDICTIONS, State
from lenet_ablate.report.build import build_report
from lenet_ablate.report.options import ReportOptions
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep import run as run_module
from lenet_ablate.sweep.run import run_sweep
from lenet_ablate.sweep.signals import Stop
from lenet_ablate.training import loop
from support.block_on_cpu import HostDevice
from support.tiny import without_seconds

EXPLODES = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=10.0)
SETTLES = EarlyStopConfig(name=EarlyStop.patience, patience=1, min_delta=0.99)
GRID: list[dict[str, Any]] = [
    {"lr": 0.003},
    {"lr": 0.003, "seed": 1},
    {"lr": 0.003, "pool": Pool.avg, "activation": Activation.gelu},
    {"lr": 10.0, "optimizer": EXPLODES},
    {"lr": 0.003, "epochs": 4, "early_stop": SETTLES},
]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_sweep_leaves_what_it_leaves_with_the_compiled_engine(
    make_sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = make_sweep(*GRID, study="card"), make_sweep(*GRID, study="cpu")
    ours, theirs = run_sweep(one, engine=CudaEngine(HostDevice())), run_sweep(other)
    assert "training with cuda on cuda, 4 side by side" in capsys.readouterr().out
    assert ours.exit_status == theirs.exit_status == 0
    for job in one.jobs:
        a, b = one.folder(job), other.folder(job)
        assert files(a) == files(b)
        first, second = read_run(a), read_run(b)
        assert first.state is second.state and len(first.rows) == len(second.rows)
        if first.state is State.done:
            for row, wanted in zip(first.rows, second.rows, strict=True):
                assert row.test_loss == pytest.approx(wanted.test_loss, rel=2e-3)
    assert {str(record.state.value) for record in map(read_run, map(one.folder, one.jobs))} == {"done", "diverged"}
    assert len(read_run(one.folder(one.jobs[4])).rows) < 4
    told = read_run(one.folder(one.jobs[0])).result.provenance
    assert (told.engine, told.device, told.card) == ("cuda", "cuda", "the CPU")
    runs, epochs = read_runs(tmp_path / "out"), read_epochs(tmp_path / "out")
    by_study = dict(list(runs.groupby("study")))
    same = ["variant_id", "seed", "status", "epochs_done"]
    tables = [part[same].sort_values(same).reset_index(drop=True) for part in by_study.values()]
    assert len(tables) == 2 and tables[0].equals(tables[1])
    assert len(epochs) > len(runs)
    assert build_report(ReportOptions(tmp_path / "out", study="card")).page.is_file()


class StopsAfter:
    """Stops the sweep, as Ctrl-C does, when a device has been given so many launches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, device: HostDevice, launches: int) -> None:
        monkeypatch.setattr(Stop, "is_asked", lambda _: device.launches >= launches)


def test_a_sweep_that_was_stopped_goes_on_to_the_same_bytes(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)  # a step per slice
    changes = [{"lr": 0.003, "epochs": 2}, {"lr": 0.003, "epochs": 2, "seed": 1}]
    whole, pieces = make_sweep(*changes, study="whole"), make_sweep(*changes, study="pieces")
    run_sweep(whole, engine=CudaEngine(HostDevice()))
    for launches in (9, 25):
        with monkeypatch.context() as patch:
            device = HostDevice()
            StopsAfter(patch, device, launches)
            run_sweep(pieces, engine=CudaEngine(device))
        states = {read_run(pieces.folder(job)).state for job in pieces.jobs}
        assert State.interrupted in states
    result = run_sweep(pieces, engine=CudaEngine(HostDevice()))
    assert len(result.select(State.done)) == 2
    for job in whole.jobs:
        a, b = whole.folder(job), pieces.folder(job)
        for name in (MODEL, PREDICTIONS):
            assert (a / name).read_bytes() == (b / name).read_bytes()
        assert without_seconds(a / METRICS) == without_seconds(b / METRICS)
        assert "resumes after step" in (b / "run.log").read_text()


def test_another_card_begins_anew(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    sweep, device = make_sweep({"lr": 0.003}), HostDevice()
    with monkeypatch.context() as patch:
        StopsAfter(patch, device, 5)
        run_sweep(sweep, engine=CudaEngine(device))
    assert (sweep.folder(sweep.jobs[0]) / CHECKPOINT).is_file()
    other = HostDevice()
    other.card = "another card"
    run_sweep(sweep, engine=CudaEngine(other))
    log = (sweep.folder(sweep.jobs[0]) / "run.log").read_text()
    assert "interrupted" in log and "resumes after" not in log
    longer = make_sweep({"lr": 0.003, "epochs": 2})
    run_sweep(longer, engine=CudaEngine(HostDevice()))
    assert not (longer.folder(longer.jobs[0]) / "run.log").exists()  # nothing was resumed
    assert "starts anew, not from the end of" in capsys.readouterr().err


def test_where_many_learners_share_few_cores_not_every_epoch_is_saved(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    write = loop.write_checkpoint
    monkeypatch.setattr(loop, "write_checkpoint", lambda folder, it: (saved.append(it.steps_done), write(folder, it)))
    monkeypatch.setattr(run_module, "num_usable_cores", lambda: 1)
    monkeypatch.setattr(run_module, "CHECKPOINT_SHARE_SECONDS", 1000.0)
    run_sweep(make_sweep({"epochs": 5}, {"epochs": 5, "seed": 1}, study="many"), workers=2)
    assert saved == []
    run_sweep(make_sweep({"epochs": 5}, study="few"), workers=1)
    assert len(saved) == 4


def test_where_many_learners_run_side_by_side_a_slice_is_longer(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0)
    launches = []
    for seconds in (0.0, 1e6):
        monkeypatch.setattr(run_module, "SLICE_SHARE_SECONDS", seconds)
        device = HostDevice()
        run_sweep(make_sweep({"lr": 0.003}, study=f"{seconds}"), engine=CudaEngine(device))
        launches.append(device.launches)
    evaluations = 3
    assert launches[1] == 2 + evaluations < launches[0]  # a step by which the others are timed, and those
