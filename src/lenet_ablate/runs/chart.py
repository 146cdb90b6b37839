"""A run's curves drawn with letters, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

HEIGHT, LEFT = 8, 8


def chart_lines(series: Mapping[str, Sequence[float | None]], width: int, height: int = HEIGHT) -> list[str]:
    """Some curves over the epochs in one frame, each drawn with the first letter of its name.

    Args:
        series: Values of epochs 1, 2, … by name; those that are missing or not finite are not drawn.
        width: Characters of a line, at least 30.
        height: Lines of the frame.
    """
    known = [v for values in series.values() for v in values if v is not None and math.isfinite(v)]
    epochs = max(map(len, series.values()), default=0)
    if not known or not epochs:
        return []
    low, high = min(known), max(known)
    columns = max(10, min(width - LEFT - 4, 4 * epochs))
    grid = [[" "] * columns for _ in range(height)]
    for name, values in series.items():
        for column, value in _resampled(values, columns, epochs):
            share = (value - low) / (high - low) if high > low else 0.5
            row = height - 1 - round(share * (height - 1))
            grid[row][column] = name[0] if grid[row][column] in (" ", name[0]) else "*"
    sides = [_label(high), *[""] * (height - 2), _label(low)]
    lines = [f"{side:>{LEFT}} |{''.join(row).rstrip()}" for side, row in zip(sides, grid, strict=True)]
    lines.append(f"{'':>{LEFT}} +{'-' * columns}")
    lines.append(f"{'':>{LEFT}}  {'1':<{columns - len(str(epochs))}}{epochs if epochs > 1 else ''}".rstrip())
    return lines


def _resampled(values: Sequence[float | None], columns: int, epochs: int) -> list[tuple[int, float]]:
    """Column and value of each point; where columns are fewer than epochs, the last of those that share one counts."""
    points: dict[int, float] = {}
    for epoch, value in enumerate(values):
        if value is not None and math.isfinite(value):
            points[round(epoch * (columns - 1) / max(epochs - 1, 1))] = value
    return list(points.items())


def _label(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1000 or value == 0 else f"{value:.1e}"
