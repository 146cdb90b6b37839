"""Loss curves as figures: one axes for a factor's levels, or a panel per curve. Nothing is saved here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lenet_ablate.report.factors import Factor
from lenet_ablate.report.figures.curves import Curves
from lenet_ablate.report.figures.labels import Label, draw_labels, wrap
from lenet_ablate.report.figures.style import (
    BLUE,
    FAINT,
    GHOST,
    GRID,
    VERMILLION,
    LineStyle,
    dress_loss_axes,
    house_style,
    level_styles,
)

MAX_NUMBERS, MAX_WORDS = 6, 4
PANELS_PER_SHEET, MAX_TITLE_LINES = 24, 5
LETTERS_PER_INCH = 17.5  # of the note below
TOP = 0.97  # where a run ends that never had a finite loss, as a fraction of the axes' height
Y_LABEL = "training loss (nats, log scale)"


def factor_figure(curves: Curves, factor: Factor, note: str) -> Figure:
    """The levels' loss curves in one axes, or in a panel each where they are too many to tell apart.

    Args:
        curves: See `curves.factor_curves`.
        factor: The factor whose levels they are.
        note: What line and band are; stands below.
    """
    title = f"Training loss by {factor.title}"
    num_words = sum(not level.is_number for level in factor.levels)
    if len(factor.levels) > MAX_NUMBERS or num_words > MAX_WORDS:
        ghosts = " · grey: the other levels" if curves.has_ghosts else ""
        return sheet(curves, curves.names, title, note + ghosts)
    with house_style():
        figure = Figure(figsize=(5.5, 3.4), layout="constrained")
        ax = figure.subplots()
        dress_loss_axes(ax, _epoch_limits(curves, at_edge=True), _loss_limits(curves))
        styles = level_styles(factor)
        lengths = curves.means.groupby("name").size()
        longest_first = sorted(curves.names, key=lambda name: -lengths.get(name, 0))  # the short ones stay visible
        labels = [_draw_level(ax, curves.only([name]), styles[name]) for name in longest_first]
        draw_labels(ax, labels, axes_height_points=2.5 * 72)
        ax.set(title=title, xlabel="epoch", ylabel=Y_LABEL)
        _draw_note(figure, note)
    return figure


def sheet(curves: Curves, shown: Sequence[str], title: str, note: str) -> Figure:
    """A panel per curve on shared axes, with the other curves in grey behind it.

    Args:
        curves: All curves: they determine the axes, so that several sheets are alike.
        shown: Names of the curves that get a panel; at most PANELS_PER_SHEET.
        title: Stands above.
        note: What the lines are; stands below.
    """
    num_columns = next(columns for columns, most in ((1, 1), (2, 4), (3, 9), (4, math.inf)) if len(shown) <= most)
    num_rows = -(-len(shown) // num_columns)
    width, row_height, letters = {1: (3.6, 2.4, 60), 2: (5.5, 1.9, 42), 3: (6.9, 1.6, 34), 4: (6.9, 1.4, 24)}[
        num_columns
    ]
    titles = {name: wrap(name, letters, MAX_TITLE_LINES) for name in shown}
    title_lines = max(text.count("\n") for text in titles.values())
    with house_style():
        figure = Figure(figsize=(width, 0.7 + num_rows * (row_height + 0.12 * title_lines)), layout="constrained")
        grid = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
        dress_loss_axes(grid[0, 0], _epoch_limits(curves, at_edge=False), _loss_limits(curves))
        lines = {name: _points(curves.means[curves.means["name"] == name], "mean") for name in curves.names}
        for place, ax in enumerate(grid.flat):
            if place >= len(shown):
                ax.set_visible(False)
                grid.flat[place - num_columns].tick_params(labelbottom=True)
                continue
            name = shown[place]
            ax.grid(axis="y", color=GRID, linewidth=0.6)
            if curves.has_ghosts:
                _draw_thin(ax, [points for other, points in lines.items() if other != name], GHOST)
            _draw_panel(ax, curves.only([name]))
            ax.set_title(titles[name], fontsize=7, fontweight="normal")
        for ax in grid[-1]:
            ax.set_xlabel("epoch")
        figure.suptitle(title, x=0.01, ha="left", fontsize=8.5, fontweight="bold")
        figure.supylabel(Y_LABEL, fontsize=8)
        _draw_note(figure, note)
    return figure


def _draw_level(ax: Axes, curves: Curves, style: LineStyle) -> Label:
    """A level's mean, band and diverged runs; returns what its label must know."""
    name, means = curves.names[0], curves.means
    _draw_mean(ax, means, style, band=curves.band)
    _draw_diverged(ax, curves.strands, style.color)
    line = _points(means, "mean")
    if len(line):
        (last, loss), edge = line[-1], ax.get_xlim()[1]
        return Label(name, style, _height(ax, loss), reaches_edge=bool(last == edge))
    if curves.strands.empty:
        return Label(f"{name} (no finished run)", style, None, reaches_edge=False)
    ended = curves.strands["loss"].dropna()
    height = _height(ax, float(ended.iloc[-1])) if len(ended) else TOP
    return Label(f"{name} (diverged)", replace(style, dash="-", marker="x"), height, reaches_edge=False)


