"""A figure with the words that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

ALL_KINDS = ("svg", "pdf", "png")


@dataclass(frozen=True)
class Picture:
    """A figure, ready to be written to files.

    Attributes:
        figure: What is drawn; holds its title and a line on what the marks are, but not the caption.
        title: What it is.
        alt: What it shows, with the numbers, for who cannot see it; plain text.
        caption: What its lines and marks mean and what was averaged over, for beside it; plain text.
        kinds: The kinds of file it can be written as; svg or png is among them.
        narrow: The same for a phone's width, where it would else have to be scrolled to be read.
    """

    figure: Figure
    title: str
    alt: str
    caption: str
    kinds: Sequence[str] = ALL_KINDS
    narrow: Figure | None = None


Draw = Callable[[], Picture]
