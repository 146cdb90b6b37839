"""Claims on file systems whose locks do not work."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import locks
from lenet_ablate.records.locks import LOCKS, claim, held, make_claimable
from lenet_ablate.records.write import now, write_config
from support.sweeps import start

SHIM = r"""
#include <errno.h>
#include <stdlib.h>
static int refuse(void) { const char *code = getenv("LOCK_ERRNO"); errno = code ? atoi(code) : ENOLCK; return -1; }
static int grant(void) { return 0; }
int flock(int fd, int operation) { return getenv("LOCK_ERRNO") ? refuse() : grant(); }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that, loaded before the system's own, makes flock fail with $LOCK_ERRNO, or without it do nothing."""
    if sys.platform != "linux" or not shutil.which("cc"):
        pytest.skip("needs Linux and a C compiler, cc")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c"], check=True)
    return folder / "shim.so"


RARE = [errno.EOPNOTSUPP, errno.EBADF, errno.EIO, errno.ENOSYS]


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOLCK, None, *(pytest.param(n, marks=pytest.mark.soak) for n in RARE)])
def test_a_sweep_goes_on_without_locks_and_says_so_once(tmp_path: Path, shim: Path, number: int | None) -> None:
    environment = {"LD_PRELOAD": str(shim)} | ({} if number is None else {"LOCK_ERRNO": str(number)})
    returned, printed = start("data=digits", "epochs=1", "seed=0,1", cwd=tmp_path, environment=environment).end()
    assert returned == 0 and "2 trained" in printed, printed
    why = "a lock is granted twice" if number is None else os.strerror(number)
    told = f"warning: outputs/ablation: its file system keeps no locks ({why}), so sweeps cannot share it; "
    assert printed.count(told) == 1, printed
    assert "Errno" not in printed and "Traceback" not in printed
    assert list((tmp_path / "outputs/ablation" / LOCKS).iterdir()) == []


def test_locks_that_work_are_trusted(tmp_path: Path) -> None:
    assert make_claimable(tmp_path) == ""
    assert list((tmp_path / LOCKS).iterdir()) == []
    with claim(tmp_path, "run") as mine, claim(tmp_path, "run") as again:
        assert (mine, again) == (True, False)
    with claim(tmp_path, "run") as mine:
        assert mine


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_a_lock_that_is_refused_is_not_taken_for_a_lock_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert make_claimable(tmp_path).startswith(os.strerror(number))


def test_a_lock_that_fails_later_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / LOCKS / "run.lock").mkdir(parents=True)
    with pytest.raises(RecordError, match=r"run\.lock: cannot be locked: Is a directory"), claim(tmp_path, "run"):
        pass


def test_a_folder_of_claims_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / LOCKS).write_text("in the way")
    with pytest.raises(RecordError, match=r"\.locks: cannot be made: File exists"):
        make_claimable(tmp_path)


def test_without_locks_a_run_that_another_process_is_at_is_left_to_it(tmp_path: Path) -> None:
    def say_running(pid: int) -> None:
        owner = {"host": socket.gethostname(), "pid": pid}
        status = {"format": 1, "status": "running", "identity": "0" * 64, "owner": owner, "heartbeat": now()}
        (tmp_path / "run/status.json").write_text(json.dumps(status))

    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run", RunConfig())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, is_mine in ((os.getppid(), False), (os.getpid(), True), (gone.pid, True)):
        say_running(pid)
        with claim(tmp_path, "run", is_locked=False) as mine:
            assert mine is is_mine
    with claim(tmp_path, "another", is_locked=False) as mine:
        assert mine


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
    assert make_claimable(tmp_path) == ""
