"""What a pen draws that is no digit: letters, signs, arrows, strokes and scribbles, to learn from."""

from __future__ import annotations

import math

import numpy as np

from lenet_ablate.predict.paper import SIDE, Paper, Points, Random, drawn, rotation, rounded

MIDDLE = SIDE / 2
REACH = 30  # pixels from the middle to where signs and scribbles end
WIDE, HIGH = (6.0, 13.0), (8.0, 12.0)  # pixels for a step of a letter's grid
SHAKE = 0.22  # standard deviation of a letter's points, in steps of its grid

# Strokes of letters by their points on a grid, x and y, 0 to 4 from the left and 0 to 6 from the top: `/` parts
# strokes, `~` is before those that are rounded. Some letters stand twice, as hands differ.
LETTERS = """
06 20 46/14 34|00 06/~00 30 41 32 03/~03 33 45 36 06|~41 30 10 02 04 16 36 45|00 06/~00 20 42 44 26 06
40 00 06 46/03 33|40 00 06/03 33|~41 20 02 04 26 45/24 44 46|00 06/40 46/03 43|10 40/~30 34 26 16 04|00 06/40 03 46
00 06 46|06 00 23 40 46|06 00 46 40|00 06/~00 30 41 42 33 03|~20 01 05 26 45 41 20/24 46|00 06/~00 30 41 42 33 03/23 46
00 40/20 26|~00 04 16 36 44 40|00 26 40|00 16 23 36 40|00 46/40 06|00 23 40/23 26
~43 23 04 05 16 35 43/~43 44 46|00 06/~04 23 43 45 36 16 05|40 46/~44 33 13 04 05 16 36 45|~04 44 43 22 03 05 16 36 45
~40 20 11 16/03 33|00 06/~04 13 33 44 46|00 06/42 04 46|02 06/~04 12 23 26/~24 32 43 46|02 06/~03 12 32 43 46
02 06/~02 32 43 34 04|02 06/~04 13 32 42|~20 24 26 46/02 42|~02 04 16 36 42/42 46|02 26 42|02 16 23 36 42|02 46/42 06
02 24/42 06|~06 11 20 31 46/~14 34|~06 00 14 22 20 23 30 40 46|~41 30 11 22 13 04 15 36 45|00 06/~03 22 33 14/14 46
~03 02 22 24 26|~40 20 02 04 26 44 43/23 43/43 46|~02 03 24 42/~42 46 28 08|~00 30 20 06/~04 23 44 46|~06 00 23 46 40
~31 20 11 17 08/03 33|~46 12 20 31 03 05 16 34|~33 23 24 34 33 45 41 20 02 04 26 46|10 06/30 26/02 42/04 44
40 06/~00 11 02 00/~45 36 44 45|~01 10 30 41 33 24/26 26
"""


def letter(random: Random) -> Paper:
    """A letter as a pen draws it."""
    strokes = _LETTERS[int(random.integers(len(_LETTERS)))]
    grid = np.diag([random.uniform(*WIDE), random.uniform(*HIGH)])
    placed = []
    for points, is_round in strokes:
        shaken = (points + random.normal(0, SHAKE, points.shape) - (2, 3)) @ grid + MIDDLE
        placed.append(rounded(shaken) if is_round else shaken)
    return drawn(placed, _pen(random))


def scribble(random: Random) -> Paper:
    """A line that wanders about, coils or goes to and fro."""
    kind = random.random()
    if kind < 0.15:
        points = _coil(random)
    elif kind < 0.3:
        count = int(random.integers(4, 12))
        points = np.stack([np.arange(count) % 2 + random.normal(0, 0.12, count), np.linspace(0, 1.2, count)], axis=1)
        points = points @ rotation(random.uniform(0, math.pi)).T
    else:
        steps = random.normal(0, 1, (int(random.integers(6, 45)), 2))
        if random.random() < 0.5:
            steps = steps + 0.6 * np.roll(steps, 1, axis=0)
        points = np.cumsum(steps, axis=0)
    points = (points - points.min(axis=0)) / max(float(np.ptp(points)), 1e-6) * 2 * REACH + MIDDLE - REACH
    return drawn([points], _pen(random))


def _coil(random: Random) -> Points:
    """Two to five turns of a pen that moves on."""
    turns = random.uniform(2, 5)
    t = np.linspace(0, 2 * math.pi * turns, round(12 * turns))
    on = np.outer(t / 6, random.uniform(-0.9, 0.9, 2))
    narrow = random.uniform(0.4, 1)
    return on + np.stack([narrow * np.cos(t), np.sin(t)], axis=1) * random.uniform(0.7, 1.1, (len(t), 1))


