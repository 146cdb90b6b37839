"""Figures of predictions: a picture with what the network saw, and grids of test digits."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet_ablate.datasets.base import Images, Labels, class_name
from lenet_ablate.predict.boxes import Box
from lenet_ablate.predict.output import shown_classes
from lenet_ablate.predict.pictures import Picture
from lenet_ablate.predict.pieces import LeftOut
from lenet_ablate.predict.prediction import Certainty, Prediction
from lenet_ablate.rendering.plotting import default_style

MAX_ROWS = 24
RIGHT, WRONG, GREY = "#0072B2", "#D55E00", "#999999"  # Okabe and Ito's blue and vermilion
_DPI = 150


@dataclass(frozen=True)
class Shown:
    """One sign to draw, with the picture that it was found in and the ink in it that was left out."""

    name: str
    picture: Picture
    prediction: Prediction
    left_out: Sequence[LeftOut] = ()


@default_style()
def draw_predictions(shown: Sequence[Shown]) -> Figure:
    """One row per digit: the picture, what the network saw, the largest probabilities; the first `MAX_ROWS` of them."""
    rows = list(shown[:MAX_ROWS])
    figure = Figure(figsize=(9, 2.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1.25, 1, 1.6))
    for (picture, seen, bars), row in zip(axes, rows, strict=True):
        _draw_picture(picture, row)
        _draw_seen(seen, row.prediction)
        _draw_bars(bars, row.prediction)
    return figure


def _draw_picture(axis: Any, row: Shown) -> None:
    height, width = row.picture.height, row.picture.width
    axis.imshow(row.picture.grey, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    for mark in row.left_out:
        _outline(axis, mark.box, RIGHT, "--")
    if row.prediction.box is not None:
        _outline(axis, row.prediction.box, WRONG, "-")
    if row.left_out:
        axis.set_xlabel(f"dashed: left out, {len(row.left_out)}", fontsize=8, color=RIGHT)
    axis.set_title(_short(row.name), fontsize=9, parse_math=False)
    axis.set(xticks=(), yticks=())
    axis.spines[:].set_color(GREY)


def _outline(axis: Any, box: Box, colour: str, style: str) -> None:
    corner = box.left, box.top
    axis.add_patch(Rectangle(corner, box.width, box.height, fill=False, color=colour, linewidth=1.5, linestyle=style))


def _draw_seen(axis: Any, prediction: Prediction) -> None:
    axis.set_axis_off()
    if prediction.image is None:
        axis.text(0.5, 0.5, "no digit found", ha="center", va="center", fontsize=10, color=GREY)
        return
    axis.imshow(prediction.image, cmap="gray", vmin=0, vmax=255)
    axis.set_title("what the network saw", fontsize=9)


def _draw_bars(axis: Any, prediction: Prediction) -> None:
    shown = shown_classes(prediction)
    colours = [RIGHT if number == prediction.digit else GREY for number in shown]
    places, names = np.arange(len(shown)), [_short(prediction.classes[number], 8) for number in shown]
    axis.bar(places, prediction.probabilities[shown], color=colours, width=0.75)
    axis.set(ylim=(0, 1.12), yticks=(0, 0.5, 1))
    axis.set_xticks(places, names, rotation=45 if any(len(name) > 3 for name in names) else 0, parse_math=False)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.set_ylabel("probability", fontsize=8)
    if prediction.image is None:
        axis.set_visible(False)
        return
    highest = float(prediction.probabilities.max())
    title = f"{_short(prediction.name or '')}, probability {highest:.4f}, {prediction.verdict.value}"
    if prediction.digit is None:
        title = f"{prediction.verdict.value}, most like {_short(prediction.likeliest)}"
    axis.set_title(title, fontsize=9, color="black" if prediction.verdict is Certainty.sure else WRONG)


@default_style()
def draw_test_digits(images: Images, labels: Labels, predictions: Sequence[Prediction], title: str) -> Figure:
    """A grid of test images (N, S, S) or (N, 3, S, S), each with what is predicted and, where wrong, the truth."""
    columns = min(10, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(max(5, columns), 1.32 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, label, prediction in zip(axes, images, labels, predictions, strict=False):
        shown = 255 - image if image.ndim == 2 else np.moveaxis(image, 0, 2)
        axis.imshow(shown, cmap="gray", vmin=0, vmax=255)
        is_right = prediction.digit == label
        name, true = prediction.name, class_name(prediction.classes, int(label))
        text = _short(f"{name}" if is_right else f"{name}, true {true}", 18)
        colour, weight = (RIGHT, "normal") if is_right else (WRONG, "bold")
        axis.set_title(text, fontsize=9, color=colour, weight=weight, pad=2, parse_math=False)
    figure.suptitle(_short(title, 110), fontsize=10, parse_math=False)
    return figure


@default_style()
def png(figure: Figure) -> bytes:
    """The figure as a PNG file, without the date and version that would make equal figures differ."""
    packed = io.BytesIO()
    figure.savefig(packed, format="png", dpi=_DPI, metadata={"Software": None})
    return packed.getvalue()


def _short(text: str, limit: int = 40) -> str:
    line = "".join(char if char.isprintable() else "?" for char in text)
    return line if len(line) <= limit else "…" + line[1 - limit :]
