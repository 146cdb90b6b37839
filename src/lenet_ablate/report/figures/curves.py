"""Curves as figures: all levels in one axes, or a panel per curve. Nothing is saved here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from lenet_ablate.report.figures.curve_data import Curves
from lenet_ablate.report.figures.curve_marks import (
    draw_band,
    draw_diverged,
    draw_mean,
    draw_seeds,
    draw_thin,
    dress_axes,
    height_of_value,
    points_of,
)
from lenet_ablate.report.figures.labels import Label, draw_labels, height_needed
from lenet_ablate.report.figures.style import (
    FAINT,
    FULL,
    GHOST,
    GRID,
    MIDDLE,
    SINGLE,
    SMALLEST,
    draw_note,
    draw_title,
    house_style,
    note_height,
)
from lenet_ablate.report.figures.text import balance, listed, plural, short, wrap

PANELS_PER_SHEET = 24
ROOM_BELOW = 1.05  # a reference line, for its label
X_LABELS = {"epoch": "epoch", "step": "step (updates of the weights)"}


@dataclass(frozen=True)
class ReferenceLine:
    """A published value: where it is on the axis, and what it is called."""

    value: float
    label: str


def overlay(curves: Curves, title: str, note: str, reference: ReferenceLine | None = None) -> Figure:
    """All curves in one axes, each named at its right end.

    A curve of five or more seeds has a band; of one with fewer every seed is drawn.

    Args:
        curves: What is drawn; some of it has values.
        title: Stands above.
        note: What line and band are; stands below.
        reference: A published value as a horizontal line.
    """
    ends = {name: _end_text(curves.only([name]), name) for name in curves.names}
    axes_height = max(2.5, 1.1 * height_needed(list(ends.values())))
    with house_style():
        figure = Figure(figsize=(MIDDLE, axes_height + 0.75 + note_height(note, MIDDLE)), layout="constrained")
        ax = figure.subplots()
        dress_axes(ax, curves, at_edge=True, more=[reference.value, reference.value / ROOM_BELOW] if reference else [])
        if reference:
            _draw_reference(ax, reference)
        labels = [_draw_curve(ax, curves.only([name]), ends[name]) for name in _drawing_order(curves)]
        _draw_sparse_markers(ax, curves)
        draw_labels(ax, labels, axes_height * 0.9)
        ax.set(xlabel=X_LABELS[curves.against], ylabel=balance(curves.quantity.label, 72 * axes_height, 8, 2))
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def sheet(curves: Curves, shown: Sequence[str], title: str, note: str) -> Figure:
    """A panel per curve on shared axes, with every seed thin, and the other curves in grey behind it.

    Args:
        curves: All curves: they determine the axes, so that several sheets are alike.
        shown: Names of the curves that get a panel; at most PANELS_PER_SHEET.
        title: Stands above.
        note: What the lines are; stands below.
    """
    num_columns = next(columns for columns, most in ((1, 1), (2, 4), (3, 9), (4, math.inf)) if len(shown) <= most)
    num_columns = min(num_columns, len(shown)) if len(shown) != 3 else 3
    num_rows = -(-len(shown) // num_columns)
    width, height = {1: (SINGLE, 2.3), 2: (MIDDLE, 1.8), 3: (FULL, 1.7), 4: (FULL, 1.35)}[num_columns]
    titles = {name: wrap(name, 72 * (width - 0.6) / num_columns - 8, 7, 4) for name in shown}
    title_lines = max(text.count("\n") for text in titles.values())
    size = (width, 0.75 + note_height(note, width) + num_rows * (height + 0.13 * title_lines))
    with house_style():
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
        dress_axes(grid[0, 0], curves, at_edge=False)
        if len(shown) > 9:  # small panels, and many ticks take long to draw
            grid[0, 0].yaxis.set_minor_locator(NullLocator())
        for place, ax in enumerate(grid.flat):
            if place < len(shown):
                _draw_panel(ax, curves, shown[place])
                ax.set_title(titles[shown[place]], fontsize=7, fontweight="normal", y=1)
            else:
                ax.set_visible(False)
                grid.flat[place - num_columns].tick_params(labelbottom=True)
        _label_sheet(figure, curves, size[1], grid[-1])
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def curves_alt(curves: Curves, levels_of: str) -> str:
    """In words: what is drawn, over how many epochs, where each curve ends and what diverged."""
    ends, rest = [], []
    digits = "{:.2f} %" if curves.quantity.is_error else "{:.3g}"
    for name in curves.names:
        line = curves.means[curves.means["name"] == name].dropna(subset=["mean"])
        num_diverged = curves.diverged.loc[curves.diverged["name"] == name, "run"].nunique()
        if len(line):
            ends.append(f"{digits.format(line['mean'].iloc[-1])} ({short(name)})")
        if num_diverged:
            rest.append(f"{short(name)}: {plural(num_diverged, 'run')} diverged")
        elif not len(line):
            rest.append(f"{short(name)}: no finished run")
    epochs = curves.means["epoch"]
    span = plural(int(epochs.max()), "epoch") if len(epochs) else "no epoch"
    final = f"; final {listed(ends)}" if ends else ""
    return f"{curves.quantity.title} over {span} for {levels_of}{final}." + (f" {listed(rest)}." if rest else "")


def _drawing_order(curves: Curves) -> list[str]:
    """Dashed lines over solid ones and short ones over long ones, so that equal curves show both."""
    lengths = curves.means.groupby("name").size()
    return sorted(curves.names, key=lambda name: (curves.styles[name].dash != "-", -lengths.get(name, 0)))


def _end_text(curves: Curves, name: str) -> str:
    if len(curves.means):
        return name
    return f"{name} (no finished run)" if curves.diverged.empty else f"{name} (diverged)"


def _draw_curve(ax: Axes, curves: Curves, text: str) -> Label:
    """A level's mean, band or seeds, and diverged runs; returns what its label must know."""
    style = curves.styles[curves.names[0]]
    if curves.has_band:
        draw_band(ax, curves, style.color)
    else:
        draw_seeds(ax, curves, style.color)
    draw_mean(ax, curves, style)
    draw_diverged(ax, curves, style.color)
    line = points_of(curves.means, "mean")
    if len(line):
        last, value = line[-1]
        return Label(text, style, height_of_value(ax, value), reaches_edge=bool(last == ax.get_xlim()[1]))
    ended = points_of(curves.diverged, "value")
    height = None if curves.diverged.empty else height_of_value(ax, ended[-1, 1]) if len(ended) else 1.0
    return Label(text, style if curves.diverged.empty else replace(style, dash="-", marker="x"), height, False)


