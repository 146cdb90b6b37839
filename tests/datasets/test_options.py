from __future__ import annotations

import dataclasses
import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from lenet_ablate.config.choices import DataSet, Normalize, Resize
from lenet_ablate.config.plan import make_plan
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets import relatives
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.fit import fit
from lenet_ablate.datasets.load import load
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.errors import ConfigError, DataError
from support.tiny import tiny_config, train_tiny

DIGITS = DataConfig(DataSet.digits, val_size=200, mean=0.3, std=0.4)


def test_normalisation_by_given_numbers_not_at_all_or_by_the_set(tmp_path: Path) -> None:
    given, unit, own = (load(dataclasses.replace(DIGITS, normalize=kind), 32, tmp_path) for kind in Normalize)
    assert (given.mean, given.std) == (0.3, 0.4)
    assert (unit.mean, unit.std) == (0.0, 1.0)
    pixels = own.train_images / 255
    assert own.mean == pytest.approx(pixels.mean(), rel=1e-12)
    assert own.std == pytest.approx(pixels.std(), rel=1e-9)


def test_bilinear_images_have_no_border() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    padded, resized = fit(images, 32), fit(images, 32, Resize.bilinear)
    np.testing.assert_array_equal(padded[:, 2:30, 2:30], images)
    theirs = functional.interpolate(torch.from_numpy(images)[:, None].double(), (32, 32), mode="bilinear")
    assert np.abs(resized - theirs[:, 0].numpy()).max() < 0.51


def test_smaller_training_sets_are_parts_of_larger_ones() -> None:
    whole, val = split(1000, 100, 3)
    small, same = split(1000, 100, 3, 50)
    medium, _ = split(1000, 100, 3, 500)
    assert (len(small), len(medium), len(whole)) == (50, 500, 900)
    assert set(small) < set(medium) < set(whole)
    np.testing.assert_array_equal(val, same)


def test_a_training_set_that_is_too_large_is_refused() -> None:
    config = tiny_config(data=dataclasses.replace(tiny_config().data, val_size=20, train_size=81))
    with pytest.raises(ConfigError, match=r"data.train_size=81: must be at most the 80 images left of 100"):
        make_plan(config, 100, 10)
    assert make_plan(config, 101, 10).steps_per_epoch == 6


def test_without_shuffling_the_order_is_the_same_in_every_epoch(tmp_path: Path) -> None:
    train, _ = split(100, 10, 0)
    np.testing.assert_array_equal(epoch_order(train, 0, 3, shuffle=False), train)
    data = dataclasses.replace(tiny_config().data, shuffle=False, train_size=64)
    plan = make_plan(tiny_config(data=data, lr=1e-30), 230, 50)
    train_tiny(tmp_path, plan)
    losses = [line.split(",")[3] for line in (tmp_path / "metrics.csv").read_text().splitlines()[1:]]
    assert losses[0] == losses[1]


def test_splits_and_orders_share_one_copy_of_the_data(tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path)
    variants = [DIGITS, dataclasses.replace(DIGITS, train_size=10), dataclasses.replace(DIGITS, shuffle=False)]
    assert len({id(cache.get(variant, 32)) for variant in variants}) == 1
    assert cache.get(dataclasses.replace(DIGITS, normalize=Normalize.unit), 32) is not cache.get(DIGITS, 32)


def balanced(seed: int) -> dict[str, bytes]:
    """A set of two images of each class for training and one for testing, in four IDX files."""
    files = {}
    for part, count in (("train", 20), ("t10k", 10)):
        pixels = np.random.default_rng(seed).integers(0, 256, (count, 6, 6), np.uint8)
        header = np.array(pixels.shape, ">u4").tobytes()
        files[f"{part}-images-idx3-ubyte"] = bytes([0, 0, 8, 3]) + header + pixels.tobytes()
        labels = (np.arange(count) % 10).astype(np.uint8).tobytes()
        files[f"{part}-labels-idx1-ubyte"] = bytes([0, 0, 8, 1]) + header[:4] + labels
    return files


