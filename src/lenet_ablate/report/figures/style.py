"""How figures look: colours that survive colour blindness and print, plain axes, files without a date."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullLocator

from lenet_ablate.report.factors import Factor

BLUE, VERMILLION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito
INK, FAINT, GHOST, GRID = "#222222", "#666666", "#c4c4c4", "#e6e6e6"
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
PNG_DPI = 200
_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "lenet-ablate",
}


@dataclass(frozen=True)
class LineStyle:
    """What tells a curve from the others: never the colour alone."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Figures made or saved within look the same whatever the user's own matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def level_styles(factor: Factor) -> dict[str, LineStyle]:
    """The style of each level by label: numbers by lightness in their order, words by colour and line."""
    numbers = [level.label for level in factor.levels if level.is_number]
    words = [level.label for level in factor.levels if not level.is_number]
    scale = matplotlib.colormaps["viridis"]
    steps = max(len(numbers) - 1, 1)
    colors = {label: to_hex(scale(0.6 * place / steps)) for place, label in enumerate(numbers)}
    # Blue and green are within the scale, so that words beside numbers take the other two.
    palette = (VERMILLION, PINK) if numbers else (BLUE, VERMILLION, GREEN, PINK)
    dashes = DASHES[1:] if numbers else DASHES
    colors |= {label: palette[place % len(palette)] for place, label in enumerate(words)}
    dash = {label: dashes[place % len(dashes)] for place, label in enumerate(words)}
    return {
        label: LineStyle(colors[label], dash.get(label, "-"), MARKERS[place % len(MARKERS)])
        for place, label in enumerate(factor.labels)
    }


def dress_loss_axes(ax: Axes, epochs: tuple[float, float], losses: tuple[float, float]) -> None:
    """Limits, ticks and grid of a loss curve: log scale with plain numbers, whole epochs."""
    ax.set_yscale("log")
    ax.set_xlim(*epochs)
    ax.set_ylim(*losses)
    span = losses[1] / losses[0]
    subs = (1.0,) if span > 300 else (1.0, 3.0) if span > 30 else (1.0, 2.0, 5.0)
    ax.yaxis.set_major_locator(LogLocator(subs=subs) if span > 5 else MaxNLocator(4, min_n_ticks=2))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    few = epochs[1] - epochs[0] < 2
    ax.xaxis.set_major_locator(MultipleLocator(1) if few else MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    ax.grid(axis="y", color=GRID, linewidth=0.6)


def figure_files(figure: Figure) -> dict[str, bytes]:
    """The figure as a file of each kind (svg, png), the same bytes for the same figure."""
    files = {}
    with house_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in another script
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is found; finding it again for each file takes half the time
        for kind, metadata in _METADATA.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata)
            files[kind] = buffer.getvalue()
    return files


_METADATA: dict[str, dict[str, str | None]] = {"svg": {"Date": None}, "png": {"Software": None}}
