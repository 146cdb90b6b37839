"""EMNIST's sets, Kuzushiji-49 and QMNIST by name: small files of their layout, read to the pixel, or refused."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import re
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.classes import CLASSES
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets import load as loading
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.base import num_classes_of
from lenet_ablate.datasets.known import load_known
from lenet_ablate.datasets.labels import load_test_images, load_test_labels
from lenet_ablate.datasets.load import load
from lenet_ablate.datasets.published import FACTS, Known, packed_name
from lenet_ablate.errors import ConfigError, DataError

SIDE = 6
BALANCED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
Files = dict[str, bytes]


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def npz(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, array)
    return stream.getvalue()


def pictures(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE)).astype(np.uint8)


def truth(name: DataSet) -> Arrays:
    """Upright images and labels from 0: two of each class for training, one for testing."""
    train, test = (np.arange(per * CLASSES[name], dtype=np.uint8) % CLASSES[name] for per in (2, 1))
    return Arrays(pictures(len(train), 0), train, pictures(len(test), 1), test)


def files_of(name: DataSet, held: Arrays) -> Files:
    """The four files as their makers write them, IDX not yet compressed."""
    known, files = FACTS[name], {}
    for half, images, labels in (
        (known.train, held.train_images, held.train_labels),
        (known.test, held.test_images, held.test_labels),
    ):
        if name is DataSet.kmnist49:
            files |= {half.images: npz(images), half.labels: npz(labels)}
        elif name is DataSet.qmnist:
            table = np.column_stack([labels, *np.random.default_rng(2).integers(300, 9999, (7, len(labels)))])
            header = bytes([0, 0, 12, 2]) + np.array(table.shape, ">u4").tobytes()
            files |= {half.images: idx(images), half.labels: header + table.astype(">i4").tobytes()}
        else:
            shift = 1 if name is DataSet.emnist_letters else 0
            files |= {half.images: idx(images.transpose(0, 2, 1)), half.labels: idx(labels + shift)}
    return files


def pack(file: str, content: bytes) -> bytes:
    return content if file.endswith(".npz") else gzip.compress(content, mtime=0)


def zipped(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for file, content in files.items():
            archive.writestr(f"gzip/{file}.gz", pack(file, content))
    return stream.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def published(name: DataSet, files: Mapping[str, bytes], url: str = "http://127.0.0.1:9/") -> Known:
    """What would be published of small files."""
    known, count = FACTS[name], CLASSES[name]
    archive = known.archive and dataclasses.replace(known.archive, url=f"{url}gzip.zip", md5=md5(zipped(files)))
    return dataclasses.replace(
        known,
        side=SIDE,
        train=dataclasses.replace(known.train, count=2 * count),
        test=dataclasses.replace(known.test, count=count),
        url="" if archive else url,
        md5={} if archive else {packed_name(file): md5(pack(file, content)) for file, content in files.items()},
        archive=archive,
    )


def store(name: DataSet, data_dir: Path, files: Mapping[str, bytes], packed: bool) -> Path:
    folder = data_dir / FACTS[name].folder / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        is_packed = packed or file.endswith(".npz")
        (folder / (packed_name(file) if is_packed else file)).write_bytes(pack(file, content) if is_packed else content)
    return folder


def read(name: DataSet, data_dir: Path, known: Known, told: list[str] | None = None) -> Arrays:
    lines = [] if told is None else told
    return load_known(name, data_dir, lines.append, {name: known})


def assert_same(found: Arrays, wanted: Arrays) -> None:
    for field in dataclasses.fields(Arrays):
        array = getattr(found, field.name)
        assert array.dtype == np.uint8 and array.flags.c_contiguous
        np.testing.assert_array_equal(array, getattr(wanted, field.name))


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "raw"])
@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_every_pixel_and_label_is_read(tmp_path: Path, name: DataSet, packed: bool) -> None:
    held, told = truth(name), list[str]()
    files = files_of(name, held)
    store(name, tmp_path, files, packed)
    assert_same(read(name, tmp_path, published(name, files), told), held)
    is_proven = name is DataSet.kmnist49 or (name is DataSet.qmnist and packed)
    assert [re.sub(r".*raw: \S+ .*could not be", "", line)[:9] for line in told] == ([] if is_proven else [" verified"])


@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_the_test_split_alone_is_that_of_the_whole(tmp_path: Path, name: DataSet) -> None:
    held = truth(name)
    store(name, tmp_path, files_of(name, held), packed=True)
    for train in (file for file in (tmp_path / FACTS[name].folder / "raw").iterdir() if "train" in file.name):
        train.unlink()
    np.testing.assert_array_equal(load_test_labels(DataConfig(name), tmp_path), held.test_labels)
    np.testing.assert_array_equal(load_test_images(DataConfig(name), tmp_path), held.test_images)
    with pytest.raises(DataError, match=re.escape(f"raw: has no {FACTS[name].test.labels}")):
        load_test_labels(DataConfig(name), tmp_path / "elsewhere")


def test_published_numbers() -> None:
    counts = {name.value: (facts.train.count, facts.test.count, facts.num_classes) for name, facts in FACTS.items()}
    assert counts == {
        "emnist_balanced": (112_800, 18_800, 47),
        "emnist_letters": (124_800, 20_800, 26),
        "emnist_digits": (240_000, 40_000, 10),
        "kmnist49": (232_365, 38_547, 49),
        "qmnist": (60_000, 60_000, 10),
    }
    for facts in FACTS.values():
        assert set(facts.md5) == (set() if facts.archive else set(map(packed_name, facts.files)))


def test_digests_and_addresses_are_those_of_torchvision() -> None:
    from torchvision.datasets import EMNIST, QMNIST

    archive, qmnist = FACTS[DataSet.emnist_digits].archive, FACTS[DataSet.qmnist]
    assert archive and (archive.url, archive.md5) == (EMNIST.url, EMNIST.md5)
    listed = [entry for part in ("train", "test") for entry in QMNIST.resources[part]]
    assert {f"{qmnist.url}{file}": digest for file, digest in qmnist.md5.items()} == dict(listed)


@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_a_word_on_the_command_line_has_number_and_names_of_the_classes(
    name: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    text = (config_dir() / f"data/{name.value}.yaml").read_text(encoding="utf-8")
    run, _ = parse_config({"data": yaml.safe_load(text)})
    names = {DataSet.emnist_balanced: BALANCED, DataSet.emnist_letters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}.get(name)
    assert num_classes_of(run.data) == num_classes_of(DataConfig(name)) == FACTS[name].num_classes
    assert run.data.classes == (tuple(names) if names else None)
    held = truth(name)
    monkeypatch.setattr(loading, "KEPT", {name: lambda data_dir, progress: held})
    dataset = load(run.data, 32, tmp_path)
    assert dataset.mean == pytest.approx(dataset.train_images.mean() / 255)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": "kmnist49", "num_classes": 10}, "data.num_classes=10: kmnist49 has 49"),
        ({"name": "qmnist", "classes": ["a", "b"]}, "names 2 classes, but qmnist has 10"),
        ({"name": "qmnist", "classes": ["a"] * 10}, "must name at least two classes, and each once"),
        ({"name": "mnist", "classes": ["a", "b"]}, "is a setting of data=file, emnist_balanced, "),
    ],
)
def test_classes_that_a_set_does_not_have(data: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"data": data})
    assert words in str(caught.value)


def less_one(held: Arrays) -> Arrays:
    return dataclasses.replace(held, train_images=held.train_images[1:], train_labels=held.train_labels[1:])


def uneven(held: Arrays) -> Arrays:
    labels = held.test_labels.copy()
    labels[1] = 0
    return dataclasses.replace(held, test_labels=labels)


def beyond(held: Arrays) -> Arrays:
    labels = held.test_labels.copy()
    labels[3] = 60
    return dataclasses.replace(held, test_labels=labels)


WRONG: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "one image less": (less_one, r"is not \S+( \S+)?'s: has \d+ training images, expected \d+ training images of 6×6"),
    "labels too few": (
        lambda held: dataclasses.replace(held, test_labels=held.test_labels[1:]),
        r"labels\S*: \d+ labels, expected \d+, one for each image",
    ),
    "a class without an image": (uneven, r"which has (all classes|1 test images of each class), not 0 to 2"),
    "a label beyond": (beyond, r"label 6[01] at position 3, expected [01] to \d+"),
    "other sides": (
        lambda held: dataclasses.replace(held, test_images=held.test_images[:, :, 1:]),
        r"has test images of (5×6|6×5) pixels",
    ),
}


@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
@pytest.mark.parametrize("wrong", WRONG)
def test_another_set_is_refused(tmp_path: Path, name: DataSet, wrong: str) -> None:
    change, words = WRONG[wrong]
    files = files_of(name, change(truth(name)))
    store(name, tmp_path, files, packed=False)
    with pytest.raises(DataError, match=words) as caught:
        read(name, tmp_path, published(name, files))
    assert ("\n" not in str(caught.value) and "delete it" in str(caught.value)) or wrong == "labels too few"


@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_damaged_files_are_refused(tmp_path: Path, name: DataSet) -> None:
    files = files_of(name, truth(name))
    folder = store(name, tmp_path, files, packed=True)
    for file in map(packed_name, FACTS[name].files):
        whole = (folder / file).read_bytes()
        for content in (whole[: len(whole) // 2], whole[:-40] + bytes(20) + whole[-20:], b"<html>Sign in</html>"):
            (folder / file).write_bytes(content)
            with pytest.raises(DataError, match=re.escape(file)) as caught:
                read(name, tmp_path, published(name, files))
            assert "\n" not in str(caught.value)
        (folder / file).write_bytes(whole)


def test_python_objects_are_not_read(tmp_path: Path) -> None:
    files = files_of(DataSet.kmnist49, truth(DataSet.kmnist49))
    files["k49-test-labels.npz"] = npz(np.array([{}] * 49))
    store(DataSet.kmnist49, tmp_path, files, packed=True)
    with pytest.raises(DataError, match="holds Python objects, which are never read"):
        read(DataSet.kmnist49, tmp_path, published(DataSet.kmnist49, files))


@pytest.mark.parametrize("name", [DataSet.kmnist49, DataSet.qmnist], ids=lambda name: name.value)
def test_a_changed_pixel_is_noticed_by_the_digest(tmp_path: Path, name: DataSet) -> None:
    held = truth(name)
    known, changed = published(name, files_of(name, held)), held.train_images.copy()
    changed[3, 2, 1] ^= 1
    store(name, tmp_path, files_of(name, dataclasses.replace(held, train_images=changed)), packed=True)
    with pytest.raises(DataError, match=r"is not \S+'s genuine file \(MD5 differs\)"):
        read(name, tmp_path, known)


@pytest.mark.mnist
def test_mnist_is_not_taken_for_qmnist(tmp_path: Path, mnist_data_dir: Path) -> None:
    files = files_of(DataSet.qmnist, truth(DataSet.qmnist))
    folder = store(DataSet.qmnist, tmp_path, files, packed=False)
    pixels = (mnist_data_dir / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()
    labels = np.zeros((10_000, 8), ">i4")
    labels[:, 0] = np.arange(10_000) % 10
    (folder / "qmnist-test-images-idx3-ubyte").write_bytes(pixels)
    (folder / "qmnist-train-images-idx3-ubyte").write_bytes(pixels)
    for part in ("train", "test"):
        table = bytes([0, 0, 12, 2]) + np.array(labels.shape, ">u4").tobytes() + labels.tobytes()
        (folder / f"qmnist-{part}-labels-idx2-int").write_bytes(table)
    known = published(DataSet.qmnist, files)
    halves = (dataclasses.replace(half, count=10_000) for half in (known.train, known.test))
    with pytest.raises(DataError, match="is MNIST's, not QMNIST's"):
        read(DataSet.qmnist, tmp_path, dataclasses.replace(known, side=28, train=next(halves), test=next(halves)))


def test_emnist_is_proven_by_the_zip_beside_it(tmp_path: Path) -> None:
    name, told = DataSet.emnist_letters, list[str]()
    held = truth(name)
    files = files_of(name, held)
    for packed in (True, False):
        folder = store(name, tmp_path, files, packed)
        (folder / "gzip.zip").write_bytes(zipped(files))
        assert_same(read(name, tmp_path, published(name, files), told), held)
        assert told == []
    changed = held.train_images.copy()
    changed[3, 2, 1] ^= 1
    store(name, tmp_path, files_of(name, dataclasses.replace(held, train_images=changed)), packed=False)
    with pytest.raises(DataError, match=r"letters-train-images-idx3-ubyte: is not what gzip.zip beside it holds"):
        read(name, tmp_path, published(name, files))


def test_a_zip_that_lies_there_is_not_downloaded_again(tmp_path: Path) -> None:
    name, told = DataSet.emnist_balanced, list[str]()
    held = truth(name)
    files = files_of(name, held)
    folder = store(name, tmp_path, {}, packed=True)
    (folder / "gzip.zip").write_bytes(zipped(files))
    assert_same(read(name, tmp_path, published(name, files), told), held)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["gzip.zip", *map(packed_name, files)])
    assert told == []


class Server(ThreadingHTTPServer):
    """Serves `/<file>`, or what `content` has under that name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: Files = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.server.asked.append(name)
        if name not in self.server.content:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content[name])))
        self.end_headers()
        self.wfile.write(self.server.content[name])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def serve(server: Server, name: DataSet, files: Mapping[str, bytes]) -> Known:
    server.content = {packed_name(file): pack(file, content) for file, content in files.items()}
    if FACTS[name].archive:
        server.content = {"gzip.zip": zipped(files)}
    return published(name, files, server.url)


