"""From images in the data set to the network's input."""

from __future__ import annotations

from lenet_ablate.engines.compiled.jit import Array, kernel


@kernel
def gather(images: Array, indices: Array, table: Array, x: Array, lanes: int) -> None:
    """x[0, h, w·lanes + l] = table[images[indices[l], h, w]]: the normalised pixels of up to `lanes` images.

    images is (N, S, S) uint8, table (256,) the normalised value of each grey level. Lanes beyond the indices
    repeat the last image, so that they overflow only where a real one does.
    """
    side = images.shape[1]
    last = indices.shape[0] - 1
    flat = images.reshape(images.shape[0], side * side)
    for lane in range(lanes):
        image = flat[indices[min(lane, last)]]
        for h in range(side):
            for w in range(side):
                x[0, h, w * lanes + lane] = table[image[h * side + w]]
