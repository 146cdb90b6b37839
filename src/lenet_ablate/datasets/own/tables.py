"""CSV tables: a row for each image, with a label and its pixels, in one cell or many, or the name of its picture."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.config.settings import MAX_CLASSES
from lenet_ablate.datasets.arrays import MAX_PIXELS
from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.own.content import Array
from lenet_ablate.datasets.own.naming import FILE_COLUMNS, LABEL_COLUMNS, PART_COLUMNS
from lenet_ablate.datasets.own.sniff import DAMAGE, open_plain
from lenet_ablate.errors import DataError

_MAX_LINE = 2**23  # bytes; 1024×1024 pixels take half
_GLANCE = 2**16  # characters of the second line, to see what kind of cells there are
_CHUNK_CELLS = 2**23
_PIXEL = re.compile(r"(pixel|pixels|px|p|x|f|v|feature|col|column|attr|att|var)?[ _.:-]*\d+([ _.x:,-]+\d+)?", re.I)
_INDEX = {"", "id", "index", "idx", "row", "unnamed: 0"}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Table:
    """What a table holds.

    Attributes:
        labels: (N,) text; None where it has no labels.
        pixels: (N, P) numbers; None where it names pictures instead.
        files: Names of pictures, where it has no pixels.
        parts: (N,) what each row is for, in the table's words; None where it does not say.
        note: Which columns were read as what.
    """

    labels: Array | None
    pixels: Array | None
    files: tuple[str, ...] = ()
    parts: Array | None = None
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """Which column is what, by its number.

    Attributes:
        label: The label; None where there is none.
        pixels: The pixels; a single one holds all of them, apart by spaces.
        file: The name of a picture.
        part: What a row is for.
        has_header: Whether the first line names the columns.
        note: In words.
    """

    label: int | None
    pixels: tuple[int, ...] = ()
    file: int | None = None
    part: int | None = None
    has_header: bool = True
    note: str = ""


def read_table(path: Path) -> Table:
    """The table in a CSV file, compressed or not; apart by commas, semicolons or tabs.

    Raises:
        DataError: Columns have no plain meaning, a cell is no number, or there is too much.
    """
    try:
        with open_plain(path) as stream:
            head = stream.read(_MAX_LINE)
        if len(head) == _MAX_LINE and b"\n" not in head:
            raise _too_long(path)
        lines = head.decode("utf-8-sig", "replace").splitlines()[:2]
        mark = max(",;\t", key=lines[0].count)
        rows = [row for row in csv.reader([lines[0], *(line[:_GLANCE] for line in lines[1:])], delimiter=mark) if row]
        if len(rows) == 1 and not _holds_numbers(rows[0]):
            raise DataError(f"{path}: has a header and no row")
        layout = find_layout(str(path), rows, lambda column: _num_labels(path, mark, column))
        return _read(path, mark, layout)
    except (*DAMAGE, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({type(error).__name__}: {reason(error)})") from None


def find_layout(where: str, rows: list[list[str]], num_labels: Callable[[int], int]) -> Layout:
    """Which column is what, by a header or, without, by the number of columns.

    Args:
        where: The table, in messages.
        rows: Its first lines.
        num_labels: How many values a column has that may hold labels; 0 of another.

    Raises:
        DataError: It has no plain meaning.
    """
    first, width = rows[0], len(rows[0])
    if _holds_numbers(first):
        return _without_header(where, width, num_labels)
    names = [cell.strip().lower() for cell in first]
    labels = [place for place, name in enumerate(names) if name in LABEL_COLUMNS]
    pixels = [place for place, name in enumerate(names) if _PIXEL.fullmatch(name) and place not in labels]
    others = [place for place, name in enumerate(names) if place not in (*labels, *pixels) and name not in _INDEX]
    part = next((place for place in others if names[place] in PART_COLUMNS), None)
    file = next((place for place in others if names[place] in FILE_COLUMNS), None)
    if not pixels and (whole := [place for place, name in enumerate(names) if name in ("pixels", "image", "data")]):
        cells = rows[1][whole[0]].split() if len(rows) > 1 else []
        pixels = whole if len(cells) > 1 and all(_NUMBER.fullmatch(cell) for cell in cells) else []
        file = None if pixels else whole[0]
    if not labels and len(others) == 1 and part is None and (pixels or others != [file]):
        labels = others
    if len(labels) > 1 or (not pixels and file is None) or (len(pixels) > 1 and not _is_square(len(pixels))):
        shown = ", ".join(first[:4]) + (", …" if width > 4 else "")
        raise DataError(
            f"{where}: has {width} columns ({shown}), expected label and the pixels of square images, as in "
            "label,pixel0,pixel1,…"
        )
    label = labels[0] if labels else None
    held = f"{len(pixels)} pixels" if len(pixels) > 1 else "pixels" if pixels else f"pictures in {first[file or 0]!r}"
    note = f"label in {first[label]!r}, {held}" if label is not None else ""
    return Layout(label, tuple(pixels), None if pixels else file, part, True, note)


def _holds_numbers(row: list[str]) -> bool:
    return all(_NUMBER.fullmatch(cell) for cell in row)


def _without_header(where: str, width: int, num_labels: Callable[[int], int]) -> Layout:
    if not _is_square(width - 1):
        if _is_square(width):
            return Layout(None, tuple(range(width)), has_header=False)
        raise DataError(
            f"{where}: has {width} columns and no header, expected a label and the pixels of square images, as 785 "
            "for 28×28; write a header label,pixel0,pixel1,…"
        )
    last = width - 1
    counts = {place: num_labels(place) for place in (0, last)}
    found = [place for place, count in counts.items() if count]
    found = [place for place in found if counts[place] <= NUM_CLASSES] or found
    if len(found) != 1:
        raise DataError(
            f"{where}: has no header, and the label may be the first column or the last; write a header "
            "label,pixel0,pixel1,…"
        )
    (label,) = found
    pixels = range(last) if label else range(1, width)
    return Layout(label, tuple(pixels), has_header=False, note=f"label in the {'last' if label else 'first'} column")


def _read(path: Path, mark: str, layout: Layout) -> Table:
    import pandas as pd

    columns = [place for place in (layout.label, *layout.pixels, layout.file, layout.part) if place is not None]
    text = [place for place in (layout.label, layout.file, layout.part) if place is not None]
    if len(layout.pixels) == 1:
        text.append(layout.pixels[0])
    chunks: list[Array] = []
    words: dict[int, list[Array]] = {place: [] for place in text}
    cells = 0
    with _limited(path) as stream:
        frames = pd.read_csv(
            stream,
            sep=mark,
            header=0 if layout.has_header else None,
            index_col=False,
            dtype=dict.fromkeys(text, str) if not layout.has_header else None,
            converters=None,
            chunksize=max(1, _CHUNK_CELLS // max(len(columns), 1)),
            keep_default_na=False,
            na_values=[],
            encoding="utf-8-sig",
            low_memory=False,
        )
        try:
            for frame in frames:
                for place in text:
                    words[place].append(np.array(frame.iloc[:, place].astype(str), dtype=str))
                pixels = _pixels(path, frame, layout)
                if pixels is not None:
                    cells += pixels.size
                    chunks.append(pixels)
                if cells > MAX_PIXELS:
                    raise DataError(f"{path}: has more than {MAX_PIXELS} pixels; use fewer or smaller images")
        except pd.errors.ParserError as error:
            raise DataError(f"{path}: is a damaged table ({reason(error)})") from None

    def column(place: int | None) -> Array | None:
        return None if place is None else np.concatenate(words[place])

    files = column(layout.file)
    return Table(
        column(layout.label),
        np.concatenate(chunks) if chunks else None,
        () if files is None else tuple(files.tolist()),
        column(layout.part),
        layout.note,
    )


def _pixels(path: Path, frame: Any, layout: Layout) -> Array | None:
    if not layout.pixels:
        return None
    if len(layout.pixels) == 1:
        rows = [np.array(cell.split(), np.float32) for cell in frame.iloc[:, layout.pixels[0]].astype(str)]
        if len({len(row) for row in rows}) > 1:
            raise DataError(f"{path}: rows have different numbers of pixels")
        return _compact(np.stack(rows))
    values = frame.iloc[:, list(layout.pixels)]
    wrong = [name for name, kind in values.dtypes.items() if kind.kind not in "iufb"]
    if wrong:
        raise DataError(f"{path}: column {str(wrong[0])[:40]!r} holds text or gaps, expected a number in each row")
    return _compact(values.to_numpy())


def _compact(values: npt.NDArray[Any]) -> Array:
    """As bytes where they are whole and fit, which takes a quarter of the memory; parts of both kinds still join."""
    if values.size and values.min() >= 0 and values.max() <= 255 and (values == np.rint(values)).all():
        return values.astype(np.uint8 if values.dtype.kind in "iu" else np.float32)
    return values.astype(np.float32)


def _num_labels(path: Path, mark: str, column: int) -> int:
    """How many values a column has; 0 where it has one alone or too many, or they are not as class numbers are."""
    with open_plain(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", "replace")
        values = {row[column] for row, _ in zip(csv.reader(text, delimiter=mark), range(1000), strict=False) if row}
        text.detach()
    if not 1 < len(values) <= MAX_CLASSES or not all(float(value).is_integer() for value in values):
        return 0
    numbers = [float(value) for value in values]
    is_dense = max(numbers) - min(numbers) < len(values)
    return len(values) if is_dense or len(values) <= NUM_CLASSES else 0


class _Lines(io.RawIOBase):
    """A stream that ends in an error where a line has no end, before a parser takes all of it to memory."""

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream, self._path, self._length = stream, path, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        data = self._stream.read(min(len(buffer), 2**20))
        end = data.rfind(b"\n")
        self._length = self._length + len(data) if end < 0 else len(data) - end
        if self._length > _MAX_LINE:
            raise _too_long(self._path)
        buffer[: len(data)] = data
        return len(data)


def _too_long(path: Path) -> DataError:
    return DataError(f"{path}: has a line of more than {_MAX_LINE >> 20} MiB; it is no table of images")


@contextmanager
def _limited(path: Path) -> Iterator[Any]:
    with open_plain(path) as stream:
        yield io.BufferedReader(_Lines(stream, path), 2**20)


def _is_square(number: int) -> bool:
    return number > 0 and math.isqrt(number) ** 2 == number
