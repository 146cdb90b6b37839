"""Labels of any kind as class numbers, with the classes' names and a sentence on what became what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.classes import NUM_CLASSES
from lenet_ablate.config.settings import MAX_CLASSES
from lenet_ablate.datasets.base import Labels, label_type
from lenet_ablate.datasets.own.content import Array
from lenet_ablate.errors import DataError
from lenet_ablate.rendering.escape import one_line, well_formed

_SHOWN, _NAME_LENGTH = 5, 80
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]*)?")


@dataclass(frozen=True)
class Numbered:
    """Labels as class numbers.

    Attributes:
        parts: (N,) class numbers for each array of labels, by its name.
        names: Names of the classes 0, 1, …; empty where a class is called by its number.
        note: What became what; empty where labels are class numbers already.
        count: How many classes there are, those without an image too; at least 2.
    """

    parts: Mapping[str, Labels]
    names: tuple[str, ...] = ()
    note: str = ""
    count: int = NUM_CLASSES


def flatten(where: str, stored: Array, count: int) -> Array:
    """One label for each image, (N,), from a column, a row, or one-hot rows or columns.

    Raises:
        DataError: There are several labels for an image, or not one.
    """
    labels = stored.T if stored.ndim == 2 and stored.shape[0] != count == stored.shape[1] else stored
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1 and len(labels) == count:
        return labels
    if labels.ndim != 2 or len(labels) != count or labels.dtype.kind not in "biuf":
        raise DataError(f"{where}: has shape {stored.shape}, expected one label for each of {count} images")
    if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
        raise DataError(
            f"{where}: has {labels.shape[1]} numbers for each image that are not one-hot; store one label for each, "
            "as labels.argmax(axis=1)"
        )
    return np.asarray(labels.argmax(axis=1))


def number(parts: Mapping[str, Array], told: Sequence[str] = (), known: Sequence[str] = ()) -> Numbered:
    """The labels of all parts of a data set as class numbers.

    Whole numbers stay as they are within 0..9, where none is left out from 0 on, and where the user names as many
    classes. Others, and text, are numbered in ascending order; text that spells whole numbers is taken as these.

    Args:
        parts: (N,) labels by what they are called, whole numbers, floats or text.
        told: The names that the user gave; those of text labels, or of the others in ascending order.
        known: Names that the file has for the labels 0, 1, …; an empty one is none.

    Raises:
        DataError: There are more classes than MAX_CLASSES, labels are not whole numbers, or names do not fit.
    """
    plain = {where: _plain(where, labels) for where, labels in parts.items()}
    kinds = {labels.dtype.kind for labels in plain.values()}
    if len(kinds) > 1:
        plain, kinds = {where: labels.astype(str) for where, labels in plain.items()}, {"U"}
    values = sorted(set().union(*(np.unique(labels).tolist() for labels in plain.values())))
    first = next(iter(parts))
    if len(values) > MAX_CLASSES:
        shown = ", ".join(map(str, values[:_SHOWN]))
        raise DataError(f"{first}: has {len(values)} classes ({shown}, …), expected at most {MAX_CLASSES}")
    numbers, names = _classes(first, values, told, known)
    count = max(2, len(told), max(numbers[value] for value in values) + 1)
    kind = label_type(count)
    chosen = {where: _look_up(labels, numbers).astype(kind) for where, labels in plain.items()}
    return Numbered(chosen, _clean(names), _note(numbers, names), count)


def _classes(
    where: str, values: Sequence[Any], told: Sequence[str], known: Sequence[str]
) -> tuple[dict[Any, int], tuple[str, ...]]:
    """The class number of each label, and the names of the classes by number."""
    is_text = isinstance(values[0], str)
    if is_text and told:
        # As they are, or as a configuration may hold them, which is what was found out of them before.
        called = {value: value if value in told else plain for value, plain in zip(values, _clean(values), strict=True)}
        if unknown := [value for value, name in called.items() if name not in told]:
            raise DataError(f"{where}: label {unknown[0][:60]!r} is not among data.classes=[{','.join(told)}]")
        others = {value: told.index(name) for value, name in called.items() if value not in told}
        return {name: place for place, name in enumerate(told)} | others, tuple(told)
    if not is_text and _are_class_numbers(values, len(told)):
        names = tuple(told or (known if all(known) else ()))
        if told and len(told) <= values[-1]:
            raise DataError(f"{where}: data.classes names {len(told)} classes, but there is a label {values[-1]}")
        return {value: value for value in values}, () if names == _digits(len(names)) else names
    if told and len(told) != len(values):
        raise DataError(f"{where}: data.classes names {len(told)} classes, but there are {len(values)} labels")
    names = tuple(told or (value if is_text else _known_name(known, value) for value in values))
    if told and sorted(names) == sorted(_digits(len(names))):  # such as 1 to 9, then 10 for 0
        return {value: int(name) for value, name in zip(values, names, strict=True)}, ()
    return {value: place for place, value in enumerate(values)}, names


def _known_name(known: Sequence[str], label: int) -> str:
    return (known[label] if 0 <= label < len(known) else "") or str(label)


def _are_class_numbers(values: Sequence[int], num_told: int) -> bool:
    return values[0] >= 0 and (values[-1] < max(NUM_CLASSES, num_told) or values[-1] < len(values))


def _clean(names: Sequence[str]) -> tuple[str, ...]:
    """Names that a configuration may hold: in one line, not too long, each once."""
    plain = [one_line(well_formed(name), _NAME_LENGTH) or "?" for name in names]
    return tuple(name if plain.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(plain))


def _plain(where: str, labels: Array) -> npt.NDArray[Any]:
    """Labels as int64 where they are whole numbers, written or not; else as text."""
    if labels.dtype.kind in "SO":
        labels = np.array(
            [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text) for text in labels]
        )
    if labels.dtype.kind == "U":
        labels = np.char.strip(labels)
        if (labels == "").any():
            raise DataError(f"{where}: the label at position {int(np.argmax(labels == ''))} is empty")
        if not all(_NUMBER.fullmatch(text) for text in np.unique(labels).tolist()):
            return labels
        labels = labels.astype(np.float64)
    if labels.dtype.kind == "f":
        wrong = np.flatnonzero(~(np.abs(labels) < 2**53) | (labels != np.rint(np.nan_to_num(labels))))
        if wrong.size:
            place = int(wrong[0])
            raise DataError(
                f"{where}: label {labels[place]:g} at position {place} is no whole number; store .astype(int)"
            )
    return labels.astype(np.int64)


def _look_up(labels: npt.NDArray[Any], numbers: Mapping[Any, int]) -> npt.NDArray[np.int64]:
    values, places = np.unique(labels, return_inverse=True)
    return np.array([numbers[value] for value in values.tolist()], np.int64)[places]


def _note(numbers: Mapping[Any, int], names: Sequence[str]) -> str:
    if all(value == place for value, place in numbers.items()):
        return f"classes {_listed(names)}" if names else ""
    if names and list(numbers) == list(names):
        return f"classes 0 to {len(names) - 1} are {_listed(names)}"
    changed = ", ".join(f"{value} as {place}" for value, place in numbers.items())
    hint = "; if 10 stands for 0: data.classes=[1,2,3,4,5,6,7,8,9,0]" if list(numbers) == list(range(1, 11)) else ""
    return f"labels read as {changed}" + (hint if names else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(one_line(name, 30) for name in names)


def _digits(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))
