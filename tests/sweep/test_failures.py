"""What a run does to the thread that it trains on, and what follows for the sweep."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.choices import OnError
from lenet_ablate.config.supervision import Supervision
from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner
from lenet_ablate.errors import DataError
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import LOG, State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep import workers
from lenet_ablate.sweep.run import run_sweep
from lenet_ablate.training import run_log

MakeSweep = Callable[..., Sweep]


def engine_that(deed: Callable[[], object], times: int = 1000) -> TorchEngine:
    """An engine that does something when a run with seed 1 begins, the first times that it does."""
    left = iter(range(times))

    class Bad(TorchEngine):
        def learner(self, plan: Any, *rest: Any) -> TorchLearner:
            if plan.config.seed == 1 and next(left, None) is not None:
                deed()
            return super().learner(plan, *rest)

    return Bad("cpu")


def leave() -> None:
    sys.exit("enough")


def interrupt() -> None:
    raise KeyboardInterrupt


def deep() -> None:
    deep()


def exhaust() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        (leave, "SystemExit: enough"),
        (interrupt, "KeyboardInterrupt"),
        (deep, "RecursionError: maximum recursion depth exceeded"),
        (exhaust, "MemoryError"),
    ],
)
def test_whatever_a_run_raises_costs_that_run(make_sweep: MakeSweep, deed: Callable[[], object], told: str) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1}, {"seed": 2})
    result = run_sweep(sweep, workers=1, engine=engine_that(deed))
    (failed,) = result.select(State.failed)
    assert (failed.error, len(result.select(State.done)), result.exit_status) == (told, 2, 1)
    record = read_run(failed.folder)
    assert (record.state, record.error) == (State.failed, told)
    assert "Traceback" in (failed.folder / LOG).read_text()


def test_an_error_of_the_system_is_told_with_its_folder_and_no_number(make_sweep: MakeSweep) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    sweep = make_sweep({"seed": 1})
    (failed,) = run_sweep(sweep, workers=1, engine=engine_that(fail)).select(State.failed)
    assert failed.error.startswith(f"{failed.folder}: No space left on device (")
    assert "bytes free); free some space there" in failed.error and "Errno" not in failed.error


@pytest.mark.parametrize(("times", "done"), [(1, True), (2, True), (3, False)])
def test_a_failed_run_is_tried_again(make_sweep: MakeSweep, times: int, done: bool, capsys: Any) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1})
    result = run_sweep(sweep, 1, engine_that(exhaust, times), Supervision(retries=2))
    assert (len(result.select(State.done)), result.exit_status) == ((2, 0) if done else (1, 1))
    out, err = capsys.readouterr()
    assert err.count("MemoryError; to be tried again") == min(times, 2)
    assert "[2/2]" in out and "[3/2]" not in out


def test_bad_input_is_not_tried_again(make_sweep: MakeSweep, capsys: Any) -> None:
    def refuse() -> None:
        raise DataError("gone")

    result = run_sweep(make_sweep({"seed": 1}), 1, engine_that(refuse), Supervision(retries=5))
    assert [ended.error for ended in result.ended] == ["gone"]
    assert "tried again" not in capsys.readouterr().err


def test_a_failure_ends_the_sweep_where_that_is_asked_for(make_sweep: MakeSweep, capsys: Any) -> None:
    sweep = make_sweep({"seed": 1}, {"seed": 0}, {"seed": 2})
    result = run_sweep(sweep, 1, engine_that(exhaust), Supervision(on_error=OnError.stop))
    assert (len(result.ended), result.unfinished, result.stop_status, result.exit_status) == (1, 2, 0, 1)
    assert "1 failed, 2 unfinished" in (told := capsys.readouterr().out)
    assert "stopped at a failed run" in told and "interrupted" not in told
    assert len(run_sweep(sweep, 1).select(State.done)) == 3


def test_a_run_that_takes_too_long_fails_and_the_next_try_goes_on(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"seed": 0, "epochs": 5000})
    (failed,) = run_sweep(sweep, 1, TorchEngine("cpu"), Supervision(run_timeout=0.5)).ended
    assert failed.error == "took longer than hydra.launcher.run_timeout=0.5 seconds"
    first = read_run(failed.folder)
    assert (first.state, first.error) == (State.failed, failed.error) and first.rows
    (failed,) = run_sweep(sweep, 1, TorchEngine("cpu"), Supervision(run_timeout=0.5)).ended
    assert len(read_run(failed.folder).rows) > len(first.rows)
    assert "resumes after step" in (failed.folder / LOG).read_text()


def test_a_thread_that_does_not_stop_is_told(
    make_sweep: MakeSweep, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.0)
    engine = engine_that(lambda: time.sleep(1.0))
    run_sweep(make_sweep({"seed": 1}), 1, engine, Supervision(run_timeout=0.3))
    err = capsys.readouterr().err
    assert err.count("does not stop by itself, so it is waited for; hydra.launcher.isolate=true ends such runs") == 1


def test_a_full_log_costs_no_run_and_is_told_once(
    make_sweep: MakeSweep, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    sweep = make_sweep({"seed": 0, "epochs": 3})
    monkeypatch.setattr(run_log, "LOG", "/dev/full")
    monkeypatch.setattr(run_log.RunLog, "level_of_news", logging.INFO)
    assert len(run_sweep(sweep, 1).select(State.done)) == 1
    out, err = capsys.readouterr()
    assert "Logging error" not in out + err and "Traceback" not in err
    assert err.count("/dev/full: No space left on device") == 1 and "the run goes on" in err


def test_a_log_that_cannot_be_closed_costs_no_run(tmp_path: Path) -> None:
    told: list[str] = []
    log = run_log.RunLog(tmp_path / "run.log", told.append)

    class Broken:
        def flush(self) -> None:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            pass

    log.stream = Broken()  # type: ignore[assignment]
    log.close()
    assert told == [f"warning: {tmp_path / 'run.log'}: Input/output error; the run goes on, its log ends here"]
