from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lenet_ablate.datasets.npz import KEYS, load_npz
from lenet_ablate.errors import DataError

Content = dict[str, npt.NDArray[Any]]


@pytest.fixture
def content() -> Content:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (12, 6, 7), np.uint8),
        "y_train": np.arange(12) % 10,
        "x_test": rng.integers(0, 256, (5, 6, 7), np.uint8),
        "y_test": np.arange(5),
    }


def save(tmp_path: Path, content: Content) -> Path:
    np.savez_compressed(tmp_path / "set.npz", **content)  # type: ignore[arg-type]
    return tmp_path / "set.npz"


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_npz(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


UNPACKED: dict[str, Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]] = {
    "bytes": lambda x: x,
    "channel": lambda x: x[..., None],
    "fortran": np.asfortranarray,
    "0..255 float32": lambda x: x.astype(np.float32),
    "0..1 float64": lambda x: x / 255,
    "0..1 float32": lambda x: x.astype(np.float32) / 255,
    "0..1 float16": lambda x: (x / 255).astype(np.float16),
    "0..1 big-endian with channel": lambda x: (x / 255).astype(">f4")[..., None],
}


@pytest.mark.parametrize("kind", UNPACKED)
@pytest.mark.parametrize("label_type", [np.uint8, np.int64, ">i2"])
def test_allowed_forms_give_the_same_bytes(tmp_path: Path, content: Content, kind: str, label_type: str) -> None:
    stored = {
        key: UNPACKED[kind](value) if key.startswith("x") else value.astype(label_type)
        for key, value in content.items()
    }
    arrays = load_npz(save(tmp_path, {**stored, "more": np.zeros(3)}))
    for loaded, key in zip(
        (arrays.train_images, arrays.train_labels, arrays.test_images, arrays.test_labels), KEYS, strict=True
    ):
        assert loaded.dtype == np.uint8
        assert np.array_equal(loaded, content[key])


