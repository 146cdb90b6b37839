"""Compact letter display: levels that share a letter are not distinguishable."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

_ALPHABET = string.ascii_lowercase + string.ascii_uppercase


def letters(means: Sequence[float], is_distinct: npt.NDArray[np.bool_]) -> list[str]:
    """The letters of each level; two levels share one exactly where they are not distinguishable.

    Each letter stands for a group of levels none of which is distinguishable from another; "a" is the best level's.

    Args:
        means: (L,) by which the letters are ordered, the highest first.
        is_distinct: (L, L) symmetric: whether two levels are distinguishable.
    """
    order = sorted(range(len(means)), key=lambda level: -means[level])
    groups = _needed(_cover(order, is_distinct))
    groups.sort(key=lambda group: [order.index(level) for level in group])
    names = _names()
    named = [(next(names), group) for group in groups]
    return ["".join(name for name, group in named if level in group) for level in range(len(means))]


def _cover(order: Sequence[int], is_distinct: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Groups of levels of which none is distinguishable from another, with every such pair and every level in one."""
    groups: list[list[int]] = []
    for first, second in itertools.combinations_with_replacement(order, 2):
        is_covered = any(first in group and second in group for group in groups)
        if is_covered or is_distinct[first, second]:
            continue
        group = list({first, second})
        for level in order:
            if level not in group and not is_distinct[level, group].any():
                group.append(level)
        groups.append([level for level in order if level in group])
    return groups


def _needed(groups: list[list[int]]) -> list[list[int]]:
    """The groups without those whose every level and pair lies in others."""
    kept = list(groups)
    for group in groups:
        others = [other for other in kept if other is not group]
        pairs = itertools.combinations_with_replacement(group, 2)
        if all(any(a in other and b in other for other in others) for a, b in pairs):
            kept = others
    return kept


def _names() -> Iterator[str]:
    """a, b, … z, A, … Z, a1, b1, …"""
    for number in itertools.count():
        yield from (letter + (str(number) if number else "") for letter in _ALPHABET)
