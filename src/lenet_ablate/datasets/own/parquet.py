"""Parquet tables, as Hugging Face keeps data sets: pictures as bytes or structures of these, or a column per pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import Color
from lenet_ablate.datasets.arrays import MAX_PIXELS
from lenet_ablate.datasets.files import reason
from lenet_ablate.datasets.own.content import Array
from lenet_ablate.datasets.own.naming import LABEL_COLUMNS
from lenet_ablate.datasets.own.pictures import Stack
from lenet_ablate.datasets.own.tables import find_layout
from lenet_ablate.errors import DataError

_ROWS = 1024


def read_parquet(path: Path, color: Color = Color.grey) -> tuple[Stack | Array, Array, tuple[str, ...]]:
    """Pictures or rows of pixels, their labels, and the labels' names where the file has them.

    Raises:
        DataError: Columns have no plain meaning, a picture is damaged, or pyarrow is missing.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path}: is a parquet file, which pyarrow reads: pip install 'lenet-ablate[parquet]'"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            return _read(path, file, color)
    except DataError:
        raise
    except Exception as error:
        why = reason(error)
        raise DataError(f"{path}: is a damaged parquet file ({type(error).__name__}: {why})") from None


def _read(path: Path, file: Any, color: Color) -> tuple[Stack | Array, Array, tuple[str, ...]]:
    from pyarrow import types

    schema, rows = file.schema_arrow, file.metadata.num_rows
    names = list(schema.names)
    labels = [name for name in names if name.lower() in LABEL_COLUMNS]
    if rows < 1 or len(labels) != 1:
        raise DataError(f"{path}: has {rows} rows and the columns {', '.join(names[:8])}; expected image and label")
    pictures = [name for name in names if _is_picture(schema.field(name).type)]
    if len(pictures) == 1:
        columns = [pictures[0], labels[0]]
    elif pictures:
        raise DataError(f"{path}: has the pictures {', '.join(pictures)}; keep one column of them")
    elif len(lists := [name for name in names if types.is_nested(schema.field(name).type)]) == 1:
        columns = [*lists, labels[0]]
    else:
        layout = find_layout(str(path), [names], lambda column: False)
        columns = [names[place] for place in layout.pixels] + labels
        if rows * len(columns) > MAX_PIXELS:
            raise DataError(f"{path}: has more than {MAX_PIXELS} pixels; use fewer or smaller images")
    stack, chunks, found = Stack(str(path), color), list[Array](), list[Any]()
    for batch in file.iter_batches(_ROWS, columns=columns):
        found += batch.column(labels[0]).to_pylist()
        if pictures:
            for place, cell in enumerate(batch.column(pictures[0]).to_pylist()):
                content = cell.get("bytes") if isinstance(cell, dict) else cell
                where = f"{path}: row {len(found) - batch.num_rows + place}"
                if not isinstance(content, bytes):
                    raise DataError(f"{where}: has no bytes of a picture in {pictures[0]!r}")
                stack.add(content, where)
        else:
            chunks.append(_numbers(batch, columns[:-1]))
    if None in found:
        raise DataError(f"{path}: has no label in row {found.index(None)}")
    return (stack if pictures else np.concatenate(chunks)), np.array(found), _known_names(schema, labels[0])


def _numbers(batch: Any, columns: list[str]) -> Array:
    """Rows of pixels, (N, P); of a column of lists, perhaps of lists, (N, …)."""
    if len(columns) == 1:
        return np.array(batch.column(columns[0]).to_pylist())
    return np.stack([batch.column(name).to_numpy(zero_copy_only=False) for name in columns], axis=1)


def _is_picture(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _known_names(schema: Any, label: str) -> tuple[str, ...]:
    """The names that Hugging Face's `ClassLabel` keeps in the file's metadata."""
    try:
        told = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    return tuple(map(str, told)) if isinstance(told, list) else ()
