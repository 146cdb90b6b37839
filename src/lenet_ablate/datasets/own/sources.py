"""From a path to what lies there: every kind of file or folder, recognised by content."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import Color
from lenet_ablate.datasets.own.arrays_file import Stored, stored_arrays
from lenet_ablate.datasets.own.assign import assign
from lenet_ablate.datasets.own.classes_folder import find_classes, read_classes, without_classes
from lenet_ablate.datasets.own.content import Array, Content, Part, Piece, as_images
from lenet_ablate.datasets.own.emnist import names_beside
from lenet_ablate.datasets.own.idx_any import read_any_idx
from lenet_ablate.datasets.own.naming import part_of, read_name
from lenet_ablate.datasets.own.parquet import read_parquet
from lenet_ablate.datasets.own.pictures import Stack, together
from lenet_ablate.datasets.own.places import all_files, is_text, unpacked
from lenet_ablate.datasets.own.sniff import Kind, kind_of, why_not
from lenet_ablate.datasets.own.svmlight import read_svmlight
from lenet_ablate.datasets.own.tables import Table, read_table
from lenet_ablate.errors import DataError, no_such

Tell = Callable[[str], None]
_ARRAYS = (Kind.npz, Kind.npy, Kind.mat, Kind.hdf5, Kind.torch)
_ROWS = (Kind.parquet, Kind.svmlight, Kind.table)


def read_source(path: Path, progress: Tell, color: Color = Color.grey) -> Content:
    """The data set at a path.

    Args:
        path: A file, or a folder; of a set in several files, one of them will do.
        progress: Takes a line where reading will take a while.
        color: What becomes of colours.

    Raises:
        DataError: There is none, or it is damaged, too large, or can be understood in more than one way.
    """
    if path.is_dir():
        return _read_folder(path, progress, color)
    if not path.is_file():
        what = "is neither a file nor a folder" if path.exists() else no_such(path, "file or folder")
        raise DataError(f"data.path={path}: {what}")
    kind = kind_of(path)
    if kind is Kind.zipped:
        with unpacked(path) as folder:
            content = _named_as(path, folder, progress, color)
        return content
    if kind is Kind.other:
        raise DataError(f"{path}: {why_not(path)}")
    if kind is Kind.picture:
        raise DataError(f"{path}: is one picture; a data set is a folder with a folder of pictures for each class")
    return _read_files(path, _family(path, kind), kind, progress, color)


def _named_as(path: Path, folder: Path, progress: Tell, color: Color) -> Content:
    """What a zip holds; messages name the zip, not the temporary folder."""
    try:
        content = _read_folder(folder, progress, color)
    except DataError as error:
        raise DataError(str(error).replace(str(folder), str(path))) from None
    pieces = {
        part: Piece(piece.where.replace(str(folder), str(path)), piece.images, piece.labels)
        for part, piece in content.pieces.items()
    }
    return dataclasses.replace(content, kind=f"zip of {content.kind}", pieces=pieces)


def _read_folder(folder: Path, progress: Tell, color: Color) -> Content:
    kinds: dict[Kind, list[Path]] = {}
    for file in all_files(folder):
        kind = kind_of(file)
        if kind not in (Kind.other, Kind.picture, Kind.zipped) and not (kind is Kind.table and is_text(file)):
            kinds.setdefault(kind, []).append(file)
    classes = find_classes(folder)
    found: list[Kind] = sorted(kinds, key=list(Kind).index)
    binary = next((kind for kind in found if kind not in (Kind.svmlight, Kind.table)), None)
    is_sorted = max((len(found) for found in classes.values()), default=0) > (1 if kinds else 0)
    if binary is None and is_sorted:
        return read_classes(folder, classes, progress, color)
    if not found:
        raise without_classes(folder)
    chosen = binary or found[0]
    content = _read_files(folder, kinds[chosen], chosen, progress, color)
    others = sum(len(files) for kind, files in kinds.items() if kind is not chosen)
    return content.noting(f"{others} files of another kind left out") if others else content


def _family(path: Path, kind: Kind) -> list[Path]:
    """The files that belong with one: the same kind, in its folder, named alike but for split and role."""
    own = read_name(path.name)
    if kind is Kind.svmlight:  # usps.bz2 has its test images in usps.t.bz2
        end = ".bz2" if path.name.endswith(".bz2") else ""
        train = path.name.removesuffix(end).removesuffix(".t")
        return [file for file in (path.with_name(f"{train}{end}"), path.with_name(f"{train}.t{end}")) if file.is_file()]
    if own.part is Part.whole and own.is_images is None:
        return [path]
    files = [file for file in path.parent.iterdir() if file.is_file() and read_name(file.name).family == own.family]
    return sorted(file for file in files if file == path or kind_of(file) is kind)


def _read_files(where: Path, files: Sequence[Path], kind: Kind, progress: Tell, color: Color) -> Content:
    if sum(file.stat().st_size for file in files) > 2**26 and kind in _ROWS:
        progress(f"reading {where}")
    if kind is Kind.idx:
        content = _read_idx(where, files, color)
    else:
        content = (_read_arrays if kind in _ARRAYS else _read_rows)(where, files, kind, color)
    # Its IDX and MATLAB files, and the CSV made of these, have the columns of each picture one after the other.
    is_emnist = kind in (Kind.idx, Kind.mat, Kind.table) and files[0].name.lower().startswith("emnist")
    if not is_emnist:
        return content
    names = content.names or names_beside(files)
    return dataclasses.replace(content, kind=f"{content.kind} of EMNIST", is_transposed=True, names=names)


def _read_idx(where: Path, files: Sequence[Path], color: Color) -> Content:
    plain: dict[str, Path] = {}
    for file in files:  # raw before compressed, and the nearest before those further down
        plain.setdefault(file.name.removesuffix(".gz").removesuffix(".xz").replace(".idx", "-idx"), file)
    families = sorted({read_name(name).family for name in plain})
    if len(families) > 1:
        first = next(iter(plain.values()))
        raise DataError(
            f"{where}: holds {len(families)} data sets ({', '.join(families)}); name a file of one: data.path={first}"
        )
    arrays: dict[str, Stored] = {}
    for name, file in plain.items():
        array = read_any_idx(file)
        arrays[name] = Stored(array.shape, lambda array=array: array)  # type: ignore[misc]
    return assign(str(where), "IDX", arrays, color)


def _read_arrays(where: Path, files: Sequence[Path], kind: Kind, color: Color) -> Content:
    arrays: dict[str, Stored] = {}
    for file in files:
        held = stored_arrays(file, kind)
        for name, stored in held.items():
            is_alone = len(held) == 1 or len(files) == 1
            prefix = "" if len(files) == 1 else f"{_told(where, file)} "
            known = name if len(files) == 1 else "" if is_alone and read_name(name).is_images is None else name
            arrays[f"{prefix}{known}".strip() or name or file.stem] = stored
    return assign(str(where), kind.value, arrays, color)


def _told(where: Path, file: Path) -> str:
    """A file's name with the folders above it, which may name its split."""
    return str(file.relative_to(where).with_suffix("")) if where.is_dir() else file.stem


