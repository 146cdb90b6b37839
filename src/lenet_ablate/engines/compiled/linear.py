"""The fully connected layers c5, f6 and output.

y[m] = b[m] + Σ_k w[m, k] · x[k], for every image of the chunk at once: x (K, lanes), w (M, K), y (M, lanes).
Rows and columns of w are padded with zeros to what the tiles need (layout.py).
"""

from __future__ import annotations

from typing import Any

from lenet_ablate.engines.compiled.blocks import transpose_block
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.layout import ROW_TILE
from lenet_ablate.engines.compiled.tiles import add_scaled, load_tile, splat_tile, store_tile, zero_tile
from lenet_ablate.engines.compiled.vectors import fill, load, total, width


def make_forward(vectors: int) -> Any:
    """The forward kernel for `vectors` vectors of images at a time."""

    @kernel
    def forward(x: Array, w: Array, b: Array, y: Array) -> None:
        """y of x; x may have fewer rows than w has columns, which are then padding."""
        lanes = x.shape[1]
        for m in range(0, w.shape[0], ROW_TILE):
            for at in range(0, lanes, vectors * width(x)):
                tile = splat_tile(b, m, 1, ROW_TILE, vectors)
                for k in range(x.shape[0]):
                    tile = add_scaled(tile, w, m * w.shape[1] + k, w.shape[1], x, k * lanes + at, ROW_TILE)
                store_tile(tile, y, m * lanes + at, lanes, ROW_TILE)

    return forward


def make_input_gradient(rows: int, vectors: int) -> Any:
    """The input-gradient kernel for `rows` rows by `vectors` vectors of images at a time."""

    @kernel
    def input_gradient(dy: Array, w: Array, dx: Array) -> None:
        """dx[k] = Σ_m w[m, k] · dy[m]; of rows left over some are computed twice."""
        lanes = dx.shape[1]
        for begin in range(0, dx.shape[0], rows):
            k = min(begin, dx.shape[0] - rows)
            for at in range(0, lanes, vectors * width(dx)):
                tile = zero_tile(dx, rows, vectors)
                for m in range(w.shape[0]):
                    tile = add_scaled(tile, w, m * w.shape[1] + k, 1, dy, m * lanes + at, rows)
                store_tile(tile, dx, k * lanes + at, lanes, rows)

    return input_gradient


@kernel
def weight_gradient(transposed: Array, dy: Array, dw: Array) -> None:
    """Add to dw[m, k] the Σ_l dy[m, l] · x[k, l] over the lanes l.

    x comes transposed, (lanes, K), so that the sums need no addition across a vector's elements.
    """
    lanes, columns = transposed.shape
    step = width(dw)
    wide = columns // (4 * step) * 4 * step
    for m in range(0, dw.shape[0], ROW_TILE):
        for k in range(0, wide, 4 * step):
            tile = load_tile(dw, m * columns + k, columns, ROW_TILE, 4)
            for lane in range(lanes):
                tile = add_scaled(tile, dy, m * lanes + lane, lanes, transposed, lane * columns + k, ROW_TILE)
            store_tile(tile, dw, m * columns + k, columns, ROW_TILE)
        for k in range(wide, columns, step):
            single = load_tile(dw, m * columns + k, columns, ROW_TILE, 1)
            for lane in range(lanes):
                single = add_scaled(single, dy, m * lanes + lane, lanes, transposed, lane * columns + k, ROW_TILE)
            store_tile(single, dw, m * columns + k, columns, ROW_TILE)


@kernel
def bias_gradient(dy: Array, db: Array) -> None:
    """Add to db[m] the Σ_l dy[m, l] over the lanes l."""
    lanes = dy.shape[1]
    for m in range(dy.shape[0]):
        sums = fill(dy, 0.0)
        for at in range(m * lanes, (m + 1) * lanes, width(dy)):
            sums = sums + load(dy, at)
        db[m] += total(sums)


@kernel
def transpose(x: Array, transposed: Array) -> None:
    """transposed[l, k] = x[k, l]; columns beyond x's rows stay zero.

    Where a vector holds more than the lanes, both have spare memory behind them, of which no more is read.
    """
    lanes, columns = transposed.shape
    step = width(x)
    whole = x.shape[0] // step * step
    for k in range(0, whole, step):
        for lane in range(0, lanes, step):
            transpose_block(x, k * lanes + lane, lanes, transposed, lane * columns + k, columns)
    for k in range(whole, x.shape[0]):
        for lane in range(lanes):
            transposed[lane, k] = x[k, lane]
