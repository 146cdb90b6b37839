"""PyTorch's files, as torchvision once kept MNIST in: tensors alone, nothing else is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lenet_ablate.datasets.arrays import MAX_PIXELS
from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.own.content import Array
from lenet_ablate.errors import DataError

_ORDER, _SPLITS = ("images", "labels"), ("train", "test")
_FOUR = ("train_images", "train_labels", "test_images", "test_labels")


def load_tensors(path: Path) -> dict[str, Array]:
    """The tensors in a file by name; of a pair, images and labels.

    Raises:
        DataError: It holds other things than tensors, is damaged, or too large.
    """
    import torch

    _check_size(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        why = reason(error)
        raise DataError(
            f"{path}: holds more than tensors, or is damaged ({type(error).__name__}: {why}); store "
            "torch.save((images, labels), path)"
        ) from None
    found: dict[str, Array] = {}
    _collect("", content, found, torch.Tensor)
    return found


def _collect(name: str, value: Any, found: dict[str, Array], tensor: type[Any]) -> None:
    if isinstance(value, tensor):
        found[name or "images"] = value.detach().to_dense().contiguous().numpy()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _collect(f"{name}.{key}".lstrip("."), inner, found, tensor)
    elif isinstance(value, (list, tuple)) and len(value) in (2, 3, 4):
        is_nested = not any(isinstance(inner, tensor) for inner in value)
        for key, inner in zip(_SPLITS if is_nested else _FOUR if len(value) == 4 else _ORDER, value, strict=False):
            _collect(f"{name}.{key}".lstrip("."), inner, found, tensor)


def _check_size(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # the older form is not compressed
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > 8 * MAX_PIXELS:
            raise DataError(f"{path}: unpacks to more than {8 * MAX_PIXELS >> 30} GiB; use fewer images")
