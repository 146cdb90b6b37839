"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lenet_ablate.datasets.base import class_name
from lenet_ablate.report.figures.heatmap import text_color
from lenet_ablate.report.figures.style import FAINT, FULL, SMALLEST, draw_note, draw_title, house_style, note_height
from lenet_ablate.report.figures.text import cut, listed, short

WIDTH = 4.2
FEW = 12  # classes, for which the figure is as wide as that
MAX_SHOWN = 20  # classes; of more those with the most errors, the worst first
NAME_WIDTH = 60  # points

Matrix = npt.NDArray[np.int64]


def confusion_matrix(confusion: pd.DataFrame) -> Matrix:
    """(K, K) counts by true class (rows) and predicted class (columns)."""
    true, predicted = confusion["true"].to_numpy(int), confusion["predicted"].to_numpy(int)
    matrix = np.zeros((max(true.max(), predicted.max()) + 1,) * 2, np.int64)
    np.add.at(matrix, (true, predicted), confusion["count"])
    return matrix


def shown_classes(matrix: Matrix) -> list[int]:
    """The classes that the figure shows: all of them, or MAX_SHOWN, those first that take part in the most errors."""
    if len(matrix) <= MAX_SHOWN:
        return list(range(len(matrix)))
    errors = _errors(matrix)
    order = np.argsort(-(errors.sum(axis=0) + errors.sum(axis=1)), kind="stable")
    return [int(number) for number in order[:MAX_SHOWN]]


def confusion_figure(confusion: pd.DataFrame, title: str, note: str, names: Sequence[str] | None = None) -> Figure:
    """Counts of errors by true and predicted class; on the diagonal the class's recall in percent.

    Args:
        confusion: Columns true, predicted, count; not empty.
        title: Stands above.
        note: Stands below.
        names: What the classes are called; None: their numbers.
    """
    whole = confusion_matrix(confusion)
    shown = shown_classes(whole)
    errors, recall = _errors(whole)[np.ix_(shown, shown)], _recall(whole)[shown]
    called = [cut(short(class_name(names, number)), NAME_WIDTH) for number in shown]
    width = WIDTH if len(shown) <= FEW else FULL
    with house_style():
        figure = Figure(figsize=(width, width - 0.1 + note_height(note, width)), layout="constrained")
        ax = figure.subplots()
        _draw_counts(ax, errors, recall)
        ax.set(xlabel="predicted class", ylabel="true class")
        ax.set_xticks(range(len(shown)), called, rotation=90 if any(len(name) > 2 for name in called) else 0)
        ax.set_yticks(range(len(shown)), called)
        ax.tick_params(length=0)
        ax.set_xticks(np.arange(len(shown) + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(len(shown) + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="#ececec", linewidth=0.5)
        ax.tick_params(which="minor", length=0)
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def _draw_counts(ax: Axes, errors: Matrix, recall: npt.NDArray[np.float64]) -> None:
    colors = matplotlib.colormaps["Oranges"]
    shades = 0.9 * errors / max(int(errors.max()), 1)
    rgba = np.where((errors > 0)[..., None], colors(0.08 + shades), 1.0)
    ax.imshow(rgba, interpolation="nearest")
    for true, predicted in np.ndindex(*errors.shape):
        if true == predicted and not np.isnan(recall[true]):
            ax.text(true, true, f"{recall[true]:.1f}", ha="center", va="center", fontsize=SMALLEST, color=FAINT)
        elif true != predicted and errors[true, predicted]:
            ink = text_color(rgba[true, predicted].tolist())
            count = f"{errors[true, predicted]}"
            ax.text(predicted, true, count, ha="center", va="center", fontsize=SMALLEST, color=ink)


def frequent_errors(confusion: pd.DataFrame, most: int, names: Sequence[str] | None = None) -> str:
    """The most frequent errors: `4 taken for 9 (12), 3 taken for 5 (9)`; "none" where there are none."""
    errors = _errors(confusion_matrix(confusion))
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = [
        (int(true), int(predicted)) for true, predicted in zip(*np.unravel_index(order, errors.shape), strict=True)
    ]
    told = [
        f"{short(class_name(names, true))} taken for {short(class_name(names, predicted))} ({errors[true, predicted]})"
        for true, predicted in pairs
        if errors[true, predicted]
    ]
    return listed(told) or "none"


def confusion_alt(confusion: pd.DataFrame, names: Sequence[str] | None = None) -> str:
    """In words: the number of errors, the most frequent ones, and the lowest recall."""
    matrix = confusion_matrix(confusion)
    recall = _recall(matrix)
    worst = int(np.nanargmin(recall))
    return (
        f"Confusion matrix: {_errors(matrix).sum():,} errors in {matrix.sum():,} predictions; most frequent: "
        f"{frequent_errors(confusion, 5, names)}. Lowest recall {recall[worst]:.1f} % "
        f"(class {short(class_name(names, worst))})."
    )


def _errors(matrix: Matrix) -> Matrix:
    """The matrix with zeros on its diagonal."""
    return np.where(np.eye(len(matrix), dtype=bool), 0, matrix)


def _recall(matrix: Matrix) -> npt.NDArray[np.float64]:
    """(K,) percent of each class's images that are recognised; NaN for a class without images."""
    totals = matrix.sum(axis=1)
    return np.where(totals > 0, 100 * np.diag(matrix) / np.maximum(totals, 1), np.nan)
