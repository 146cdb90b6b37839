from __future__ import annotations

import dataclasses
import gzip
import json
import os
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest

from lenet_ablate.config.choices import Optimizer
from lenet_ablate.config.plan import run_name
from lenet_ablate.config.settings import OptimizerConfig, Options, RunConfig
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner
from lenet_ablate.errors import ConfigError, DataError, RecordError
from lenet_ablate.records.locks import LOCKS
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import LOG, METRICS, MODEL, STATUS, State
from lenet_ablate.studies.jobs import Job, Sweep, SweepResult
from lenet_ablate.sweep import workers
from lenet_ablate.sweep.run import run_sweep
from support.tiny import tiny_config, without_seconds


class Fails(TorchEngine):
    """Raises for every run with seed 1."""

    def learner(self, plan: Any, *rest: Any) -> TorchLearner:
        if plan.config.seed == 1:
            raise MemoryError("no\nroom")
        return super().learner(plan, *rest)


def test_a_sweep_trains_then_skips_then_adds(make_sweep: Callable[..., Sweep], capsys: Any) -> None:
    first = run_sweep(make_sweep({"seed": 0}, {"seed": 1}), workers=2)
    assert (len(first.select(State.done)), first.skipped, first.exit_status) == (2, 0, 0)
    again = run_sweep(make_sweep({"seed": 0}, {"seed": 1}), workers=2)
    assert (again.ended, again.skipped, again.exit_status) == ((), 2, 0)
    assert "all done already, nothing to train" in capsys.readouterr().out
    more = run_sweep(make_sweep({"seed": 0}, {"seed": 1}, {"seed": 2}), workers=2)
    assert (len(more.ended), more.skipped) == (1, 2)


