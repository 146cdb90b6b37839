"""Which images a run trains on, and in which order.

Both depend on the seed alone, so variants that share a seed see the same split and the same batches: they are
paired. Each purpose draws from a stream of its own, so a new purpose never shifts an old one's numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SPLIT_STREAM, WEIGHTS_STREAM, ORDER_STREAM, AUGMENT_STREAM = 0, 1, 2, 3
DRAWS_STREAM = 4  # of networks that draw while they train, as dropout does
POINTS_STREAM, TEST_STREAM = 16, 17  # of a data set's seed

Indices = npt.NDArray[np.int32]


def generator(seed: int, stream: int, *more: int) -> np.random.Generator:
    """The random numbers of one purpose (`stream`) of one seed; `more` tells apart e.g. the epochs."""
    return np.random.default_rng([seed, stream, *more])


def split(num_images: int, val_size: int, seed: int, train_size: int | None = None) -> tuple[Indices, Indices]:
    """Indices of the training and of the validation images, each ascending.

    Smaller training sets of one seed are parts of the larger ones, and share the validation images.

    Args:
        num_images: Images in the training set before the split.
        val_size: How many of them are set aside, 0..num_images-1.
        seed: The run's seed.
        train_size: How many of the rest are trained on; None: all.
    """
    drawn = generator(seed, SPLIT_STREAM).permutation(num_images).astype(np.int32)
    return np.sort(drawn[val_size:][:train_size]), np.sort(drawn[:val_size])


def epoch_order(train_indices: Indices, seed: int, epoch: int, shuffle: bool = True) -> Indices:
    """The training indices in the order in which epoch 0, 1, … takes them; ascending unless shuffled."""
    if not shuffle:
        return train_indices
    drawn = generator(seed, ORDER_STREAM, epoch).permutation(len(train_indices))  # NumPy's fast path: 64-bit places
    return train_indices[drawn]
