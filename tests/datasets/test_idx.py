from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.datasets.idx import NAMES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, load_idx, read_idx
from lenet_ablate.errors import DataError

Files = dict[str, bytes]


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def message(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return text


def header(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()


@pytest.mark.parametrize("inner", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize(
    ("spell", "pack"),
    [
        (lambda name: name, bytes),
        (lambda name: f"{name}.gz", gzip.compress),
        (lambda name: name, gzip.compress),
        (lambda name: f"{name}.gz", bytes),
        (lambda name: name.replace("-idx", ".idx"), bytes),
    ],
    ids=["raw", "gz", "gz without suffix", "suffix without gz", "dotted"],
)
def test_every_usual_layout_is_read(
    tmp_path: Path, idx_files: Files, inner: str, spell: Callable[[str], str], pack: Callable[[bytes], bytes]
) -> None:
    write(tmp_path / inner, {spell(name): pack(content) for name, content in idx_files.items()})
    arrays = load_idx(tmp_path)
    assert arrays.train_images.shape == (12, 6, 6)
    assert arrays.test_images.shape == (7, 6, 6)
    assert arrays.train_images.dtype == np.uint8
    assert arrays.train_images.tobytes() == idx_files[TRAIN_IMAGES][16:]
    assert arrays.train_labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert arrays.test_labels.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_raw_file_is_preferred_to_compressed(tmp_path: Path, idx_files: Files) -> None:
    write(tmp_path, {**idx_files, f"{TRAIN_IMAGES}.gz": b"damaged"})
    assert load_idx(tmp_path).train_images.tobytes() == idx_files[TRAIN_IMAGES][16:]


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], list[str]]] = {
    "empty": (TRAIN_IMAGES, lambda c: b"", ["is empty"]),
    "web page": (TRAIN_IMAGES, lambda c: b"\n<!DOCTYPE html><html>", ["is a web page"]),
    "other content": (TRAIN_IMAGES, lambda c: b"PK\3\4" + c, ["starts with 0x504b0304", "0x00000803"]),
    "one byte": (TRAIN_IMAGES, lambda c: b"\0", ["starts with 0x00", "0x00000803"]),
    "labels for images": (
        TRAIN_IMAGES,
        lambda c: header(12) + bytes(12),
        ["holds labels", "expected an IDX file of i"],
    ),
    "images for labels": (TRAIN_LABELS, lambda c: header(12, 6, 6) + bytes(432), ["holds images", "of labels"]),
    "floats": (TRAIN_IMAGES, lambda c: b"\0\0\x0d\3" + c[4:], ["starts with 0x00000d03"]),
    "cut header": (TRAIN_IMAGES, lambda c: c[:9], ["ends after 9 bytes"]),
    "too short": (TRAIN_IMAGES, lambda c: c[:-1], ["has 447 bytes", "12 × 6 × 6", "448 bytes"]),
    "too long": (TRAIN_IMAGES, lambda c: c + b"\0", ["has 449 bytes", "448 bytes"]),
    "no images": (TRAIN_IMAGES, lambda c: header(0, 6, 6), ["0 images", "at least one"]),
    "no pixels": (TRAIN_IMAGES, lambda c: header(12, 0, 6), ["0×6 pixels", "sides of 1 to"]),
    "one long row": (TRAIN_IMAGES, lambda c: header(1, 1, 2000) + bytes(2000), ["1×2000", "1 to 1024"]),
    "too many": (TRAIN_IMAGES, lambda c: header(2**32 - 1, 28, 28), ["4294967295 images", "at most 1073741824 pixels"]),
    "too many labels": (TRAIN_LABELS, lambda c: header(2**32 - 1), ["4294967295 labels"]),
    "count": (TRAIN_LABELS, lambda c: header(11) + bytes(11), ["11 labels, expected 12", TRAIN_IMAGES]),
    "test count": (TEST_LABELS, lambda c: header(8) + bytes(8), ["8 labels, expected 7"]),
    "label 10": (TEST_LABELS, lambda c: c[:-2] + b"\x0a\0", ["label 10 at position 5", "0 to 9"]),
    "other side": (TRAIN_IMAGES, lambda c: header(12, 5, 6) + bytes(360), ["6×6", "expected 5×6"]),
    "cut gzip": (TRAIN_IMAGES, lambda c: gzip.compress(c)[:-20], ["truncated or damaged"]),
    "cut gzip end": (TRAIN_IMAGES, lambda c: gzip.compress(c)[:-1], ["truncated or damaged"]),
    "flipped bit": (TRAIN_IMAGES, lambda c: gzip.compress(c, 0)[:60] + b"\7" + gzip.compress(c, 0)[61:], ["damaged"]),
    "not deflate": (TRAIN_IMAGES, lambda c: gzip.compress(c)[:10] + b"\xff" * 50, ["truncated or damaged"]),
    "gzip too short": (TRAIN_IMAGES, lambda c: gzip.compress(c[:-1]), ["holds only 447 bytes", "448 bytes"]),
    "gzip too long": (TRAIN_IMAGES, lambda c: gzip.compress(c + b"\0"), ["holds more bytes", "448 bytes"]),
    "gzipped web page": (TRAIN_IMAGES, lambda c: gzip.compress(b"<html>"), ["is a web page"]),
    "empty gzip": (TRAIN_IMAGES, lambda c: gzip.compress(b""), ["is empty"]),
    "only magic": (TRAIN_IMAGES, lambda c: b"\x1f\x8b", ["truncated or damaged"]),
}


