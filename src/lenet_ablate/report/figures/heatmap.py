"""Two factors at once: mean accuracy of each combination of their levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from lenet_ablate.records.record import State
from lenet_ablate.report.figures.style import SMALLEST, draw_note, draw_title, house_style, note_height
from lenet_ablate.report.figures.text import listed, plural, short, width_of, wrap
from lenet_ablate.report.study.factors import REPLICATE, Factor
from lenet_ablate.report.text.rounding import NOTHING, percent_texts

MAX_LEVELS = 12
_LOST = (State.failed.value, State.diverged.value)


@dataclass(frozen=True)
class Grid:
    """The combinations of two factors' levels.

    Attributes:
        rows: The factor whose levels are the rows.
        columns: The factor whose levels are the columns.
        cells: Columns row, column (labels), mean, sd (over seeds, 0..1; each seed averaged over the other factors),
            seeds, planned, lost (runs that failed or diverged), with a row per combination that is planned.
    """

    rows: Factor
    columns: Factor
    cells: pd.DataFrame


def grid_of(design: pd.DataFrame, rows: Factor, columns: Factor) -> Grid:
    """The grid of two factors from a study's design; every usable run enters."""
    named = design.assign(row=design[rows.key].astype(str), column=design[columns.key].astype(str))
    cell = ["row", "column"]
    usable = named[named["is_usable"]]
    per_seed = usable.groupby([*cell, REPLICATE])["outcome"].mean().reset_index()
    found = per_seed.groupby(cell)["outcome"].agg(mean="mean", sd="std", seeds="count")
    planned = named.groupby(cell).agg(planned=("run", "size"), lost=("status", lambda s: int(s.isin(_LOST).sum())))
    cells = planned.join(found).reset_index()
    return Grid(rows, columns, cells.assign(seeds=cells["seeds"].fillna(0).astype(int)))


def heatmap_figure(grid: Grid, outcome: str, title: str, note: str) -> Figure:
    """A coloured cell per combination with mean ± SD in it; failed ones hatched, missing ones blank with a dash.

    Colours follow the error, on a log scale where it spans more than a factor of ten, so that one bad combination
    does not make all others look the same.
    """
    num_rows, num_columns = len(grid.rows.levels), len(grid.columns.levels)
    seeds = grid.cells.loc[grid.cells["seeds"] > 0, "seeds"]
    texts = _texts(grid, same_n=seeds.nunique() <= 1)
    widest = max(width_of(text, SMALLEST) for text in texts.values())
    cell_width = max(min(0.95, 4.6 / num_columns), (widest + 6) / 72)
    heights = 0.44 * num_rows
    size = (max(3.6, 1.8 + cell_width * num_columns), max(heights + 1.3, 2.0))
    with house_style():
        figure = Figure(figsize=(size[0], size[1] + note_height(note, size[0])), layout="constrained")
        ax = figure.subplots()
        colors, norm = _color_scale(grid)
        known = grid.cells.set_index(["row", "column"])[["mean", "lost"]].astype(float).T.to_dict("list")
        for y, row in enumerate(grid.rows.labels):
            for x, column in enumerate(grid.columns.labels):
                mean, lost = known.get((row, column), (math.nan, 0.0))
                color = colors(norm(_error(mean))) if math.isfinite(mean) else None
                _draw_cell(ax, (x, y), color, texts.get((row, column), NOTHING), has_failed=lost > 0)
        _dress(ax, grid, cell_width)
        _draw_bar(figure, ax, ScalarMappable(norm, colors), outcome)
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def heatmap_key(grid: Grid) -> str:
    """The line drawn below: what the numbers and marks in the cells are, of how many seeds."""
    seeds = grid.cells.loc[grid.cells["seeds"] > 0, "seeds"]
    return " · ".join(part for part in (_n_words(seeds), _mark_words(grid)) if part)


def heatmap_alt(grid: Grid, outcome: str) -> str:
    """In words: the mean of each combination."""
    cells = grid.cells
    texts = percent_texts(cells["mean"].tolist(), cells["sd"].tolist())
    told = [
        f"{short(row)} with {short(column)} " + (text if text != NOTHING else "no result")
        for row, column, text in zip(cells["row"], cells["column"], texts, strict=True)
    ]
    return f"Mean {outcome} in percent by {grid.rows.title} and {grid.columns.title}: {listed(told, 36)}."


