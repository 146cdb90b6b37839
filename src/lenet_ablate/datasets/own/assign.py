"""Which arrays belong together: images and labels of each split, by names or, where these say nothing, shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lenet_ablate.config.choices import Color
from lenet_ablate.datasets.own.arrays_file import Stored
from lenet_ablate.datasets.own.content import Content, Part, Piece, as_images
from lenet_ablate.datasets.own.labels_any import flatten
from lenet_ablate.datasets.own.naming import Name, read_name
from lenet_ablate.errors import DataError


@dataclass(frozen=True)
class _Candidate:
    name: str
    says: Name
    stored: Stored
    is_images: bool


def assign(where: str, kind: str, arrays: Mapping[str, Stored], color: Color = Color.grey) -> Content:
    """The data set that some named arrays make.

    Args:
        where: The file or folder that they come from.
        kind: What that is, in words.
        arrays: Arrays by name, in the order in which they are stored.
        color: What becomes of colours.

    Raises:
        DataError: There is no pair of images and labels, or more than one of a split.
    """
    candidates = [_candidate(name, stored) for name, stored in arrays.items() if stored.shape]
    pairs, notes = dict(_pairs(where, candidates)), []
    if not pairs:
        raise DataError(
            f"{where}: no images with labels were found; it holds {_listed(candidates) or 'nothing'}; name them "
            "x_train, y_train, x_test, y_test"
        )
    taken = {one.name for pair in pairs.values() for one in pair}
    if left := [one for one in candidates if one.name not in taken]:
        notes.append(f"left out: {_listed(left)}")
    pieces = {}
    for part, (images, labels) in pairs.items():
        pieces[part], done = _piece(where, images, labels, color)
        notes += [done] if done and done not in notes else []
    return Content(kind, pieces, tuple(notes))


def _candidate(name: str, stored: Stored) -> _Candidate:
    says, shape = read_name(name), stored.shape
    if len(shape) >= 3:
        is_images = True
    elif len(shape) == 1:
        is_images = False
    elif says.is_images is not None:
        is_images = says.is_images
    else:
        is_images = 1 not in shape
    return _Candidate(name, says, stored, is_images)


def _pairs(where: str, candidates: Sequence[_Candidate]) -> Iterator[tuple[Part, tuple[_Candidate, _Candidate]]]:
    for part in Part:
        own = [one for one in candidates if one.says.part is part]
        images, labels = (_named_first([one for one in own if one.is_images is wanted]) for wanted in (True, False))
        is_unnamed = all(one.says.is_images is None for one in own)
        if part is Part.whole and is_unnamed and len(images) == len(labels) == 2:
            # np.savez without names: arr_0 to arr_3, the training set first.
            yield from zip((Part.train, Part.test), _by_count(images, labels), strict=True)
            continue
        fitting = [(x, y) for x in images for y in labels if _count(x, y)]
        if len(fitting) > 1:
            names = ", ".join(f"{x.name} with {y.name}" for x, y in fitting[:4])
            raise DataError(f"{where}: {names}: which of these belong together? keep one pair for each split")
        if not fitting and images and labels:
            raise DataError(
                f"{where}: {images[0].name} has shape {images[0].stored.shape} and {labels[0].name} has "
                f"{labels[0].stored.shape}; expected one label for each image"
            )
        if fitting:
            yield part, fitting[0]


def _by_count(images: Sequence[_Candidate], labels: Sequence[_Candidate]) -> list[tuple[_Candidate, _Candidate]]:
    straight = list(zip(images, labels, strict=True))
    crossed = list(zip(images, reversed(labels), strict=True))
    return straight if all(_count(x, y) for x, y in straight) else crossed


def _named_first(found: Sequence[_Candidate]) -> list[_Candidate]:
    """Those whose name says what they are, such as `labels` beside `writers`; all where none does."""
    return [one for one in found if one.says.is_images is one.is_images] or list(found)


def _count(images: _Candidate, labels: _Candidate) -> int:
    """How many images there are with one label each; 0 where the shapes do not say so."""
    ends = {labels.stored.shape[0], labels.stored.shape[-1]}
    shape = images.stored.shape
    return next((count for count in (shape[0], shape[-1]) if count in ends), 0)


def _piece(where: str, images: _Candidate, labels: _Candidate, color: Color) -> tuple[Piece, str]:
    count = _count(images, labels)
    if not count:
        raise DataError(
            f"{where}: {images.name} has shape {images.stored.shape} and {labels.name} has {labels.stored.shape}; "
            "expected one label for each image"
        )
    flat = flatten(f"{where}: {labels.name}", labels.stored.read(), count)
    stored, done = as_images(f"{where}: {images.name}", images.stored.read(), count, color)
    return Piece(f"{where}: {images.name}", stored, flat), done


def _listed(candidates: Sequence[_Candidate]) -> str:
    shown = ", ".join(f"{one.name[:40]!r} {one.stored.shape}" for one in candidates[:8])
    return shown + (", …" if len(candidates) > 8 else "")
