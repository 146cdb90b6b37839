"""Names beside what they name: moved apart so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from lenet_ablate.report.figures.style import FAINT, INK, SMALLEST, LineStyle
from lenet_ablate.report.figures.text import height_of, width_of, wrap

WIDTH, SIZE = 96, 8  # of a label at the right edge, points
POINT_WIDTH = 110  # of a label beside a point, points


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


def height_needed(texts: Sequence[str]) -> float:
    """Height in inches that axes must have for labels of these texts at their right edge."""
    return sum(height_of(wrap(text, WIDTH, SIZE), SIZE) for text in texts) / 72


def draw_labels(ax: Axes, labels: Sequence[Label], axes_height: float) -> None:
    """Write the labels to the right of the axes, each joined to its curve or beside a sample of it.

    Args:
        ax: Axes whose limits are final.
        labels: One per curve.
        axes_height: Height of the axes in inches; an estimate from below is on the safe side.
    """
    # A curve without any point has no height to keep to and goes to the bottom.
    ordered = sorted(labels, key=lambda label: -1.0 if label.height is None else label.height)
    texts = [wrap(label.text, WIDTH, SIZE) for label in ordered]
    heights = [height_of(text, SIZE) / 72 / axes_height for text in texts]
    centres = spread([label.height or 0.0 for label in ordered], heights)
    for label, text, centre in zip(ordered, texts, centres, strict=True):
        joined = label.reaches_edge and label.height is not None
        start = centre if label.height is None else label.height
        ax.plot(
            [1.0, 1.045] if joined else [1.01, 1.028, 1.046],
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
        ax.annotate(text, (1.06, centre), xycoords="axes fraction", va="center", fontsize=SIZE, color=quiet)


def draw_point_labels(
    ax: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], others: Sequence[Sequence[float]] = ()
) -> None:
    """Write a text beside each point, where it covers neither a point nor another text; where it cannot, leave it out.

    Args:
        ax: Axes whose layout is final.
        points: In data coordinates, the most important first.
        texts: One per point.
        others: Further points that are not to be covered.
    """
    scale = ax.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    places = ax.transData.transform(points) / scale
    frame = ax.get_window_extent()
    inside = Bbox([[frame.x0 / scale, frame.y0 / scale], [frame.x1 / scale, frame.y1 / scale]])
    covered = ax.transData.transform([*points, *others]) / scale
    taken = [Bbox.from_bounds(x - 2.5, y - 2.5, 5, 5) for x, y in covered]
    for (x, y), text in zip(places, texts, strict=True):
        lines = wrap(text, POINT_WIDTH, SMALLEST, max_lines=2)
        size = (width_of(lines, SMALLEST) + 2, height_of(lines, SMALLEST))
        boxes = [_box(x, y, dx, dy, size) for dx, dy in _AROUND]
        free = [b for b in boxes if _within(b, inside) and not any(b.overlaps(other) for other in taken)]
        if not free:
            continue
        taken.append(free[0])
        (left, bottom), (right, top) = inside.min, inside.max
        at = (free[0].x0 + 1 - left) / (right - left), ((free[0].y0 + free[0].y1) / 2 - bottom) / (top - bottom)
        note = ax.annotate(lines, at, xycoords="axes fraction", va="center", fontsize=SMALLEST)
        note.set_in_layout(False)


_AROUND = [(dx, dy) for dist in (5, 10) for dx, dy in ((dist, 0), (-dist, 0), (0, dist), (0, -dist))]
_AROUND += [(sx * d, sy * d) for d in (4, 9, 16) for sx in (1, -1) for sy in (1, -1)]


def _box(x: float, y: float, dx: float, dy: float, size: tuple[float, float]) -> Bbox:
    width, height = size
    left = x + dx if dx > 0 else x + dx - width if dx < 0 else x - width / 2
    bottom = y + dy if dy > 0 else y + dy - height if dy < 0 else y - height / 2
    return Bbox.from_bounds(left, bottom, width, height)


def _within(box: Bbox, outer: Bbox) -> bool:
    return bool(box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1)