@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_missing_files_are_downloaded_once(tmp_path: Path, server: Server, name: DataSet) -> None:
    held, told = truth(name), list[str]()
    files = files_of(name, held)
    known = serve(server, name, files)
    assert_same(read(name, tmp_path / "new", known, told), held)
    size = " (562 MB)" if known.archive else ""
    assert told == [f"downloading {server.url}{file}{size}" for file in server.content]
    folder = tmp_path / "new" / known.folder / "raw"
    kept = {*map(packed_name, files), *server.content}
    assert {path.name for path in folder.iterdir()} == kept
    assert_same(read(name, tmp_path / "new", known, told), held)
    assert server.asked == list(server.content)


def test_only_missing_files_are_asked_for(tmp_path: Path, server: Server) -> None:
    held = truth(DataSet.qmnist)
    files = files_of(DataSet.qmnist, held)
    known = serve(server, DataSet.qmnist, files)
    store(DataSet.qmnist, tmp_path, {file: files[file] for file in files if "images" in file}, packed=True)
    assert_same(read(DataSet.qmnist, tmp_path, known), held)
    assert server.asked == [f"qmnist-{part}-labels-idx2-int.gz" for part in ("train", "test")]


@pytest.mark.parametrize("fault", ["absent", "truncated", "other"])
@pytest.mark.parametrize("name", FACTS, ids=lambda name: name.value)
def test_nothing_is_left_of_a_download_that_fails(tmp_path: Path, server: Server, name: DataSet, fault: str) -> None:
    files = files_of(name, truth(name))
    known = serve(server, name, files)
    changed = {
        "absent": lambda whole: None,
        "truncated": lambda whole: whole[:-30],
        "other": lambda whole: whole[:-1] + b"!",
    }
    contents = {file: changed[fault](whole) for file, whole in server.content.items()}
    server.content = {file: content for file, content in contents.items() if content is not None}
    with pytest.raises(DataError, match=r"127\.0\.0\.1:.*(404|MD5 differs)") as caught:
        read(name, tmp_path / "data", known)
    text = str(caught.value)
    for part in (str(tmp_path / "data" / known.folder / "raw"), *map(packed_name, files), "data=digits"):
        assert part in text
    assert len(text.splitlines()) == 2 and ("gzip.zip" in text) == bool(known.archive)
    assert not (tmp_path / "data").exists()


def test_a_damaged_zip_is_replaced(tmp_path: Path, server: Server) -> None:
    name, told = DataSet.emnist_digits, list[str]()
    held = truth(name)
    known = serve(server, name, files_of(name, held))
    folder = store(name, tmp_path, {}, packed=True)
    (folder / "gzip.zip").write_bytes(server.content["gzip.zip"][:-9])
    assert_same(read(name, tmp_path, known, told), held)
    assert "gzip.zip: is damaged or another file (MD5 differs)" in told[0] and "(562 MB)" in told[1]
    assert (folder / "gzip.zip").read_bytes() == server.content["gzip.zip"]
