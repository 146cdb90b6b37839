"""Decision boundaries of networks trained on the playground's points: small multiples over two settings or epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.playground import EXTENT, Coordinates, Plane, draw_plane, features_of
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.report.figures.notes import JOINT, caption_of
from lenet_ablate.report.figures.picture import Picture
from lenet_ablate.report.figures.style import (
    FAINT,
    FULL,
    INK,
    SMALLEST,
    draw_note,
    draw_title,
    house_style,
    note_height,
)
from lenet_ablate.report.figures.text import listed, short, wrap

GRID = 100  # points of the surface along each axis
MAX_PANELS = 6  # side by side
NOTE = JOINT.join(
    ("● ■ training and ○ □ test points of classes 1 and 0", "line: both equally probable", "number: test accuracy")
)
ORANGE, GREY, BLUE = "#f59322", "#e8eaeb", "#0877bd"  # TensorFlow Playground's −1, 0 and +1 (its src/heatmap.ts)
FADING = 0.45  # of the surface towards white, so that points stand out
SHADES = 31  # odd, so that one is neutral; few compress well
_MARKS = {0: (ORANGE, "s", "#8a4d05"), 1: (BLUE, "o", "#04426a")}  # class: colour, shape, and the open ones' edge
_KEYS = {0: "0 ■", 0.5: "0.5", 1: "1 ●"}

Weights = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Panel:
    """A trained network and where it stands among the others.

    Attributes:
        row: Level that the row stands for; empty where there is but one row.
        column: Level that the column stands for.
        config: The run, of `model=mlp` on a playground set.
        weights: Its weights by layer name, as in `model.safetensors`; None where it has none: it failed or diverged.
    """

    row: str
    column: str
    config: RunConfig
    weights: Weights | None


@dataclass(frozen=True)
class Surface:
    """What a network makes of the plane.

    Attributes:
        probability: (GRID, GRID) float, of class 1; rows from y = -EXTENT to EXTENT, columns likewise in x.
        accuracy: Fraction of the test points classified rightly, 0..1.
        plane: The points it was trained and tested on.
    """

    probability: npt.NDArray[np.float64]
    accuracy: float
    plane: Plane


def surface_of(config: RunConfig, weights: Weights) -> Surface:
    """What the network with these weights makes of the plane, and of its test points."""
    axis = np.linspace(-EXTENT, EXTENT, GRID)
    x, y = np.meshgrid(axis, axis)
    margins = _margins(config, weights, np.stack([x.ravel(), y.ravel()], axis=1)).reshape(GRID, GRID)
    plane = draw_plane(config.data)
    says_1 = _margins(config, weights, plane.test_points) > 0  # as argmax does, which takes class 0 of equals
    accuracy = float(np.mean(says_1 == (plane.test_labels == 1)))
    return Surface(0.5 * (1 + np.tanh(0.5 * margins)), accuracy, plane)


def choose_epochs(epochs: Sequence[int], most: int = MAX_PANELS) -> list[int]:
    """At most so many of the epochs, the first and the last among them, the others evenly on a log scale."""
    known = np.unique(epochs)
    if len(known) <= most:
        return [int(epoch) for epoch in known]
    wanted = np.geomspace(max(known[0], 1), known[-1], most)
    chosen = [int(known[0])]
    for place, want in enumerate(wanted[1:], 1):
        # Those that are left must suffice for the panels that are left.
        free = known[(known > chosen[-1]) & (known <= known[len(known) - (most - place)])]
        chosen.append(int(free[np.abs(free - want).argmin()]))
    return chosen


def epoch_panels(config: RunConfig, snapshots: Sequence[tuple[int, Weights]]) -> list[Panel]:
    """One run's boundary over its epochs, as a row of at most six panels.

    Args:
        config: The run.
        snapshots: (epoch, weights) of the epochs whose weights were kept; 0 is before the first step.
    """
    kept = dict(snapshots)
    return [Panel("", f"epoch {epoch}", config, kept[epoch]) for epoch in choose_epochs(list(kept))]


def boundaries_picture(panels: Sequence[Panel], title: str, note: str) -> Picture:
    """See `boundaries_figure`; as an SVG file it would hold every point as text, a megabyte in all.

    Args:
        panels: What is drawn.
        title: Stands above.
        note: What the caption says before it explains the marks.
    """
    figure = boundaries_figure(panels, title)
    return Picture(figure, title, boundaries_alt(panels), caption_of(note, NOTE), kinds=("pdf", "png"))


def boundaries_figure(panels: Sequence[Panel], title: str) -> Figure:
    """A panel per network: probability of class 1 as colour, boundary as line, points, and test accuracy in a corner.

    Args:
        panels: Rows and columns stand in the order in which they first appear; at most `MAX_PANELS` columns.
        title: Stands above.

    Raises:
        ValueError: There are too many columns, or no panel.
    """
    row_levels, column_levels = _levels(panels)
    if not 0 < len(column_levels) <= MAX_PANELS:
        raise ValueError(f"{len(column_levels)} columns, expected 1 to {MAX_PANELS}")
    side = min(1.75, (FULL - 1.05) / len(column_levels))
    size = (max(3.6, side * len(column_levels) + 1.05), side * 0.96 * len(row_levels) + 0.66)
    with house_style():
        figure = Figure(figsize=(size[0], size[1] + note_height(NOTE, size[0])), layout="compressed")
        axes = figure.subplots(len(row_levels), len(column_levels), sharex=True, sharey=True, squeeze=False)
        for ax in axes.flat:
            _prepare(ax)
        for panel in panels:
            ax = axes[row_levels.index(panel.row), column_levels.index(panel.column)]
            _draw_panel(ax, panel, mark=3.4 * side / 1.75)
        for ax in axes.flat:
            if not ax.has_data():
                ax.text(0, 0, "no result", ha="center", va="center", fontsize=SMALLEST, color=FAINT)
        _name(axes, row_levels, column_levels, side)
        _draw_bar(figure, axes)
        draw_title(figure, title)
        draw_note(figure, NOTE)
    return figure


def boundaries_alt(panels: Sequence[Panel]) -> str:
    """In words: the test accuracy of each panel."""
    told = []
    for panel in panels:
        where = short(" with ".join(part for part in (panel.column, panel.row) if part))
        found = _percent(surface_of(panel.config, panel.weights).accuracy) if panel.weights is not None else "no result"
        told.append(f"{where} {found}")
    return f"Decision boundaries in the plane; test accuracy of {listed(told, 36)}."


def _margins(config: RunConfig, weights: Weights, points: Coordinates) -> npt.NDArray[np.float64]:
    """By how much the logit of class 1 is above that of class 0."""
    features = features_of(points, config.data.features or ())
    logits = forward(Network(config, weights), features).logits
    return logits[:, 1].astype(np.float64) - logits[:, 0]


def _levels(panels: Sequence[Panel]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(panel.row for panel in panels)), list(dict.fromkeys(panel.column for panel in panels))


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.1f} %"


def _prepare(ax: Axes) -> None:
    ax.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([-5, 0, 5]))
    ax.tick_params(length=2, labelsize=SMALLEST, pad=1.5)
    ax.spines[:].set_visible(True)
    ax.spines[:].set(linewidth=0.4, edgecolor=FAINT)


def _draw_panel(ax: Axes, panel: Panel, mark: float) -> None:
    if panel.weights is None:
        return
    surface = surface_of(panel.config, panel.weights)
    half = EXTENT / (GRID - 1)  # of a cell: the outer ones are centred on the frame
    frame = (-EXTENT - half, EXTENT + half) * 2
    ax.imshow(surface.probability, _shades(), Normalize(0, 1), origin="lower", extent=frame, interpolation="bilinear")
    if surface.probability.min() < 0.5 < surface.probability.max():
        axis = np.linspace(-EXTENT, EXTENT, GRID)
        ax.contour(axis, axis, surface.probability, levels=[0.5], colors=INK, linewidths=0.8)
    ax.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT))
    _draw_points(ax, surface.plane, mark)
    words = ax.text(0.97, 0.03, _percent(surface.accuracy), transform=ax.transAxes, ha="right", fontsize=SMALLEST)
    words.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2})


def _draw_points(ax: Axes, plane: Plane, mark: float) -> None:
    for points, labels, is_filled in (
        (plane.test_points, plane.test_labels, False),
        (plane.train_points, plane.train_labels, True),
    ):
        for label, (color, shape, edge) in _MARKS.items():
            x, y = points[labels == label].T
            (dots,) = ax.plot(x, y, shape, markersize=mark * (0.9 if shape == "s" else 1))
            dots.set(markerfacecolor=color if is_filled else "none", markeredgecolor="white" if is_filled else edge)
            dots.set_markeredgewidth(mark * (0.09 if is_filled else 0.13))


def _shades() -> LinearSegmentedColormap:
    faded = [tuple(FADING + (1 - FADING) * part for part in to_rgb(color)) for color in (ORANGE, GREY, BLUE)]
    return LinearSegmentedColormap.from_list("playground", faded, N=SHADES)


def _name(axes: npt.NDArray[np.object_], row_levels: list[str], column_levels: list[str], side: float) -> None:
    for ax, level in zip(axes[0], column_levels, strict=True):
        ax.set_title(wrap(level, 72 * side, 7.5, 2), fontsize=7.5, fontweight="normal", loc="center", pad=3)
    for ax, level in zip(axes[:, 0], row_levels, strict=True):
        ax.set_ylabel(wrap(level, 72 * side, 7.5, 2), fontsize=7.5, labelpad=1)


def _draw_bar(figure: Figure, axes: npt.NDArray[np.object_]) -> None:
    scale = ScalarMappable(Normalize(0, 1), _shades())
    bar = figure.colorbar(scale, ax=axes.ravel().tolist(), ticks=list(_KEYS), pad=0.02, aspect=24)
    bar.ax.set_yticklabels(list(_KEYS.values()))
    bar.ax.tick_params(length=2, labelsize=SMALLEST, pad=2)
    bar.ax.axhline(0.5, color=INK, linewidth=0.8)
    bar.outline.set_visible(False)
    bar.set_label("probability of class 1", fontsize=7)
