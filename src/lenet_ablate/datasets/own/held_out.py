"""Which images of a data set are for testing: those that it says, else some of each class, drawn."""

from __future__ import annotations

import dataclasses

import numpy as np

from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.own.content import Array, Content, Part, Piece
from lenet_ablate.datasets.splits import TEST_STREAM, generator
from lenet_ablate.errors import DataError


def with_test(where: str, content: Content, config: DataConfig) -> tuple[Content, bool]:
    """The content with training and test images, and whether the latter were drawn.

    Validation images of the data set's own are for testing where there are no others, and else left out: here
    validation images are drawn for each seed of a run.

    Raises:
        DataError: There are no training images, or no test images and `data.train_fraction` is null.
    """
    pieces, notes = dict(content.pieces), []
    if Part.train not in pieces and Part.whole in pieces:
        pieces[Part.train] = pieces.pop(Part.whole)
    if Part.train not in pieces:
        held = ", ".join(part.value for part in pieces)
        raise DataError(f"{where}: has no training images, only {held}; name the folder or file that has both")
    if (val := pieces.pop(Part.val, None)) is not None:
        if Part.test in pieces:
            notes.append(f"{len(val.labels):,} validation images left out, as runs draw their own")
        else:
            pieces[Part.test] = val
            notes.append("its validation images are the test images here")
    is_drawn = Part.test not in pieces
    if is_drawn:
        if config.train_fraction is None:
            raise DataError(f"{where}: has no test images; data.train_fraction=0.8 draws one in five to be those")
        pieces[Part.train], pieces[Part.test] = _drawn(pieces[Part.train], config.train_fraction, config.seed or 0)
        if not len(pieces[Part.test].labels):
            raise DataError(f"{where}: has one image of each class, too few to draw test images from")
        notes.append(f"test images drawn from each class (data.seed={config.seed or 0}), as there are none")
    return dataclasses.replace(content, pieces=pieces).noting(*notes), is_drawn


def _drawn(piece: Piece, fraction: float, seed: int) -> tuple[Piece, Piece]:
    is_test = draw_stratified(piece.labels, fraction, seed)
    return tuple(  # type: ignore[return-value]
        Piece(piece.where, piece.images[rows], piece.labels[rows]) for rows in (~is_test, is_test)
    )


def draw_stratified(labels: Array, fraction: float, seed: int) -> Array:
    """Which images are for testing, (N,) bool: of each class its share, but at least one is left to train on.

    Args:
        labels: (N,) of any type.
        fraction: Share of each class that is not for testing, 0.1..0.9.
        seed: Draws them.
    """
    is_test = np.zeros(len(labels), bool)
    for place, value in enumerate(np.unique(labels)):
        rows = np.flatnonzero(labels == value)
        count = min(max(round((1 - fraction) * len(rows)), 1), len(rows) - 1)
        is_test[generator(seed, TEST_STREAM, place).permutation(rows)[:count]] = True
    return is_test
