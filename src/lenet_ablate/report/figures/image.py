"""A figure that is drawn: its bytes and the words that go with it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

MAX_SVG = 200_000  # bytes; beyond it a page shows a PNG, which is smaller and scrolls more smoothly
PALETTE = 64


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
        narrow: The same as an SVG for a phone's width; empty where it has no such form.
    """

    name: str
    title: str
    alt: str
    caption: str
    files: Mapping[str, bytes]
    size: tuple[float, float]
    kept: tuple[str, ...] = ()
    narrow: bytes = b""


def few_colours(png: bytes) -> bytes:
    """The same picture with a palette, which lines and letters hardly show; as it is where that is no smaller."""
    import PIL.Image

    with PIL.Image.open(io.BytesIO(png)) as picture:
        if picture.mode == "P":
            return png
        buffer = io.BytesIO()
        picture.convert("RGB").quantize(PALETTE, dither=PIL.Image.Dither.NONE).save(buffer, "png")
    return min(png, buffer.getvalue(), key=len)
