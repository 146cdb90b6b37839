"""Two checks with a point per variant: noise between seeds against its floor, and error against training time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lenet_ablate.report.figures.labels import draw_point_labels
from lenet_ablate.report.figures.style import (
    BLUE,
    FAINT,
    GRID,
    INK,
    MIDDLE,
    SMALLEST,
    draw_note,
    draw_title,
    house_style,
    log_ticks,
    note_height,
    settle,
)
from lenet_ablate.report.figures.text import listed, short

HEIGHT = 3.4
MAX_LABELS = 16


def noise_figure(noise: pd.DataFrame, title: str, note: str) -> Figure:
    """The SD between seeds of each variant against the floor √(error/2N), in percentage points on log axes.

    Args:
        noise: Columns variant, sd, sd_floor (0..1), both above 0; see `StudyAnalysis.noise`.
        title: Stands above.
        note: Stands below.
    """
    points = 100 * noise[["sd_floor", "sd"]].to_numpy(dtype=float)
    low, high = points.min() / 1.6, points.max() * 1.6
    with house_style():
        figure = Figure(figsize=(MIDDLE, HEIGHT + note_height(note, MIDDLE)), layout="constrained")
        ax = figure.subplots()
        x_low, x_high = points[:, 0].min() / 1.5, points[:, 0].max() * 1.5
        _log_axes(ax, (x_low, x_high), (low, high))
        ax.plot([low, high], [low, high], color=FAINT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        ax.plot(*points.T, "o", color=BLUE, markersize=5, markeredgecolor="white", markeredgewidth=0.6)
        ax.set_xlabel("floor √(error / 2N) (percentage points, log scale)")
        ax.set_ylabel("SD between seeds (percentage points, log scale)")
        draw_title(figure, title)
        draw_note(figure, note)
        settle(figure)
        far_first = np.argsort(-np.abs(np.log(points[:, 1] / points[:, 0])), kind="stable")[:MAX_LABELS]
        names = noise["variant"].astype(str).tolist()
        shown = [(float(points[i, 0]), float(points[i, 1])) for i in far_first]
        draw_point_labels(ax, shown, [names[i] for i in far_first], others=points.tolist())
        _name_line(ax, low, high)
    return figure


def noise_alt(noise: pd.DataFrame) -> str:
    """In words: each variant's SD and floor."""
    told = [
        f"{short(row.variant)} {100 * float(row.sd):.3f} (floor {100 * float(row.sd_floor):.3f})"  # type: ignore[arg-type]
        for row in noise.itertuples()
    ]
    return f"SD of the test error between seeds against its floor, in percentage points: {listed(told)}."


def time_figure(runs: pd.DataFrame, title: str, note: str, outcome: str) -> Figure:
    """Error against training time: a ring per run, a diamond with its name per variant.

    Args:
        runs: Columns variant, seconds (above 0), error (percent, above 0); a row per run, not empty.
        title: Stands above.
        note: Stands below.
        outcome: What the error is of: "test error".
    """
    means = runs.groupby("variant", sort=False)[["seconds", "error"]].mean()
    with house_style():
        figure = Figure(figsize=(MIDDLE, HEIGHT + note_height(note, MIDDLE)), layout="constrained")
        ax = figure.subplots()
        limits = [(float(runs[c].min()) / 1.15, float(runs[c].max()) * 1.15) for c in ("seconds", "error")]
        _log_axes(ax, *limits)
        ax.plot(runs["seconds"], runs["error"], "o", color="#9a9a9a", markerfacecolor="none", markersize=3.6)
        ax.plot(means["seconds"], means["error"], "D", color=INK, markersize=5, markeredgecolor="white")
        ax.set(xlabel="training time (seconds per run, log scale)", ylabel=f"{outcome} (%, log scale)")
        draw_title(figure, title)
        draw_note(figure, note)
        settle(figure)
        best_first = means.sort_values("error", kind="stable").head(MAX_LABELS)
        points = [(float(x), float(y)) for x, y in best_first.to_numpy()]
        others = runs[["seconds", "error"]].to_numpy(dtype=float).tolist()
        draw_point_labels(ax, points, [str(name) for name in best_first.index], others=others)
    return figure


def time_alt(runs: pd.DataFrame, outcome: str) -> str:
    """In words: each variant's mean time and error."""
    means = runs.groupby("variant", sort=False)[["seconds", "error"]].mean()
    told = [
        f"{short(name)} {seconds:.3g} s, {error:.2f} %"
        for name, (seconds, error) in zip(means.index, means.to_numpy(), strict=True)
    ]
    return f"Training time per run and {outcome}, means of each variant: {listed(told)}."


def _log_axes(ax: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    ax.set(xscale="log", yscale="log", xlim=x, ylim=y)
    log_ticks(ax.xaxis, *x)
    log_ticks(ax.yaxis, *y)
    ax.grid(color=GRID, linewidth=0.6)


def _name_line(ax: Axes, low: float, high: float) -> None:
    """The line's name where the line leaves the axes."""
    right = min(ax.get_xlim()[1], high)
    ax.annotate(
        "SD = floor",
        (right, right),
        xytext=(-3, 4),
        textcoords="offset points",
        ha="right",
        fontsize=SMALLEST,
        color=FAINT,
    ).set_in_layout(False)


def labelled(names: Sequence[str]) -> str:
    """Whether some variants may lack their name, in words; empty where there are few."""
    return "" if len(names) <= 6 else "named where there is room"
