"""Names of curves at their right end, moved apart so that none covers another."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes

from lenet_ablate.report.figures.style import FAINT, INK, LineStyle
from lenet_ablate.report.safe_text import one_line

WIDTH, MAX_LINES = 24, 3
LINE_HEIGHT = 1.3  # of the font size


@dataclass(frozen=True)
class Label:
    """A curve's name and where the curve ends.

    Attributes:
        text: The name.
        style: The curve's style.
        height: Where the curve ends, as a fraction of the axes' height; None where it has no end to show.
        reaches_edge: Whether it ends at the right edge of the axes.
    """

    text: str
    style: LineStyle
    height: float | None
    reaches_edge: bool


def wrap(text: str, width: int = WIDTH, max_lines: int = MAX_LINES) -> str:
    """The text in lines of at most `width` characters; what does not fit is cut."""
    lines = textwrap.wrap(one_line(text), width, max_lines=max_lines, placeholder=" …")
    return "\n".join(lines)


def spread(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Centres of boxes on the line from 0 to 1, as close as possible to the wanted ones without overlap.

    Args:
        wanted: Where the boxes' centres should be, ascending.
        heights: The boxes' heights.

    Returns:
        The centres, ascending. Boxes that are too many for the line stick out at both ends alike.
    """
    if not wanted:
        return []
    offsets = [0.0]
    for below, above in pairwise(heights):
        offsets.append(offsets[-1] + (below + above) / 2)
    # Without the offsets the boxes are points that may coincide but not pass each other: isotonic regression.
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        blocks.append((want - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (low, n), (high, m) = blocks[-2:]
            blocks[-2:] = [((low * n + high * m) / (n + m), n + m)]
    points = [value for value, count in blocks for _ in range(count)]
    bottom, top = heights[0] / 2, 1 - heights[-1] / 2 - offsets[-1]
    if bottom > top:
        bottom = top = (bottom + top) / 2
    return [min(max(point, bottom), top) + offset for point, offset in zip(points, offsets, strict=True)]


def draw_labels(ax: Axes, labels: Sequence[Label], axes_height_points: float, font_size: float = 8) -> None:
    """Write the labels to the right of the axes, each joined to its curve or beside a sample of it.

    Args:
        ax: Axes whose limits are final.
        labels: One per curve.
        axes_height_points: Height of the axes; an estimate from below is on the safe side.
        font_size: In points.
    """
    # A curve without any point has no height to keep to and goes to the bottom.
    ordered = sorted(labels, key=lambda label: -1.0 if label.height is None else label.height)
    texts = [wrap(label.text) for label in ordered]
    heights = [LINE_HEIGHT * font_size * (text.count("\n") + 1) / axes_height_points for text in texts]
    centres = spread([label.height or 0.0 for label in ordered], heights)
    for label, text, centre in zip(ordered, texts, centres, strict=True):
        joined = label.reaches_edge and label.height is not None
        start = centre if label.height is None else label.height
        ax.plot(
            [1.0, 1.055] if joined else [1.02, 1.038, 1.056],
            [start, centre] if joined else [centre] * 3,
            transform=ax.transAxes,
            clip_on=False,
            color=label.style.color,
            linestyle="-" if joined else label.style.dash,
            linewidth=0.7 if joined else 1.4,
            marker="" if joined else label.style.marker,
            markersize=4,
            markevery=[1],
        )
        quiet = FAINT if label.height is None else INK
        ax.annotate(
            text, (1.07, centre), xycoords="axes fraction", va="center", ha="left", fontsize=font_size, color=quiet
        )
