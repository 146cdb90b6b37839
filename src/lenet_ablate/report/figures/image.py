"""A figure that is drawn: its bytes and the words that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_SVG = 200_000  # bytes; beyond it a page shows a PNG, which is smaller and scrolls more smoothly


@dataclass(frozen=True)
class Image:
    """A figure as files and as the page embeds it.

    Attributes:
        name: Its files' name without ending.
        title: What it is; drawn in it.
        alt: What it shows, for who cannot see it.
        caption: What its lines and marks mean.
        files: Its bytes by kind: svg, pdf, png; the page takes the svg, or the png of a picture or a large figure.
        size: Width and height in inches.
        kept: The kinds that are written as files; the others are for the page alone.
    """

    name: str
    title: str
    alt: str
    caption: str
    files: Mapping[str, bytes]
    size: tuple[float, float]
    kept: tuple[str, ...] = ()