def stroke(random: Random) -> Paper:
    """A bar that is not upright, a hook or a wave."""
    if random.random() < 0.5:
        t = np.linspace(-1, 1, 9)
        bow = np.stack([t, random.uniform(-0.15, 0.15) * (1 - t**2)], axis=1)
        return drawn([bow @ rotation(math.radians(random.uniform(-50, 50))).T * 34 + MIDDLE], _pen(random))
    t = np.linspace(0, 1, 14)
    waves = np.sin(2 * math.pi * random.uniform(0.8, 3) * t)
    wave = np.stack([t * 2 - 1, random.uniform(0.15, 0.5) * waves], axis=1)
    return drawn([wave @ rotation(math.radians(random.uniform(-40, 40))).T * 32 + MIDDLE], _pen(random))


def sign(random: Random) -> Paper:
    """Signs of arithmetic, brackets, boxes, ticks and circles with a cross."""
    shapes = SIGNS[int(random.integers(len(SIGNS)))]
    return _shaken([np.asarray(shape, float) for shape in shapes], 0.05, random)


def arrow(random: Random) -> Paper:
    """An arrow to any side, straight or bowed, with a head of two strokes, now and then at both ends."""
    t = np.linspace(-1, 1, 7)
    shaft = np.stack([t, random.uniform(-0.2, 0.2) * (1 - t**2)], axis=1)
    heads = []
    for side in (1, -1) if random.random() < 0.15 else (1,):
        length, opening = random.uniform(0.35, 0.9), random.uniform(25, 60)
        barbs = [
            (side - side * length * math.cos(angle), -length * math.sin(angle))
            for angle in (math.radians(opening), -math.radians(opening * random.uniform(0.7, 1.2)))
        ]
        heads.append(np.array([barbs[0], (side, 0.0), barbs[1]]))
    turn = rotation(random.uniform(0, 2 * math.pi)).T
    return _shaken([points @ turn for points in (shaft, *heads)], 0.03, random)


def _shaken(strokes: list[Points], shake: float, random: Random) -> Paper:
    """Strokes within -1 and 1 with their points moved a little."""
    placed = [points + random.normal(0, shake, points.shape) for points in strokes]
    return drawn([points * REACH + MIDDLE for points in placed], _pen(random))


def _pen(random: Random) -> int:
    return int(random.integers(5, 12))


def _parsed(text: str) -> tuple[tuple[tuple[Points, bool], ...], ...]:
    """Letters as strokes, each with its points (N, 2) and whether it is rounded."""
    return tuple(
        tuple(
            (
                np.array([(int(point[0]), int(point[1])) for point in stroke.strip("~").split()], np.float64),
                stroke.startswith("~"),
            )
            for stroke in shape.split("/")
        )
        for shape in text.strip().replace("\n", "|").split("|")
    )


def _circle(radius: float = 1.0) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * math.pi, 18)
    return [(radius * float(np.cos(turn)), radius * float(np.sin(turn))) for turn in turns]


_LETTERS = _parsed(LETTERS)
_BAR = [(-1.0, 0.0), (1.0, 0.0)]
_POST = [(0.0, -1.0), (0.0, 1.0)]
_RISE, _FALL = [(-0.9, 0.9), (0.9, -0.9)], [(-0.9, -0.9), (0.9, 0.9)]
_ARC = [(float(0.5 * np.cos(turn)), float(np.sin(turn))) for turn in np.linspace(-math.pi / 2, math.pi / 2, 9)]
SIGNS: tuple[list[list[tuple[float, float]]], ...] = (
    [_BAR, _POST],
    [_BAR, _POST],
    [_RISE, _FALL],
    [_RISE, _FALL],
    [_BAR],
    [_RISE],
    [[(x, -0.4) for x, _ in _BAR], [(x, 0.4) for x, _ in _BAR]],
    [_BAR, [(0.0, -0.65), (0.02, -0.65)], [(0.0, 0.65), (0.02, 0.65)]],
    [_ARC],
    [[(-x, y) for x, y in _ARC]],
    [
        _RISE,
        [(-0.7 + 0.3 * x, -0.6 + 0.3 * y) for x, y in _circle()],
        [(0.7 + 0.3 * x, 0.6 + 0.3 * y) for x, y in _circle()],
    ],
    [[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)]],
    [[(0.0, -1.0), (1.0, 0.9), (-1.0, 0.9), (0.0, -1.0)]],
    [_circle(), _BAR, _POST],
    [_BAR, _POST, _RISE, _FALL],
    [[(-0.9, 0.0), (-0.2, 0.9), (1.0, -1.0)]],
    [[(-0.9, 0.0), (-0.2, 0.9), (1.0, -1.0)]],
    [[(1.0, -0.9), (-1.0, 0.0), (1.0, 0.9)]],
    [[(0.0, 0.0), (0.03, 0.03)]],
    [[(0.1, -0.2), (-0.1, 0.3)]],
)
