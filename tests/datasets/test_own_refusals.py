"""What `data=file` does not take: one line that says what is wrong and how to convert, whatever the file holds."""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import DataConfig, RunConfig, to_mapping
from lenet_ablate.config.yaml_text import to_yaml
from lenet_ablate.datasets.own.read import Own, read_own
from lenet_ablate.errors import DataError
from lenet_ablate.records.plain_yaml import parse_yaml

Array = npt.NDArray[Any]
X = np.random.default_rng(0).integers(0, 256, (30, 6, 6)).astype(np.uint8)
X[:, 0, 0], X[:, 1, 1] = 0, 255
Y = np.arange(30) % 10


def read(path: Path, **more: Any) -> Own:
    return read_own(DataConfig(DataSet.file, str(path), train_fraction=0.8, seed=0, **more))


def refusal(path: Path, **more: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **more)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path / "set.npz", **arrays)
    return path / "set.npz"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def pictures(folder: Path, *names: str) -> Path:
    for place, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(X[place % 30]).save(folder / name, "PNG")
    return folder


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def idx(header: bytes, shape: tuple[int, ...], content: bytes) -> bytes:
    return header + np.array(shape, ">u4").tobytes() + content


def csv(path: Path, text: str) -> Path:
    return write(path / "a.csv", text.encode())


def parquet(path: Path, **columns: Any) -> Path:
    import pyarrow
    from pyarrow import parquet as module

    module.write_table(pyarrow.table(columns), path / "a.parquet")
    return path / "a.parquet"


def mat(path: Path, **arrays: Any) -> Path:
    from scipy import io as matlab

    matlab.savemat(path / "a.mat", arrays)
    return path / "a.mat"


def torch_file(path: Path, content: Any) -> Path:
    import torch

    torch.save(content, path / "a.pt")
    return path / "a.pt"


