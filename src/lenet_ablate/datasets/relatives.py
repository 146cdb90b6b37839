"""`data=fashion_mnist` and `data=kmnist`: other classes in MNIST's form, downloaded by torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lenet_ablate.config.choices import DataSet
from lenet_ablate.datasets.arrays import Arrays
from lenet_ablate.datasets.download import made_only_if_used
from lenet_ablate.datasets.idx import NAMES, find, load_idx
from lenet_ablate.errors import DataError

RELATIVES = {DataSet.fashion_mnist: "FashionMNIST", DataSet.kmnist: "KMNIST"}
"""What torchvision calls them: its class and its folder within the data folder."""


def load_relative(name: DataSet, data_dir: Path, progress: Callable[[str], None]) -> Arrays:
    """One of RELATIVES from `<data_dir>/<its folder>/raw/`, where torchvision keeps it; downloaded if incomplete.

    Args:
        name: Which one.
        data_dir: The data folder; need not exist yet.
        progress: Takes a line when a download begins.

    Raises:
        DataError: It is missing and cannot be downloaded, or damaged.
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
    return load_idx(folder)


def _download(kind: str, data_dir: Path) -> None:
    from torchvision.datasets import KMNIST, FashionMNIST

    maker: Any = {"FashionMNIST": FashionMNIST, "KMNIST": KMNIST}[kind]
    maker(str(data_dir), download=True)
