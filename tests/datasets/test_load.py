from __future__ import annotations

import dataclasses
import gzip
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets import load as load_module
from lenet_ablate.datasets import statistics
from lenet_ablate.datasets.idx import TEST_LABELS, TRAIN_IMAGES
from lenet_ablate.datasets.load import data_folder, load
from lenet_ablate.datasets.statistics import pixel_statistics
from lenet_ablate.errors import DataError

Files = dict[str, bytes]
NOWHERE = Path("no-such-folder")


@pytest.fixture
def idx_config(tmp_path: Path, idx_files: Files) -> DataConfig:
    for name, content in idx_files.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    return DataConfig(name=DataSet.idx, path=str(tmp_path), mean=None, std=None)


def test_idx_and_npz_of_the_same_images_are_the_same_set(
    tmp_path: Path, idx_files: Files, idx_config: DataConfig
) -> None:
    parts: dict[str, Any] = {}
    for part, name in (("train", "train"), ("test", "t10k")):
        images, labels = idx_files[f"{name}-images-idx3-ubyte"], idx_files[f"{name}-labels-idx1-ubyte"]
        parts[f"x_{part}"] = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 6, 6)
        parts[f"y_{part}"] = np.frombuffer(labels, np.uint8, offset=8)
    np.savez(tmp_path / "set.npz", **parts)
    npz_config = dataclasses.replace(idx_config, name=DataSet.npz, path=str(tmp_path / "set.npz"))
    first, second = (load(config, 8, NOWHERE) for config in (idx_config, npz_config))
    assert first.sha256 == second.sha256
    assert (first.mean, first.std) == (second.mean, second.std)
    assert first.train_images.shape == (12, 8, 8)
    assert first.test_images.shape == (7, 8, 8)
    assert first.test_labels.tobytes() == idx_files[TEST_LABELS][8:]
    assert first.train_images[:, 1:7, 1:7].tobytes() == idx_files[TRAIN_IMAGES][16:]


@pytest.mark.parametrize(("mean", "std"), [(None, None), (0.5, None), (None, 0.25), (0.5, 0.25)])
def test_statistics_fill_in_what_is_null(idx_config: DataConfig, mean: float | None, std: float | None) -> None:
    data = load(dataclasses.replace(idx_config, mean=mean, std=std), 32, NOWHERE)
    scaled = data.train_images / 255
    assert data.mean == pytest.approx(scaled.mean() if mean is None else mean)
    assert data.std == pytest.approx(scaled.std() if std is None else std)


def test_statistics_over_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 5, 5), np.uint8)
    monkeypatch.setattr(statistics, "_CHUNK_IMAGES", 3)
    assert pixel_statistics(images) == pytest.approx(((images / 255).mean(), (images / 255).std()))


def test_equal_pixels_have_nothing_to_divide_by(tmp_path: Path) -> None:
    blank: dict[str, Any] = {"x_train": np.full((3, 32, 32), 99, np.uint8), "y_train": np.arange(3)}
    np.savez(tmp_path / "set.npz", **blank, x_test=blank["x_train"], y_test=blank["y_train"])
    config = DataConfig(name=DataSet.npz, path=str(tmp_path / "set.npz"), mean=None, std=None)
    with pytest.raises(DataError, match="all pixels of the training images are equal"):
        load(config, 32, NOWHERE)
    assert load(dataclasses.replace(config, std=1.0), 32, NOWHERE).mean == pytest.approx(99 / 255)


def test_lack_of_memory_is_one_line(idx_config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(load_module, "fit", fail)
    with pytest.raises(DataError, match="data=idx: does not fit in memory"):
        load(idx_config, 32, NOWHERE)


@pytest.mark.parametrize("name", [DataSet.idx, DataSet.npz])
def test_own_data_need_a_path(name: DataSet) -> None:
    with pytest.raises(DataError, match=f"data={name.value}: needs data.path="):
        load(DataConfig(name=name), 32, NOWHERE)


@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        ("a", "b", Path("a")),
        (None, "b", Path("b")),
        (None, None, Path("data")),
        (None, "", Path("data")),
        ("~/a", None, Path.home() / "a"),
        (None, "~/b", Path.home() / "b"),
    ],
)
def test_data_folder(monkeypatch: pytest.MonkeyPatch, option: str | None, variable: str | None, expected: Path) -> None:
    monkeypatch.delenv("LENET_ABLATE_DATA", raising=False)
    if variable is not None:
        monkeypatch.setenv("LENET_ABLATE_DATA", variable)
    assert data_folder(option) == expected


def test_home_is_expanded_in_a_path(tmp_path: Path, idx_config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("USERPROFILE", str(tmp_path.parent))
    config = dataclasses.replace(idx_config, path=f"~/{tmp_path.name}")
    assert len(load(config, 32, NOWHERE).train_images) == 12


def test_reading_data_imports_no_heavy_library() -> None:
    """MNIST, IDX and NPZ files are read without them; what needs one imports it when it does."""
    program = """
import importlib, pkgutil, sys
from lenet_ablate import datasets
for module in pkgutil.iter_modules(datasets.__path__):
    importlib.import_module(f"lenet_ablate.datasets.{module.name}")
heavy = {"torch", "torchvision", "pandas", "sklearn", "scipy", "matplotlib", "hydra"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy or "lenet_ablate.datasets.mnist" not in sys.modules else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.mnist
def test_mnist_is_padded_and_quick(mnist_data_dir: Path) -> None:
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        data = load(DataConfig(), 32, mnist_data_dir)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 1
    assert (data.mean, data.std) == (0.1307, 0.3081)
    assert data.train_images.shape == (60_000, 32, 32)
    edge = np.ones((32, 32), bool)
    edge[2:30, 2:30] = False
    assert not data.train_images[:, edge].any()


@pytest.mark.mnist
def test_published_normalisation_is_that_of_the_28_pixel_images(mnist_data_dir: Path) -> None:
    data = load(DataConfig(mean=None, std=None), 28, mnist_data_dir)
    assert (round(data.mean, 4), round(data.std, 4)) == (0.1307, 0.3081)