def _read_rows(where: Path, files: Sequence[Path], kind: Kind, color: Color) -> Content:
    groups: dict[Part, list[Path]] = {}
    for file in files:
        groups.setdefault(_part_of_file(where, file), []).append(file)
    if kind is Kind.svmlight and Part.whole in groups and Part.test in groups:  # usps.bz2 beside usps.t.bz2
        groups.setdefault(Part.train, groups.pop(Part.whole))
    if len(groups.get(Part.whole, ())) > 1 and kind is not Kind.parquet:
        names = ", ".join(file.name for file in groups[Part.whole][:4])
        raise DataError(f"{where}: holds {names}; name one of them, or call them train and test")
    if kind is Kind.parquet:
        return _read_parquet(where, groups, color)
    if kind is Kind.svmlight:
        return _read_svmlight(groups, color)
    return _read_tables(where, groups, color)


def _part_of_file(where: Path, file: Path) -> Part:
    part = read_name(_told(where, file)).part
    return Part.test if part is Part.whole and file.name.removesuffix(".bz2").endswith(".t") else part


def _read_parquet(where: Path, groups: Mapping[Part, Sequence[Path]], color: Color) -> Content:
    read = {part: [read_parquet(file, color) for file in files] for part, files in groups.items()}
    stacks = [images for shards in read.values() for images, _, _ in shards if isinstance(images, Stack)]
    names = next((names for shards in read.values() for _, _, names in shards if names), ())
    arrays, notes = together(stacks) if stacks else ([], [])
    decoded = iter(arrays)
    pieces = {}
    for part, shards in read.items():
        images = [next(decoded) if isinstance(images, Stack) else images for images, _, _ in shards]
        labels = np.concatenate([labels for _, labels, _ in shards])
        pieces[part], done = _piece(f"{where}: {part.value}", np.concatenate(images), labels, color)
        notes += [done] if done and done not in notes else []
    return Content("parquet", pieces, tuple(notes), names)


