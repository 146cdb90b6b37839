"""Work that one process of a machine does for all of them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from lenet_ablate.datasets import once
from lenet_ablate.datasets.once import has_digest, one_at_a_time


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setattr(once, "user_temporary_folder", lambda: folder)
    monkeypatch.setattr(once, "SETTLED_SECONDS", -1.0)
    return folder


def test_a_file_is_digested_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, count = tmp_path / "data", [0]
    digest = hashlib.sha256(b"content").hexdigest()
    real = hashlib.sha256

    def counted(content: bytes = b"") -> object:
        count[0] += bytes(content) in (b"content", b"changed")
        return real(content)

    monkeypatch.setattr(once.hashlib, "sha256", counted)
    path.write_bytes(b"content")
    assert all(has_digest(path, memoryview(b"content"), digest) for _ in range(3))
    assert count == [1]
    path.write_bytes(b"changed")
    os.utime(path, ns=(1, 1))
    assert not has_digest(path, memoryview(b"changed"), digest)
    assert not has_digest(path, memoryview(b"changed"), digest)  # what is wrong is never believed later
    assert count == [3]


def test_another_digest_is_another_question(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"content")
    assert has_digest(path, memoryview(b"content"), hashlib.sha256(b"content").hexdigest())
    assert not has_digest(path, memoryview(b"content"), "0" * 64)


def test_without_a_place_everything_is_done_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise PermissionError

    monkeypatch.setattr(once, "user_temporary_folder", none)
    path = tmp_path / "data"
    path.write_bytes(b"content")
    assert has_digest(path, memoryview(b"content"), hashlib.sha256(b"content").hexdigest())
    with one_at_a_time(path):
        pass


def test_one_works_while_the_others_wait(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        with one_at_a_time(tmp_path / "data"):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
