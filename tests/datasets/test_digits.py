from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.digits import held_out, load_digits
from lenet_ablate.datasets.load import load


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(DataConfig(name=DataSet.digits), 32, Path("no-such-folder"))


def test_every_digit_is_in_exactly_one_part(digits: Dataset) -> None:
    bundled = datasets.load_digits()
    arrays = load_digits()
    assert len(arrays.train_labels) == 1437
    assert len(arrays.test_labels) == 360
    together = np.concatenate([arrays.train_images, arrays.test_images]).reshape(1797, 64)
    labels = np.concatenate([arrays.train_labels, arrays.test_labels])
    assert sorted(zip(labels, map(tuple, together), strict=True)) == sorted(
        zip(bundled.target, map(tuple, bundled.data * 255 / 16), strict=True)
    )


def test_without_the_bundled_file_scikit_learn_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_digits()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    asked = load_digits()
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        one, other = getattr(read, name), getattr(asked, name)
        assert one.dtype == other.dtype and np.array_equal(one, other)


def test_each_class_has_its_share_of_the_test_images(digits: Dataset) -> None:
    all_labels = datasets.load_digits().target
    share = np.bincount(all_labels) * 360 / len(all_labels)
    assert np.abs(np.bincount(digits.test_labels) - share).max() < 1


def test_held_out_images_are_spread_over_each_class() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 50)
    positions = np.flatnonzero(held_out(labels, 100))
    assert len(positions) == 100
    assert set(np.diff(positions)) == {5}


def test_held_out_ignores_the_order_of_the_classes() -> None:
    grouped = np.repeat(np.arange(10, dtype=np.uint8), 50)
    mixed = np.random.default_rng(0).permutation(grouped)
    expected = held_out(grouped, 100)
    for digit in range(10):
        assert np.array_equal(held_out(mixed, 100)[mixed == digit], expected[grouped == digit])


def test_images_look_like_mnist(digits: Dataset) -> None:
    assert digits.train_images.shape == (1437, 32, 32)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_images.min() == 0
    assert digits.train_images.max() == 255


def test_image_and_label_stay_together(digits: Dataset) -> None:
    """The mean image of each class in the training part classifies most of the test part."""
    means = np.array([digits.train_images[digits.train_labels == d].mean(axis=0) for d in range(10)])
    distances = ((digits.test_images[:, None] - means) ** 2).sum(axis=(2, 3))
    assert (distances.argmin(axis=1) == digits.test_labels).mean() > 0.85


def test_data_never_change(digits: Dataset) -> None:
    """Results are compared over years: another split or another rounding would be another data set."""
    assert digits.sha256 == "514f5d0a34b77d0d71c1b36413c3173923fb8edf689f41a4ca7676870c0e86cb"
