"""What was understood of a data set, for people: counts by split and class as lines, its first pictures as a sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np

from lenet_ablate.datasets.base import Images, Labels, num_classes_of
from lenet_ablate.datasets.own.read import Own
from lenet_ablate.rendering.escape import one_line

_COLUMNS = 12
_SHOWN_SIDE = 56  # at least, in pixels of the sheet
_GAP, _HEAD = 4, 14
_NAME_LENGTH = 20


def describe(own: Own) -> Iterator[str]:
    """Counts by split and class, size, range, and the classes' names."""
    arrays, config = own.arrays, own.config
    height, width = arrays.train_images.shape[-2:]
    turned = ", rows and columns swapped" if config.transpose else ""
    yield f"  images of {height}×{width} pixels, full ink at {config.range:g}{turned}; SHA-256 {config.sha256}"
    num_classes = num_classes_of(config)
    counts = [np.bincount(labels, minlength=num_classes) for labels in (arrays.train_labels, arrays.test_labels)]
    rows = [("class", "training", "test")]
    present = np.flatnonzero(counts[0] + counts[1]).tolist()
    rows += [
        (_called(label, config.classes or ()), f"{counts[0][label]:,}", f"{counts[1][label]:,}") for label in present
    ]
    rows.append(("all", f"{counts[0].sum():,}", f"{counts[1].sum():,}"))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for name, train, test in rows:
        yield f"  {name:<{widths[0]}}  {train:>{widths[1]}}  {test:>{widths[2]}}"


def draw_sheet(images: Images, labels: Labels, names: Sequence[str]) -> bytes:
    """A PNG with a row for each class: its number and name, and its first images, enlarged by a whole factor.

    Args:
        images: (N, H, W) or (N, 3, H, W) uint8, 0 = background, drawn black.
        labels: (N,) class numbers.
        names: Names of the classes, where they have any.
    """
    from PIL import Image, ImageDraw

    height, width = images.shape[-2:]
    factor = max(1, -(-_SHOWN_SIDE // max(height, width)))
    cell_height, cell_width = height * factor + _GAP, width * factor + _GAP
    present = np.unique(labels).tolist()
    size = _COLUMNS * cell_width + _GAP, len(present) * (cell_height + _HEAD) + _GAP
    sheet = Image.new("L" if images.ndim == 3 else "RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for row, label in enumerate(present):
        top = row * (cell_height + _HEAD) + _GAP
        text = f"{_called(label, names)} ({int((labels == label).sum()):,})"
        pen.text((_GAP, top), text.encode("latin-1", "replace").decode("latin-1"), fill="black")
        for column, place in enumerate(np.flatnonzero(labels == label)[:_COLUMNS].tolist()):
            picture = images[place] if images.ndim == 3 else np.moveaxis(images[place], 0, 2)
            enlarged = picture.repeat(factor, axis=0).repeat(factor, axis=1)
            sheet.paste(Image.fromarray(enlarged), (_GAP + column * cell_width, top + _HEAD))
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _called(label: int, names: Sequence[str]) -> str:
    return f"{label} {one_line(names[label], _NAME_LENGTH)}" if label < len(names) else str(label)
