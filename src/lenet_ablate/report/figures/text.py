"""Text that fits: measured in points, broken into lines, cut where nothing else helps."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

from lenet_ablate.rendering.escape import one_line

FAMILY = "DejaVu Sans"  # comes with matplotlib, so that figures look alike everywhere
LINE_HEIGHT = 1.3  # of the font size
MAX_LISTED, MAX_NAME = 12, 60


def width_of(text: str, size: float = 8) -> float:
    """Width in points of the text's widest line at a font size in points; kerning is left out."""
    return size * max(sum(map(_advance, line)) for line in text.split("\n"))


def height_of(text: str, size: float = 8) -> float:
    """Height in points of the text's lines at a font size in points."""
    return size * LINE_HEIGHT * (text.count("\n") + 1)


def wrap(text: str, width: float, size: float = 8, max_lines: int = 3) -> str:
    """The text in lines of at most `width` points at a font size in points; what does not fit is cut.

    Lines break at blanks, and within a word only where it is wider than a line.
    """
    lines: list[str] = []
    rest = one_line(text)
    while rest and len(lines) < max_lines:
        line = _first_line(rest, width, size)
        rest = rest[len(line) :].lstrip()
        lines.append(line.rstrip())
    if rest:
        lines[-1] = cut(lines[-1] + " " + rest, width, size)
    return "\n".join(lines)


def cut(text: str, width: float, size: float = 8) -> str:
    """The text as one line of at most `width` points; what does not fit is cut."""
    line = one_line(text)
    if width_of(line, size) <= width:
        return line
    while line and width_of(line + "…", size) > width:
        line = line[:-1]
    return line.rstrip() + "…"


def balance(text: str, width: float, size: float = 8, max_lines: int = 3) -> str:
    """The text wrapped to a width in points, its lines as equal in length as their number allows."""
    lines = wrap(text, width, size, max_lines)
    while width > size:
        width -= size / 2
        narrower = wrap(text, width, size, max_lines)
        if narrower.count("\n") > lines.count("\n") or narrower.endswith("…") != lines.endswith("…"):
            break
        lines = narrower
    return lines


def listed(words: Sequence[str], limit: int = MAX_LISTED) -> str:
    """`a, b and c`; beyond the limit `a, b, … (98 more)`."""
    if len(words) > limit:
        return ", ".join(words[: limit - 1]) + f", … ({len(words) - limit + 1} more)"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def short(name: object) -> str:
    """A name in one line of at most 60 characters, for sentences."""
    return one_line(name, MAX_NAME)


def plural(count: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _first_line(text: str, width: float, size: float) -> str:
    end, used = 0, 0.0
    while end < len(text) and (used + size * _advance(text[end]) <= width or end == 0):
        used += size * _advance(text[end])
        end += 1
    if end == len(text) or text[end] == " ":
        return text[:end]
    blank = text.rfind(" ", 0, end)
    return text[: blank + 1] if blank > 0 else text[:end]


@functools.cache
def _advance(char: str) -> float:
    """Width of a character, of the font size; a missing one is drawn as a box, which has a width too."""
    from matplotlib.font_manager import FontProperties, findfont, get_font  # words alone need no fonts

    font = get_font(findfont(FontProperties(family=FAMILY)))
    font.set_size(100, 72)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        font.set_text(char)
    return float(font.get_width_height()[0]) / 64 / 100
