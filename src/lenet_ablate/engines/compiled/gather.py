"""From images in the data set to the network's input."""

from __future__ import annotations

from lenet_ablate.engines.compiled.blocks import gather_block
from lenet_ablate.engines.compiled.jit import Array, kernel
from lenet_ablate.engines.compiled.layout import LANE_MULTIPLE


@kernel
def gather(images: Array, indices: Array, scale: float, shift: float, places: Array, x: Array, lanes: int) -> None:
    """x[0, h, w·lanes + l] = images[indices[l], h, w] · scale + shift: normalised pixels, the batch innermost.

    images is (N, S, S) uint8 with S² a multiple of LANE_MULTIPLE; `places` is scratch memory for `lanes` numbers.
    Lanes beyond the indices repeat the last image, so that they overflow only where a real one does.
    """
    pixels = images.shape[1] * images.shape[2]
    for lane in range(lanes):
        places[lane] = indices[min(lane, indices.shape[0] - 1)] * pixels
    for lane in range(0, lanes, LANE_MULTIPLE):
        for pixel in range(0, pixels, LANE_MULTIPLE):
            gather_block(images, places, lane, pixel, scale, shift, x, pixel * lanes + lane, lanes)
