"""What is no digit: a score learned from digits and from what is none, on top of what a trained network makes of both.

A small network reads the units that the output layer is given, the logits, and the image itself, coarsely: what digits
do not need the digits' network has forgotten. Threshold or softmax of that network alone cannot tell, since it never
saw anything else; one that saw other things does (Hendrycks et al. 2019, "Deep anomaly detection with outlier
exposure", ICLR, section 3), also things that it never saw.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.datasets.base import Images
from lenet_ablate.engines.forward import Floats

HIDDEN = 24  # units; with 16 one of a hundred letters fewer is refused, with 32 hardly more
DECAY = 1.5e-3  # times the squared weights; with half or twice as much fewer letters are refused
STEPS = 80  # of L-BFGS; after 50 one of a hundred letters fewer is refused
WORK = 2**18  # products of a matrix at most: one thread's work, so that bits do not depend on the number of threads
MAX_UNITS = 256  # wider layers are not read
BLOCKS = 8  # of each side of an image's middle
BLOCK = 3  # pixels of each side of one
FULL = 127.5  # the brightness that counts as 1
NOT_SURE, NO_DIGIT = 0.052, 0.001  # of the digits are at most called not sure, the margin's share among them, and none
LOGIT_SCALE = 0.2
CLEAR = 5.0  # nats of the margin at most that count beside the score
MIN_SCALE = 0.1  # of a unit's spread, so that one that never fires does not count

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rejection:
    """How to tell that an image shows no digit.

    Attributes:
        weights: (F, H) float64; F features: the units of the last hidden layer, if there are any, the logits, and the
            image's blocks, which those that an earlier version learned lack.
        bias: (H,).
        output: (H,).
        offset: Added to the score.
        not_sure: Sum of the score and the margin, as far as it counts, below which no digit is sure.
        no_digit: Score below which an image shows no digit; at most `not_sure`.
        num_negatives: Images without a digit that it was learned from.
        clear: Nats of the margin at most that count; 0 of what an earlier version learned, where the score alone did.
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    output: npt.NDArray[np.float64]
    offset: float
    not_sure: float
    no_digit: float
    num_negatives: int
    clear: float = 0.0

    def scores(self, units: Floats, logits: npt.NDArray[np.float64], images: Images) -> Scores:
        """How much images look like digits, (N,) float64: the log odds against what it learned from.

        Args:
            units: (N, U) float32, as `forward` gives them.
            logits: (N, K), divided by the temperature.
            images: (N, S, S) uint8, S at least 24, what the network is given.
        """
        features = features_of(units, logits, images)[:, : len(self.weights)]
        hidden = np.tanh(features @ self.weights + self.bias)
        scores: Scores = hidden @ self.output + self.offset
        return scores


def features_of(units: Floats, logits: npt.NDArray[np.float64], images: Images) -> npt.NDArray[np.float64]:
    """What the rejection reads of images: units (N, U), logits (N, K) and blocks beside each other, (N, F) float64."""
    read = units.astype(np.float64)[:, : units.shape[1] if units.shape[1] <= MAX_UNITS else 0]
    return np.concatenate([read, logits * LOGIT_SCALE, _blocks_of(images)], axis=1)


def _blocks_of(images: Images) -> npt.NDArray[np.float64]:
    """The mean brightness of blocks in the middle of images, (N, BLOCKS²)."""
    side = BLOCKS * BLOCK
    edge = (images.shape[1] - side) // 2
    middle = images[:, edge : edge + side, edge : edge + side].reshape(-1, BLOCKS, BLOCK, BLOCKS, BLOCK)
    sums = middle.sum(axis=(2, 4), dtype=np.int64).reshape(len(images), -1)
    blocks: npt.NDArray[np.float64] = sums / (BLOCK**2 * FULL)
    return blocks