def published(files: dict[str, bytes]) -> relatives.Published:
    pixels = np.frombuffer(files["train-images-idx3-ubyte"], np.uint8, offset=16) / 255
    md5 = {name: hashlib.md5(gzip.compress(content, mtime=0)).hexdigest() for name, content in files.items()}
    return relatives.Published(md5, pixels.mean(), pixels.std(), num_train=2, num_test=1)


def store(folder: Path, files: dict[str, bytes], packed: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(
            gzip.compress(content, mtime=0) if packed else content
        )


def read_kmnist(data_dir: Path, known: relatives.Published) -> Arrays:
    return relatives.load_relative(DataSet.kmnist, data_dir, lambda line: pytest.fail(line), {DataSet.kmnist: known})


@pytest.mark.parametrize("packed", ["train", "nothing"])
def test_relatives_without_a_digest_are_read_and_named_once_as_not_verified(tmp_path: Path, packed: str) -> None:
    files, told = balanced(0), list[str]()
    store(tmp_path / "KMNIST/raw", files, packed=False)
    store(tmp_path / "KMNIST/raw", {name: files[name] for name in files if packed in name}, packed=True)
    arrays = relatives.load_relative(DataSet.kmnist, tmp_path, told.append, {DataSet.kmnist: published(files)})
    assert arrays.train_images.shape == (20, 6, 6)
    (line,) = told
    assert "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte could not be verified" in line
    assert ("train-images-idx3-ubyte, " in line) == (packed == "nothing")


@pytest.mark.parametrize("kinds", [[True], [True, False]])
def test_relatives_are_read_where_torchvision_keeps_them(tmp_path: Path, kinds: list[bool]) -> None:
    files = balanced(0)
    for packed in kinds:
        store(tmp_path / "KMNIST/raw", files, packed)
    assert read_kmnist(tmp_path, published(files)).train_images.shape == (20, 6, 6)


def test_relatives_that_are_another_set_are_refused(tmp_path: Path) -> None:
    genuine, other = balanced(0), balanced(1)
    folder, known = tmp_path / "KMNIST/raw", published(genuine)
    store(folder, other, packed=True)
    with pytest.raises(DataError, match=r"ubyte.gz: is not KMNIST's genuine file \(MD5 differs\); delete it"):
        read_kmnist(tmp_path, known)
    store(folder, genuine, packed=True)
    store(folder, other, packed=False)
    with pytest.raises(DataError, match=r"images-idx3-ubyte: is not what train-images-idx3-ubyte.gz beside it holds"):
        read_kmnist(tmp_path, known)
    for packed in folder.glob("*.gz"):
        packed.unlink()
    with pytest.raises(DataError, match="is not KMNIST, whose pixels have mean"):
        read_kmnist(tmp_path, known)
    with pytest.raises(DataError, match="which has 6000 training images of each class, not 2 to 2"):
        read_kmnist(tmp_path, dataclasses.replace(known, num_train=6000))


@pytest.mark.mnist
@pytest.mark.parametrize("name", relatives.RELATIVES)
def test_mnist_is_not_taken_for_a_relative(tmp_path: Path, mnist_data_dir: Path, name: DataSet) -> None:
    (tmp_path / relatives.RELATIVES[name]).mkdir()
    (tmp_path / relatives.RELATIVES[name] / "raw").symlink_to(mnist_data_dir / "MNIST/raw")
    with pytest.raises(DataError, match=f"is MNIST's, not {relatives.RELATIVES[name]}'s"):
        relatives.load_relative(name, tmp_path, lambda line: pytest.fail(line))


def test_relatives_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Offline:
        def __init__(self, root: str, download: bool) -> None:
            raise RuntimeError("Error downloading\n a file")

    monkeypatch.setitem(
        sys.modules, "torchvision.datasets", type("Fake", (), {"FashionMNIST": Offline, "KMNIST": Offline})
    )
    told: list[str] = []
    with pytest.raises(DataError, match=r"FashionMNIST/raw: has no train-images.*: Error downloading a file"):
        relatives.load_relative(DataSet.fashion_mnist, tmp_path, told.append)
    assert len(told) == 1
