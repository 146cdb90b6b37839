"""Runs in processes of their own: the same results, and a process that is lost costs the run that it had."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import Logger, OnError
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import CHECKPOINT, CONFIG, LOG, METRICS, MODEL, PREDICTIONS, State
from lenet_ablate.rendering.children import package_folders
from lenet_ablate.studies.jobs import Sweep, SweepResult
from lenet_ablate.sweep import isolated, wire
from lenet_ablate.sweep.run import run_sweep
from support import bad_worker
from support.tiny import without_seconds

ISOLATED = Supervision(isolate=True)
MakeSweep = Callable[..., Sweep]


@pytest.fixture
def bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "COMMAND", (bad_worker.__file__,))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The worker processes that were started."""
    found: list[int] = []

    class Counts(isolated.WorkerProcess):
        def __init__(self) -> None:
            super().__init__()
            found.append(self._process.pid)

    monkeypatch.setattr(isolated, "WorkerProcess", Counts)
    yield found
    for pid in found:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def errors(sweep: Sweep, result: SweepResult) -> dict[int, str]:
    return {ended.job.config.seed: ended.error for ended in result.select(State.failed)}


def test_results_are_the_same_and_processes_are_kept(
    make_sweep: MakeSweep, started: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [{"seed": seed, "lr": StepDecay("step")} for seed in range(4)]
    here, there = make_sweep(*changes, study="here"), make_sweep(*changes, study="there")
    run_sweep(here, workers=2)
    result = run_sweep(there, workers=2, supervision=ISOLATED)
    assert (len(result.select(State.done)), result.exit_status, len(started)) == (4, 0, 2)
    assert "2 side by side, in processes of their own" in capsys.readouterr().out
    for job in here.jobs:
        for name in (MODEL, CONFIG):
            assert (here.folder(job) / name).read_bytes() == (there.folder(job) / name).read_bytes()
        assert without_seconds(here.folder(job) / METRICS) == without_seconds(there.folder(job) / METRICS)
        with np.load(here.folder(job) / PREDICTIONS) as one, np.load(there.folder(job) / PREDICTIONS) as other:
            assert all((one[name] == other[name]).all() for name in ("digits", "probabilities"))
        assert not (there.folder(job) / LOG).exists()  # nothing to say that its record does not
        assert read_run(there.folder(job)).result.provenance.command == there.command
    assert run_sweep(there, workers=2, supervision=ISOLATED).skipped == 4


def test_whatever_a_run_does_to_its_process_costs_that_run(
    make_sweep: MakeSweep, bad: None, started: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        bad_worker.SEGFAULT: "the process was killed by SIGSEGV",
        bad_worker.ABORT: "the process was killed by SIGABRT",
        bad_worker.KILLED: "the process was killed by SIGKILL, perhaps for want of memory",
        bad_worker.EXIT: "the process ended with exit status 7",
        bad_worker.SYSTEM_EXIT: "SystemExit: 3",
        bad_worker.MEMORY: "MemoryError",
        bad_worker.DEEP: "RecursionError: maximum recursion depth exceeded",
    }
    sweep = make_sweep(*({"seed": seed} for seed in [*told, 20, 21]))
    result = run_sweep(sweep, workers=2, supervision=ISOLATED)
    assert errors(sweep, result) == told
    assert (len(result.select(State.done)), result.exit_status) == (2, 1)
    assert len(started) <= 2 + 4  # the four that were lost are replaced, the others go on in theirs
    for ended in result.select(State.failed):
        record = read_run(ended.folder)
        assert (record.state, record.error) == (State.failed, ended.error)
        assert ended.error in (ended.folder / LOG).read_text()
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    monkey = run_sweep(sweep, workers=1)  # without the bad worker, and in this process
    assert (monkey.skipped, len(monkey.select(State.done))) == (2, 7)


def test_a_run_that_hangs_is_ended_at_its_timeout(
    make_sweep: MakeSweep, bad: None, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "GRACE_SECONDS", 2.0)
    sweep = make_sweep({"seed": bad_worker.HANG}, {"seed": bad_worker.SLOW, "epochs": 500}, {"seed": 20})
    result = run_sweep(sweep, workers=1, supervision=Supervision(isolate=True, run_timeout=1.0))
    assert errors(sweep, result) == {
        bad_worker.HANG: "took longer than hydra.launcher.run_timeout=1 seconds and was ended",
        bad_worker.SLOW: "took longer than hydra.launcher.run_timeout=1 seconds",
    }
    assert len(result.select(State.done)) == 1 and len(started) == 2
    assert [read_run(sweep.folder(job)).state for job in sweep.jobs] == [State.failed, State.failed, State.done]
    assert (sweep.folder(sweep.jobs[1]) / CHECKPOINT).is_file()  # another try goes on from there


def test_a_lost_run_is_tried_again(make_sweep: MakeSweep, bad: None, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = make_sweep({"seed": bad_worker.ONCE}, {"seed": bad_worker.KILLED})
    result = run_sweep(sweep, workers=2, supervision=Supervision(isolate=True, retries=1))
    assert [ended.job.config.seed for ended in result.select(State.done)] == [bad_worker.ONCE]
    assert list(errors(sweep, result)) == [bad_worker.KILLED]
    assert capsys.readouterr().err.count("to be tried again (1 of 1)") == 2


def test_a_failure_can_end_the_sweep(make_sweep: MakeSweep, bad: None, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = make_sweep({"seed": bad_worker.SLOW, "epochs": 500}, *({"seed": s} for s in (bad_worker.KILLED, 20, 21)))
    result = run_sweep(sweep, workers=2, supervision=Supervision(isolate=True, on_error=OnError.stop))
    assert (result.exit_status, result.unfinished, len(result.select(State.failed))) == (1, 3, 1)
    assert read_run(sweep.folder(sweep.jobs[0])).state is State.interrupted
    assert "stopped at a failed run (hydra.launcher.on_error=stop)" in capsys.readouterr().out


def test_a_process_that_does_not_start_says_why(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(isolated, "COMMAND", ("-c", "raise ImportError('no such thing')"))
    sweep = make_sweep({"seed": 0}, {"seed": 1})
    result = run_sweep(sweep, workers=1, supervision=ISOLATED)
    assert set(errors(sweep, result).values()) == {"the process ended with exit status 1: ImportError: no such thing"}
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_process_killed_between_two_runs_costs_none(make_sweep: MakeSweep, started: list[int]) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1})
    engines = dict.fromkeys([sweep.jobs[0].config.model.name], TorchEngine("cpu"))
    trainer = isolated.IsolatedTrainer(sweep, engines, lambda: False, None)
    process = trainer._living()
    os.kill(process._process.pid, signal.SIGKILL)
    process._process.wait()
    assert trainer._living() is not process
    trainer.close()
    assert len(started) == 2


def test_what_crosses_the_border_is_plain_and_comes_back_whole(make_sweep: MakeSweep, tmp_path: Path) -> None:
    sweep = make_sweep({"seed": 3, "lr": StepDecay("step", 0.1, 0.5, 2)}, log_every=7)
    order = wire.make_order(sweep, sweep.jobs[0], TorchEngine("cpu"), 1.5)
    order = wire.Order(order.config, order.options, "größe \udcff", {"a.yaml": "ü\n".encode()}, 1.5)
    kind, content = wire.decode(wire.encode(wire.RUN, wire.encode_order(order)))
    again = wire.decode_order(content)
    assert (kind, again) == (wire.RUN, order)
    assert (again.options.engine.value, again.options.device.value) == ("torch", "cpu")
    assert again.sweep.folder(again.job) == sweep.folder(sweep.jobs[0])


def test_the_working_folder_is_no_place_for_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert package_folders(["", str(tmp_path), "/usr/lib"]) == ["/usr/lib"]


def test_loggers_get_the_same_from_either(make_sweep: MakeSweep) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    def logged(sweep: Sweep) -> list[tuple[int, str, float]]:
        folder = sweep.folder(sweep.jobs[0]) / "tensorboard"
        (path,) = folder.glob("*.epochs")
        events = EventFileLoader(str(path)).Load()
        values = [(event.step, value.tag, value) for event in events for value in event.summary.value]
        return [
            (step, tag, float(value.tensor.float_val[0]))
            for step, tag, value in values
            if value.tensor.float_val and tag != "seconds"
        ]

    change = {"seed": 0, "epochs": 3}
    here, there = (make_sweep(change, study=name, logger=Logger.tensorboard) for name in ("here", "there"))
    run_sweep(here, workers=1)
    run_sweep(there, workers=1, supervision=ISOLATED)
    assert len(logged(here)) >= 3 * 3 and logged(here) == logged(there)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


LONG = ("data=digits", "epochs=3000", "seed=0,1", "hydra.launcher.isolate=true", "hydra.launcher.workers=2")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for child processes in /proc")
def test_a_signal_to_every_process_saves_every_run(tmp_path: Path) -> None:
    from support.sweeps import start

    started = start(*LONG, cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("outputs/ablation/*/metrics.csv"))) == 2)
    for pid in [*children(started.process.pid), started.process.pid]:
        os.kill(pid, signal.SIGTERM)
    begun = time.monotonic()
    returned, printed = started.end(30)
    assert returned == 143 and "interrupted after" in printed and "Traceback" not in printed, printed
    assert time.monotonic() - begun < 20  # far above the second that it takes
    folders = [path.parent for path in tmp_path.glob("outputs/ablation/*/status.json")]
    assert [read_run(folder).state for folder in folders] == [State.interrupted] * 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for child processes in /proc")
def test_worker_processes_end_with_the_sweep_that_is_killed(tmp_path: Path) -> None:
    from support.sweeps import start

    started = start(*LONG, cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("outputs/ablation/*/metrics.csv"))) == 2)
    pids = children(started.process.pid)
    assert len(pids) == 2
    started.process.kill()
    started.process.wait()
    wait_until(lambda: not any(map(is_running, pids)), 10)