def _draw_sparse_markers(ax: Axes, curves: Curves) -> None:
    """A few markers on each solid line, at other epochs than its neighbours', where curves cover each other."""
    solid = [name for name in curves.names if curves.styles[name].dash == "-"]
    for place, name in enumerate(solid if len(solid) > 1 else []):
        line = points_of(curves.means[curves.means["name"] == name], "mean")
        step = max(len(line) // 4, len(solid))
        some = line[place * step // len(solid) + 1 : -1 : step]
        style = curves.styles[name]
        ax.plot(*some.T, style.marker, color=style.color, markersize=3) if len(some) else None


def _draw_panel(ax: Axes, curves: Curves, name: str) -> None:
    ax.grid(axis="y", color=GRID, linewidth=0.6)
    own = curves.only([name])
    color = curves.styles[name].color
    if curves.has_ghosts:
        others = (curves.means[curves.means["name"] == other] for other in curves.names if other != name)
        lines = [points_of(other, "mean") for other in others]
        draw_thin(ax, lines, GHOST)
    draw_seeds(ax, own, color)
    draw_mean(ax, own, replace(curves.styles[name], dash="-"))
    num = own.diverged["run"].nunique()
    draw_diverged(ax, own, color, "diverged" if num == 1 else f"{num} runs diverged")
    if own.means.empty and not num:
        ax.annotate("no finished run", (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=7, color=FAINT)


def _label_sheet(figure: Figure, curves: Curves, height: float, bottom: Sequence[Axes]) -> None:
    for ax in bottom:
        ax.set_xlabel(wrap(X_LABELS[curves.against], 100, 8, 2))
    figure.supylabel(balance(curves.quantity.label, 72 * (height - 0.7), 8, 3), fontsize=8)


def _draw_reference(ax: Axes, reference: ReferenceLine) -> None:
    ax.axhline(reference.value, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    ax.annotate(
        reference.label,
        (0.01, reference.value),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0, -2),
        textcoords="offset points",
        va="top",
        fontsize=SMALLEST,
        color=FAINT,
    )
