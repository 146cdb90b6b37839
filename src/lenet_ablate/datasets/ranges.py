"""What the numbers in images mean: which value is background, which is full ink; what can be read in two ways is not.

Every part of a data set is judged by itself, and parts that seem to be on different scales are refused: a training set
in 0..255 with a test set in 0..1 would train well and test at chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.base import Images
from lenet_ablate.errors import DataError

BYTE, WORD = 255.0, 65535.0
HAIR = 2.0**-9  # as a share of full ink: interpolation in float32 gives 1.0000002, in float16 1.001
OVERSHOOT = 0.25  # of full ink: cubic interpolation rings; accepted and cut off where `data.range` says what ink is
_FAINT = 64.0  # a whole data set whose fullest ink is below a quarter of 255 is hardly one in 0..255
_CHUNK_IMAGES = 1024


@dataclass(frozen=True)
class Range:
    """The values of background and of full ink.

    Attributes:
        low: Background.
        high: Full ink; above `low`.
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


@dataclass(frozen=True)
class _Span:
    low: float
    high: float

    def __str__(self) -> str:
        return f"values from {self.low:.9g} to {self.high:.9g}"


def find_range(parts: Mapping[str, npt.NDArray[Any]], told: float | None = None) -> Range:
    """The range that all parts of a data set share.

    Args:
        parts: Arrays of images by what they are called in messages, the training images first; whole numbers, floats
            or truth values.
        told: The value of full ink where the user named it (`data.range`), background being 0.

    Raises:
        DataError: Values are not finite, fit no range, fit two, or the parts differ in theirs.
    """
    spans = {where: _span(where, images) for where, images in parts.items()}
    if told is not None:
        _check_told(spans, told)
        return Range(0.0, told)
    found = {where: _judge(where, spans[where], images.dtype) for where, images in parts.items()}
    first = next(iter(found))
    for where, own in found.items():
        if own != found[first]:
            raise DataError(
                f"{where}: {spans[where]} read as {own}, but {first} has {spans[first]}, read as {found[first]}; store "
                f"both alike{_or_told(own, found[first])}"
            )
    return found[first]


def to_bytes(images: npt.NDArray[Any], values: Range) -> Images:
    """The images as uint8 0..255, 0 = background; what lies beyond the range is cut off.

    Args:
        images: Of any shape, whole numbers, floats or truth values; axis 0 counts images.
        values: What background and full ink are.
    """
    if images.dtype == np.uint8 and values == Range(0.0, BYTE):
        return images
    scaled = np.empty(images.shape, np.uint8)
    for first in range(0, len(images), _CHUNK_IMAGES):
        chunk = images[first : first + _CHUNK_IMAGES].astype(np.float64)
        grey = np.rint((chunk - values.low) * (BYTE / (values.high - values.low)))
        scaled[first : first + _CHUNK_IMAGES] = grey.clip(0, BYTE)
    return scaled


def _span(where: str, images: npt.NDArray[Any]) -> _Span:
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():
        raise DataError(f"{where}: holds NaN or infinite values, expected numbers in 0..1 or 0..255")
    return _Span(low, high)


def _check_told(spans: Mapping[str, _Span], told: float) -> None:
    for where, span in spans.items():
        if span.low < -OVERSHOOT * told or span.high > (1 + OVERSHOOT) * told:
            raise DataError(f"{where}: holds {span}, which data.range={told:g} (0 to {told:g}) does not fit")


def _judge(where: str, span: _Span, dtype: np.dtype[Any]) -> Range:
    if span.low < 0:
        return _judge_signed(where, span)
    if span.high <= 1 + HAIR and (dtype.kind in "bf" or span.high in (0, 1)):
        return Range(0.0, 1.0)
    for full in (BYTE, WORD):
        least = _FAINT if full == BYTE else full / 2
        if least < span.high <= full * (1 + HAIR):
            return Range(0.0, full)
    raise DataError(f"{where}: holds {span}: {_readings(span.high)}")


def _judge_signed(where: str, span: _Span) -> Range:
    if abs(span.low + 1) <= HAIR and 0 < span.high <= 1 + HAIR:
        return Range(-1.0, 1.0)
    if span.low >= -HAIR and span.high <= 1 + HAIR:
        return Range(0.0, 1.0)
    way = "if they were normalised, store images * std + mean"
    if span.high <= 1 + OVERSHOOT and span.low >= -OVERSHOOT:
        way = "data.range=1 takes them as 0..1 and cuts off what lies beyond"
    raise DataError(f"{where}: holds {span}, expected 0..1, -1..1, 0..255 or 0..65535; {way}")


def _readings(high: float) -> str:
    if high < 2:
        return "0..1 with values beyond (data.range=1), or nearly black images in 0..255 (data.range=255)?"
    if high <= _FAINT:
        return f"full ink at {high:g} (data.range={high:g}), or faint images in 0..255 (data.range=255)?"
    if high <= WORD:
        return f"full ink at {high:g} (data.range={high:g}), or faint images in 0..65535 (data.range=65535)?"
    return "expected at most 65535; store images / images.max()"


def _or_told(one: Range, other: Range) -> str:
    high = {one.high, other.high}
    return (
        "" if min(one.low, other.low) < 0 or len(high) > 2 else f", or say data.range={max(high):g} if that is both's"
    )
