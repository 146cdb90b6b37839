"""Locks on file systems where they do not work."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from lenet_ablate.records import locks
from lenet_ablate.records.locks import LOCKS, fault_between, fault_within, held, is_held_elsewhere
from support.lock_shim import build_lock_shim
from support.sweeps import start


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_lock_shim(tmp_path_factory.mktemp("shim"))


RARE = [errno.EOPNOTSUPP, errno.EBADF, errno.EIO, errno.ENOSYS]


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOLCK, *(pytest.param(n, marks=pytest.mark.soak) for n in (None, *RARE))])
def test_a_sweep_without_locks_trains_nothing_and_names_the_way_out(
    tmp_path: Path, shim: Path, number: int | None
) -> None:
    environment = {"LD_PRELOAD": str(shim)} | ({} if number is None else {"LOCK_ERRNO": str(number)})
    words = ("data=digits", "epochs=1", "seed=0,1", "engine=torch")
    returned, printed = start(*words, cwd=tmp_path, environment=environment).end()
    why = "a lock is granted twice" if number is None else os.strerror(number)
    told = f"outputs/ablation: its file system keeps no locks that can be trusted ({why}); nothing was trained; "
    assert returned == 1 and printed.count(told) == 1 and "claim=files" in printed, printed
    assert "Errno" not in printed and "Traceback" not in printed
    study = tmp_path / "outputs/ablation"
    assert [path.name for path in study.iterdir()] == [LOCKS]
    returned, printed = start(*words, "claim=files", cwd=tmp_path, environment=environment).end()
    assert returned == 0 and "2 trained" in printed, printed
    returned, printed = start(*words, "seed=2", cwd=tmp_path, environment=environment).end()
    assert returned == 0 and "1 trained" in printed, printed  # the study knows how its runs are claimed
    assert not list((study / LOCKS).glob("*.claim")) and not list((study / LOCKS / "present").iterdir())


def test_locks_that_work_are_trusted(tmp_path: Path) -> None:
    assert fault_between(tmp_path) == fault_within(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_locks_that_count_within_a_process_alone_are_found_out(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(shim))  # for the process that contends, not for this one
    assert fault_within(tmp_path) == ""
    assert fault_between(tmp_path) == "a lock is granted twice"
    monkeypatch.setenv("LOCK_ERRNO", str(errno.ENOLCK))
    assert fault_between(tmp_path) == os.strerror(errno.ENOLCK)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_lock_that_is_refused_is_not_taken_for_a_lock_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert fault_between(tmp_path).startswith(os.strerror(number))


def test_no_process_to_contend_with_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert fault_between(tmp_path) == ""


def test_who_holds_a_lock_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with filelock.FileLock(path):
        assert is_held_elsewhere(path)
    path.touch()
    assert not is_held_elsewhere(path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EIO])
def test_nobody_waits_for_a_lock_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with held(tmp_path / "lock"), pytest.raises(filelock.Timeout):
        filelock.FileLock(tmp_path / "lock").acquire(blocking=False)
    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(tmp_path / "lock"), held(tmp_path / "lock"):
        pass
    with held(tmp_path / "missing" / "lock"):
        pass


def test_windows_needs_no_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    assert fault_between(tmp_path) == ""


def test_the_process_that_contends_starts_nothing_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "fcntl.py").write_text("raise SystemExit(120)")
    assert subprocess.run([sys.executable, "-I", "-S", "-c", "import fcntl"], cwd=tmp_path, check=False).returncode == 0