def test_it_says_why_a_finished_run_is_trained_again(make_sweep: Callable[..., Sweep], npz: Path, capsys: Any) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1})
    run_sweep(sweep, workers=2)
    assert "again" not in capsys.readouterr().out
    model = sweep.folder(sweep.jobs[1]) / MODEL
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    run_sweep(sweep, workers=2)
    out = capsys.readouterr().out
    assert "1 already done, 1 to train" in out
    assert ": model.safetensors is damaged" in out
    status = sweep.folder(sweep.jobs[0]) / STATUS
    status.write_text(json.dumps({k: v for k, v in json.loads(status.read_text()).items() if k != "files"}))
    run_sweep(sweep, workers=2)
    assert ": its record is damaged" in capsys.readouterr().out
    run_sweep(make_sweep({"seed": 0}, train_loss_every=1), workers=2)
    assert "it has no" not in capsys.readouterr().out  # the only epoch's training loss is always there
    with np.load(npz) as arrays:
        np.savez(npz, **{**arrays, "x_train": arrays["x_train"] // 2})
    run_sweep(sweep, workers=2)
    assert capsys.readouterr().out.count(f"{npz} has changed since") == 2


def test_results_depend_neither_on_workers_nor_on_company(make_sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    changes = [{"seed": seed, "lr": lr} for seed in range(3) for lr in (0.001, 0.01)]
    run_sweep(make_sweep(*changes, study="two"), workers=2)
    run_sweep(make_sweep(*reversed(changes), study="one"), workers=1)
    alone = make_sweep(changes[3], study="alone")
    run_sweep(alone, workers=1)
    for job in make_sweep(*changes).jobs:
        name = run_name(job.config)
        a, b = tmp_path / "out/two" / name, tmp_path / "out/one" / name
        assert (a / MODEL).read_bytes() == (b / MODEL).read_bytes()
        assert without_seconds(a / METRICS) == without_seconds(b / METRICS)
    name = run_name(alone.jobs[0].config)
    assert (tmp_path / "out/alone" / name / MODEL).read_bytes() == (tmp_path / "out/two" / name / MODEL).read_bytes()


def test_a_failing_run_stops_no_other_and_is_told_with_its_retry(make_sweep: Callable[..., Sweep], capsys: Any) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1}, {"seed": 2})
    result = run_sweep(sweep, workers=1, engine=Fails("cpu"))
    assert (len(result.select(State.done)), result.exit_status) == (2, 1)
    (failed,) = result.select(State.failed)
    assert failed.error == "MemoryError: no room"
    told = capsys.readouterr().out
    assert "retry: lenet-ablate seed=1" in told
    assert str(failed.folder / LOG) in told
    assert "Traceback" in (failed.folder / LOG).read_text()
    record = read_run(failed.folder)
    assert (record.state, record.error) == (State.failed, "MemoryError: no room")
    assert "MemoryError" in json.loads((failed.folder / STATUS).read_text())["traceback"]
    retried = run_sweep(sweep, workers=1)
    assert (len(retried.select(State.done)), retried.skipped) == (1, 2)


def test_bad_data_is_told_before_anything_is_written(
    make_sweep: Callable[..., Sweep], npz: Path, tmp_path: Path
) -> None:
    npz.write_bytes(b"not a zip")
    with pytest.raises(DataError, match=r"tiny\.npz"):
        run_sweep(make_sweep({"seed": 0}), workers=1)
    assert not (tmp_path / "out").exists()


def test_a_split_too_large_is_told_before_anything_is_written(make_sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep = make_sweep({"seed": 0})
    data = dataclasses.replace(sweep.jobs[0].config.data, val_size=230)
    bad = Job(dataclasses.replace(sweep.jobs[0].config, data=data))
    with pytest.raises(ConfigError, match="val_size=230"):
        run_sweep(dataclasses.replace(sweep, jobs=(sweep.jobs[0], bad)), workers=1)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made(make_sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(RecordError, match=r"out/ablation: .*out cannot be written; output_dir=… names another folder"):
        run_sweep(make_sweep({"seed": 0}), workers=1)


def test_changed_data_under_the_same_path_is_trained_again(make_sweep: Callable[..., Sweep], npz: Path) -> None:
    sweep = make_sweep({"seed": 0})
    run_sweep(sweep, workers=1)
    assert run_sweep(sweep, workers=1).skipped == 1
    arrays = dict(np.load(npz))
    arrays["x_train"][0] = 255 - arrays["x_train"][0]
    np.savez(npz, **arrays)
    assert len(run_sweep(sweep, workers=1).select(State.done)) == 1


def test_a_finished_run_without_what_is_asked_for_is_trained_again(make_sweep: Callable[..., Sweep]) -> None:
    run_sweep(make_sweep({"seed": 0, "epochs": 2}), workers=1)
    asking = make_sweep({"seed": 0, "epochs": 2}, train_loss_every=1)
    assert len(run_sweep(asking, workers=1).select(State.done)) == 1
    assert run_sweep(asking, workers=1).skipped == 1


def test_the_plan_is_written_once_with_every_run(make_sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep = dataclasses.replace(make_sweep({"seed": 0}, {"seed": 1}), factors={"seed": ["0", "1"]})
    for _ in range(2):
        run_sweep(sweep, workers=1)
    (path,) = (tmp_path / "out/ablation/sweeps").iterdir()
    plan, *runs = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    assert (plan["command"], plan["factors"]) == ("lenet-ablate -m typed", {"seed": ["0", "1"]})
    assert [run["run"] for run in runs] == [run_name(job.config) for job in sweep.jobs]


def test_what_another_sweep_trains_is_waited_for_not_trained_twice(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.01)
    changes = [{"seed": seed} for seed in range(6)]
    made: list[int] = []

    class Counts(TorchEngine):
        def learner(self, plan: Any, *rest: Any) -> TorchLearner:
            made.append(plan.config.seed)
            return super().learner(plan, *rest)

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(run_sweep(make_sweep(*changes), 2, Counts("cpu"))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(6))
    assert sum(ended.is_ours for result in results for ended in result.ended) == 6
    assert all(len(r.select(State.done)) + r.skipped == 6 and r.exit_status == 0 for r in results)


def test_a_claim_left_by_a_sweep_that_gives_up_is_taken_over(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.01)
    sweep = make_sweep({"seed": 0})
    locks = sweep.study / LOCKS
    locks.mkdir(parents=True)
    other = filelock.FileLock(locks / f"{run_name(sweep.jobs[0].config)}.lock")
    other.acquire()
    results = []
    thread = threading.Thread(target=lambda: results.append(run_sweep(sweep, 1)))
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive()
    assert not sweep.folder(sweep.jobs[0]).exists()
    other.release()
    thread.join(30)
    assert len(results[0].select(State.done)) == 1


def test_one_pause_serves_all_runs_that_others_are_at(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make_sweep(*({"seed": seed} for seed in range(5)))
    locks = sweep.study / LOCKS
    locks.mkdir(parents=True)
    held = [filelock.FileLock(locks / f"{run_name(job.config)}.lock", thread_local=False) for job in sweep.jobs]
    for lock in held:
        lock.acquire()
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        for lock in held:
            lock.release()

    monkeypatch.setattr(workers, "time", types.SimpleNamespace(sleep=pause, monotonic=time.monotonic))
    assert len(run_sweep(sweep, 1).select(State.done)) == 5
    assert pauses == [workers.FIRST_POLL_SECONDS]


def test_a_run_that_cannot_be_claimed_fails_and_stops_no_other(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"seed": 0}, {"seed": 1})
    lock = sweep.study / LOCKS / f"{run_name(sweep.jobs[0].config)}.lock"
    lock.mkdir(parents=True)
    result = run_sweep(sweep, workers=1)
    assert (len(result.select(State.done)), len(result.select(State.failed)), result.exit_status) == (1, 1, 1)


def test_a_run_left_without_an_end_is_no_success() -> None:
    assert SweepResult(total=3, skipped=1, ended=(), seconds=0.0).exit_status == 1
    assert SweepResult(total=1, skipped=1, ended=(), seconds=0.0).exit_status == 0


def test_a_diverged_run_is_not_trained_for_ever(make_sweep: Callable[..., Sweep]) -> None:
    explodes = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, weight_decay=10.0)
    sweep = make_sweep({"optimizer": explodes, "lr": 10.0, "epochs": 9}, train_loss_every=1)
    first = run_sweep(sweep, workers=1)
    assert (len(first.select(State.diverged)), first.exit_status) == (1, 0)
    assert run_sweep(sweep, workers=1).skipped == 1


def test_finished_runs_need_their_data_no_more(make_sweep: Callable[..., Sweep], npz: Path) -> None:
    sweep = make_sweep({"seed": 0})
    run_sweep(sweep, workers=1)
    npz.unlink()
    assert run_sweep(sweep, workers=1).skipped == 1


def test_splits_share_one_copy_of_the_data(npz: Path, tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path)
    config = dataclasses.replace(tiny_config().data, path=str(npz))
    assert cache.get(config, 32) is cache.get(dataclasses.replace(config, val_size=0), 32)


def test_leftovers_of_a_killed_write_are_removed(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"seed": 0})
    folder = sweep.folder(sweep.jobs[0])
    folder.mkdir(parents=True)
    (folder / ".metrics.csv.1.2.tmp").write_text("half")
    run_sweep(sweep, workers=1)
    assert not list(folder.glob(".*.tmp"))


def test_leftovers_beside_the_plan_and_in_hydras_folder_are_removed(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"seed": 0})
    litter = [sweep.study / "sweeps/.x.json.1.2.tmp", sweep.folder(sweep.jobs[0]) / ".hydra/.config.yaml.1.2.tmp"]
    for path in litter:
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (0, 0))
    run_sweep(sweep, workers=1)
    assert not any(path.exists() for path in litter)


def test_neutral_options_are_the_defaults() -> None:
    sweep = Sweep((Job(RunConfig()),), Options(), "x")
    assert sweep.study == Path("outputs/ablation")
