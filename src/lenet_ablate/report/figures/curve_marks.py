"""The marks of a curve: mean, band, seeds, learning-rate drops and diverged runs, drawn on given axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from lenet_ablate.report.figures.curve_data import Curves
from lenet_ablate.report.figures.style import GRID, SMALLEST, LineStyle, log_ticks, whole_ticks

Points = npt.NDArray[np.float64]
TOP = 0.97  # where a run ends that never had a finite value, as a fraction of the axes' height


def dress_axes(ax: Axes, curves: Curves, at_edge: bool, more: Sequence[float] = ()) -> None:
    """Scales, limits, ticks and grid for these curves.

    Args:
        ax: Empty axes.
        curves: All curves that are to be compared on such axes.
        at_edge: Whether curves end at the right edge, where their labels are.
        more: Further values that must be within the limits.
    """
    ax.set_yscale("log")
    ax.set_xlim(*_x_limits(curves, at_edge))
    low, high = _value_limits(curves, more)
    ax.set_ylim(low, high)
    log_ticks(ax.yaxis, low, high)
    whole_ticks(ax)
    ax.grid(axis="y", color=GRID, linewidth=0.6)


def draw_mean(ax: Axes, curves: Curves, style: LineStyle) -> None:
    """One curve's mean with its end marker and learning-rate drops."""
    line = points_of(curves.means, "mean")
    if not len(line):  # the extent of an empty line is infinite and leaves the layout no room
        return
    ax.plot(*line.T, color=style.color, linestyle=style.dash)
    if line[-1, 1] > 0:  # what is not clipped must have a place
        ax.plot(*line[-1:].T, style.marker, color=style.color, markersize=4, clip_on=False, zorder=3)
    if len(curves.drops):
        ax.plot(curves.drops["x"], curves.drops["mean"], "|", color=style.color, markersize=9, markeredgewidth=1.1)


def draw_band(ax: Axes, curves: Curves, color: str) -> None:
    """One curve's interval of the mean, where it has one."""
    band = curves.means.dropna(subset=["low", "high"])
    if len(band) > 1:
        ax.fill_between(band["x"], band["low"], band["high"], color=color, alpha=0.18, linewidth=0)
    elif len(band):
        ax.vlines(band["x"], band["low"], band["high"], color=color, linewidth=1)


def draw_seeds(ax: Axes, curves: Curves, color: str) -> None:
    """Each seed of a curve as a thin line; nothing where there is only one, which is the mean itself."""
    seeds = curves.seeds.dropna(subset=["x", "value"])
    points, names = points_of(seeds, "value"), seeds["seed"].to_numpy()
    if curves.seeds["seed"].nunique() > 1:
        draw_thin(ax, [points[names == name] for name in sorted(set(names))], color, alpha=0.5)


def draw_thin(ax: Axes, lines: Sequence[Points], color: str, alpha: float = 1) -> None:
    """Thin lines behind the others; one of a single point is a dot."""
    ax.add_collection(
        LineCollection(
            [line for line in lines if len(line) > 1], colors=color, linewidths=0.6, alpha=alpha, zorder=1.5
        ),
        autolim=False,
    )
    for line in lines:
        if len(line) == 1:
            ax.plot(*line.T, ".", color=color, alpha=alpha, markersize=4, zorder=1.5)


def draw_diverged(ax: Axes, curves: Curves, color: str, label: str = "") -> None:
    """Each diverged run as a thin line that ends in a cross; the label stands beside the last of them."""
    cross: dict[str, Any] = {"marker": "x", "color": color, "markersize": 6, "markeredgewidth": 1.4, "zorder": 3}
    ends = []
    for _, run in curves.diverged.groupby("run"):
        line = points_of(run, "value")
        ax.plot(*line.T, color=color, linewidth=0.7) if len(line) else None
        ends.append((line[-1, 0], height_of_value(ax, line[-1, 1])) if len(line) else (run["x"].iloc[0], TOP))
    for x, height in ends:
        ax.plot([x], [height], transform=ax.get_xaxis_transform(), clip_on=False, **cross)
    if ends and label:
        x, height = max(ends)
        left, right = ax.get_xlim()
        near = (x - left) / (right - left) > 0.6
        ax.annotate(
            label,
            (x, min(height, 0.93)),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-6 if near else 6, 0),
            textcoords="offset points",
            va="center",
            ha="right" if near else "left",
            fontsize=SMALLEST,
        )


def points_of(frame: pd.DataFrame, column: str) -> Points:
    """(n, 2) array of x and value, without missing values."""
    columns = [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in ("x", column)]
    points: Points = np.column_stack(columns)
    return points[~np.isnan(points).any(axis=1)]


def height_of_value(ax: Axes, value: float) -> float:
    """Where a value is on the log axis, as a fraction of the axes' height, 0..1."""
    low, high = np.log(ax.get_ylim())
    return float(np.clip((np.log(value) - low) / (high - low), 0, 1)) if value > 0 else 0.0


def _value_limits(curves: Curves, more: Sequence[float]) -> tuple[float, float]:
    frames = [curves.means[column] for column in ("mean", "low", "high")]
    values = np.concatenate([*frames, curves.seeds["value"], curves.diverged["value"], more]).astype(float)
    values = values[np.isfinite(values) & (values > 0)]  # what is 0 or below leaves through the bottom
    if not len(values):
        return 0.1, 10.0
    low, high = float(values.min()), float(values.max())
    room = max((high / low) ** 0.06, 1.05)
    return low / room, high * room


def _x_limits(curves: Curves, at_edge: bool) -> tuple[float, float]:
    x = pd.concat([curves.means["x"], curves.diverged["x"]]).dropna()
    if x.empty:
        return 0.5, 1.5
    first, last = float(x.min()), float(x.max())
    room = 0.02 * (last - first) if last > first else 0.5
    return first - room, last if at_edge and last > first else last + room
