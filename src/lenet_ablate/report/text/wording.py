"""How numbers stand in sentences: percentage points, shares, p-values."""

from __future__ import annotations

import math
import re

from lenet_ablate.rendering.escape import one_line

MINUS = "\u2212"


def points(difference: float) -> str:
    """A difference of accuracies (0..1) in percentage points, without a plus: `0.21`, `−0.05`."""
    text = f"{100 * difference:.2f}"
    return text.lstrip("-") if not float(text) else text.replace("-", MINUS)


def signed_points(difference: float) -> str:
    """The same with its sign: `+0.21`, `−0.05`, `0.00`."""
    text = points(difference)
    return text if text.startswith(MINUS) or not float(text) else f"+{text}"


def limit_points(difference: float) -> str:
    """A limit somebody chose, in percentage points, with all its digits: `0.10`, `0.125`."""
    text = points(difference)
    return text if math.isclose(float(text), 100 * difference) else f"{100 * difference:.3g}"


def p_text(p: float) -> str:
    """`p=0.041`, two significant digits; `p<0.001` below that."""
    return "p<0.001" if p < 0.001 else f"p={p:#.2g}"


def percent(share: float) -> str:
    """A share (0..1) as a whole percentage without its sign: `20`."""
    return f"{100 * share:.0f}"


def plural(count: int, noun: str) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def prose(text: str) -> str:
    """A sentence for a page, as one line whose numbers stay with their units where it breaks."""
    return re.sub(r"(?<=\d) (?=(?:%|pp|s|min|h)(?!\w))", "\N{NO-BREAK SPACE}", one_line(text, limit=0))