@pytest.mark.parametrize("case", DAMAGE)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_damage_is_named_in_one_line(tmp_path: Path, idx_files: Files, case: str, end: str) -> None:
    name, damage, expected = DAMAGE[case]
    write(tmp_path, {f"{n}{end}": damage(c) if n == name else c for n, c in idx_files.items()})
    text = message(lambda: load_idx(tmp_path))
    assert str(tmp_path) in text
    for part in expected:
        assert part in text


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
@pytest.mark.parametrize(
    "content", [header(1_000_000, 28, 28), header(4, 6, 6) + bytes(40_000_000)], ids=["lie", "bomb"]
)
def test_header_and_length_are_compared_before_memory_is_taken(
    tmp_path: Path, pack: Callable[[bytes], bytes], content: bytes
) -> None:
    path = tmp_path / TRAIN_IMAGES
    path.write_bytes(pack(content))
    tracemalloc.start()
    try:
        assert "its header announces" in message(lambda: read_idx(path, TRAIN_IMAGES))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_missing_files_are_named(tmp_path: Path, idx_files: Files) -> None:
    write(tmp_path / "raw", {name: idx_files[name] for name in (TRAIN_IMAGES, TEST_LABELS)})
    text = message(lambda: load_idx(tmp_path))
    assert str(tmp_path / "raw") in text
    for name in NAMES:
        assert (f"no {name}" in text) == (name not in (TRAIN_IMAGES, TEST_LABELS))


@pytest.mark.parametrize("kind", ["missing", "file", "empty folder"])
def test_wrong_path_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data"
    if kind == "file":
        path.write_text("x")
    elif kind == "empty folder":
        path.mkdir()
    text = message(lambda: load_idx(path))
    assert str(path) in text
    assert {"missing": "no such folder", "file": "not a folder", "empty folder": f"no {TRAIN_IMAGES}"}[kind] in text
    assert all(name in text for name in NAMES)


def test_folder_in_place_of_a_file(tmp_path: Path, idx_files: Files) -> None:
    write(tmp_path, {name: content for name, content in idx_files.items() if name != TRAIN_LABELS})
    (tmp_path / TRAIN_LABELS).mkdir()
    text = message(lambda: load_idx(tmp_path))
    assert f"{tmp_path / TRAIN_LABELS}: is a folder" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_in_place_of_a_file_does_not_hang(tmp_path: Path, idx_files: Files) -> None:
    write(tmp_path, {name: content for name, content in idx_files.items() if name != TRAIN_LABELS})
    os.mkfifo(tmp_path / TRAIN_LABELS)
    assert "expected a file" in message(lambda: load_idx(tmp_path))


def test_refused_permission_is_one_line(tmp_path: Path, idx_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, idx_files)

    def refuse(self: Path, *args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    assert message(lambda: load_idx(tmp_path)) == f"{tmp_path / TRAIN_IMAGES}: cannot be read (Permission denied)"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_closed_folder_is_one_line(tmp_path: Path, idx_files: Files) -> None:
    folder = write(tmp_path / "closed", idx_files)
    folder.chmod(0)
    try:
        assert "Permission denied" in message(lambda: load_idx(folder))
        assert "Permission denied" in message(lambda: load_idx(folder / "inner"))
    finally:
        folder.chmod(0o700)
