"""The 5×5 convolutions c1 and c3, valid (no padding), stride 1; a map's row is `columns·lanes` numbers (layout.py).

y[o, i, j] = b[o] + Σ_c,p,q w[o, c, p, q] · x[c, i + p, j + q]
"""

from __future__ import annotations

from typing import Any

from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.tiles import (
    add_products,
    add_scaled,
    add_sums,
    load_tile,
    splat_tile,
    store_tile,
    zero_tile,
)
from lenet_ablate.engines.compiled.vectors import fill, load, total, width

BAND = 4096  # numbers of dy in a band of its rows: half of a small nearest cache


def make_forward(outputs: int, vectors: int) -> Any:
    """The forward kernel for tiles of `outputs` maps by `vectors` vectors of one output row."""

    @kernel
    def forward(x: Array, w: Array, b: Array, y: Array, lanes: int) -> None:
        """y (O, H-4, (W-4)·lanes) of x (C, H, W·lanes), w (O, C, 5, 5), b (O,); O divides into `outputs`."""
        maps, height, row = x.shape
        rows, n = y.shape[1], y.shape[2]
        step = vectors * width(x)
        for i in range(rows):
            for at in range(0, n, step):
                for o in range(0, w.shape[0], outputs):
                    tile = splat_tile(b, o, 1, outputs, vectors)
                    for c in range(maps):
                        for p in range(5):
                            for q in range(5):
                                weight = ((o * maps + c) * 5 + p) * 5 + q
                                pixel = (c * height + i + p) * row + at + q * lanes
                                tile = add_scaled(tile, w, weight, maps * 25, x, pixel, outputs)
                    store_tile(tile, y, (o * rows + i) * n + at, rows * n, outputs)

    return forward


def make_weight_gradient(outputs: int) -> Any:
    """The weight-gradient kernel for `outputs` maps at a time: outputs · 5 sums in registers."""

    @kernel
    def weight_gradient(x: Array, dy: Array, dw: Array, db: Array, sums: Array, lanes: int) -> None:
        """dw[o, c, p, q] += Σ_i,j dy[o, i, j] · x[c, i + p, j + q] and db[o] += Σ_i,j dy[o, i, j], over all lanes.

        By bands of dy's rows, which then are in the nearest cache for all p; between bands the sums wait in `sums`.
        """
        maps, height, row = x.shape
        rows, n = dy.shape[1], dy.shape[2]
        step = width(x)
        tile_size = outputs * 5 * step
        band = max(1, BAND // (outputs * n))
        for o in range(0, dy.shape[0], outputs):
            for c in range(maps):
                sums[: 5 * tile_size] = 0
                for top in range(0, rows, band):
                    for p in range(5):
                        tile = load_tile(sums, p * tile_size, 5 * step, outputs, 5)
                        for i in range(top, min(top + band, rows)):
                            for at in range(0, n, step):
                                above = (o * rows + i) * n + at
                                pixel = (c * height + i + p) * row + at
                                tile = add_products(tile, dy, above, rows * n, x, pixel, lanes, outputs)
                        store_tile(tile, sums, p * tile_size, 5 * step, outputs)
                for p in range(5):
                    tile = load_tile(sums, p * tile_size, 5 * step, outputs, 5)
                    add_sums(tile, dw, ((o * maps + c) * 5 + p) * 5, maps * 25, outputs)
        add_row_sums(dy, db)

    return weight_gradient


@kernel
def add_row_sums(dy: Array, db: Array) -> None:
    """db[o] += Σ_i,j dy[o, i, j] over all lanes."""
    size, step = dy.shape[1] * dy.shape[2], width(dy)
    for o in range(dy.shape[0]):
        even, odd = fill(dy, 0.0), fill(dy, 0.0)
        for at in range(o * size, (o + 1) * size, 2 * step):
            even = even + load(dy, at)
            odd = odd + load(dy, at + step)
        db[o] += total(even + odd)


def make_input_gradient(inputs: int, vectors: int) -> Any:
    """The input-gradient kernel for tiles of `inputs` maps by `vectors` vectors of one image row."""

    @kernel
    def input_gradient(dy: Array, w: Array, dx: Array, lanes: int, begin: int, end: int) -> None:
        """dx[c, i, j] = Σ_o,p,q w[o, c, p, q] · dy[o, i - p, j - q], over those p, q for which dy exists.

        For begin ≤ j < end. A tile may be wider than the lanes only where all its columns have the same q.
        """
        maps, height, row = dx.shape
        rows, n = dy.shape[1], dy.shape[2]
        columns = n // lanes
        for i in range(height):
            for at in range(begin * lanes, end * lanes, vectors * width(dx)):
                j = at // lanes
                for c in range(0, maps, inputs):
                    tile = zero_tile(dx, inputs, vectors)
                    for p in range(max(0, i - rows + 1), min(4, i) + 1):
                        for q in range(max(0, j - columns + 1), min(4, j) + 1):
                            for o in range(w.shape[0]):
                                weight = ((o * maps + c) * 5 + p) * 5 + q
                                above = (o * rows + i - p) * n + at - q * lanes
                                tile = add_scaled(tile, w, weight, 25, dy, above, inputs)
                    store_tile(tile, dx, (c * height + i) * row + at, height * row, inputs)

    return input_gradient
