"""Claims on runs: by locks, by files, across machines, and after their owners' deaths."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Claim
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records import claim_files, locks, presence
from lenet_ablate.records.claim_files import ClaimFiles
from lenet_ablate.records.claims import BY_FILES, Claims, claims_in, open_claims
from lenet_ablate.records.locks import LOCKS
from lenet_ablate.records.presence import PRESENT, Presence, Process, has_company
from lenet_ablate.records.write import now, write_config
from support.lock_shim import build_lock_shim
from support.sweeps import start

HOLD = """
import sys, time
from pathlib import Path
from lenet_ablate.config.choices import Claim
from lenet_ablate.records.claims import open_claims
with open_claims(Path(sys.argv[1]), Claim[sys.argv[2]], print) as claims, claims.claim("run") as is_mine:
    print(is_mine, flush=True)
    time.sleep(60)
"""
FAR = "far@0123456789ab@7@8@aa"
"""A process of another machine."""


def no_words(line: str) -> None:
    raise AssertionError(line)


@contextlib.contextmanager
def holder(study: Path, kind: Claim = Claim.files, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed the run."""
    command = [sys.executable, "-c", HOLD, str(study), kind.name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "True\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ClaimFiles]:
    (tmp_path / LOCKS).mkdir()
    with Presence(tmp_path / LOCKS, is_locked=False) as mine:
        yield ClaimFiles(tmp_path / LOCKS, mine)


def taker(tmp_path: Path) -> contextlib.AbstractContextManager[Presence]:
    return Presence(tmp_path / LOCKS, is_locked=False)


@pytest.mark.parametrize("kind", Claim)
def test_a_run_has_one_claim_at_a_time(tmp_path: Path, kind: Claim) -> None:
    with open_claims(tmp_path, kind, no_words) as claims, open_claims(tmp_path, kind, no_words) as other:
        assert (claims.has_company, other.has_company) == (False, True)
        with claims.claim("run") as mine, other.claim("run") as again, claims.claim("other") as free:
            assert (mine, again, free) == (True, False, True)
        with other.claim("run") as mine:
            assert mine
    assert list((tmp_path / LOCKS / PRESENT).iterdir()) == []


@pytest.mark.parametrize("kind", Claim)
def test_a_claim_ends_with_a_killed_process(tmp_path: Path, kind: Claim) -> None:
    with holder(tmp_path, kind) as process, open_claims(tmp_path, kind, no_words) as claims:
        with claims.claim("run") as is_mine:
            assert not is_mine
        process.send_signal(signal.SIGKILL)
        process.wait()
        with claims.claim("run") as is_mine:
            assert is_mine
    with open_claims(tmp_path, kind, no_words), claims.claim("run") as is_mine:  # and leaves nothing that misleads
        assert is_mine


def test_the_kind_of_a_study_stays(tmp_path: Path) -> None:
    with open_claims(tmp_path, Claim.files, no_words) as first, first.claim("run"):
        assert (tmp_path / LOCKS / BY_FILES).exists()
        told: list[str] = []
        with open_claims(tmp_path, Claim.locks, told.append) as second, second.claim("run") as is_mine:
            assert not is_mine
        assert [line.partition(": ")[2].partition(",")[0] for line in told] == ["its runs are claimed by files"]
        with claims_in(tmp_path) as third, third.claim("run") as is_mine:
            assert not is_mine


def test_an_owner_elsewhere_is_dead_after_a_minute_without_a_sign_of_life(
    tmp_path: Path, files: ClaimFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: clock[0])
    path, life = tmp_path / LOCKS / "run.claim", tmp_path / LOCKS / PRESENT / FAR
    path.write_text(f"{FAR} 0\n")
    life.touch()

    def tries() -> bool:
        clock[0] += presence.STALE_SECONDS / 3
        with files.claim("run") as is_mine:
            return is_mine

    for at in range(5):
        os.utime(life, ns=(at, at))  # years ago by any clock
        assert not tries()
    assert [tries() for _ in range(4)] == [False, False, False, True]
    assert not path.exists()


def test_of_two_takers_one_wins_and_a_late_one_finds_what_was_claimed_since(tmp_path: Path, files: ClaimFiles) -> None:
    root = tmp_path / LOCKS / "run.claim"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    name = Process.this().name.replace(f"@{os.getpid()}@", f"@{gone.pid}@")
    gone.wait()
    root.write_text(f"{name} 0\n")
    with taker(tmp_path) as second, files.claim("run") as is_mine:
        assert is_mine
        with ClaimFiles(tmp_path / LOCKS, second).claim("run") as again:
            assert not again
    assert not list((tmp_path / LOCKS).glob("*.claim"))


def test_a_taker_who_looked_long_ago_does_not_win(
    tmp_path: Path, files: ClaimFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw a dead owner; before it acts, another one takes over, ends, and a third one begins anew."""
    root = tmp_path / LOCKS / "run.claim"
    root.write_text(f"{FAR} 0\n")
    monkeypatch.setattr(ClaimFiles, "_is_dead", lambda self, path, held: held.startswith(FAR.encode()))
    create, others = claim_files._create, contextlib.ExitStack()

    def late(path: Path, content: bytes) -> bool:
        if path != root and content.startswith(files._owner.encode()):
            monkeypatch.setattr(claim_files, "_create", create)
            second, third = (others.enter_context(taker(tmp_path)) for _ in range(2))
            with ClaimFiles(tmp_path / LOCKS, second).claim("run") as is_mine:
                assert is_mine
            assert others.enter_context(ClaimFiles(tmp_path / LOCKS, third).claim("run"))
        return create(path, content)

    monkeypatch.setattr(claim_files, "_create", late)
    with others, files.claim("run") as is_mine:
        assert not is_mine
        assert root.exists()


def test_a_taker_that_dies_is_succeeded(tmp_path: Path, files: ClaimFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClaimFiles, "_is_dead", lambda self, path, held: not held.startswith(files._owner.encode()))
    (tmp_path / LOCKS / "run.claim").write_text(f"{FAR} 0\n")
    with taker(tmp_path) as second:
        ClaimFiles(tmp_path / LOCKS, second)._take("run")
    with files.claim("run") as is_mine:
        assert is_mine
        assert len(list((tmp_path / LOCKS).glob("run.*claim"))) == 3
    assert not list((tmp_path / LOCKS).glob("*.claim"))


@pytest.mark.parametrize("content", [b"", b"far@01", b"\xff\xfe \n", b"x" * 10_000])
def test_a_claim_that_says_nothing_is_dead_after_a_minute(
    tmp_path: Path, files: ClaimFiles, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / LOCKS / "run.claim").write_bytes(content)
    with files.claim("run") as is_mine:
        assert not is_mine
    monkeypatch.setattr(presence, "STALE_SECONDS", -1.0)
    with files.claim("run") as is_mine:
        assert is_mine


def test_who_was_taken_for_dead_leaves_the_taker_its_claim(tmp_path: Path, files: ClaimFiles) -> None:
    path = tmp_path / LOCKS / "run.claim"
    with files.claim("run"):
        path.unlink()
        path.write_text(f"{FAR} 0\n")
    assert path.exists()


@pytest.mark.slow
def test_many_takers_at_once_have_one_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClaimFiles, "_is_dead", lambda self, path, held: held.startswith(FAR.encode()))
    (tmp_path / LOCKS).mkdir()
    most, now_inside, guard = [0], [0], threading.Lock()

    def contend(number: int) -> None:
        with taker(tmp_path) as mine:
            claims, own = ClaimFiles(tmp_path / LOCKS, mine), mine.process.name
            for wins in range(12):
                claims._owner = f"{FAR}{number}"  # one that dies at once, and leaves what it has claimed
                if wins % 3 == 0:
                    claims._take("run")
                claims._owner, has_won = own, False
                while not has_won:
                    with claims.claim("run") as has_won:
                        if has_won:
                            with guard:
                                now_inside[0] += 1
                                most[0] = max(most[0], now_inside[0])
                            time.sleep(0.0002)
                            with guard:
                                now_inside[0] -= 1

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not list((tmp_path / LOCKS).glob("*.claim"))


@pytest.mark.slow
def test_machines_that_keep_their_locks_apart_find_out(tmp_path: Path) -> None:
    (tmp_path / "shim").mkdir()
    (tmp_path / "own").mkdir()
    shim = {"LD_PRELOAD": str(build_lock_shim(tmp_path / "shim")), "LOCK_FOLDER": str(tmp_path / "own")}
    words = ("data=digits", "epochs=1", "engine=torch")
    study = tmp_path / "outputs/ablation"
    with holder(study, Claim.locks, **shim, FAKE_HOST="one"):
        returned, printed = start(*words, cwd=tmp_path, environment={**shim, "FAKE_HOST": "two"}).end()
        assert returned == 1 and "(those of one, which is at work there, do not count here)" in printed, printed
    (name,) = (study / LOCKS / PRESENT).iterdir()
    assert name.name.startswith("one@")  # killed; nobody can know at once from another machine
    returned, printed = start(*words, cwd=tmp_path, environment={**shim, "FAKE_HOST": "two"}).end()
    assert returned == 0 and "whether one is still at work in this study" in printed, printed
    assert list((study / LOCKS / PRESENT).iterdir()) == []


def test_machines_that_share_their_locks_are_believed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holder(tmp_path, Claim.locks):
        monkeypatch.setattr(presence, "_machine", lambda: "")
        monkeypatch.setattr(socket, "gethostname", lambda: "two")
        with open_claims(tmp_path, Claim.locks, no_words) as claims, claims.claim("run") as is_mine:
            assert not is_mine


def test_a_process_is_known_again_though_its_number_is_given_anew() -> None:
    mine = Process.this()
    assert mine.is_here and not mine.is_gone
    since = mine.name.split("@")[3]
    assert Process(mine.name.replace(f"@{since}@", "@12@")).is_gone
    assert not Process(FAR).is_here and not Process("no name").is_gone


def test_files_of_dead_processes_are_swept_away(tmp_path: Path) -> None:
    folder = tmp_path / LOCKS / PRESENT
    folder.mkdir(parents=True)
    since = Process.this().name.split("@")[3]
    (folder / Process.this().name.replace(f"@{since}@", "@12@")).touch()
    (folder / "no name").touch()
    with open_claims(tmp_path, Claim.locks, no_words) as claims:
        assert not claims.has_company
        assert len(list(folder.iterdir())) == 2


def test_a_claim_that_cannot_be_written_is_told_with_its_path(tmp_path: Path, files: ClaimFiles) -> None:
    (tmp_path / LOCKS / "run.lock").mkdir(parents=True)
    told, claims = r"run\.lock: cannot be locked: Is a directory", Claims(tmp_path)
    with pytest.raises(RecordError, match=told), claims.claim("run"):
        pass
    (tmp_path / LOCKS / "run.claim").mkdir()
    with pytest.raises(RecordError, match=r"\.locks: cannot be written: Is a directory"), files.claim("run"):
        pass


def test_a_folder_of_claims_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / LOCKS).write_text("in the way")
    for opened in (open_claims(tmp_path, Claim.locks, no_words), claims_in(tmp_path)):
        with pytest.raises(RecordError, match=r"\.locks: cannot be made: File exists"), opened:
            pass


def test_without_locks_a_run_that_another_process_is_at_is_not_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say_running(pid: int) -> None:
        owner = {"host": socket.gethostname(), "pid": pid}
        status = {"format": 1, "status": "running", "identity": "0" * 64, "owner": owner, "heartbeat": now()}
        (tmp_path / "run/status.json").write_text(json.dumps(status))

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run", dataclasses.replace(RunConfig()))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, is_mine in ((os.getppid(), False), (os.getpid(), True), (gone.pid, True)):
        say_running(pid)
        with claims_in(tmp_path) as claims, claims.claim("run") as mine:
            assert mine is is_mine
    with claims_in(tmp_path) as claims, claims.claim("another") as mine:
        assert mine


def test_company_is_seen(tmp_path: Path) -> None:
    (tmp_path / LOCKS).mkdir()
    with taker(tmp_path) as mine:
        assert not has_company(mine)
        with taker(tmp_path):
            assert has_company(mine)


@pytest.mark.soak
def test_two_sweeps_by_files_share_a_study_and_one_survives_the_other(tmp_path: Path) -> None:
    words = ("data=digits", "epochs=2", "seed=range(3)", "engine=torch", "claim=files", "hydra.launcher.workers=1")
    (tmp_path / "one").mkdir()
    one = start(*words, f"output_dir={tmp_path}/outputs", cwd=tmp_path / "one")
    deadline = time.monotonic() + 100
    while not list((tmp_path / "outputs").rglob("run.log")) and time.monotonic() < deadline:
        time.sleep(0.02)
    one.process.kill()
    returned, printed = start(*words, f"output_dir={tmp_path}/outputs", cwd=tmp_path).end()
    assert returned == 0, printed
    one.end()
    states = [json.loads(path.read_text())["status"] for path in (tmp_path / "outputs").rglob("status.json")]
    assert states == ["done"] * 3


def test_files_are_not_claimed_beside_a_sweep_that_claims_by_locks(tmp_path: Path) -> None:
    with open_claims(tmp_path, Claim.locks, print):
        refused = pytest.raises(RecordError, match="claims runs by locks; claim=files can begin after it")
        with refused, open_claims(tmp_path, Claim.files, print):
            pass
        with open_claims(tmp_path, Claim.locks, print):  # the refusal has changed nothing
            pass
    with open_claims(tmp_path, Claim.files, print), open_claims(tmp_path, Claim.files, print):
        pass


def test_whoever_asks_for_locks_is_told_where_claims_are_files(tmp_path: Path) -> None:
    told: list[str] = []
    with open_claims(tmp_path, Claim.files, told.append):
        pass
    assert told == []
    with open_claims(tmp_path, Claim.locks, told.append):
        pass
    (line,) = told
    assert "claimed by files" in line and "\n" not in line
