"""How figures look: colours that survive colour blindness and print, plain axes, files without a date."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter, NullLocator

from lenet_ablate.rendering.plotting import default_style
from lenet_ablate.report.figures.picture import ALL_KINDS
from lenet_ablate.report.figures.text import FAMILY, width_of, wrap
from lenet_ablate.report.study.factors import Factor

BLUE, VERMILLION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito
INK, FAINT, GHOST, GRID = "#222222", "#666666", "#c4c4c4", "#e6e6e6"
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
NARROW, SINGLE, MIDDLE, FULL = 3.0, 3.4, 5.5, 6.9  # widths of figures, inches: a phone, a column, 1.5 of them, a page
SMALLEST = 6.5  # font size, points
PNG_DPI = 200
_RC: Any = {
    "figure.dpi": PNG_DPI,  # hinted text is wider or narrower at another resolution, and the layout would not fit
    "font.family": FAMILY,
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
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "lenet-ablate",
}
_LOG_STEPS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (100, (1.0,)),
    (6, (1.0, 2.0, 5.0)),
    (2.5, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)),
    (0, ()),  # so narrow that round steps do
)


@dataclass(frozen=True)
class LineStyle:
    """What tells a curve from the others: never the colour alone."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Figures made or saved within look the same whatever the user's own matplotlibrc says."""
    with default_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in another script
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
    # After each round of colours the lines move on by one, so that no colour meets its line again soon.
    rounds = [place + place // math.lcm(len(palette), len(dashes)) for place in range(len(words))]
    dash = {label: dashes[turn % len(dashes)] for label, turn in zip(words, rounds, strict=True)}
    return {
        label: LineStyle(colors[label], dash.get(label, "-"), MARKERS[place % len(MARKERS)])
        for place, label in enumerate(factor.labels)
    }


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Plain numbers on a log axis: 0.001, 0.01, 0.1 over a wide range, 1, 2, 5 or round steps over a narrow one."""
    span = high / low
    steps = next(steps for at_least, steps in _LOG_STEPS if span >= at_least)
    axis.set_major_locator(LogLocator(subs=steps) if steps else MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_minor_locator(LogLocator(subs=range(2, 10)) if 100 <= span < 1e6 else NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole_ticks(ax: Axes) -> None:
    """Whole numbers on the horizontal axis, which counts epochs or steps."""
    low, high = ax.get_xlim()
    few = high - low < 2
    ax.xaxis.set_major_locator(MultipleLocator(1) if few else MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def draw_title(figure: Figure, title: str) -> None:
    """A title above the whole figure, in as many lines as it needs."""
    text = wrap(title, 72 * figure.get_figwidth() / 1.12, 8.5)
    figure.suptitle(text, x=0.01, ha="left", fontsize=8.5, fontweight="bold")


def draw_note(figure: Figure, note: str) -> None:
    """A note below the whole figure: what the marks mean."""
    text = wrap(note, 72 * figure.get_figwidth() * 0.97, SMALLEST, max_lines=5)
    flush = "left" if "\n" in text else "right"
    figure.supxlabel(text, x=0.99 if flush == "right" else 0.015, ha=flush, fontsize=SMALLEST, color=FAINT)


def note_height(note: str, width: float) -> float:
    """Height in inches that a note takes below a figure of a width in inches."""
    lines = min(5, -(-width_of(note, SMALLEST) // (72 * width * 0.97)))
    return float(lines) * SMALLEST * 1.3 / 72 + 0.08


def figure_files(figure: Figure, kinds: Sequence[str] = ALL_KINDS) -> dict[str, bytes]:
    """The figure as a file of each kind (svg, pdf, png), the same bytes for the same figure."""
    files = {}
    with house_style():
        settle(figure)
        for kind in kinds:
            buffer = io.BytesIO()
            # `savefig` would draw everything once more beforehand, only to find the layout.
            if kind == "svg":
                FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
            elif kind == "pdf":
                FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]
            else:
                figure.set_dpi(PNG_DPI)
                FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})  # type: ignore[no-untyped-call]
            files[kind] = buffer.getvalue()
    return files


def settle(figure: Figure) -> None:
    """Find the figure's layout once and for all: finding it again for each file would take half the time."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