U8 = b"\0\0\x08\x03"
PIXELS = ",".join(f"pixel{n}" for n in range(4))
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda p: p / "no.npz", "there is no such file or folder"),
    "no regular file": (lambda p: Path("/dev/null"), "is neither a file nor a folder"),
    "an empty folder": (lambda p: p, "holds nothing, no data that are known"),
    "an empty file": (lambda p: write(p / "a", b""), "is empty"),
    "a pickle": (lambda p: write(p / "mnist.pkl", pickle.dumps((X, Y))), "is a Python pickle, which can run anything"),
    "a pickle, compressed": (lambda p: write(p / "a.gz", gzip.compress(pickle.dumps(X))), "is a Python pickle"),
    "a web page": (lambda p: write(p / "a.gz", b"<!DOCTYPE html>"), "is a web page"),
    "git lfs": (lambda p: write(p / "a.npz", b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "json lines": (lambda p: write(p / "a", b'{"label": 1, "pixels": [0, 1]}'), "is JSON; store a CSV or parquet"),
    "arff": (lambda p: write(p / "mnist.arff", b"% OpenML\n@relation mnist,784\n"), "is ARFF; store it with"),
    "arrow": (
        lambda p: write(p / "data-00000.arrow", bytes([255] * 4) + bytes(9)),
        "is an Arrow stream; store it with",
    ),
    "a tar": (lambda p: write(p / "a.tar.gz", gzip.compress(bytes(257) + b"ustar" + bytes(250))), "is a tar archive"),
    "a picture": (lambda p: pictures(p, "a.png") / "a.png", "is one picture; a data set is a folder"),
    "other bytes": (lambda p: write(p / "a.bin", bytes(range(1, 200))), "is in no form that is known"),
    "damaged gzip": (lambda p: write(p / "a.gz", gzip.compress(bytes(99))[:-20]), "is"),
    "pictures without classes": (lambda p: pictures(p, "1.png", "2.png"), "sort them as 3/a.png"),
    "pictures of one class": (lambda p: pictures(p, *(f"cat/{n}.png" for n in range(9))), "all 7 training images are"),
    "test alone": (lambda p: pictures(p, *(f"test/{n}/1.png" for n in range(3))), "has no training images, only test"),
    "objects in npz": (lambda p: npz(p, x=X.astype(object), y=Y), "holds Python objects, which are never read"),
    "no labels": (lambda p: npz(p, x=X), "no images with labels were found; it holds 'x' (30, 6, 6)"),
    "labels of another count": (lambda p: npz(p, x=X, y=Y[:-1]), "expected one label for each image"),
    "two pairs": (lambda p: npz(p, x=X, y=Y, images=X, labels=Y), "which of these belong together"),
    "rows that are no square": (lambda p: npz(p, x=X.reshape(30, -1)[:, :35], y=Y), "reshape(-1, height, width)"),
    "five dimensions": (lambda p: npz(p, x=X[..., None, None], y=Y), "expected (N, H, W), (N, H·W)"),
    "sides of 1025": (lambda p: npz(p, x=np.zeros((2, 1, 1025), np.uint8), y=Y[:2]), "expected sides of 1 to 1024"),
    "no images": (lambda p: npz(p, x=X[:0], y=Y[:0]), "has shape (0, 6, 6)"),
    "complex images": (lambda p: npz(p, x=X * 1j, y=Y), "is of type complex128, expected numbers"),
    "NaN": (lambda p: npz(p, x=np.where(X > 254, np.nan, X), y=Y), "holds NaN or infinite values"),
    "standardised": (lambda p: npz(p, x=(X - 128.0) / 70, y=Y), "if they were normalised, store images * std + mean"),
    "overshoot": (lambda p: npz(p, x=X / 250, y=Y), "data.range=1"),
    "in 0..16": (lambda p: npz(p, x=X / 16, y=Y), "full ink at 15.9375 (data.range=15.9375), or faint"),
    "in 0..4095": (lambda p: npz(p, x=X.astype(np.uint16) * 16, y=Y), "full ink at 4080 (data.range=4080), or faint"),
    "in 0..1e6": (lambda p: npz(p, x=X * 1e5, y=Y), "store images / images.max()"),
    "scales": (lambda p: npz(p, x_train=X, y_train=Y, x_test=X / 255, y_test=Y), "read as 0..1, but"),
    "scales of whole numbers": (
        lambda p: npz(p, x_train=X, y_train=Y, x_test=(X > 99).astype(int), y_test=Y),
        "store both alike, or say data.range=255",
    ),
    "sides": (lambda p: npz(p, x_train=X, y_train=Y, x_test=X[:, 1:], y_test=Y), "expected 6×6 as in"),
    "one class": (lambda p: npz(p, x=X, y=Y * 0 + 3), "all 24 training images are of class 3"),
    "1,001 classes": (
        lambda p: npz(p, x=np.zeros((2002, 2, 2), np.uint8), y=np.arange(2002) // 2),
        "has 1001 classes (0, 1, 2, 3, 4, …), expected at most 1000",
    ),
    "labels in halves": (lambda p: npz(p, x=X, y=Y / 2), "label 0.5 at position 1 is no whole number"),
    "labels of NaN": (
        lambda p: npz(p, x=X, y=np.where(Y == 3, np.nan, Y)),
        "label nan at position 3 is no whole number",
    ),
    "an empty label": (lambda p: npz(p, x=X, y=np.where(Y == 3, "", Y.astype(str))), "label at position 3 is empty"),
    "soft labels": (lambda p: npz(p, x=X, y=np.full((30, 10), 0.1)), "that are not one-hot; store one label for each"),
    "several labels": (lambda p: npz(p, x=X, y=np.ones((30, 4), int)), "labels.argmax(axis=1)"),
    "csv without a label": (lambda p: csv(p, f"{PIXELS}\n1,2,3,4\n"), "has no labels; a CSV needs a column label"),
    "csv of a header": (lambda p: csv(p, f"label,{PIXELS}\n"), "has a header and no row"),
    "csv of halves": (
        lambda p: csv(p, f"label,{PIXELS}\n" + "0.5,0,9,0,255\n1,0,9,0,255\n" * 9),
        "label 0.5 at position 0",
    ),
    "csv of no square": (lambda p: csv(p, "label,pixel0,pixel1\n1,2,3\n"), "has 3 columns (label, pixel0, pixel1)"),
    "csv without header": (lambda p: csv(p, "1,2,3\n1,2,3\n"), "has 3 columns and no header"),
    "csv, label unclear": (lambda p: csv(p, "1,9,9,9,1\n2,8,8,8,2\n"), "the first column or the last; write a header"),
    "csv with gaps": (lambda p: csv(p, f"label,{PIXELS}\n1,2,3,4,5\n2,,3,4,5\n"), "'pixel0' holds text or gaps"),
    "csv with long rows": (lambda p: csv(p, f"label,{PIXELS}\n1,2,3,4,5\n" + "2,3,4,5,6,7,8\n" * 9), "a damaged table"),
    "csv of pictures elsewhere": (
        lambda p: csv(p, "filename,label\n../../etc/passwd,1\n"),
        "names the picture '../../etc/passwd', which is not in its folder",
    ),
    "two tables": (lambda p: (csv(p, "a,b\n"), write(p / "b.csv", b"a,b\n"))[0].parent, "name one of them"),
    "parquet without a label": (lambda p: parquet(p, image=[b"a"]), "expected image and label"),
    "parquet of no pictures": (lambda p: parquet(p, image=[b"a"], label=[1]), "row 0: is no whole picture"),
    "parquet, damaged": (lambda p: write(p / "a", b"PAR1" + bytes(40)), "is a damaged parquet file"),
    "mat of cells": (lambda p: mat(p, x=np.array([X, Y, None], object)[:2]), "no images with labels were found"),
    "mat, cut off": (
        lambda p: write(mat(p, x=X, y=Y), mat(p, x=X, y=Y).read_bytes()[:400]),
        "is a damaged MATLAB file",
    ),
    "hdf5, damaged": (lambda p: write(p / "a.h5", b"\x89HDF\r\n\x1a\n" + bytes(99)), "is a damaged HDF5 file"),
    "pt of a module": (lambda p: torch_file(p, {"x": Trap(p / "touched")}), "holds more than tensors, or is damaged"),
    "libsvm, damaged": (lambda p: write(p / "a", b"1 1:0.5 2:1\nx y z\n"), "is a damaged LIBSVM file"),
    "idx, cut off": (
        lambda p: write(p / "train-images", idx(U8, (3, 4, 4), bytes(47))),
        "holds only 47 bytes",
    ),
    "idx, too long": (
        lambda p: write(p / "train-images", idx(U8, (3, 4, 4), bytes(49))),
        "holds more bytes",
    ),
    "idx without labels": (
        lambda p: write(p / "train-images", idx(U8, (3, 4, 4), bytes(48))),
        "no images",
    ),
    "idx of six sets": (
        lambda p: (
            [write(p / f"emnist-{s}-train-images-idx3-ubyte", idx(U8, (1, 2, 2), b"abcd")) for s in "ab"],
            p,
        )[1],
        "holds 2 data sets (emnist-a, emnist-b); name a file of one: data.path=",
    ),
    "a locked zip": (lambda p: write(p / "a.zip", b"PK\x03\x04" + bytes(40)), "is in no form"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_is_one_line(case: str, tmp_path: Path) -> None:
    make, expected = REFUSED[case]
    assert expected in refusal(make(tmp_path))
    assert not (tmp_path / "touched").exists()


HUGE = 2**31 - 1
BOMBS: dict[str, Callable[[Path], Path]] = {
    "idx": lambda p: write(p / "train-images", idx(U8, (2**20, 1000, 1000), b"")),
    "idx within the limit": lambda p: write(p / "train-images", idx(U8, (2**20, 28, 28), b"")),
    "idx.gz": lambda p: write(p / "a.gz", gzip.compress(idx(U8, (2**20, 28, 28), bytes(9)))),
    "zip": lambda p: zip_bomb(p / "a.zip"),
    "libsvm": lambda p: write(p / "a", f"1 1:1 {HUGE}:1\n".encode() * 3),
    "csv of one line": lambda p: write(p / "a.bz2", bz2.compress(b"label,pixel0\n" + b"1," * 2**22 + b"1")),
    "picture": lambda p: big_picture(p),
}


def zip_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"")
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(content)
    return path


def big_picture(folder: Path) -> Path:
    for label in "01":
        (folder / label).mkdir()
        Image.new("1", (5_000, 5_000)).save(folder / label / "a.png")
    return folder


@pytest.mark.parametrize("kind", BOMBS)
def test_what_announces_more_than_fits_takes_no_memory(kind: str, tmp_path: Path) -> None:
    path = BOMBS[kind](tmp_path)
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 150_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_writes_nothing_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    stream = io.BytesIO()
    np.savez(stream, x=X, y=Y)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("../../out.npz", "/abs.npz", "in/set.npz"):
            archive.writestr(name, stream.getvalue())
    refusal(tmp_path / "a.zip")  # three of a kind: which?
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "scratch"]
    assert list(scratch.iterdir()) == []


LABELS: dict[str, tuple[Array, tuple[str, ...] | None, list[int], tuple[str, ...] | None, str]] = {
    "digits": (Y, None, [0, 1, 9], None, ""),
    "some digits": (np.where(Y < 5, 3, 7), None, [3, 3, 7], None, ""),
    "1 to 10": (Y + 1, None, [0, 1, 9], tuple(map(str, range(1, 11))), "10 as 9; if 10 stands for 0: data.classes=[1,"),
    "10 for 0": (np.where(Y == 0, 10, Y), tuple("1234567890"), [0, 1, 9], None, "10 as 0"),
    "-1 and 1": (np.where(Y < 5, -1, 1), None, [0, 0, 1], ("-1", "1"), "-1 as 0, 1 as 1"),
    "text": (np.array(list("abcdefghij"))[Y], None, [0, 1, 9], tuple("abcdefghij"), "are a, b, c"),
    "text in an order": (
        np.where(Y < 5, "yes", "no"),
        ("yes", "no"),
        [0, 0, 1],
        ("yes", "no"),
        "classes 0 to 1 are yes",
    ),
    "named digits": (Y, tuple("abcdefghij"), [0, 1, 9], tuple("abcdefghij"), "classes a, b, c"),
    "far apart": (Y * 100, None, [0, 1, 9], tuple(str(n * 100) for n in range(10)), "900 as 9"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_become_class_numbers_and_keep_their_names(case: str, tmp_path: Path) -> None:
    stored, classes, expected, names, told = LABELS[case]
    own = read(npz(tmp_path, x_train=X, y_train=stored, x_test=X, y_test=stored), classes=classes)
    assert [int(own.arrays.train_labels[place]) for place in (0, 1, 9)] == expected
    assert own.config.classes == names
    assert told in own.lines[0]


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (np.where(Y < 5, "yes", "no"), ("yes", "maybe"), "label 'no' is not among data.classes=[yes,maybe]"),
        (Y, ("a", "b"), "data.classes names 2 classes, but there is a label 9"),
        (Y * 100, ("a", "b"), "data.classes names 2 classes, but there are 10 labels"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, labels: Array, classes: tuple[str, ...], words: str) -> None:
    assert words in refusal(npz(tmp_path, x=X, y=labels), classes=classes)


def test_odd_classes_are_told_in_a_line_each(tmp_path: Path) -> None:
    few = np.concatenate([np.zeros(60, int), [3, 3, 3]])
    images = np.concatenate([X, X, X[:3]])
    path = npz(tmp_path, x_train=images, y_train=few, x_test=X[:4], y_test=np.array([0, 0, 7, 7]))
    assert [line.removeprefix(f"{path}: ") for line in read(path).lines[1:]] == [
        "2 test images are of class 7, which no training image has: they cannot be told right",
        "class 3 has no test image",
        "training images are uneven, 3: 3 beside 60 of 0",
    ]


def test_pictures_of_many_sizes_and_colours_are_told(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for place, side in enumerate((8, 10, 10, 12)):
            colours = np.zeros((side, side + 1, 3), np.uint8)
            colours[..., 0] = 255
            Image.fromarray(colours).save(tmp_path / label / f"{place}.png")
    own = read(tmp_path)
    assert own.arrays.train_images.shape == (6, 11, 11)
    assert set(np.unique(own.arrays.train_images[:, 5, :])) == {76}  # 0.299 of 255
    assert "colour read as grey; pictures of 9×8 to 13×12 pixels brought to 11×11" in own.lines[0]


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_images_of_two_values_are_ink_and_background(tmp_path: Path, kind: type) -> None:
    own = read(npz(tmp_path, x_train=(X > 99).astype(kind), y_train=Y, x_test=(X > 9).astype(kind), y_test=Y))
    np.testing.assert_array_equal(own.arrays.train_images, np.where(X > 99, 255, 0))
    np.testing.assert_array_equal(own.arrays.test_images, np.where(X > 9, 255, 0))
    assert "values 0..1" in own.lines[0]


def test_names_that_a_configuration_could_not_hold_are_made_plain(tmp_path: Path) -> None:
    odd = np.array(["a\nb", "a b", "x" * 300, "\x1b[31m", "null", "1e3", " yes"])
    own = read(npz(tmp_path, x_train=X, y_train=odd[Y % 7], x_test=X, y_test=odd[Y % 7]))
    names = own.config.classes or ()
    assert len(set(names)) == 7
    assert all(name.isprintable() and len(name) <= 100 for name in names)
    config = RunConfig(data=own.config)
    assert parse_config(parse_yaml(to_yaml(to_mapping(config))))[0] == config