def _draw_panel(ax: Axes, curves: Curves) -> None:
    style = LineStyle(BLUE, "-", "o")
    finished = curves.strands[~curves.strands["diverged"]]
    if finished["run"].nunique() > 1:
        _draw_thin(ax, [_points(strand, "loss") for _, strand in finished.groupby("run")], BLUE, alpha=0.55)
    _draw_mean(ax, curves.means, style, band=curves.band)
    _draw_diverged(ax, curves.strands, VERMILLION)


def _draw_mean(ax: Axes, means: pd.DataFrame, style: LineStyle, band: bool) -> None:
    if means.empty:  # the extent of an empty line is infinite and leaves the layout no room
        return
    epochs = means["epoch"].to_numpy()
    low, high = means["low"].to_numpy(), means["high"].to_numpy()
    if band and len(means) > 1:
        ax.fill_between(epochs, low, high, color=style.color, alpha=0.15, linewidth=0)
    elif band:
        ax.vlines(epochs, low, high, color=style.color, linewidth=1)
    ax.plot(epochs, means["mean"].to_numpy(), color=style.color, linestyle=style.dash)
    ends = _points(means, "mean")[-1:]
    ax.plot(ends[:, 0], ends[:, 1], style.marker, color=style.color, markersize=4, clip_on=False, zorder=3)


def _draw_diverged(ax: Axes, strands: pd.DataFrame, color: str) -> None:
    for _, strand in strands[strands["diverged"]].groupby("run"):
        line = _points(strand, "loss")
        ax.plot(line[:, 0], line[:, 1], color=color, linewidth=0.7)
        cross: dict[str, Any] = {
            "marker": "x",
            "color": color,
            "markersize": 6,
            "markeredgewidth": 1.4,
            "clip_on": False,
            "zorder": 3,
        }
        if len(line):
            ax.plot(*line[-1], **cross)
        else:  # no finite loss at all: at the top, where it went
            ax.plot(strand["epoch"].iloc[:1], [TOP], transform=ax.get_xaxis_transform(), **cross)


def _draw_thin(ax: Axes, lines: Sequence[npt.NDArray[np.float64]], color: str, alpha: float = 1) -> None:
    ax.add_collection(
        LineCollection(
            [line for line in lines if len(line) > 1], colors=color, linewidths=0.6, alpha=alpha, zorder=1.5
        ),
        autolim=False,
    )
    for line in lines:
        if len(line) == 1:  # one epoch is a point, of which a line shows nothing
            ax.plot(*line.T, ".", color=color, alpha=alpha, markersize=4, zorder=1.5)


def _draw_note(figure: Figure, note: str) -> None:
    letters = int(figure.get_figwidth() * LETTERS_PER_INCH)
    figure.supxlabel(wrap(note, letters), x=0.99, ha="right", fontsize=6.5, color=FAINT)


def _points(frame: pd.DataFrame, column: str) -> npt.NDArray[np.float64]:
    """(n, 2) array of epoch and loss, without missing losses."""
    return frame[["epoch", column]].dropna().to_numpy(dtype=float)


def _height(ax: Axes, loss: float) -> float:
    low, high = np.log(ax.get_ylim())
    return float((np.log(loss) - low) / (high - low))


def _loss_limits(curves: Curves) -> tuple[float, float]:
    losses = pd.concat([curves.means[column] for column in ("mean", "low", "high")] + [curves.strands["loss"]]).dropna()
    if losses.empty:
        return 0.1, 10.0
    low, high = float(losses.min()), float(losses.max())
    room = max((high / low) ** 0.06, 1.05)
    return low / room, high * room


def _epoch_limits(curves: Curves, at_edge: bool) -> tuple[float, float]:
    """From the first epoch to the last; with `at_edge` curves end at the right edge, where their labels are."""
    epochs = pd.concat([curves.means["epoch"], curves.strands["epoch"]])
    first, last = (float(epochs.min()), float(epochs.max())) if len(epochs) else (1.0, 1.0)
    room = max(0.02 * (last - first), 0.02) if last > first else 0.5
    return first - room, last if at_edge else last + room
