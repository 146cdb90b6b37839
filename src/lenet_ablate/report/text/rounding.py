"""Figures as a reader wants them: rounded no further than the spread between seeds allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"
MORE_DECIMALS = 1
"""So many more than three significant digits ask for are shown for a small SD."""
_NOISE = 1e-12  # relative; the SD of equal floats is not always exactly 0


def percent_decimals(means: Sequence[float], sds: Sequence[float]) -> int:
    """Decimals of a column of percentages, two to four, by the largest SD; means and SDs are fractions 0..1."""
    largest = max((100 * sd for mean, sd in zip(means, sds, strict=True) if sd > _NOISE * mean), default=1.0)
    return min(max(1 - math.floor(math.log10(largest)), 2), 4)


def percent_texts(means: Sequence[float], sds: Sequence[float]) -> list[str]:
    """A column of accuracies 0..1 as percentages, `98.37 ± 0.10`: two to four decimals, by the largest SD."""
    decimals = percent_decimals(means, sds)
    return [
        NOTHING
        if math.isnan(mean)
        else f"{100 * mean:.{decimals}f}" + ("" if math.isnan(sd) else f" ± {100 * sd:.{decimals}f}")
        for mean, sd in zip(means, sds, strict=True)
    ]


def interval_text(low: float, high: float, decimals: int) -> str:
    """An interval of accuracies 0..1 in percent, `98.86 to 99.04`."""
    return NOTHING if math.isnan(low) else f"{100 * low:.{decimals}f} to {100 * high:.{decimals}f}"


def difference_text(difference: float, low: float, high: float, decimals: int) -> str:
    """A difference of accuracies with its interval in percentage points, `−0.65 [−0.78, −0.52]`."""
    if math.isnan(difference):
        return NOTHING
    interval = "" if math.isnan(low) else f" [{signed(low, decimals)}, {signed(high, decimals)}]"
    return signed(difference, decimals) + interval


def signed(fraction: float, decimals: int) -> str:
    """A fraction in percentage points with its sign, a true minus; zero has none."""
    text = f"{abs(100 * fraction):.{decimals}f}"
    return text if float(text) == 0 else f"{'−' if fraction < 0 else '+'}{text}"


def p_text(p: float) -> str:
    """A p value to two significant digits, `0.012`, or `<0.001`."""
    if math.isnan(p):
        return NOTHING
    if p < 0.001:
        return "<0.001"
    exponent = int(f"{p:.1e}".partition("e")[2])
    return f"{p:.{1 - exponent}f}"


def loss_text(mean: float, sd: float) -> str:
    """A loss to three significant digits, `0.0133 ± 0.0004`, or to as many as its SD needs, `2.303 ± 0.003`."""
    if math.isnan(mean):
        return NOTHING
    if not 1e-4 <= mean < 1e6:
        return f"{mean:.2e}" + ("" if math.isnan(sd) else f" ± {sd:.1e}")
    exponent = int(f"{mean:.2e}".partition("e")[2])  # of the rounded loss, so that 0.09999 has the digits of 0.1
    decimals = max(2 - exponent, 0)
    text = f"{mean:.{decimals}f}"
    if math.isnan(sd):
        return text
    sd = 0.0 if sd <= _NOISE * mean else sd
    if 0 < sd < 0.5 * 10**-decimals:
        shown = -math.floor(math.log10(sd))
        if shown > decimals + MORE_DECIMALS:
            return f"{text} ± <{10**-decimals:.{decimals}f}"
        decimals, text = shown, f"{mean:.{shown}f}"
    return f"{text} ± {sd:.{decimals}f}"


def plain_text(value: float, digits: int = 4) -> str:
    """A number to so many significant digits without an exponent, `51,680`, `0.0042`; `<0.0001` below that."""
    if math.isnan(value):
        return NOTHING
    if 0 < abs(value) < 10**-digits:
        return f"<{10**-digits:.{digits}f}"
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return f"{value:,.{max(digits - 1 - exponent, 0)}f}".replace("-", "−")


def fixed_text(value: float, decimals: int) -> str:
    """A number to so many decimals, a true minus; zero has none."""
    if math.isnan(value):
        return NOTHING
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")
