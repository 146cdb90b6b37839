"""`data=file`: the data set at `data.path`, understood, told in a line, and with the settings that say how."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.config.home import expand_home
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.arrays import Arrays, check_same_side
from lenet_ablate.datasets.balance import check_classes
from lenet_ablate.datasets.base import Images
from lenet_ablate.datasets.files import reading
from lenet_ablate.datasets.own.content import Content, Part, Piece
from lenet_ablate.datasets.own.held_out import with_test
from lenet_ablate.datasets.own.labels_any import Numbered, number
from lenet_ablate.datasets.own.places import all_files
from lenet_ablate.datasets.own.sources import read_source
from lenet_ablate.datasets.ranges import find_range, to_bytes
from lenet_ablate.errors import DataError
from lenet_ablate.rendering.console import warn
from lenet_ablate.rendering.escape import one_line


@dataclass(frozen=True)
class Own:
    """A data set of the user's, as it was understood.

    Attributes:
        arrays: Its images, uint8, and labels.
        config: The settings with everything that was found out filled in; `path` is absolute.
        lines: How it was read, a line, and what is odd about it, a line each.
    """

    arrays: Arrays
    config: DataConfig
    lines: tuple[str, ...]


def read_own(config: DataConfig) -> Own:
    """The data set that a configuration names; read once as long as nothing there changes.

    Args:
        config: Where `sha256` is given, the content must have it.

    Raises:
        DataError: There is none, it cannot be understood, or is another one than before.
    """
    if config.path is None:
        raise DataError("data=file: needs data.path=…, the file or folder with the data")
    path = expand_home(config.path, DataError).resolve()
    asked = DataConfig(
        config.name, str(path), **{key: getattr(config, key) for key in _FOUND_OUT if key not in ("path", "sha256")}
    )
    try:
        with reading(path):
            own = _read(asked, _signature(path))
    except DataError as error:
        raise DataError(one_line(error, 0)) from None  # names and cells may hold anything
    if config.sha256 not in (None, own.config.sha256):
        raise DataError(
            f"{path}: is not what it was: SHA-256 {str(own.config.sha256)[:8]}…, not {str(config.sha256)[:8]}…; "
            "without data.sha256 it is trained on as a data set of its own"
        )
    found = {key: getattr(own.config, key) for key in _FOUND_OUT}
    return dataclasses.replace(own, config=dataclasses.replace(config, **found))


_FOUND_OUT = ("path", "range", "transpose", "classes", "color", "num_classes", "sha256", "train_fraction", "seed")


@lru_cache(maxsize=2)
def _read(config: DataConfig, signature: object) -> Own:
    path = Path(str(config.path))
    stored = read_source(path, warn, config.color)
    labels = {part: _told(path, piece, f"{part.value} labels") for part, piece in stored.pieces.items()}
    numbered = number(
        {labels[part]: piece.labels for part, piece in stored.pieces.items()}, config.classes or (), stored.names
    )
    content, is_drawn = with_test(str(path), _with_labels(stored, numbered, labels), config)
    train, test = content.pieces[Part.train], content.pieces[Part.test]
    check_same_side(train.where, train.images.shape, test.where, test.images.shape)
    images = {_told(path, train, "training images"): train.images, _told(path, test, "test images"): test.images}
    values = find_range(images, config.range)
    is_transposed = content.is_transposed if config.transpose is None else config.transpose
    bytes_ = [_turned(to_bytes(some, values), is_transposed) for some in images.values()]
    arrays = Arrays(bytes_[0], train.labels, bytes_[1], test.labels)
    found = dataclasses.replace(
        config,
        range=values.high,
        transpose=is_transposed,
        classes=numbered.names or None,
        num_classes=_num_classes(str(path), numbered.count, config.num_classes),
        sha256=digest(arrays, numbered.names),
        train_fraction=config.train_fraction if is_drawn else None,
        seed=config.seed if is_drawn else None,
    )
    line = _line(path, content, arrays, [f"values {values}", numbered.note, "rows and columns swapped" * is_transposed])
    odd = check_classes(str(path), train.labels, test.labels, numbered.names)
    return Own(arrays, found, tuple(one_line(each, 0) for each in (line, *odd)))


def _num_classes(where: str, found: int, asked: int | None) -> int | None:
    """The setting; None where there are ten classes, which nothing else was asked for."""
    if asked is not None and asked < found:
        raise DataError(f"{where}: has {found} classes, but data.num_classes={asked}")
    return asked if asked not in (None, found) else None if found == NUM_CLASSES else found


def _with_labels(content: Content, numbered: Numbered, called: Mapping[Part, str]) -> Content:
    pieces = {
        part: dataclasses.replace(piece, labels=numbered.parts[called[part]]) for part, piece in content.pieces.items()
    }
    return dataclasses.replace(content, pieces=pieces)


def _told(path: Path, piece: Piece, what: str) -> str:
    return f"{piece.where} ({what})" if piece.where.startswith(str(path)) else f"{path}: {piece.where} ({what})"


def _turned(images: Images, is_transposed: bool) -> Images:
    return np.ascontiguousarray(images.swapaxes(-2, -1) if is_transposed else images)


def _line(path: Path, content: Content, arrays: Arrays, more: list[str]) -> str:
    counts = f"{len(arrays.train_labels):,} training and {len(arrays.test_labels):,} test images"
    height, width = arrays.train_images.shape[-2:]
    told = [f"{counts} of {height}×{width}", *more, *content.notes]
    return f"{path}: {content.kind}, {'; '.join(each for each in told if each)}"


def digest(arrays: Arrays, names: tuple[str, ...]) -> str:
    """SHA-256 of images, labels and names: the same whatever form they are stored in, and wherever."""
    found = hashlib.sha256(repr(names).encode())
    for array in (arrays.train_images, arrays.train_labels, arrays.test_images, arrays.test_labels):
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _signature(path: Path) -> object:
    """What changes when anything at the path does."""
    if not path.exists():
        return None
    files = all_files(path) if path.is_dir() else [path, *path.parent.glob(f"*{path.suffix}")]
    return hash(tuple((str(file), (told := file.stat()).st_mtime_ns, told.st_size) for file in files))
