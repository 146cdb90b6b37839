"""Data as people have them, each as a small file: read pixel by pixel and label by label, whatever form they are in."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.own.read import Own, read_own

Array = npt.NDArray[Any]
SIDE = 6


@dataclass(frozen=True)
class Source:
    """The same small data set behind every layout: 40 training and 20 test images, ten classes."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array

    @property
    def parts(self) -> dict[str, Array]:
        return dict(vars(self))

    @property
    def all_images(self) -> Array:
        return np.concatenate([self.x_train, self.x_test])

    @property
    def all_labels(self) -> Array:
        return np.concatenate([self.y_train, self.y_test])


@pytest.fixture(scope="module")
def source() -> Source:
    rng = np.random.default_rng(0)

    def images(count: int) -> Array:
        some = rng.integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)
        some[:, 0, 0], some[:, 1, 1] = 0, 255  # a corner of background, and full ink
        return some

    def labels(count: int) -> Array:
        return rng.permutation(np.arange(count) % 10)

    return Source(images(40), labels(40), images(20), labels(20))


def config(path: Path, **more: Any) -> DataConfig:
    return DataConfig(DataSet.file, str(path), train_fraction=0.8, seed=0, **more)


def read(path: Path, **more: Any) -> Own:
    return read_own(config(path, **more))


