"""`data=playground/…`: 500 points of the plane in two classes, to be told apart by a small fully connected network.

The four classification sets of TensorFlow Playground (github.com/tensorflow/playground, src/dataset.ts), drawn with
NumPy's random numbers in place of JavaScript's. Class 1 is its +1, class 0 its −1. The points and their split into
training and test are drawn from `data.seed`, not from the run's seed: seeds of a run repeat a training on the same
points. At the same `data.seed`, points differ between two levels of noise by the noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.choices import DataSet, Feature
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.base import Dataset, Labels, Points
from lenet_ablate.datasets.splits import POINTS_STREAM, generator

NUM_POINTS = 500
EXTENT = 6.0  # the plane is drawn from -EXTENT to EXTENT
_HALF = NUM_POINTS // 2
_RADIUS = 5.0

Coordinates = npt.NDArray[np.float64]
Cloud = tuple[Coordinates, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Plane:
    """The points of a data set before the network's features are made of them.

    Attributes:
        train_points: (N, 2) float64, x and y; before the validation split is taken.
        train_labels: (N,) uint8, 0 or 1.
        test_points: (M, 2) float64.
        test_labels: (M,) uint8, 0 or 1.
    """

    train_points: Coordinates
    train_labels: Labels
    test_points: Coordinates
    test_labels: Labels


def load_playground(config: DataConfig) -> Dataset:
    """The data set with each point's features in the place of an image, (N, 1, F) float32; nothing is scaled."""
    plane, features = draw_plane(config), config.features or ()
    train, test = features_of(plane.train_points, features), features_of(plane.test_points, features)
    return Dataset(train, plane.train_labels, test, plane.test_labels, mean=0.0, std=1.0)


def draw_plane(config: DataConfig) -> Plane:
    """The points that a configuration of a playground set stands for; the same for ever."""
    random = generator(config.seed or 0, POINTS_STREAM)
    points, is_positive = GENERATORS[config.name](random, config.noise or 0.0)
    order = random.permutation(NUM_POINTS)
    points, labels = points[order], is_positive[order].astype(np.uint8)
    num_train = math.floor(NUM_POINTS * (config.train_fraction or 0.5))
    return Plane(points[:num_train], labels[:num_train], points[num_train:], labels[num_train:])


def features_of(points: Coordinates, features: Sequence[Feature]) -> Points:
    """What the network sees of points (N, 2): (N, 1, F) float32, features in the order given."""
    x, y = points.T
    return np.stack([_FEATURES[feature](x, y) for feature in features], axis=1)[:, None].astype(np.float32)


def _circle(random: np.random.Generator, noise: float) -> Cloud:
    radii = np.concatenate(
        [random.uniform(0, 0.5 * _RADIUS, _HALF), random.uniform(0.7 * _RADIUS, _RADIUS, NUM_POINTS - _HALF)]
    )
    angles = random.uniform(0, 2 * np.pi, NUM_POINTS)
    points = radii[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    seen = points + noise * random.uniform(-_RADIUS, _RADIUS, points.shape)
    return points, np.hypot(*seen.T) < 0.5 * _RADIUS


def _xor(random: np.random.Generator, noise: float) -> Cloud:
    points = random.uniform(-5, 5, (NUM_POINTS, 2))
    points += np.where(points > 0, 0.3, -0.3)  # leaves a gap along the axes
    seen = points + noise * random.uniform(-5, 5, points.shape)
    return points, seen[:, 0] * seen[:, 1] >= 0


def _gauss(random: np.random.Generator, noise: float) -> Cloud:
    is_positive = np.arange(NUM_POINTS) < _HALF
    variance = 0.5 + 7 * noise
    spread = math.sqrt(variance) * random.standard_normal((NUM_POINTS, 2))
    return np.where(is_positive, 2.0, -2.0)[:, None] + spread, is_positive


def _spiral(random: np.random.Generator, noise: float) -> Cloud:
    is_positive = np.arange(NUM_POINTS) < _HALF
    along = np.tile(np.arange(_HALF) / _HALF, 2)
    angles = 1.75 * 2 * np.pi * along + np.where(is_positive, 0, np.pi)
    points = _RADIUS * along[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return points + noise * random.uniform(-1, 1, points.shape), is_positive


GENERATORS: dict[DataSet, Callable[[np.random.Generator, float], Cloud]] = {
    DataSet.circle: _circle,
    DataSet.xor: _xor,
    DataSet.gauss: _gauss,
    DataSet.spiral: _spiral,
}
_FEATURES: dict[Feature, Callable[[Coordinates, Coordinates], Coordinates]] = {
    Feature.x: lambda x, y: x,
    Feature.y: lambda x, y: y,
    Feature.x_squared: lambda x, y: x**2,
    Feature.y_squared: lambda x, y: y**2,
    Feature.x_times_y: lambda x, y: x * y,
    Feature.sin_x: lambda x, y: np.sin(x),
    Feature.sin_y: lambda x, y: np.sin(y),
}
