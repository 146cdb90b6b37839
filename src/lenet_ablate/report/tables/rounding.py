"""Figures as a reader wants them: rounded no further than the spread between seeds allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"
_NOISE = 1e-12  # relative; the SD of equal floats is not always exactly 0


def percent_texts(means: Sequence[float], sds: Sequence[float]) -> list[str]:
    """A column of accuracies 0..1 as percentages, `98.37 ± 0.10`: two to four decimals, by the largest SD."""
    largest = max((100 * sd for mean, sd in zip(means, sds, strict=True) if sd > _NOISE * mean), default=1.0)
    decimals = min(max(1 - math.floor(math.log10(largest)), 2), 4)
    return [
        NOTHING
        if math.isnan(mean)
        else f"{100 * mean:.{decimals}f}" + ("" if math.isnan(sd) else f" ± {100 * sd:.{decimals}f}")
        for mean, sd in zip(means, sds, strict=True)
    ]


def loss_text(mean: float, sd: float) -> str:
    """A loss to three significant digits, `0.0133 ± 0.0004`; the SD to the same decimals."""
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
    vanishes = 0 < sd < 0.5 * 10**-decimals
    return f"{text} ± " + (f"{sd:.0e}" if vanishes else f"{sd:.{decimals}f}")