def text_color(background: Sequence[float]) -> str:
    """Black or white, whichever has the higher contrast on a background (red, green, blue in 0..1).

    Relative luminance after WCAG 2.2; the contrasts are equal at a luminance of 0.179.
    """
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], channels))
    return "black" if luminance > 0.179 else "white"


def _error(accuracy: float) -> float:
    return max(100 * (1 - accuracy), 1e-3)


def _color_scale(grid: Grid) -> tuple[matplotlib.colors.Colormap, Normalize]:
    errors = [_error(mean) for mean in grid.cells["mean"].dropna()] or [1.0]
    low, high = min(errors), max(errors)
    if high == low:
        low, high = 0.9 * low, 1.1 * high
    return matplotlib.colormaps["viridis_r"], (LogNorm if high / low > 10 else Normalize)(low, high)


def _texts(grid: Grid, same_n: bool) -> dict[tuple[str, str], str]:
    """What stands in each cell, by the labels of row and column."""
    cells = grid.cells
    numbers = percent_texts(cells["mean"].tolist(), cells["sd"].tolist())
    texts = []
    for number, seeds, lost, planned in zip(numbers, cells["seeds"], cells["lost"], cells["planned"], strict=True):
        lines = [number.replace(" ± ", "\n± ")]
        if number == NOTHING and lost:
            lines = [f"failed\n{lost} of {planned}"]
        elif lost:
            lines.append(f"{lost} failed")
        elif seeds and not same_n:
            lines.append(f"n = {seeds}")
        texts.append("\n".join(lines))
    return dict(zip(zip(cells["row"], cells["column"], strict=True), texts, strict=True))


def _draw_cell(ax: Axes, corner: tuple[int, int], color: Sequence[float] | None, text: str, has_failed: bool) -> None:
    x, y = corner
    back = color if color is not None else (1.0, 1.0, 1.0, 1.0)
    ink = text_color(back)
    hatched = has_failed and color is None
    ax.add_patch(
        Rectangle(
            (x - 0.5, y - 0.5), 1, 1, facecolor=back, edgecolor="#b0b0b0" if hatched else "white", linewidth=0.8,
            hatch="////" if has_failed else None,
        )
    )  # fmt: skip
    words = ax.text(x, y, text, ha="center", va="center", fontsize=SMALLEST, color=ink, linespacing=1.1)
    if has_failed:
        words.set_bbox({"facecolor": back, "edgecolor": "none", "pad": 1.5})


def _dress(ax: Axes, grid: Grid, cell_width: float) -> None:
    rows, columns = grid.rows.labels, grid.columns.labels
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), [wrap(name, 72 * cell_width - 4, 7, 3) for name in columns], fontsize=7)
    ax.set_yticks(range(len(rows)), [wrap(name, 80, 7, 2) for name in rows], fontsize=7)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel(wrap(grid.columns.title, 200, 8, 1))
    ax.set_ylabel(wrap(grid.rows.title, 72 * 0.44 * max(len(rows), 3), 8, 2))


def _draw_bar(figure: Figure, ax: Axes, scale: ScalarMappable, outcome: str) -> None:
    bar = figure.colorbar(scale, ax=ax, pad=0.02, fraction=0.06, aspect=18)
    is_log = isinstance(scale.norm, LogNorm)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if is_log else MaxNLocator(5))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{round(100 - error, 6):g}"))
    bar.ax.invert_yaxis()
    bar.ax.tick_params(labelsize=SMALLEST)
    bar.outline.set_visible(False)
    bar.set_label(wrap(f"{outcome} (%)" + (", by the log of the error" if is_log else ""), 110, 7, 3), fontsize=7)


def _n_words(seeds: pd.Series[int]) -> str:
    if seeds.empty:
        return ""
    low, high = int(seeds.min()), int(seeds.max())
    spread = "mean ± SD over " if high > 1 else ""
    return f"{spread}n = {plural(low, 'seed')}" if low == high else f"{spread}n = {low} to {high} seeds"


def _mark_words(grid: Grid) -> str:
    planned = len(grid.cells)
    some_missing = planned < len(grid.rows.levels) * len(grid.columns.levels)
    empty = ((grid.cells["seeds"] == 0) & (grid.cells["lost"] == 0)).any()
    parts = ["hatched: runs failed or diverged"] if (grid.cells["lost"] > 0).any() else []
    return " · ".join(parts + (["–: no result"] if some_missing or empty else []))
