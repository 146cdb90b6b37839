"""Augmentation as numbers: for each image of an epoch the affine map that both engines sample it by.

The value at a pixel, at (x, y) from the image's centre in pixels to the right and down, is that of the original at
(a·x + b·y + t, c·x + d·y + u), interpolated bilinearly between its four neighbours; beyond the border is background.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import Augment
from lenet_ablate.config.settings import AugmentConfig
from lenet_ablate.datasets.splits import AUGMENT_STREAM, generator

Transforms = npt.NDArray[np.float32]
NUMBERS = 6


def draw_transforms(config: AugmentConfig, num_images: int, seed: int, epoch: int) -> Transforms | None:
    """One row (a, b, t, c, d, u) per image, in the order in which the epoch takes them, (num_images, 6) float32.

    Angles, slants and shifts are uniform in ± their setting, scales in 1 ± theirs. None without augmentation.

    Args:
        config: What is varied, and how much.
        num_images: Images of the epoch.
        seed: The run's seed.
        epoch: Number of the epoch, from 0; each has draws of its own.
    """
    if config.name is Augment.none:
        return None
    random = generator(seed, AUGMENT_STREAM, epoch)

    def spread(width: float | None) -> npt.NDArray[np.float64]:
        return random.uniform(-1.0, 1.0, num_images) * (width or 0.0)

    angle, slant = np.deg2rad(spread(config.degrees)), np.tan(np.deg2rad(spread(config.shear)))
    scale, right, down = 1.0 / (1.0 + spread(config.scale)), spread(config.shift), spread(config.shift)
    mirror = np.where(random.uniform(size=num_images) < (config.flip or 0.0), -1.0, 1.0)
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    # A turn, a slant of the rows, and a mirror in front of them.
    a, b = mirror * cosine, mirror * (cosine * slant - sine)
    c, d = sine, sine * slant + cosine
    return np.stack([a, b, right, c, d, down], axis=1).astype(np.float32)
