"""Folders of pictures: one per class, perhaps within one per split, as torchvision's ImageFolder takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from lenet_ablate.config.choices import Color
from lenet_ablate.datasets.own.content import Content, Part, Piece
from lenet_ablate.datasets.own.naming import part_of
from lenet_ablate.datasets.own.pictures import Stack, together
from lenet_ablate.datasets.own.places import all_files, inside
from lenet_ablate.datasets.own.sniff import Kind, kind_of
from lenet_ablate.errors import DataError

_TELL_FROM = 5000  # pictures: more than two seconds
Classes = Mapping[str, list[Path]]


def find_classes(folder: Path) -> dict[Part, Classes]:
    """The pictures of each class, by split; empty where the folder is not made like that."""
    folders, _ = inside(folder)
    parts = {part_of(path.name): path for path in folders if part_of(path.name) is not Part.whole}
    if Part.train in parts or (parts and len(parts) == len(folders)):
        found = {part: _classes_in(path) for part, path in parts.items()}
        return {part: classes for part, classes in found.items() if classes}
    classes = _classes_in(folder)
    if not classes and len(folders) == 1:  # a zip often holds one folder with everything
        return find_classes(folders[0])
    return {Part.whole: classes} if classes else {}


def _classes_in(folder: Path) -> dict[str, list[Path]]:
    folders, _ = inside(folder)
    found = {path.name: [file for file in inside(path)[1] if kind_of(file) is Kind.picture] for path in folders}
    return {name: files for name, files in found.items() if files}


def read_classes(folder: Path, parts: Mapping[Part, Classes], progress: Callable[[str], None], color: Color) -> Content:
    """The pictures and, as labels, the names of their folders.

    Raises:
        DataError: A picture is damaged, or there are too many.
    """
    count = sum(len(files) for classes in parts.values() for files in classes.values())
    if count > _TELL_FROM:
        progress(f"reading {count:,} pictures from {folder}")
    stacks = {part: Stack(str(folder), color) for part in parts}
    labels: dict[Part, list[str]] = {part: [] for part in parts}
    for part, classes in parts.items():
        for name, files in classes.items():
            for file in files:
                stacks[part].add(file, str(file))
            labels[part] += [name] * len(files)
    arrays, notes = together(list(stacks.values()))
    others = sum(1 for _ in all_files(folder)) - count
    notes += [f"{others} other files left out"] if others else []
    pieces = {
        part: Piece(f"{folder}: {part.value}", images, np.array(labels[part]))
        for part, images in zip(parts, arrays, strict=True)
    }
    return Content("pictures, a folder for each class", pieces, tuple(notes))


def without_classes(folder: Path) -> DataError:
    """What is wrong with a folder that has nothing to learn from."""
    pictures = sum(kind_of(file) is Kind.picture for file, _ in zip(all_files(folder), range(200), strict=False))
    if pictures:
        return DataError(
            f"{folder}: has pictures, but not a folder for each class; sort them as 3/a.png, or train/3/a.png and "
            "test/3/b.png"
        )
    names = [path.name[:40] for paths in inside(folder) for path in paths][:6]
    return DataError(
        f"{folder}: holds {', '.join(names) or 'nothing'}, no data that are known; docs/data.md lists what is: "
        "a folder of pictures for each class, IDX, npz, CSV, parquet, MATLAB, HDF5, PyTorch, LIBSVM"
    )
