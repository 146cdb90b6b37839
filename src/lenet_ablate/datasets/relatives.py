"""`data=fashion_mnist` and `data=kmnist`: other classes in MNIST's form, downloaded by torchvision.

What is read is checked as far as anything is published: compressed files by the MD5 that torchvision lists; unpacked
ones beside their compressed ones by being the same; unpacked ones alone by what their makers say of them (numbers of
images, equal classes, mean and standard deviation of the pixels) and by not being MNIST's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.download import WAY_OUT, made_only_if_used
from lenet_ablate.datasets.files import reading
from lenet_ablate.datasets.idx import (
    NAMES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    IdxFile,
    assemble,
    find,
    read_idx,
)
from lenet_ablate.datasets.mnist import SHA256
from lenet_ablate.datasets.statistics import pixel_statistics
from lenet_ablate.errors import DataError

RELATIVES = {DataSet.fashion_mnist: "FashionMNIST", DataSet.kmnist: "KMNIST"}
"""What torchvision calls them: its class and its folder within the data folder."""
_TOLERANCE = 0.002  # figures are published with four digits, by more than one way of counting


@dataclass(frozen=True)
class Published:
    """What is known of a data set's files.

    Attributes:
        md5: Of each compressed file, by its standard name without .gz.
        mean: Mean of the training images' pixels scaled to 0..1.
        std: Their standard deviation.
        num_train: Training images of each class.
        num_test: Test images of each class.
    """

    md5: Mapping[str, str]
    mean: float
    std: float
    num_train: int = 6000
    num_test: int = 1000


# MD5 as torchvision 0.25 lists them (torchvision/datasets/mnist.py).
PUBLISHED = {
    DataSet.fashion_mnist: Published(
        {
            TRAIN_IMAGES: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            TRAIN_LABELS: "25c81989df183df01b3e8a0aad5dffbe",
            TEST_IMAGES: "bef4ecab320f06d8554ea6380940ec79",
            TEST_LABELS: "bb300cfdad3c16e7a12a480ee83cd310",
        },
        mean=0.2860,
        std=0.3530,
    ),
    DataSet.kmnist: Published(
        {
            TRAIN_IMAGES: "bdb82020997e1d708af4cf47b453dcf7",
            TRAIN_LABELS: "e144d726b3acfaa3e44228e80efcd344",
            TEST_IMAGES: "5c965bf0a639b31b8f53240b1b52f4d7",
            TEST_LABELS: "7320c461ea6c1c855c0b718fb2a4b134",
        },
        mean=0.1918,
        std=0.3483,
    ),
}


def load_relative(
    name: DataSet,
    data_dir: Path,
    progress: Callable[[str], None],
    published: Mapping[DataSet, Published] = PUBLISHED,
) -> Arrays:
    """One of RELATIVES from `<data_dir>/<its folder>/raw/`, where torchvision keeps it; downloaded if incomplete.

    Args:
        name: Which one.
        data_dir: The data folder; need not exist yet.
        progress: Takes a line when a download begins, and one where files could not be verified.
        published: What is known of the files.

    Raises:
        DataError: It is missing and cannot be downloaded, damaged, or not what it is called.
    """
    folder = data_dir / RELATIVES[name] / "raw"
    missing = [file for file in NAMES if find(folder, file) is None]
    if missing:
        progress(f"downloading {RELATIVES[name]} to {folder}")
        try:
            with made_only_if_used(folder):
                _download(RELATIVES[name], data_dir)
        except Exception as error:  # torchvision lets through whatever its network and file calls raise
            why = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"{folder}: has no {', no '.join(missing)}, and it cannot be downloaded: {why}\n"
                "  copy the four files into that folder, or use data=digits, which needs no network"
            ) from None
    told = published[name]
    files = [_read_checked(folder, file, RELATIVES[name], told.md5[file]) for file in NAMES]
    arrays = assemble(file for file, _ in files)
    if not all(is_proven for _, is_proven in files):
        _check_content(folder, RELATIVES[name], told, arrays)
        unproven = ", ".join(file for file, (_, is_proven) in zip(NAMES, files, strict=True) if not is_proven)
        progress(
            f"{folder}: {unproven} could not be verified: digests are published of the compressed files alone; "
            "counts, mean and standard deviation are right, a changed pixel would go unseen"
        )
    return arrays


def _read_checked(folder: Path, name: str, kind: str, md5: str) -> tuple[IdxFile, bool]:
    """A file, and whether its digest proves it."""
    path = find(folder, name) or folder / name
    file = read_idx(path, name)
    packed = next((p for p in (path, folder / f"{name}.gz") if p.suffix == ".gz" and p.is_file()), None)
    if packed:
        with reading(packed), packed.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if digest != md5:
            raise DataError(f"{packed}: is not {kind}'s genuine file (MD5 differs); {WAY_OUT}")
        if packed != path and not np.array_equal(read_idx(packed, name).content, file.content):
            raise DataError(f"{path}: is not what {packed.name} beside it holds; {WAY_OUT}")
    elif hashlib.sha256(file.content.data).hexdigest() == SHA256[name]:
        raise DataError(f"{path}: is MNIST's, not {kind}'s; {WAY_OUT}")
    return file, packed is not None


def _check_content(folder: Path, kind: str, told: Published, arrays: Arrays) -> None:
    """Refuses unpacked files without digests that are not as their makers describe them."""
    mean, std = pixel_statistics(np.asarray(arrays.train_images, np.uint8))
    for part, labels, count in (
        ("training", arrays.train_labels, told.num_train),
        ("test", arrays.test_labels, told.num_test),
    ):
        counts = np.bincount(labels, minlength=NUM_CLASSES)
        if (counts != count).any():
            raise DataError(
                f"{folder}: is not {kind}, which has {count} {part} images of each class, not {counts.min()} to "
                f"{counts.max()}; {WAY_OUT}"
            )
    if abs(mean - told.mean) > _TOLERANCE or abs(std - told.std) > _TOLERANCE:
        raise DataError(
            f"{folder}: is not {kind}, whose pixels have mean {told.mean} and standard deviation {told.std}, not "
            f"{mean:.4f} and {std:.4f}; {WAY_OUT}"
        )


def _download(kind: str, data_dir: Path) -> None:
    from torchvision.datasets import KMNIST, FashionMNIST

    maker: Any = {"FashionMNIST": FashionMNIST, "KMNIST": KMNIST}[kind]
    maker(str(data_dir), download=True)
