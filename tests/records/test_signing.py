"""`done` comes after the disk has everything; together for many runs, and for none of them where that fails."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import flushing, signing, write
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import CONFIG, METRICS, MODEL, RESULT, STATUS, EpochRow, Predictions, State
from lenet_ablate.records.signing import Signatures
from lenet_ablate.records.write import Unsigned, sign_all, write_config, write_record, write_status

ROWS = (EpochRow(1, 10, 0.001, 2.1, None, None, None, 1 / 3, 0.1, 1.5),)
CONFIGS = [RunConfig(seed=seed) for seed in range(3)]


def unsigned(folder: Path, config: RunConfig) -> Unsigned:
    folder.mkdir(parents=True)
    write_config(folder, config)
    write_status(folder, State.running, identity(config))
    weights = {"c1.bias": np.arange(6, dtype=np.float32)}
    predictions = Predictions(np.zeros(10, np.uint8), np.zeros(10, np.float16))
    return write_record(folder, State.done, config, ROWS, {"final": {}}, weights, predictions)


def runs(study: Path) -> list[Unsigned]:
    return [unsigned(study / str(config.seed), config) for config in CONFIGS]


def test_nothing_is_done_before_everything_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[list[str], list[str]]] = []

    def states() -> list[str]:
        return [json.loads((tmp_path / str(c.seed) / STATUS).read_bytes())["status"] for c in CONFIGS]

    def flush(files: Mapping[Path, Iterable[str]]) -> None:
        steps.append((sorted({name for names in files.values() for name in names}), states()))

    monkeypatch.setattr(write, "flush_runs", flush)
    assert sign_all(runs(tmp_path)) == {}
    files = {CONFIG, METRICS, RESULT, MODEL, "predictions.npz"}
    (flushed, before), (names, after) = steps
    aside = set(flushed) - files
    assert files < set(flushed) and len(aside) == 1 and STATUS in aside.pop()  # what will say `done` lies there, too
    assert (before, names, after) == (["running"] * 3, [], ["done"] * 3)
    assert all(read_run(tmp_path / str(c.seed)).state is State.done for c in CONFIGS)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_disk_that_fails_makes_none_of_them_done_for_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    calls = []

    def flush(files: Mapping[Path, Iterable[str]]) -> None:
        calls.append(files)
        if len(calls) == nth:
            raise RecordError("the disk is gone")

    monkeypatch.setattr(write, "flush_runs", flush)
    waiting = runs(tmp_path)
    assert sign_all(waiting).keys() == {run.folder for run in waiting}
    assert not list(tmp_path.glob("*/.*"))  # no temporary file is left
    if nth == 1:
        assert not any(read_run(run.folder).state.is_finished for run in waiting)


def test_one_status_that_cannot_be_written_costs_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = runs(tmp_path)
    original = write.put_in_place

    def fail(temporary: str, path: Path) -> None:
        if path == waiting[1].folder / STATUS:
            raise RecordError(f"{path}: no")
        original(temporary, path)

    monkeypatch.setattr(write, "put_in_place", fail)
    assert list(sign_all(waiting)) == [waiting[1].folder]
    assert [read_run(run.folder).state for run in waiting] == [State.done, State.running, State.done]


def test_a_record_that_cannot_be_written_leaves_nothing_that_calls_it_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write.write_aside

    def fail(path: Path, data: bytes) -> str:
        if path.name == RESULT:
            raise RecordError(f"{path}: no")
        return original(path, data)

    monkeypatch.setattr(write, "write_aside", fail)
    with pytest.raises(RecordError, match="no"):
        unsigned(tmp_path / "run", CONFIGS[0])
    assert not list((tmp_path / "run").glob(".*")) and read_run(tmp_path / "run").state is State.running


def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed one by one, by name, while nothing really is."""
    names: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: names.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    return names


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_where_a_file_system_is_not_flushed_as_a_whole_each_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = unsigned(tmp_path / "run", CONFIGS[0])
    names = flushed(monkeypatch)
    flushing._syncs_whole.cache_clear()
    monkeypatch.setattr(flushing, "WHOLE", frozenset())
    assert sign_all([run]) == {}
    flushing._syncs_whole.cache_clear()
    aside = names.pop(len(run.digests))
    assert STATUS in aside and names == [*run.digests, "run", "run"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone flushes whole file systems")
def test_a_whole_file_system_that_cannot_be_flushed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    def fail(descriptor: int) -> int:
        ctypes.set_errno(errno.EIO)
        return -1

    monkeypatch.setattr(flushing, "_syncs_whole", lambda device: True)
    monkeypatch.setattr(flushing, "_syncfs", lambda: fail)
    with pytest.raises(RecordError, match=f"{tmp_path.name}: cannot be written: Input/output error"):
        flushing.flush_runs({tmp_path: ()})


def test_a_batch_is_signed_when_it_is_large_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = runs(tmp_path)
    batch = Signatures()
    batch.sign_due()
    batch.add(first)
    outcome = batch.outcome(first.folder)
    assert outcome is not None and batch.outcome(first.folder) is None
    batch.sign_due()
    assert not outcome.done()
    monkeypatch.setattr(signing, "MOST_WAITING", 2)
    batch.add(second)
    batch.sign_due()
    assert outcome.done() and outcome.exception() is None and read_run(second.folder).state is State.done
    monkeypatch.setattr(signing, "MOST_SECONDS", 0.0)
    batch.add(third)
    batch.sign_due()
    assert read_run(third.folder).state is State.done
