"""What source documents published, beside what many seeds of the same settings give.

A published figure is one run's. Where it lies among ours is told by a prediction interval, in which one further run of
the same settings falls with 95 %: mean ± t·SD·√(1 + 1/n), with Student's t (Hahn and Meeker, Statistical Intervals,
1991, section 4.7). Of two published levels the better one is taken as claimed, and our paired comparison says what
becomes of it.
"""

import itertools
import math
import statistics
from collections.abc import Iterator
from typing import Any

from pack import Packed
from scipy.stats import t

from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.text.wording import p_text, signed_points

OUTCOMES = {
    Code.better: "holds",
    Code.better_maybe_less_than_margin: "holds, if by little",
    Code.practically_same: "does not hold: the same",
    Code.not_distinguishable: "not confirmed",
    Code.identical: "does not hold: the same",
}
BETTER = (Code.better, Code.better_maybe_less_than_margin)
ALL = "all"


def reference(study: Packed, factor: str, level: str) -> dict[str, Any] | None:
    """The published figures of a level; of a study with one setting, level `all` of any factor."""
    for entry in study.references:
        if entry["level"] == ALL or (entry["factor"], str(entry["level"])) == (factor, level):
            return entry
    return None


def percent(entry: dict[str, Any]) -> str:
    """A published accuracy with as many digits as were published."""
    return f"{100 * entry['test_accuracy']:.4g}"


def spread(values: list[float]) -> str:
    """Mean ± SD of fractions, in percent."""
    return mean(values) + (f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else "")


def mean(values: list[float]) -> str:
    """The mean of fractions, in percent."""
    return f"{100 * statistics.fmean(values):.2f}" if values else "–"


def one_more(values: list[float]) -> tuple[float, float]:
    """Between which values one further run falls with 95 %; NaN for fewer than two runs."""
    if len(values) < 2:
        return math.nan, math.nan
    reach = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) * math.sqrt(1 + 1 / len(values))
    return statistics.fmean(values) - reach, statistics.fmean(values) + reach


def rounding(figure: float) -> float:
    """Half a unit of a figure's last digit: 99 % may be anything from 98.5 to 99.5 %."""
    return 0.5 * 10.0 ** -len(repr(figure).partition(".")[2])


def side(figure: float, values: list[float]) -> int:
    """Whether a published accuracy is below (−1) or above (1) what one run gives, or may be one of such runs (0)."""
    low, high = one_more(values)
    return int(figure - rounding(figure) > high) - int(figure + rounding(figure) < low)


def placed(figure: float, values: list[float]) -> str:
    """Where a published accuracy lies among those of our runs, in words."""
    low, high = one_more(values)
    if not math.isfinite(low):
        return f"{signed_points(statistics.fmean(values) - figure)} pp from it here, of one run"
    told = ("what one run may give", "above what one run gives", "below what one run gives")[side(figure, values)]
    return (
        f"{told} ({100 * max(low, 0):.2f} to {100 * min(high, 1):.2f} %; the {len(values)} here gave "
        f"{100 * min(values):.2f} to {100 * max(values):.2f} %)"
    )


def claims(study: Packed) -> Iterator[tuple[str, str, str]]:
    """Each published order of two levels: the claim, what our pairs say, and what becomes of it."""
    for one, other in itertools.combinations(study.references, 2):
        if one["factor"] != other["factor"] or one["test_accuracy"] == other["test_accuracy"]:
            continue
        better, worse = (one, other) if one["test_accuracy"] > other["test_accuracy"] else (other, one)
        if compared := compare(study, one["factor"], str(better["level"]), str(worse["level"])):
            found, code, is_ahead = compared
            network = "cnn4, " if study.name.startswith("cnn4") else ""
            yield (
                f"{network}{one['factor']}={better['level']} ({percent(better)} %) is better than "
                f"{worse['level']} ({percent(worse)} %)",
                found,
                OUTCOMES.get(code, "not tested: one run") if is_ahead or code not in BETTER else "the other way round",
            )


def compare(study: Packed, factor: str, one: str, other: str) -> tuple[str, Code, bool] | None:
    """Our difference of two levels in words, the verdict on it, and whether the first is ahead; None where none is."""
    if study.pairs.empty:
        return None
    for pair in study.pairs[study.pairs["factor"] == factor].itertuples():
        if {pair.level_a, pair.level_b} == {one, other}:
            sign = 1 if pair.level_a == one else -1
            low, high = sorted((sign * pair.ci_low, sign * pair.ci_high))
            is_open = Code(pair.verdict_code) is Code.not_distinguishable and (low > 0 or high < 0)
            corrected = f"; corrected, {p_text(pair.p_corrected)}" if is_open else ""
            within = f" (95 % CI {signed_points(low)} to {signed_points(high)}{corrected})"
            interval = within if math.isfinite(low) else ""
            told = f"{signed_points(sign * pair.diff)} pp{interval}, n={pair.n_pairs}"
            return told, Code(pair.verdict_code), sign * pair.diff >= 0
    return None
