"""From images in the data set to the network's input."""

from __future__ import annotations

import numpy as np

from lenet_ablate.engines.compiled.blocks import gather_block
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.layout import LANE_MULTIPLE


@kernel
def gather(images: Array, indices: Array, scale: float, shift: float, places: Array, x: Array, lanes: int) -> None:
    """x[c, h, w·lanes + l] = images[indices[l], c·S + h, w] · scale + shift: normalised pixels, the batch innermost.

    images is (N, C·S, S) uint8, the colours of each one below the other, with S² a multiple of LANE_MULTIPLE; `places`
    is scratch memory for `lanes` numbers, LANE_MULTIPLE or more.
    Lanes beyond the indices repeat the last image, so that they overflow only where a real one does. Of a block with
    fewer lanes the rest is written where the next pixels will be, the last behind x, where its chunk has spare memory.
    """
    pixels = images.shape[1] * images.shape[2]
    for lane in range(max(lanes, LANE_MULTIPLE)):
        places[lane] = indices[min(lane, indices.shape[0] - 1)] * pixels
    for lane in range(0, lanes, LANE_MULTIPLE):
        for pixel in range(0, pixels, LANE_MULTIPLE):
            gather_block(images, places, lane, pixel, scale, shift, x, pixel * lanes + lane, lanes)


@kernel
def sample(images: Array, indices: Array, maps: Array, scale: float, shift: float, x: Array, lanes: int) -> None:
    """The same of images varied by affine maps, a row of six numbers each, as `datasets.augment` says.

    Bilinear: v = (1 - p)·(1 - q)·v00 + p·(1 - q)·v01 + (1 - p)·q·v10 + p·q·v11 with the fractions p and q of the place.
    """
    side = images.shape[2]
    centre = (side - 1) / 2
    for lane in range(lanes):
        number = min(lane, indices.shape[0] - 1)
        row = maps[number]
        for top in range(0, images.shape[1], side):
            image = images[indices[number], top : top + side]
            for i in range(side):
                for j in range(side):
                    right = row[0] * (j - centre) + row[1] * (i - centre) + row[2] + centre
                    down = row[3] * (j - centre) + row[4] * (i - centre) + row[5] + centre
                    value = 0.0
                    if right > -1 and right < side and down > -1 and down < side:
                        value = _between(image, down, right)
                    x[((top + i) * side + j) * lanes + lane] = value * scale + shift


@kernel
def _between(image: Array, down: float, right: float) -> float:
    side = image.shape[1]
    top, left = int(np.floor(down)), int(np.floor(right))
    q, p = down - top, right - left
    value = 0.0
    if top >= 0 and left >= 0:
        value += (1 - q) * (1 - p) * image[top, left]
    if top >= 0 and left + 1 < side:
        value += (1 - q) * p * image[top, left + 1]
    if top + 1 < side and left >= 0:
        value += q * (1 - p) * image[top + 1, left]
    if top + 1 < side and left + 1 < side:
        value += q * p * image[top + 1, left + 1]
    return value
