"""How far a network's probabilities can be believed, learned from its validation images.

A network trained to the end is right less often than its probabilities say. One number, the temperature that divides
the logits, mends that on average (Guo et al. 2017, "On calibration of modern neural networks", section 4.2), and one
more, the margin, says when an answer is too close to call.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.base import Labels
from lenet_ablate.engines.forward import Floats
from lenet_ablate.errors import RecordError
from lenet_ablate.predict.reject import HIDDEN, Rejection
from lenet_ablate.records.arrays import read_metadata
from lenet_ablate.records.fields import Fields, fields_of
from lenet_ablate.records.files import MissingFileError, parse_json, read_json
from lenet_ablate.records.record import CALIBRATION as METADATA
from lenet_ablate.records.record import MODEL

CALIBRATION = "calibration.json"  # of runs that an earlier version trained
FORMAT = 1
NUM_BINS = 15  # Guo et al. 2017, section 5
PASSED = 0.95  # of the validation digits that are read rightly are called sure
PASSED_BY_MARGIN = 0.99  # where a rejection shares in calling others not sure, and does so better
MIN_MARGIN = 2.3  # no answer is sure that is not ten times as likely as the next, however weak the network
TEMPERATURES = 0.05, 20.0
MAX_MARGIN, MAX_BYTES = 1e6, 256_000
MAX_VALUE, MAX_FEATURES = 1e6, 10_000  # of what a rejection is made of

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """What was learned from the validation images.

    Attributes:
        temperature: Divides the logits before the softmax, within `TEMPERATURES`.
        margin: Least difference between the two largest divided logits for the answer to count as sure, in nats, at
            least `MIN_MARGIN`: the likeliest digit is then at least exp(margin) times as likely as the next.
        ece_before: Expected calibration error of the plain softmax, 0..1.
        ece: The same with the temperature; on the images that it was fitted on.
        num_images: Validation images it was fitted on.
        mean: Subtracted from pixels scaled to 0..1 in training; the network expects the same.
        std: Divided the centred pixels in training.
        rejection: How to tell that an image shows no digit; None where that was not learned.
    """

    temperature: float
    margin: float
    ece_before: float
    ece: float
    num_images: int
    mean: float | None = None
    std: float | None = None
    rejection: Rejection | None = None


def calibrate(logits: Floats, labels: Labels, passed: float = PASSED) -> Calibration:
    """The calibration of a network from what it says of images that it was not trained on.

    Args:
        logits: (N, K) float32.
        labels: (N,) class numbers.
        passed: Fraction of the rightly read images that shall count as sure, 0..1; fewer do where the margin that lets
            them pass is below `MIN_MARGIN`.

    Raises:
        ValueError: There are no images, or a logit is not finite.
    """
    if not len(logits) or not np.isfinite(logits).all():
        raise ValueError("calibration needs at least one image and finite logits")
    temperature = fit_temperature(logits, labels)
    is_right = logits.argmax(axis=1) == labels
    margins = top_margins(logits.astype(np.float64) / temperature)
    margin = float(np.quantile(margins[is_right], 1 - passed)) if is_right.any() else float(margins.max())
    margin = max(margin, MIN_MARGIN)
    return Calibration(
        temperature,
        margin,
        expected_calibration_error(softmax(logits), labels),
        expected_calibration_error(softmax(logits / temperature), labels),
        len(logits),
    )


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature with the least mean cross-entropy, within `TEMPERATURES`."""
    from scipy import optimize

    # An image is a column, which NumPy adds up faster; the largest logit is taken off, so that no power overflows.
    exact = np.ascontiguousarray(logits.T, np.float64)
    exact -= exact.max(axis=0)
    of_labels = float(exact[labels, np.arange(len(labels))].mean())
    powers = np.empty_like(exact)

    def loss(log_temperature: float) -> float:
        scale = math.exp(-log_temperature)
        np.exp(np.multiply(exact, scale, out=powers), out=powers)
        return float(np.log(powers.sum(axis=0)).mean()) - scale * of_labels

    low, high = map(math.log, TEMPERATURES)
    found = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def expected_calibration_error(probabilities: Probabilities, labels: Labels, num_bins: int = NUM_BINS) -> float:
    """How far confidence and accuracy differ on average, 0..1 (Guo et al. 2017, eq. 3).

    Images are sorted into `num_bins` equal intervals of the predicted class's probability; the difference between
    mean probability and accuracy in each is weighted by its number of images.
    """
    confidences = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidences * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=is_right - confidences, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(labels))


