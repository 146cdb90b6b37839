from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.datasets import download
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.idx import NAMES, TEST_LABELS, TRAIN_IMAGES
from lenet_ablate.datasets.mnist import SHA256, load_mnist, torchvision_mirrors
from lenet_ablate.errors import DataError

Files = dict[str, bytes]
PAGE = b"<!DOCTYPE html><html>Sign in to this network</html>"


class Mirror(ThreadingHTTPServer):
    """Serves `/<fault>/<name>.gz`: the file as it is under `good`, else with that fault."""

    daemon_threads = True

    def __init__(self, files: Files) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.asked: list[str] = []
        self.released = threading.Event()

    def url(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{fault}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        fault, _, file = self.path.strip("/").partition("/")
        raw = self.server.files[file.removesuffix(".gz")]
        packed = gzip.compress(raw)
        half = len(packed) // 2
        if fault.isdigit():
            self.send_error(int(fault))
        elif fault == "rude":
            self.wfile.write(b"HTTP/1.0 404 \x1b[2J\x07" + b"no " * 5000 + b"\r\n\r\n")
        elif fault == "babble":
            self.wfile.write(b"\x1b]0;title\x07 no HTTP\r\n\r\n")
        elif fault == "silent":
            self.server.released.wait(20)
        elif fault == "stalled":
            self.send(packed[:half], len(packed))
            self.server.released.wait(20)
        elif fault == "trickle":
            self.send(b"", len(packed))
            for byte in packed:
                self.wfile.write(bytes([byte]))
                if self.server.released.wait(0.02):
                    break
        elif fault == "interrupt":
            self.send(packed[:half], len(packed))
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            self.server.released.wait(20)
        else:
            flipped = packed[:half] + bytes([packed[half] ^ 1]) + packed[half + 1 :]
            body = {
                "good": packed,
                "truncated": packed[:half],
                "closed": packed[:half],
                "page": PAGE,
                "packed-page": gzip.compress(PAGE),
                "flipped": flipped,
                "other": gzip.compress(raw[:-1] + bytes([raw[-1] ^ 1])),
                "raw": raw,
                "nothing": b"",
            }[fault]
            self.send(body, None if fault == "closed" else len(packed) if fault == "truncated" else len(body))

    def send(self, body: bytes, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def mirror(idx_files: Files, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Mirror(idx_files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def refused_url() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def digests(files: Files) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def read(
    data_dir: Path, files: Files, mirrors: list[str], lines: list[str] | None = None, timeout: float = 5
) -> Arrays:
    told = [] if lines is None else lines
    return load_mnist(data_dir, told.append, mirrors=mirrors, digests=digests(files), timeout_seconds=timeout)


def stored(data_dir: Path) -> Files:
    folder = data_dir / "MNIST" / "raw"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(data_dir: Path, files: Files) -> Path:
    folder = data_dir / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


FAULTS = {
    "404": "answers 404 Not Found",
    "503": "answers 503 Service Unavailable",
    "truncated": "ends too early",
    "closed": "ends too early",
    "nothing": "ends too early",
    "page": "sent a web page",
    "raw": "sent damaged data",
    "packed-page": "SHA-256 differs",
    "other": "SHA-256 differs",
    "flipped": "sent damaged data|SHA-256 differs",
    "silent": "does not answer, or too slowly",
    "stalled": "does not answer, or too slowly",
    "trickle": "does not answer, or too slowly",
}


def patience(fault: str) -> float:
    """Short only where the test would wait for it, since a busy machine makes a good mirror slow."""
    return 0.4 if fault in ("silent", "stalled", "trickle") else 10


def test_missing_files_are_downloaded(
    tmp_path: Path, mirror: Mirror, idx_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    arrays = read(tmp_path / "new" / "folder", idx_files, [mirror.url("good")], lines)
    assert stored(tmp_path / "new" / "folder") == idx_files
    assert arrays.train_images.tobytes() == idx_files[TRAIN_IMAGES][16:]
    assert arrays.test_labels.tobytes() == idx_files[TEST_LABELS][8:]
    assert lines == [f"downloading {mirror.url('good')}{name}.gz" for name in NAMES]


@pytest.mark.parametrize("fault", FAULTS)
def test_next_mirror_takes_over(tmp_path: Path, mirror: Mirror, idx_files: Files, fault: str) -> None:
    read(tmp_path, idx_files, [mirror.url(fault), mirror.url("good")], timeout=patience(fault))
    assert stored(tmp_path) == idx_files
    assert [path.split("/")[1] for path in mirror.asked] == [fault, "good", "good", "good", "good"]


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_left_where_no_mirror_works(tmp_path: Path, mirror: Mirror, idx_files: Files, fault: str) -> None:
    started = time.monotonic()
    with pytest.raises(DataError, match=FAULTS[fault]):
        read(tmp_path, idx_files, [mirror.url(fault)], timeout=patience(fault))
    assert time.monotonic() - started < 5
    assert not (tmp_path / "MNIST").exists()


@pytest.mark.parametrize("fault", ["rude", "babble"])
def test_what_a_mirror_says_is_printed_harmlessly(tmp_path: Path, mirror: Mirror, idx_files: Files, fault: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, idx_files, [mirror.url(fault)])
    text = str(caught.value)
    assert "no" in text and len(text) < 2000
    assert all(char.isprintable() for line in text.splitlines() for char in line)


def test_failure_names_every_mirror_and_the_three_ways_out(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    refused = refused_url()
    with pytest.raises(DataError) as caught:
        read(tmp_path, idx_files, [refused, mirror.url("503")])
    text = str(caught.value)
    assert re.search(r"127\.0\.0\.1:\d+: .*refused.*; 127\.0\.0\.1:\d+: answers 503", text)
    for part in ("run again", "copy the four files", "LENET_ABLATE_DATA", "data_dir=", "data=digits", *NAMES):
        assert part in text
    assert str(tmp_path / "MNIST" / "raw") in text
    assert len(text.splitlines()) == 2


def test_endless_content_is_cut_off(
    tmp_path: Path, mirror: Mirror, idx_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_MAX_BYTES", 100)
    with pytest.raises(DataError, match="sent far more than expected"):
        read(tmp_path, idx_files, [mirror.url("good")])


def test_only_missing_files_are_asked_for(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    folder = put(tmp_path, {name: content for name, content in idx_files.items() if name != TEST_LABELS})
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    read(tmp_path, idx_files, [mirror.url("good")])
    assert mirror.asked == [f"/good/{TEST_LABELS}.gz"]
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
def test_complete_folder_needs_no_network(tmp_path: Path, idx_files: Files, pack: Callable[[bytes], bytes]) -> None:
    end = ".gz" if pack is gzip.compress else ""
    put(tmp_path, {f"{name}{end}": pack(content) for name, content in idx_files.items()})
    assert read(tmp_path, idx_files, []).train_images.tobytes() == idx_files[TRAIN_IMAGES][16:]


@pytest.mark.parametrize(
    ("name", "damage", "expected"),
    [
        (TRAIN_IMAGES, lambda c: c[:-1] + bytes([c[-1] ^ 1]), "SHA-256 differs"),
        (TEST_LABELS, lambda c: c[:-1] + bytes([c[-1] ^ 1]), "SHA-256 differs"),
        (TRAIN_IMAGES, lambda c: c[:-1], "its header announces"),
        (TRAIN_IMAGES, lambda c: PAGE, "is a web page"),
    ],
)
def test_damaged_file_is_named_and_kept(
    tmp_path: Path, mirror: Mirror, idx_files: Files, name: str, damage: Callable[[bytes], bytes], expected: str
) -> None:
    damaged = {**idx_files, name: damage(idx_files[name])}
    folder = put(tmp_path, damaged)
    with pytest.raises(DataError) as caught:
        read(tmp_path, idx_files, [mirror.url("good")])
    text = str(caught.value)
    assert "\n" not in text
    for part in (str(folder / name), expected, "delete it", "data=idx"):
        assert part in text
    assert mirror.asked == []
    assert stored(tmp_path) == damaged


def test_downloads_at_once_do_not_meet(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    start = threading.Barrier(6)

    def one(_: int) -> bytes:
        start.wait()
        return read(tmp_path, idx_files, [mirror.url("truncated"), mirror.url("good")]).train_images.tobytes()

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(one, range(6)))
    assert set(results) == {idx_files[TRAIN_IMAGES][16:]}
    assert stored(tmp_path) == idx_files


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals between threads")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path, idx_files, [mirror.url("interrupt"), mirror.url("good")])
    assert len(mirror.asked) == 1
    assert not (tmp_path / "MNIST").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such access rights")
def test_others_may_read_what_was_downloaded(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    read(tmp_path, idx_files, [mirror.url("good")])
    (tmp_path / "plain").touch()
    for path in (tmp_path / "MNIST" / "raw").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_file_in_place_of_the_data_folder(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(DataError, match=r"cannot be stored.*data_dir=") as caught:
        read(tmp_path / "data", idx_files, [mirror.url("good")])
    assert "\n" not in str(caught.value)
    assert mirror.asked == []


def test_read_only_folder_is_one_line(
    tmp_path: Path, mirror: Mirror, idx_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(tmp_path, {})

    def refuse(*args: object, **more: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(download, "TemporaryDirectory", refuse)
    with pytest.raises(DataError) as caught:
        read(tmp_path, idx_files, [mirror.url("good")])
    text = str(caught.value)
    assert "\n" not in text
    for part in (str(folder), "Read-only file system", "data_dir=", "LENET_ABLATE_DATA", "data=digits"):
        assert part in text
    assert mirror.asked == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_folder_without_permission_to_write(tmp_path: Path, mirror: Mirror, idx_files: Files) -> None:
    folder = put(tmp_path, {})
    folder.chmod(0o500)
    try:
        with pytest.raises(DataError, match=r"cannot be stored \(Permission denied\)"):
            read(tmp_path, idx_files, [mirror.url("good")])
    finally:
        folder.chmod(0o700)


def test_full_disk_is_not_blamed_on_the_mirror(
    tmp_path: Path, mirror: Mirror, idx_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be stored \(No space left on device\)"):
        read(tmp_path, idx_files, [mirror.url("good"), mirror.url("good")])
    assert len(mirror.asked) == 1
    assert not (tmp_path / "MNIST").exists()


def test_bar_is_drawn_on_a_terminal_only(
    tmp_path: Path, mirror: Mirror, idx_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    lines: list[str] = []
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    read(tmp_path, idx_files, [mirror.url("good")], lines)
    assert lines == []
    assert all(f"{name}.gz: 100%" in screen.getvalue() for name in NAMES)


def test_torchvision_lists_mirrors() -> None:
    mirrors = torchvision_mirrors()
    assert mirrors
    assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in mirrors)


@pytest.mark.parametrize("fault", [ImportError("no torchvision"), RuntimeError("operator does not exist")])
def test_broken_torchvision_leaves_the_three_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> None:
            raise fault

    monkeypatch.setitem(sys.modules, "torchvision.datasets", Broken())
    with pytest.raises(DataError, match=f"torchvision.*{fault}") as caught:
        load_mnist(tmp_path, print)
    assert "data=digits" in str(caught.value)


@pytest.mark.mnist
def test_genuine_files_are_recognised(mnist_data_dir: Path) -> None:
    arrays = load_mnist(mnist_data_dir, print, mirrors=[])
    assert arrays.train_images.shape == (60_000, 28, 28)
    assert arrays.test_images.shape == (10_000, 28, 28)
    # How often each digit occurs, as counted in LeCun's files by many others.
    assert np.bincount(arrays.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(arrays.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.mnist
def test_one_flipped_bit_is_noticed(tmp_path: Path, mnist_data_dir: Path) -> None:
    folder = put(tmp_path, {})
    for name in NAMES:
        (folder / name).symlink_to((mnist_data_dir / "MNIST" / "raw" / name).resolve())
    content = bytearray((folder / TEST_LABELS).read_bytes())
    content[5000] ^= 1
    (folder / TEST_LABELS).unlink()
    (folder / TEST_LABELS).write_bytes(content)
    with pytest.raises(DataError, match=f"{TEST_LABELS}: is not MNIST's genuine file"):
        load_mnist(tmp_path, print, mirrors=[])


def test_four_files_have_digests() -> None:
    assert set(SHA256) == set(NAMES)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in SHA256.values())