def test_bytes_that_end_far_below_255_are_refused_unless_told(tmp_path: Path, content: Content) -> None:
    """As scikit-learn's digits, whose full ink is 16: read as 0..255 they would be nearly black."""
    faint = content | {key: (content[key] // 16).astype(np.uint8) for key in ("x_train", "x_test")}
    text = message(save(tmp_path, faint))
    assert "full ink at 15 (data.range=15), or faint images in 0..255 (data.range=255)?" in text
    assert load_npz(tmp_path / "set.npz", 15.0).train_images.max() == 255
    assert load_npz(tmp_path / "set.npz", 255.0).train_images.max() == 15


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_parts_on_different_scales_are_refused_unless_told(tmp_path: Path, content: Content, kind: type) -> None:
    stored = both(content, kind)
    faint = stored | {"x_test": np.minimum(stored["x_test"], 1).astype(kind)}
    text = message(save(tmp_path, faint))
    assert "x_test: " in text and "values from 0 to 1" in text and "data.range=255" in text
    assert load_npz(tmp_path / "set.npz", 255.0).test_images.max() == 1
    if kind is np.float64:
        assert "x_test: values from" in message(save(tmp_path, stored | {"x_train": stored["x_train"] / 255}))


@pytest.mark.parametrize(("scale", "kind"), [(1.0000002, np.float32), (1.0000002, np.float64), (1.001, np.float16)])
def test_a_hair_above_1_is_1(tmp_path: Path, content: Content, scale: float, kind: type) -> None:
    floats = {
        key: ((value / 255) * scale).astype(kind) if key.startswith("x") else value for key, value in content.items()
    }
    assert floats["x_train"].max() > 1
    arrays = load_npz(save(tmp_path, floats))
    assert np.abs(arrays.train_images.astype(int) - content["x_train"]).max() <= (kind is np.float16)


@pytest.mark.parametrize("highest", [1.1, 2.0, 16.0, 64.0, 300.0, 1023.0])
def test_what_has_two_readings_is_refused_and_data_range_decides(
    tmp_path: Path, content: Content, highest: float
) -> None:
    floats = {key: value * (highest / value.max()) if key.startswith("x") else value for key, value in content.items()}
    text = message(save(tmp_path, floats))
    assert text.count("data.range=") == 2
    full = 1.0 if highest == 1.1 else highest
    expected = np.rint(floats["x_test"] * 255 / full).clip(0, 255)
    np.testing.assert_array_equal(load_npz(tmp_path / "set.npz", full).test_images, expected)
    assert "does not fit" in message_of(lambda: load_npz(tmp_path / "set.npz", highest / 2))


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def changed(key: str, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Callable[[Content], Content]:
    return lambda content: content | {key: change(content[key])}


def put(value: float) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    def change(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array = array.astype(np.float64) / 255
        array[3, 2, 1] = value
        return array

    return change


def both(content: Content, kind: type) -> Content:
    return {key: value.astype(kind) if key.startswith("x") else value for key, value in content.items()}


WRONG: dict[str, tuple[Callable[[Content], Content], list[str]]] = {
    "missing": (
        lambda c: {key: value for key, value in c.items() if key != "y_test"} | {"labels": c["y_test"]},
        ["has no y_test", "'x_train', 'y_train', 'x_test', 'labels'"],
    ),
    "flat images": (changed("x_train", lambda x: x.reshape(12, 42)), ["x_train: has shape (12, 42)", "(N, H, W)"]),
    "colour": (changed("x_test", lambda x: np.stack([x] * 3, -1)), ["x_test: has shape (5, 6, 7, 3)"]),
    "channel first": (changed("x_test", lambda x: x[:, None]), ["x_test: has shape (5, 1, 6, 7)"]),
    "int64 images": (lambda c: both(c, np.int64), ["x_train: has", "type int64", "uint8 or float"]),
    "bool images": (lambda c: both(c, np.bool_), ["type bool"]),
    "complex images": (lambda c: both(c, np.complex128), ["type complex128"]),
    "text": (changed("x_train", lambda x: np.array(["a", "b"])), ["x_train: has shape (2,)"]),
    "pickled": (changed("x_train", lambda x: x.astype(object)), ["x_train: has", "type object"]),
    "mixed types": (changed("x_test", lambda x: x / 255), ["x_test: has", "float64", "expected uint8 as in x_train"]),
    "float labels": (changed("y_train", lambda y: y.astype(float)), ["y_train: has", "float64", "whole numbers"]),
    "one-hot labels": (changed("y_train", lambda y: np.eye(10, dtype=int)[y]), ["y_train: has shape (12, 10)", "(N,)"]),
    "label 10": (changed("y_train", lambda y: y + 1), ["y_train: label 10 at position 9", "0 to 9"]),
    "label -1": (changed("y_test", lambda y: y - 1), ["y_test: label -1 at position 0"]),
    "label 256": (changed("y_test", lambda y: y + 256), ["y_test: label 256"]),
    "label count": (changed("y_train", lambda y: y[:-1]), ["y_train: 11 labels, expected 12", "x_train"]),
    "no images": (lambda c: c | {"x_test": c["x_test"][:0], "y_test": c["y_test"][:0]}, ["x_test: holds 0 images"]),
    "no pixels": (changed("x_train", lambda x: x[:, :0]), ["x_train: holds 12 images of 0×7"]),
    "other side": (changed("x_test", lambda x: x[:, 1:]), ["x_test: images of 5×7 pixels, expected 6×7 as in x_train"]),
    "above 255": (
        lambda c: both(c, float) | {"x_test": c["x_test"] * 2.0},
        ["x_test: holds values from", "full ink at", "data.range=65535"],
    ),
    "below 0": (lambda c: both(c, float) | {"x_train": c["x_train"] - 1.0}, ["x_train: holds values from -1 to"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_content_is_named_in_one_line(tmp_path: Path, content: Content, case: str) -> None:
    change, expected = WRONG[case]
    text = message(save(tmp_path, change(content)))
    for part in expected:
        assert part in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["x_train", "x_test"])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, content: Content, value: float, key: str) -> None:
    floats = both(content, float) | {key: put(value)(content[key])}
    assert f"{key}: holds NaN or infinite values" in message(save(tmp_path, floats))


def test_nothing_is_unpickled(tmp_path: Path, content: Content) -> None:
    touched = tmp_path / "touched"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (touched,)

    trap = np.empty(1, object)
    trap[0] = Trap()
    path = save(tmp_path, content | {"y_test": trap})
    assert "y_test: has" in message(path)
    assert not touched.exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "npy", "flipped"])
def test_damaged_archive_is_one_line(tmp_path: Path, content: Content, damage: str) -> None:
    path = save(tmp_path, content)
    good = path.read_bytes()
    if damage == "npy":
        np.save(tmp_path / "one.npy", content["x_train"])
        (tmp_path / "one.npy").replace(path)
    else:
        middle = good.index(b"x_train.npy") + 200
        flipped = good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :]
        path.write_bytes({"truncated": good[:-30], "text": b"<html>", "empty": b"", "flipped": flipped}[damage])
    assert "not an .npz file or is damaged" in message(path)


def npy_header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def test_lying_header_takes_no_memory(tmp_path: Path, content: Content) -> None:
    path = save(tmp_path, {key: value for key, value in content.items() if key != "x_train"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", npy_header((1_000_000, 28, 28)))
    tracemalloc.start()
    try:
        assert "its header announces 784000" in message(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_more_pixels_than_fit_are_refused_by_the_header(tmp_path: Path, content: Content) -> None:
    path = save(tmp_path, content | {"x_train": np.zeros((1, 1, 1025), np.uint8)})
    assert "1×1025 pixels, expected sides of 1 to 1024" in message(path)


@pytest.mark.parametrize(("kind", "expected"), [("missing", "no such file"), ("folder", "not a file")])
def test_wrong_path_is_refused(tmp_path: Path, kind: str, expected: str) -> None:
    path = tmp_path / "set.npz"
    if kind == "folder":
        path.mkdir()
    assert expected in message(path)


def test_refused_permission_is_one_line(tmp_path: Path, content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, content)

    def refuse(*args: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    assert message(path) == f"{path}: cannot be read (Permission denied)"
