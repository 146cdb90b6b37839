"""Two to a thousand classes of one's own: numbered, named, and told apart by as many outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.datasets.load import load
from lenet_ablate.datasets.own.read import Own, read_own
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.engines.networks import num_classes
from lenet_ablate.errors import DataError

NOWHERE = Path("no-such-folder")
EMNIST = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"


def images(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    found = np.random.default_rng(0).integers(0, 256, (count, 6, 6)).astype(np.uint8)
    found[:, 0, :2] = 0, 255
    return found


def read(path: Path, **more: Any) -> Own:
    return read_own(DataConfig(DataSet.file, str(path), train_fraction=0.5, seed=0, **more))


def save(path: Path, labels: Any) -> Path:
    np.savez(path, images=images(len(labels)), labels=labels)
    return path


def idx(array: Any) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def emnist(folder: Path, name: str, labels: Any, mapping: str) -> Path:
    for part in ("train", "test"):
        (folder / f"emnist-{name}-{part}-images-idx3-ubyte").write_bytes(idx(images(len(labels)).transpose(0, 2, 1)))
        (folder / f"emnist-{name}-{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / f"emnist-{name}-mapping.txt").write_text(mapping)
    return folder


def test_emnist_balanced_has_the_characters_of_its_mapping(tmp_path: Path) -> None:
    labels = np.arange(94) % 47
    own = read(emnist(tmp_path, "balanced", labels, "".join(f"{n} {ord(c)}\n" for n, c in enumerate(EMNIST))))
    assert own.config.classes == tuple(EMNIST) and own.config.num_classes == 47
    assert (own.arrays.train_labels == labels).all() and (own.arrays.train_images == images(94)).all()
    config = resolved(RunConfig(data=own.config))
    assert num_classes(config) == 47 and resolved(config) == config


def test_emnist_letters_begin_at_one(tmp_path: Path) -> None:
    labels = np.arange(52) % 26 + 1
    own = read(emnist(tmp_path, "letters", labels, "".join(f"{n} {64 + n} {96 + n}\n" for n in range(1, 27))))
    assert own.config.classes is not None and own.config.classes[:2] == ("Aa", "Bb") and own.config.num_classes == 26
    assert (own.arrays.train_labels == labels - 1).all()
    assert "labels read as 1 as 0" in own.lines[0]


@pytest.mark.parametrize("mapping", ["", "no numbers\n", "0\n", "5000 65\n", "0 65\n" * 20_000, "0 99999999\n"])
def test_a_mapping_that_is_none_is_passed_over(tmp_path: Path, mapping: str) -> None:
    own = read(emnist(tmp_path, "balanced", np.arange(94) % 47, mapping))
    assert own.config.classes is None or len(own.config.classes) == 1
    assert own.config.num_classes == 47


@pytest.mark.parametrize(
    ("labels", "count", "stored", "names"),
    [
        (np.arange(20) % 10, None, np.uint8, None),
        (np.arange(20) % 2, 2, np.uint8, None),
        (np.arange(20) % 2 * 7, 8, np.uint8, None),
        (np.arange(94) % 47, 47, np.uint8, None),
        (np.arange(600) % 300, 300, np.uint16, None),
        (np.arange(2000) % 1000, 1000, np.uint16, None),
        (np.arange(40) % 20 * 5, 20, np.uint8, tuple(str(5 * n) for n in range(20))),
        (np.array(list("abcdefghijkl") * 2), 12, np.uint8, tuple("abcdefghijkl")),
        (np.array(list("no") * 5), 2, np.uint8, ("n", "o")),
    ],
    ids=["ten", "two", "two of eight", "47", "300", "1000", "gaps", "letters", "two words"],
)
def test_there_are_as_many_outputs_as_classes(
    tmp_path: Path, labels: Any, count: int | None, stored: type, names: tuple[str, ...] | None
) -> None:
    own = read(save(tmp_path / "a.npz", labels))
    assert (own.config.num_classes, own.config.classes) == (count, names)
    assert own.arrays.train_labels.dtype == own.arrays.test_labels.dtype == stored
    dataset = load(own.config, 32, NOWHERE)
    assert dataset.train_labels.max() < num_classes(RunConfig(data=own.config)) == (count or 10)


def test_more_outputs_than_classes_are_had_for_the_asking(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.arange(20) % 2)
    as_they_are, ten = (resolved(RunConfig(data=read(path, **more).config)) for more in ({}, {"num_classes": 10}))
    assert (num_classes(as_they_are), num_classes(ten)) == (2, 10)
    assert identity(as_they_are) != identity(ten) and resolved(ten) == ten
    with pytest.raises(DataError, match=r"a\.npz: has 2|has 47 classes, but data\.num_classes=12"):
        read(save(tmp_path / "b.npz", np.arange(94) % 47), num_classes=12)


def test_names_say_how_many_classes_there_are(tmp_path: Path) -> None:
    own = read(save(tmp_path / "a.npz", np.arange(22) % 11), classes=tuple("abcdefghijklmnop"))
    assert own.config.num_classes == 16


def test_ten_classes_are_the_same_run_whether_their_number_is_given_or_not(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.arange(20) % 10)
    found = [resolved(RunConfig(data=read(path, **more).config)) for more in ({}, {"num_classes": 10})]
    assert identity(found[0]) == identity(found[1])


@pytest.mark.parametrize("kind", [DataSet.idx, DataSet.npz], ids=str)
def test_idx_and_npz_have_as_many_classes_as_they_are_said_to(tmp_path: Path, kind: DataSet) -> None:
    labels, path = np.arange(94) % 47, tmp_path
    if kind is DataSet.npz:
        path = tmp_path / "set.npz"
        np.savez(path, x_train=images(94), y_train=labels, x_test=images(94), y_test=labels)
    else:
        for part in ("train", "t10k"):
            (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images(94)))
            (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(DataError, match=r"label 10 at position 10, expected 0 to 9; data\.num_classes=47 tells"):
        load(DataConfig(kind, str(path), mean=None, std=None), 32, NOWHERE)
    dataset = load(DataConfig(kind, str(path), mean=None, std=None, num_classes=47), 32, NOWHERE)
    assert (dataset.train_labels == labels).all()


def test_labels_that_a_configuration_cannot_hold_are_found_again(tmp_path: Path) -> None:
    labels = np.array(["c\nat", "do  g", "q" * 120, "q" * 121, "plain"] * 4)
    own = read(save(tmp_path / "a.npz", labels))
    assert own.config.classes is not None and own.config.classes[:3] == ("c at", "do g", "plain")
    again = read_own(own.config)
    assert again.config == own.config and (again.arrays.train_labels == own.arrays.train_labels).all()


def test_labels_that_begin_at_one_have_another_way_out(tmp_path: Path) -> None:
    labels = np.arange(52) % 26 + 1
    np.savez(tmp_path / "a.npz", x_train=images(52), y_train=labels, x_test=images(52), y_test=labels)
    with pytest.raises(DataError, match="where they begin at 1, store labels - 1, or let data=file number them"):
        load(DataConfig(DataSet.npz, str(tmp_path / "a.npz"), mean=None, std=None, num_classes=26), 32, NOWHERE)
