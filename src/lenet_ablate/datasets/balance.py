"""What is odd about the classes of a data set: told in a line, or refused where nothing could be learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lenet_ablate.datasets.base import Labels, class_name
from lenet_ablate.errors import DataError

_RARE = 20  # times fewer images than the largest class has


def check_classes(where: str, train: Labels, test: Labels, names: Sequence[str] = ()) -> list[str]:
    """What is odd about the classes, a sentence for each; empty where every class has its share in both splits.

    Args:
        where: What the sentences begin with.
        train: (N,) labels of the training images.
        test: (M,) labels of the test images.
        names: Names of the classes; without, their numbers.

    Raises:
        DataError: All training images are of one class.
    """
    count = max(int(train.max()), int(test.max())) + 1
    counts = np.bincount(train, minlength=count), np.bincount(test, minlength=count)
    called = [class_name(names, label) for label in range(len(counts[0]))]
    present = np.flatnonzero(counts[0])
    if len(present) == 1:
        raise DataError(f"{where}: all {len(train)} training images are of class {called[present[0]]}; nothing to tell")
    return [f"{where}: {told}" for told in _oddities(counts[0], counts[1], called)]


def _oddities(train: np.ndarray, test: np.ndarray, called: Sequence[str]) -> Iterator[str]:
    known, asked = train > 0, test > 0
    if unknown := np.flatnonzero(asked & ~known).tolist():
        few = f"{test[unknown].sum()} test images are of {_listed(unknown, called)}, which no training image has"
        yield f"{few}: they cannot be told right"
    if unasked := np.flatnonzero(known & ~asked).tolist():
        yield (
            f"{_listed(unasked, called)} has no test image"
            if len(unasked) == 1
            else (f"{_listed(unasked, called)} have no test image")
        )
    most = int(train.max())
    rare = np.flatnonzero(known & (train * _RARE <= most)).tolist()
    if rare:
        counts = ", ".join(f"{called[label]}: {train[label]}" for label in rare[:5])
        yield f"training images are uneven, {counts} beside {most} of {called[int(train.argmax())]}"


def _listed(labels: Sequence[int], called: Sequence[str]) -> str:
    shown = ", ".join(called[label] for label in labels[:10]) + (", …" if len(labels) > 10 else "")
    return f"class {shown}" if len(labels) == 1 else f"classes {shown}"