def _read_svmlight(groups: Mapping[Part, Sequence[Path]], color: Color) -> Content:
    pieces, width, notes = {}, None, list[str]()
    for part, files in sorted(groups.items(), key=lambda item: item[0] is not Part.train):
        images, labels = read_svmlight(files[0], width)
        width = images.shape[1]
        pieces[part], done = _piece(str(files[0]), images, labels, color)
        notes += [done] if done and done not in notes else []
    return Content("LIBSVM", pieces, tuple(notes))


def _read_tables(where: Path, groups: Mapping[Part, Sequence[Path]], color: Color) -> Content:
    pieces, notes = {}, list[str]()
    for part, files in groups.items():
        table = read_table(files[0])
        if table.labels is None:
            notes.append(f"left out: {files[0].name}, which has no labels")
            continue
        images, done = _pixels_of(files[0], table, color)
        notes += [note for note in (table.note, *done) if note and note not in notes]
        for own, rows in _rows_by_part(part, table):
            pieces[own], note = _piece(str(files[0]), images[rows], table.labels[rows], color)
            notes += [note] if note and note not in notes else []
    if not pieces:
        raise DataError(f"{where}: has no labels; a CSV needs a column label beside the pixels")
    return Content("CSV", pieces, tuple(notes))


def _rows_by_part(part: Part, table: Table) -> Iterable[tuple[Part, Array]]:
    assert table.labels is not None
    if table.parts is None:
        return [(part, np.arange(len(table.labels)))]
    told = np.array([_part_of_cell(cell).value for cell in table.parts])
    return [(own, np.flatnonzero(told == own.value)) for own in Part if (told == own.value).any()]


def _part_of_cell(cell: str) -> Part:
    """A split as a table names it; FER2013's `PublicTest` and `PrivateTest` are validation and test."""
    word = {"publictest": "val", "privatetest": "test"}.get(cell.strip().lower(), cell)
    return part_of(word)


def _pixels_of(file: Path, table: Table, color: Color) -> tuple[Array, list[str]]:
    if table.pixels is not None:
        return table.pixels, []
    stack = Stack(str(file), color)
    for name in table.files:
        stack.add(_beside(file, name), f"{file}: {name[:60]}")
    (images,), notes = together([stack])
    return images, notes


def _beside(file: Path, name: str) -> Path:
    """The picture that a table names, in its folder or one below; never outside."""
    folder = file.parent
    for place in (folder, *(inner for inner in sorted(folder.iterdir()) if inner.is_dir())):
        for end in ("", ".png", ".jpg", ".jpeg"):
            path = place / f"{name}{end}"
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                return path
    raise DataError(f"{file}: names the picture {name[:60]!r}, which is not in its folder")


def _piece(where: str, images: Array, labels: Any, color: Color) -> tuple[Piece, str]:
    arranged, done = as_images(where, images, len(labels), color)
    return Piece(where, arranged, labels), done