def idx(array: Array) -> bytes:
    codes = {"u1": 8, "i1": 9, "i2": 0xB, "i4": 0xC, "f4": 0xD, "f8": 0xE}
    header = bytes([0, 0, codes[array.dtype.str[1:]], array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def png(image: Array, **more: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", **more)
    return stream.getvalue()


Write = Callable[[Path, Source], Path]
Pack = Callable[[bytes], bytes]
LAYOUTS: dict[str, Write] = {}
"""What writes a layout with a test split into an empty folder, and gives what `data.path` is to be."""
WHOLE: dict[str, Write] = {}
"""The same of layouts that have no test split: all images, the training images first."""


def layout(table: dict[str, Write], name: str) -> Callable[[Write], Write]:
    def add(write: Write) -> Write:
        assert name not in table
        table[name] = write
        return write

    return add


# IDX

SPELLINGS = {
    "mnist": "{part}-images-idx3-ubyte {part}-labels-idx1-ubyte train t10k",
    "mnist with dots": "{part}-images.idx3-ubyte {part}-labels.idx1-ubyte train t10k",
    "kmnist with test": "{part}-images-idx3-ubyte {part}-labels-idx1-ubyte train test",
    "own words": "{part}_images.bin {part}_labels.bin training testing",
}


def write_idx(
    folder: Path, source: Source, spelling: str, pack: Callable[[bytes], bytes] = bytes, end: str = ""
) -> Path:
    images, labels, train, test = SPELLINGS[spelling].split()
    for part, x, y in ((train, source.x_train, source.y_train), (test, source.x_test, source.y_test)):
        (folder / f"{images.format(part=part)}{end}").write_bytes(pack(idx(x)))
        (folder / f"{labels.format(part=part)}{end}").write_bytes(pack(idx(y.astype(np.uint8))))
    return folder


for _name in SPELLINGS:
    LAYOUTS[f"idx, {_name}"] = lambda folder, source, name=_name: write_idx(folder, source, name)  # type: ignore[misc]
LAYOUTS["idx.gz"] = lambda folder, source: write_idx(folder, source, "mnist", gzip.compress, ".gz")
LAYOUTS["idx.xz"] = lambda folder, source: write_idx(folder, source, "mnist", lzma.compress, ".xz")
LAYOUTS["idx.bz2 under another name"] = lambda folder, source: write_idx(folder, source, "own words", bz2.compress)


@layout(LAYOUTS, "idx in MNIST/raw, raw and compressed")
def _(folder: Path, source: Source) -> Path:
    (folder / "MNIST/raw").mkdir(parents=True)
    write_idx(folder / "MNIST/raw", source, "mnist")
    write_idx(folder / "MNIST/raw", source, "mnist", gzip.compress, ".gz")
    return folder


@layout(LAYOUTS, "idx, one file named")
def _(folder: Path, source: Source) -> Path:
    write_idx(folder, source, "mnist")
    (folder / "emnist-digits-train-images-idx3-ubyte").write_bytes(idx(source.x_train))
    return folder / "t10k-labels-idx1-ubyte"


@layout(LAYOUTS, "kaggle's folders named as files")
def _(folder: Path, source: Source) -> Path:
    for part, x, y in (("train", source.x_train, source.y_train), ("t10k", source.x_test, source.y_test)):
        for name, array in ((f"{part}-images-idx3-ubyte", x), (f"{part}-labels-idx1-ubyte", y.astype(np.uint8))):
            (folder / name).mkdir()
            (folder / name / name).write_bytes(idx(array))
            (folder / name.replace("-idx", ".idx")).write_bytes(idx(array))
    return folder


@layout(LAYOUTS, "qmnist")
def _(folder: Path, source: Source) -> Path:
    for part, x, y in (("train", source.x_train, source.y_train), ("test", source.x_test, source.y_test)):
        table = np.arange(len(y) * 8, dtype=np.int32).reshape(-1, 8)
        table[:, 0] = y
        (folder / f"qmnist-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
        (folder / f"qmnist-{part}-labels-idx2-int.gz").write_bytes(gzip.compress(idx(table)))
    return folder


@layout(LAYOUTS, "emnist-digits, transposed")
def _(folder: Path, source: Source) -> Path:
    for part, x, y in (("train", source.x_train, source.y_train), ("test", source.x_test, source.y_test)):
        turned = np.ascontiguousarray(x.swapaxes(1, 2))
        (folder / f"emnist-digits-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(turned)))
        (folder / f"emnist-digits-{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y.astype(np.uint8))))
    return folder


@layout(LAYOUTS, "idx of floats and of 32-bit labels")
def _(folder: Path, source: Source) -> Path:
    for part, x, y in (("train", source.x_train, source.y_train), ("t10k", source.x_test, source.y_test)):
        (folder / f"{part}-images-idx3-float").write_bytes(idx((x / 255).astype(np.float32)))
        (folder / f"{part}-labels-idx1-int").write_bytes(idx(y.astype(np.int32)))
    return folder


# npz and npy


def npz(name: str, keys: str, images: Callable[[Array], Array], labels: Callable[[Array], Array]) -> None:
    def write(folder: Path, source: Source) -> Path:
        given = (images(source.x_train), labels(source.y_train), images(source.x_test), labels(source.y_test))
        named: dict[str, Any] = dict(zip(keys.split(), given, strict=True))
        np.savez_compressed(folder / "set.npz", **named)
        return folder / "set.npz"

    LAYOUTS[f"npz, {name}"] = write


def same(array: Array) -> Array:
    return array


KERAS = "x_train y_train x_test y_test"
npz("keras", KERAS, same, same)
npz("capitals", "X_train Y_train X_test Y_test", same, same)
npz("joined", "Xtrain ytrain Xtest ytest", same, same)
npz("camel", "trainX trainY testX testY", same, same)
npz("words", "training_images training_labels test_images test_labels", same, same)
npz("medmnist", "train_images train_labels test_images test_labels", same, lambda y: y[:, None].astype(np.uint8))
npz("floats in 0..1", KERAS, lambda x: x / 255, same)
npz("a hair above 1", KERAS, lambda x: (x / 255).astype(np.float32) * np.float32(1.0000002), same)
npz("float16", KERAS, lambda x: (x / 255).astype(np.float16), same)
npz("floats in 0..255", KERAS, lambda x: x.astype(np.float32), same)
npz("-1 to 1", KERAS, lambda x: x / 127.5 - 1, same)
npz("int64", KERAS, lambda x: x.astype(np.int64), same)
npz("uint16 in 0..255", KERAS, lambda x: x.astype(np.uint16), same)
npz("uint16 in 0..65535", KERAS, lambda x: x.astype(np.uint16) * 257, same)
npz("big-endian, Fortran order", KERAS, lambda x: np.asfortranarray(x.astype(">i4")), lambda y: y.astype(">i8"))
npz("channel first", KERAS, lambda x: x[:, None], same)
npz("channel last", KERAS, lambda x: x[..., None], same)
npz("grey in three channels", KERAS, lambda x: np.repeat(x[..., None], 3, axis=3), same)
npz("grey in three channels, first", KERAS, lambda x: np.repeat(x[:, None], 3, axis=1), same)
npz("rows", KERAS, lambda x: x.reshape(len(x), -1), same)
npz("one-hot", KERAS, same, lambda y: np.eye(10)[y])
npz("one-hot, whole", KERAS, same, lambda y: np.eye(10, dtype=np.uint8)[y])
npz("float labels", KERAS, same, lambda y: y.astype(np.float64))
npz("text labels", KERAS, same, lambda y: y.astype(str))
npz("bytes labels", KERAS, same, lambda y: y.astype("S2"))


@layout(LAYOUTS, "npz without names")
def _(folder: Path, source: Source) -> Path:
    np.savez(folder / "set.npz", *source.parts.values())
    return folder / "set.npz"


@layout(LAYOUTS, "npz without names, scikit-learn's order")
def _(folder: Path, source: Source) -> Path:
    np.savez(folder / "set.npz", source.x_train, source.x_test, source.y_train, source.y_test)
    return folder / "set.npz"


@layout(LAYOUTS, "medmnist with a validation split")
def _(folder: Path, source: Source) -> Path:
    val = {"val_images": source.x_test[:5] // 2, "val_labels": source.y_test[:5, None]}
    named: dict[str, Any] = {"train_images": source.x_train, "train_labels": source.y_train[:, None], **val}
    np.savez(folder / "set.npz", **named, test_images=source.x_test, test_labels=source.y_test[:, None])
    return folder / "set.npz"


def write_kuzushiji(folder: Path, source: Source) -> Path:
    for key, array in source.parts.items():
        kind, part = key.split("_")
        np.savez_compressed(folder / f"kmnist-{part}-{'imgs' if kind == 'x' else 'labels'}.npz", array)
    return folder


LAYOUTS["kuzushiji npz"] = write_kuzushiji
LAYOUTS["kuzushiji npz, one file named"] = lambda folder, source: (
    write_kuzushiji(folder, source) / "kmnist-train-imgs.npz"
)


@layout(LAYOUTS, "four npy files")
def _(folder: Path, source: Source) -> Path:
    for key, array in source.parts.items():
        np.save(folder / f"{key}.npy", array)
    return folder


@layout(LAYOUTS, "npy in a folder for each split")
def _(folder: Path, source: Source) -> Path:
    for part in ("train", "test"):
        (folder / part).mkdir()
        np.save(folder / part / "images.npy", source.parts[f"x_{part}"])
        np.save(folder / part / "labels.npy", source.parts[f"y_{part}"])
    return folder


@layout(LAYOUTS, "an npz for each split")
def _(folder: Path, source: Source) -> Path:
    for part in ("train", "test"):
        np.savez(folder / f"{part}.npz", x=source.parts[f"x_{part}"], y=source.parts[f"y_{part}"])
    return folder


@layout(WHOLE, "npz of x and y")
def _(folder: Path, source: Source) -> Path:
    np.savez(folder / "set", X=source.all_images, y=source.all_labels)
    return folder / "set.npz"


@layout(WHOLE, "npz with the wrong ending")
def _(folder: Path, source: Source) -> Path:
    np.savez(folder / "set.npz", data=source.all_images, target=source.all_labels)
    return (folder / "set.npz").rename(folder / "set.png")


# Tables


def rows(images: Array, labels: Array, header: str = "", mark: str = ",", label_last: bool = False) -> bytes:
    flat = images.reshape(len(images), -1)
    ordered = (flat, labels[:, None]) if label_last else (labels[:, None], flat)
    table = np.concatenate([part.astype(object) for part in ordered], axis=1)
    lines = [header] if header else []
    return "\n".join([*lines, *(mark.join(map(str, row)) for row in table)]).encode() + b"\n"


def names(pattern: str, first: int = 0) -> str:
    return ",".join(pattern.format(n) for n in range(first, first + SIDE**2))


KAGGLE = f"label,{names('pixel{}')}"
TABLES: dict[str, Callable[[Array, Array], bytes]] = {
    "kaggle": lambda x, y: rows(x, y, KAGGLE),
    "no header": rows,
    "no header, label last": lambda x, y: rows(x, y, label_last=True),
    "openml": lambda x, y: rows(x, y, f"{names('pixel{}', 1)},class", label_last=True),
    "zalando": lambda x, y: rows(x, y, "label," + ",".join(f"{a}x{b}" for a in range(1, 7) for b in range(1, 7))),
    "semicolons": lambda x, y: rows(x, y, KAGGLE.replace(",", ";"), ";"),
    "tabs": lambda x, y: rows(x, y, KAGGLE.replace(",", "\t"), "\t"),
    "byte order mark": lambda x, y: b"\xef\xbb\xbf" + rows(x, y, KAGGLE),
    "windows": lambda x, y: rows(x, y, KAGGLE).replace(b"\n", b"\r\n"),
    "quoted": lambda x, y: rows(x, y, ",".join(f'"{name}"' for name in KAGGLE.split(","))),
    "floats": lambda x, y: rows(x / 255, y, KAGGLE),
    "float labels": lambda x, y: rows(x, y.astype(float), KAGGLE),
    "with an index": lambda x, y: b"\n".join(
        (b"" if n == 0 else str(n - 1).encode()) + b"," + line for n, line in enumerate(rows(x, y, KAGGLE).splitlines())
    ),
    "pixels in a cell": lambda x, y: (
        b"emotion,pixels\n"
        + b"".join(f"{c},{' '.join(map(str, image.ravel()))}\n".encode() for image, c in zip(x, y, strict=True))
    ),
}


def write_tables(
    folder: Path, source: Source, name: str, pack: Callable[[bytes], bytes] = bytes, end: str = ""
) -> Path:
    for part in ("train", "test"):
        content = TABLES[name](source.parts[f"x_{part}"], source.parts[f"y_{part}"])
        (folder / f"mnist_{part}.csv{end}").write_bytes(pack(content))
    return folder


for _name in TABLES:
    LAYOUTS[f"csv, {_name}"] = lambda folder, source, name=_name: write_tables(folder, source, name)  # type: ignore[misc]
LAYOUTS["csv.gz"] = lambda folder, source: write_tables(folder, source, "kaggle", gzip.compress, ".gz")
LAYOUTS["csv, one file named"] = lambda folder, source: write_tables(folder, source, "kaggle") / "mnist_train.csv"


@layout(LAYOUTS, "csv that names each row's split")
def _(folder: Path, source: Source) -> Path:
    lines = TABLES["pixels in a cell"](source.all_images, source.all_labels).decode().splitlines()
    usage = ["Usage"] + ["Training"] * 40 + ["PrivateTest"] * 20
    (folder / "fer.csv").write_text("".join(f"{line},{use}\n" for line, use in zip(lines, usage, strict=True)))
    return folder / "fer.csv"


@layout(WHOLE, "kaggle's train.csv beside a test.csv without labels")
def _(folder: Path, source: Source) -> Path:
    (folder / "train.csv").write_bytes(rows(source.all_images, source.all_labels, KAGGLE))
    (folder / "test.csv").write_bytes(rows(source.x_test, source.x_test[:, 0, 0], KAGGLE).replace(b"label,", b"", 1))
    lines = (folder / "test.csv").read_bytes().splitlines()
    (folder / "test.csv").write_bytes(b"\n".join([lines[0], *(line.split(b",", 1)[1] for line in lines[1:])]))
    return folder


@layout(WHOLE, "csv that names pictures")
def _(folder: Path, source: Source) -> Path:
    (folder / "images").mkdir()
    lines = ["filename,label"]
    for place, (image, label) in enumerate(zip(source.all_images, source.all_labels, strict=True)):
        (folder / f"images/{place:03}.png").write_bytes(png(image))
        lines.append(f"{place:03}.png,{label}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def write_parquet(path: Path, columns: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), path)


@layout(LAYOUTS, "parquet of pictures, as Hugging Face keeps MNIST")
def _(folder: Path, source: Source) -> Path:
    (folder / "mnist").mkdir()
    told = {"huggingface": json.dumps({"info": {"features": {"label": {"names": [str(n) for n in range(10)]}}}})}
    for part in ("train", "test"):
        cells = [{"bytes": png(image), "path": None} for image in source.parts[f"x_{part}"]]
        columns = {"image": cells, "label": source.parts[f"y_{part}"]}
        write_parquet(folder / f"mnist/{part}-00000-of-00001.parquet", columns, told)
    return folder


@layout(LAYOUTS, "parquet of bytes in two shards")
def _(folder: Path, source: Source) -> Path:
    halves = ((slice(0, 20), "train-0"), (slice(20, 40), "train-1"))
    for rows_, name in halves:
        cells = {"image": [png(x) for x in source.x_train[rows_]], "label": source.y_train[rows_]}
        write_parquet(folder / f"{name}.parquet", cells)
    cells = {"image": [png(image) for image in source.x_test], "label": source.y_test}
    write_parquet(folder / "test-0.parquet", cells)
    return folder


@layout(WHOLE, "parquet of a column per pixel")
def _(folder: Path, source: Source) -> Path:
    flat = source.all_images.reshape(60, -1)
    write_parquet(folder / "a.parquet", {f"pixel{n}": flat[:, n] for n in range(36)} | {"label": source.all_labels})
    return folder / "a.parquet"


@layout(WHOLE, "parquet of lists")
def _(folder: Path, source: Source) -> Path:
    write_parquet(
        folder / "a.parquet", {"image": source.all_images.reshape(60, -1).tolist(), "label": source.all_labels}
    )
    return folder / "a.parquet"


# MATLAB, HDF5, PyTorch, LIBSVM


def write_mat(path: Path, **arrays: Any) -> Path:
    from scipy import io as matlab

    matlab.savemat(path, arrays, do_compression=True)
    return path


@layout(LAYOUTS, "mat of x_train and its like")
def _(folder: Path, source: Source) -> Path:
    return write_mat(folder / "a.mat", **source.parts)


@layout(LAYOUTS, "mat, emnist's structure")
def _(folder: Path, source: Source) -> Path:
    def part(x: Array, y: Array) -> dict[str, Array]:
        columns = x.swapaxes(1, 2).reshape(len(x), -1)
        return {"images": columns, "labels": y[:, None], "writers": np.arange(len(y))[:, None]}

    mapping = np.stack([np.arange(10), np.arange(48, 58)], axis=1)
    dataset = {"train": part(source.x_train, source.y_train), "test": part(source.x_test, source.y_test)}
    return write_mat(folder / "emnist-digits.mat", dataset=dataset | {"mapping": mapping})


@layout(LAYOUTS, "mat, svhn's")
def _(folder: Path, source: Source) -> Path:
    for part in ("train", "test"):
        colour = np.repeat(source.parts[f"x_{part}"][..., None], 3, axis=3)
        label = source.parts[f"y_{part}"]
        write_mat(folder / f"{part}_32x32.mat", X=np.moveaxis(colour, 0, 3), y=np.where(label == 0, 10, label)[:, None])
    return folder


@layout(WHOLE, "mat, images in columns")
def _(folder: Path, source: Source) -> Path:
    flat = source.all_images.reshape(60, -1).T
    return write_mat(folder / "mnist-original.mat", data=flat, label=source.all_labels[None].astype(float))


def write_hdf5(path: Path, arrays: dict[str, Any], **more: Any) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", **more) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip")
    return path


@layout(LAYOUTS, "hdf5")
def _(folder: Path, source: Source) -> Path:
    return write_hdf5(folder / "a.h5", source.parts)


@layout(LAYOUTS, "hdf5 with groups, usps.h5")
def _(folder: Path, source: Source) -> Path:
    parts = {
        f"{part}/{name}": source.parts[f"{key}_{part}"].reshape(-1, *(() if key == "y" else (36,)))
        for part in ("train", "test")
        for key, name in (("x", "data"), ("y", "target"))
    }
    return write_hdf5(
        folder / "usps.h5", parts | {"train/data": parts["train/data"] / 255, "test/data": parts["test/data"] / 255}
    )


@layout(LAYOUTS, "MATLAB 7.3")
def _(folder: Path, source: Source) -> Path:
    path = write_hdf5(folder / "a.mat", {name: array.T for name, array in source.parts.items()}, userblock_size=512)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def write_torch(path: Path, content: Any, **more: Any) -> Path:
    import torch

    torch.save(content, path, **more)
    return path


def tensors(source: Source, part: str) -> tuple[Any, Any]:
    import torch

    return torch.from_numpy(source.parts[f"x_{part}"]), torch.from_numpy(source.parts[f"y_{part}"])


@layout(LAYOUTS, "torchvision's processed")
def _(folder: Path, source: Source) -> Path:
    (folder / "MNIST/processed").mkdir(parents=True)
    write_torch(folder / "MNIST/processed/training.pt", tensors(source, "train"))
    write_torch(folder / "MNIST/processed/test.pt", tensors(source, "test"))
    return folder


@layout(LAYOUTS, "torchvision's processed, of before PyTorch 1.6")
def _(folder: Path, source: Source) -> Path:
    for part, name in (("train", "training"), ("test", "test")):
        write_torch(folder / f"{name}.pt", tensors(source, part), _use_new_zipfile_serialization=False)
    return folder / "training.pt"


@layout(LAYOUTS, "pt, a dict")
def _(folder: Path, source: Source) -> Path:
    import torch

    return write_torch(folder / "a.pt", {name: torch.from_numpy(array) for name, array in source.parts.items()})


@layout(LAYOUTS, "pt, pairs of training and test")
def _(folder: Path, source: Source) -> Path:
    return write_torch(folder / "a.pth", (tensors(source, "train"), tensors(source, "test")))


def svmlight(images: Array, labels: Array) -> bytes:
    def line(row: Array, label: int) -> str:
        return " ".join([str(label), *(f"{n}:{value:.9g}" for n, value in enumerate(row, 1) if value)])

    return "\n".join(map(line, images.reshape(len(images), -1), labels)).encode() + b"\n"


@layout(LAYOUTS, "LIBSVM, mnist.bz2")
def _(folder: Path, source: Source) -> Path:
    (folder / "mnist.bz2").write_bytes(bz2.compress(svmlight(source.x_train, source.y_train)))
    (folder / "mnist.t.bz2").write_bytes(bz2.compress(svmlight(source.x_test, source.y_test)))
    return folder


# Pictures


def write_pictures(
    folder: Path, images: Array, labels: Array, name: str = "{}", encode: Any = png, end: str = "png"
) -> None:
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        inner = folder / name.format(label)
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{place:03}.{end}").write_bytes(encode(image))


def encode_as(kind: str) -> Callable[[Array], bytes]:
    def encode(image: Array) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, kind)
        return stream.getvalue()

    return encode


def write_split_pictures(folder: Path, source: Source, train: str = "train", test: str = "test", **more: Any) -> Path:
    write_pictures(folder / train, source.x_train, source.y_train, **more)
    write_pictures(folder / test, source.x_test, source.y_test, **more)
    return folder


PICTURES: dict[str, dict[str, Any]] = {
    "": {},
    ", mnist_png": {"train": "training", "test": "testing"},
    ", capitals": {"train": "Train", "test": "Test"},
    ", train and val": {"train": "train", "test": "val"},
    ", leading zeros": {"name": "{:02}"},
    ", BMP": {"encode": encode_as("BMP"), "end": "bmp"},
    ", PGM": {"encode": encode_as("PPM"), "end": "pgm"},
    ", TIFF": {"encode": encode_as("TIFF"), "end": "tif"},
    ", RGB": {"encode": lambda x: png(np.repeat(x[..., None], 3, axis=2))},
    ", RGBA": {
        "encode": lambda x: png(np.concatenate([np.repeat(x[..., None], 3, 2), np.full_like(x[..., None], 255)], 2))
    },
    ", 16 bits": {"encode": lambda x: png(x.astype(np.uint16) * 257)},
    ", wrong endings": {"end": "jpg"},
}
for _name, _more in PICTURES.items():
    LAYOUTS[f"pictures{_name}"] = lambda folder, source, more=_more: write_split_pictures(folder, source, **more)  # type: ignore[misc]


@layout(LAYOUTS, "pictures in a folder of a folder, with junk")
def _(folder: Path, source: Source) -> Path:
    write_split_pictures(folder / "data", source)
    for junk in (".DS_Store", "data/train/Thumbs.db", "data/README.md", "data/train/3/.hidden.png"):
        (folder / junk).write_bytes(b"junk")
    return folder


@layout(WHOLE, "pictures without a split")
def _(folder: Path, source: Source) -> Path:
    write_pictures(folder, source.all_images, source.all_labels)
    return folder


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
        archive.writestr("__MACOSX/._3", b"junk")
    return path


@layout(LAYOUTS, "zip of pictures")
def _(folder: Path, source: Source) -> Path:
    return zipped(write_split_pictures(folder / "in", source), folder / "set.zip")


@layout(LAYOUTS, "zip of idx files")
def _(folder: Path, source: Source) -> Path:
    (folder / "in/gzip").mkdir(parents=True)
    write_idx(folder / "in/gzip", source, "mnist", gzip.compress, ".gz")
    return zipped(folder / "in", folder / "gzip.zip")


@layout(LAYOUTS, "zip of csv")
def _(folder: Path, source: Source) -> Path:
    (folder / "in").mkdir()
    write_tables(folder / "in", source, "kaggle")
    return zipped(folder / "in", folder / "archive.zip")


def sorted_by_content(images: Array, labels: Array) -> list[tuple[bytes, int]]:
    return sorted((image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True))


SVHN = {"mat, svhn's": {"classes": ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0")}}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_pixel_by_pixel_and_label_by_label(name: str, tmp_path: Path, source: Source) -> None:
    own = read(LAYOUTS[name](tmp_path, source), **SVHN.get(name, {}))
    arrays = own.arrays
    # Pictures come in the order of their folders, all others as they are stored.
    keep = sorted_by_content if "pictures" in name else lambda x, y: (x.tolist(), y.tolist())
    assert keep(arrays.train_images, arrays.train_labels) == keep(source.x_train, source.y_train)
    assert keep(arrays.test_images, arrays.test_labels) == keep(source.x_test, source.y_test)
    assert {array.dtype for array in vars(arrays).values()} == {np.dtype(np.uint8)}
    assert own.config.classes is None
    assert own.config.train_fraction is None
    assert "40 training and 20 test images of 6×6" in own.lines[0]
    assert len(own.lines) == 1 and "\n" not in own.lines[0]


@pytest.mark.parametrize("name", WHOLE)
def test_a_test_split_is_drawn_of_each_class_where_there_is_none(name: str, tmp_path: Path, source: Source) -> None:
    own = read(WHOLE[name](tmp_path, source))
    arrays = own.arrays
    everything = sorted_by_content(
        np.concatenate([arrays.train_images, arrays.test_images]),
        np.concatenate([arrays.train_labels, arrays.test_labels]),
    )
    assert everything == sorted_by_content(source.all_images, source.all_labels)
    assert np.bincount(arrays.test_labels).tolist() == [1] * 10  # a fifth of six
    assert (own.config.train_fraction, own.config.seed) == (0.8, 0)
    assert "test images drawn from each class (data.seed=0), as there are none" in own.lines[0]
