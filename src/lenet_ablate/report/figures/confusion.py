"""Which classes are taken for which."""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from lenet_ablate.report.figures.heatmap import text_color
from lenet_ablate.report.figures.style import FAINT, SMALLEST, draw_note, draw_title, house_style, note_height
from lenet_ablate.report.figures.text import listed

WIDTH = 4.2


def confusion_matrix(confusion: pd.DataFrame) -> npt.NDArray[np.int64]:
    """(10, 10) counts by true class (rows) and predicted class (columns)."""
    matrix = np.zeros((10, 10), np.int64)
    np.add.at(matrix, (confusion["true"].to_numpy(int), confusion["predicted"].to_numpy(int)), confusion["count"])
    return matrix


def confusion_figure(confusion: pd.DataFrame, title: str, note: str) -> Figure:
    """Counts of errors by true and predicted class; on the diagonal the class's recall in percent.

    Args:
        confusion: Columns true, predicted, count; not empty.
        title: Stands above.
        note: Stands below.
    """
    matrix = confusion_matrix(confusion)
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    recall = _recall(matrix)
    colors = matplotlib.colormaps["Oranges"]
    with house_style():
        figure = Figure(figsize=(WIDTH, WIDTH - 0.1 + note_height(note, WIDTH)), layout="constrained")
        ax = figure.subplots()
        shades = 0.9 * errors / max(int(errors.max()), 1)
        rgba = np.where((errors > 0)[..., None], colors(0.08 + shades), 1.0)
        ax.imshow(rgba, interpolation="nearest")
        for true, predicted in np.ndindex(*matrix.shape):
            on_diagonal = true == predicted
            if on_diagonal and not np.isnan(recall[true]):
                ax.text(true, true, f"{recall[true]:.1f}", ha="center", va="center", fontsize=SMALLEST, color=FAINT)
            elif not on_diagonal and errors[true, predicted]:
                ink = text_color(rgba[true, predicted].tolist())
                count = f"{errors[true, predicted]}"
                ax.text(predicted, true, count, ha="center", va="center", fontsize=SMALLEST, color=ink)
        ax.set(xlabel="predicted class", ylabel="true class")
        ax.set_xticks(range(len(matrix)))
        ax.set_yticks(range(len(matrix)))
        ax.tick_params(length=0)
        ax.set_xticks(np.arange(len(matrix) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(matrix) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="#ececec", linewidth=0.5)
        ax.tick_params(which="minor", length=0)
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def confusion_alt(confusion: pd.DataFrame) -> str:
    """In words: the number of errors, the most frequent ones, and the lowest recall."""
    matrix = confusion_matrix(confusion)
    errors = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    order = np.argsort(-errors, axis=None, kind="stable")[:5]
    pairs = [(true, predicted) for true, predicted in zip(*np.unravel_index(order, errors.shape), strict=True)]
    told = [
        f"{true} taken for {predicted} ({errors[true, predicted]})"
        for true, predicted in pairs
        if errors[true, predicted]
    ]
    recall = _recall(matrix)
    worst = int(np.nanargmin(recall))
    return (
        f"Confusion matrix: {errors.sum():,} errors in {matrix.sum():,} predictions; most frequent: "
        f"{listed(told) or 'none'}. Lowest recall {recall[worst]:.1f} % (class {worst})."
    )


def _recall(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(K,) percent of each class's images that are recognised; NaN for a class without images."""
    totals = matrix.sum(axis=1)
    return np.where(totals > 0, 100 * np.diag(matrix) / np.maximum(totals, 1), np.nan)