def softmax(logits: npt.NDArray[Any]) -> Probabilities:
    """Probabilities (N, K) float64 whose rows sum to 1."""
    exact = logits.astype(np.float64)
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    normalised: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return normalised


def top_margins(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Differences between the largest and the second largest logit, (N,) float64, at least 0."""
    ordered = np.sort(logits, axis=1)
    margins: npt.NDArray[np.float64] = (ordered[:, -1] - ordered[:, -2]).astype(np.float64)
    return margins


def to_json(calibration: Calibration) -> str:
    """The calibration as text, to go with the weights; see `records.write.write_record`."""
    values = {"format": FORMAT} | dataclasses.asdict(dataclasses.replace(calibration, rejection=None))
    del values["rejection"]
    if calibration.rejection:
        made = dataclasses.asdict(calibration.rejection)
        values["rejection"] = {
            name: np.ravel(value).tolist() if np.ndim(value) else value for name, value in made.items()
        }
    return json.dumps(values, allow_nan=False)


def read_calibration(folder: Path) -> Calibration | None:
    """What goes with the weights in a run's folder, or stands in the file of an earlier version; None without either.

    Raises:
        RecordError: It cannot be read.
    """
    try:
        text = read_metadata(folder, MODEL).get(METADATA)
        if text is not None:
            return _parse(fields_of(parse_json(text.encode(), MAX_FEATURES * HIDDEN), METADATA))
    except MissingFileError:
        pass  # without weights
    except RecordError as error:
        raise RecordError(f"{folder}: {MODEL}: {error}") from None
    try:
        values = fields_of(read_json(folder, CALIBRATION, MAX_BYTES, MAX_FEATURES * HIDDEN), CALIBRATION)
        return _parse(values)
    except MissingFileError:
        return None
    except RecordError as error:
        raise RecordError(f"{folder}: {error}") from None


def _parse(values: Fields) -> Calibration:
    if values.values.get("format") != FORMAT:
        raise RecordError(f"{values.place} was written by another version of lenet-ablate")
    temperature, margin = values.number("temperature", *TEMPERATURES), values.number("margin", 0, MAX_MARGIN)
    before, after = values.number("ece_before", 0, 1), values.number("ece", 0, 1)
    num_images = values.whole("num_images", 1)
    mean, std = values.number("mean", -10, 10), values.number("std", 1e-9, 1e9)
    if temperature is None or margin is None or before is None or after is None or num_images is None:
        raise RecordError(f"{values.place} lacks a value")
    made = values.fields("rejection")
    rejection = None if made is None else _parse_rejection(made)
    return Calibration(temperature, margin, before, after, num_images, mean, std, rejection)


def _parse_rejection(values: Fields) -> Rejection:
    arrays = {name: _numbers(values, name) for name in ("weights", "bias", "output")}
    size = len(arrays["bias"])
    if not 0 < size <= HIDDEN or len(arrays["output"]) != size or len(arrays["weights"]) % size:
        raise RecordError(f"{values.place}: weights, bias and output do not fit each other")
    numbers = [values.number(name, -MAX_VALUE, MAX_VALUE) for name in ("offset", "not_sure", "no_digit")]
    offset, not_sure, no_digit = numbers
    num_negatives = values.whole("num_negatives", 1)
    if offset is None or not_sure is None or no_digit is None or num_negatives is None or no_digit > not_sure:
        raise RecordError(f"{values.place} lacks a value")
    clear = values.number("clear", 0, MAX_VALUE) or 0.0
    weights = arrays["weights"].reshape(-1, size)
    return Rejection(weights, arrays["bias"], arrays["output"], offset, not_sure, no_digit, num_negatives, clear)


def _numbers(values: Fields, name: str) -> npt.NDArray[np.float64]:
    """A list of finite numbers within bounds, at least one."""
    given = values.needed(name)
    if not isinstance(given, list) or not 0 < len(given) <= MAX_FEATURES * HIDDEN:
        raise values.error(name, "must be a list of numbers")
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in given):
        raise values.error(name, "must be a list of numbers")
    if not all(-MAX_VALUE <= value <= MAX_VALUE for value in given):
        raise values.error(name, f"must hold finite numbers from {-MAX_VALUE:g} to {MAX_VALUE:g}")
    return np.array(given, np.float64)
