"""Horizontal intervals on shared rows: the common ground of dot plot and difference plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lenet_ablate.report.figures.style import GRID, INK, SINGLE
from lenet_ablate.report.figures.text import height_of

LABEL_WIDTH, NARROW_LABEL_WIDTH = 104, 56  # of a row's name, points
ROW_PADDING = 8  # points


@dataclass(frozen=True)
class Row:
    """A row's name at the left, in lines of at most LABEL_WIDTH, and its numbers at the right."""

    name: str
    numbers: str
    is_bold: bool = False


def rows_height(rows: Sequence[Row]) -> float:
    """Height in inches that rows need, all as high as the highest."""
    highest = max(height_of(row.name, 8) for row in rows)
    return len(rows) * (highest + ROW_PADDING) / 72


def limits(points: Sequence[float], ends: Sequence[float]) -> tuple[float, float]:
    """Limits of the axis: all points are within; ends of intervals at most one and a half spans further out."""
    finite = np.array([value for value in points if math.isfinite(value)] or [0.0, 1.0])
    low, high = float(finite.min()), float(finite.max())
    span = max(high - low, 0.02)
    reach = [min(max(value, low - 1.5 * span), high + 1.5 * span) for value in ends if math.isfinite(value)]
    low, high = min([low, *reach]), max([high, *reach])
    room = max(0.05 * (high - low), 0.01)
    return low - room, high + room


def dress_rows(ax: Axes, rows: Sequence[Row], x_limits: tuple[float, float]) -> None:
    """Rows from top to bottom with names at the left and numbers at the right, over a plain axis."""
    ax.set_xlim(*x_limits)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.tick_params(axis="y", length=0)
    figure = ax.get_figure(root=True)
    num_ticks = 3 if figure and figure.get_figwidth() <= SINGLE else 6
    ax.xaxis.set_major_locator(MaxNLocator(num_ticks, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value, 9):g}".replace("-", "−")))
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    ax.spines["left"].set_visible(False)
    for place, row in enumerate(rows):
        ax.annotate(
            row.numbers,
            (1.02, place),
            xycoords=ax.get_yaxis_transform(),
            va="center",
            fontsize=7.5,
            fontweight="bold" if row.is_bold else "normal",
        )


def draw_interval(ax: Axes, place: int, low: float, high: float) -> None:
    """An interval on a row; where it goes on beyond the axis it ends in an arrowhead."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return
    left, right = ax.get_xlim()
    ax.plot([max(low, left), min(high, right)], [place, place], color=INK, linewidth=1.2, solid_capstyle="butt")
    for is_out, edge, head in ((low < left, left, "<"), (high > right, right, ">")):
        if is_out:
            ax.plot([edge], [place], head, color=INK, markersize=4, clip_on=False)


def is_cut(x_limits: tuple[float, float], lows: Sequence[float], highs: Sequence[float]) -> bool:
    """Whether any interval goes on beyond the axis."""
    return any(low < x_limits[0] for low in lows) or any(high > x_limits[1] for high in highs)