def learn_from(digits: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> Rejection:
    """The rejection that tells two kinds of features apart, with thresholds yet to be set.

    Both kinds weigh the same. The loss is the cross-entropy plus `DECAY` times the squared weights.

    Args:
        digits: (N, F) features of digits.
        others: (M, F) features of what is none.
    """
    from scipy import optimize

    features = np.concatenate([digits, others])
    middle, spread = features.mean(axis=0), features.std(axis=0) + MIN_SCALE
    signs = np.repeat([1.0, -1.0], [len(digits), len(others)])
    shares = np.repeat([0.5 / len(digits), 0.5 / len(others)], [len(digits), len(others)])
    chunk = max(1, WORK // (features.shape[1] * HIDDEN))
    parts = (features - middle) / spread, signs[:, None], shares[:, None]
    task = _Task(*(_chunks(rows, chunk) for rows in parts))
    count = features.shape[1]
    random = np.random.default_rng(0)
    start = np.concatenate(
        [
            random.normal(0, count**-0.5, count * HIDDEN),
            np.zeros(HIDDEN),
            random.normal(0, HIDDEN**-0.5, HIDDEN),
            [0.0],
        ]
    )
    found = optimize.minimize(task.loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    weights, bias, output, offset = _parts(found.x, count)
    weights = weights / spread[:, None]
    rounded = [_rounded(values) for values in (weights, bias - middle @ weights, output)]
    return Rejection(
        rounded[0], rounded[1], rounded[2], float(_rounded(np.array(offset))), 0.0, 0.0, len(others), CLEAR
    )


def is_fitting(rejection: Rejection, num_classes: int, num_units: int) -> bool:
    """Whether it was learned of a network with so many outputs, whose output layer is given so many units."""
    known = num_classes + (num_units if num_units <= MAX_UNITS else 0)
    return len(rejection.weights) in (known, known + BLOCKS**2)


def with_thresholds(rejection: Rejection, scores: Scores, margins: Scores, margin: float) -> Rejection:
    """The rejection that calls as many digits not sure, and none, as it may.

    Args:
        rejection: As learned.
        scores: (N,) of digits that it did not learn from.
        margins: (N,) how far their answers are from the next, in nats.
        margin: From which an answer is sure.
    """
    no_digit = np.sort(scores)[int(NO_DIGIT * len(scores))]
    sums = scores + np.minimum(margins, rejection.clear)
    not_sure, is_near, ordered = no_digit, margins < margin, np.sort(sums)
    for threshold in ordered[: int(NOT_SURE * len(ordered)) + 1]:
        if ((sums < threshold) | is_near).mean() > NOT_SURE:
            break
        not_sure = max(not_sure, threshold)
    return dataclasses.replace(rejection, not_sure=float(not_sure), no_digit=float(no_digit))


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """To four digits, which is as exact as anybody can tell and a third as long in a file."""
    return np.array([float(f"{value:.4g}") for value in np.ravel(values)]).reshape(values.shape)


def _chunks(rows: npt.NDArray[np.float64], size: int) -> Floats:
    """(N, F) as (N / size, size, F), with rows of zeros at the end."""
    padded = np.pad(rows.astype(np.float32), ((0, -len(rows) % size), (0, 0)))
    return padded.reshape(-1, size, rows.shape[1])


@dataclass(frozen=True)
class _Task:
    """What is learned from, in chunks: features, signs of the kinds, and how much each image counts."""

    features: Floats
    signs: Floats
    shares: Floats

    def loss(self, values: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """The loss of weights and its gradient."""
        weights, bias, output, offset = _parts(values.astype(np.float32), self.features.shape[2])
        hidden = np.tanh(self.features @ weights + bias)
        margins = self.signs * (hidden @ output[:, None] + offset)
        loss = float((self.shares * np.logaddexp(0, -margins)).sum()) + DECAY * float((values**2).sum())
        slopes = -self.signs * self.shares / (1 + np.exp(np.minimum(margins, 80)))
        back = slopes * output * (1 - hidden**2)
        gradient = np.concatenate(
            [
                (self.features.transpose(0, 2, 1) @ back).sum(axis=0).ravel(),
                back.sum(axis=(0, 1)),
                (slopes * hidden).sum(axis=(0, 1)),
                [slopes.sum()],
            ]
        )
        return loss, gradient.astype(np.float64) + 2 * DECAY * values


def _parts(values: npt.NDArray[np.float64], count: int) -> tuple[npt.NDArray[np.float64], ...]:
    size = count * HIDDEN
    return values[:size].reshape(count, HIDDEN), values[size : size + HIDDEN], values[size + HIDDEN : -1], values[-1]
