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
from dataclasses import dataclass
from typing import Any

from pack import Packed
from scipy.stats import t

from lenet_ablate.report.analysis.results import DECIDED, Code
from lenet_ablate.report.text.wording import p_text, points, signed_points

OUTCOMES = {
    Code.better: "holds",
    Code.better_maybe_less_than_margin: "holds, perhaps by little",
    Code.practically_same: "does not hold: the same",
    Code.not_distinguishable: "not confirmed",
    Code.identical: "does not hold: the same",
}
ALL = "all"
TRAINED = 0.2  # of ten classes; a run below it is near chance level


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


def is_told(values: list[float]) -> bool:
    """Whether the interval of one more run says something: all of these trained, and it lies in 0 to 100 %."""
    low, high = one_more(values)
    return math.isfinite(low) and 0 <= low <= high <= 1 and min(values) >= TRAINED


def placed(figure: float, values: list[float]) -> str:
    """Where a published accuracy lies among those of our runs, in words."""
    low, high = one_more(values)
    if not math.isfinite(low):
        ahead = statistics.fmean(values) - figure
        return f"{points(abs(ahead))} pp {'below' if ahead >= 0 else 'above'} the one run here"
    between = f"the {len(values)} here gave {100 * min(values):.2f} to {100 * max(values):.2f} %"
    if not is_told(values):
        return f"not to be judged by runs that differ so much: {between}"
    told = ("what one run may give", "above what one run gives", "below what one run gives")[side(figure, values)]
    return f"{told} ({100 * low:.2f} to {100 * high:.2f} %; {between})"


def claims(study: Packed) -> Iterator[tuple[str, str, str]]:
    """Each published order of two levels: the claim, what our pairs say, and what becomes of it."""
    for one, other in itertools.combinations(study.references, 2):
        if one["factor"] != other["factor"] or one["test_accuracy"] == other["test_accuracy"]:
            continue
        better, worse = (one, other) if one["test_accuracy"] > other["test_accuracy"] else (other, one)
        if found := compare(study, one["factor"], str(better["level"]), str(worse["level"])):
            network = "cnn4, " if study.name.startswith("cnn4") else ""
            yield (
                f"{network}{one['factor']}={better['level']} ({percent(better)} %) is better than "
                f"{worse['level']} ({percent(worse)} %)",
                found.words,
                outcome(found, better["test_accuracy"], worse["test_accuracy"]),
            )


@dataclass(frozen=True)
class Compared:
    """Our difference of two levels: in words, as fractions with its 95 % interval, and the verdict on it."""

    words: str
    difference: float
    low: float
    high: float
    code: Code


def compare(study: Packed, factor: str, one: str, other: str) -> Compared | None:
    """How two levels compare in our runs, the first minus the other; None where they do not."""
    if study.pairs.empty:
        return None
    for pair in study.pairs[study.pairs["factor"] == factor].itertuples():
        if {pair.level_a, pair.level_b} == {one, other}:
            sign, code = 1 if pair.level_a == one else -1, Code(pair.verdict_code)
            low, high = sorted((sign * pair.ci_low, sign * pair.ci_high))
            p = f"; corrected {p_text(pair.p_corrected)}" if code in DECIDED or low > 0 or high < 0 else ""
            within = f" (95 % CI {signed_points(low)} to {signed_points(high)}{p})" if math.isfinite(low) else ""
            words = f"{signed_points(sign * pair.diff)} pp{within}, n={pair.n_pairs}"
            return Compared(words, sign * pair.diff, low, high, code)
    return None


def outcome(found: Compared, better: float, worse: float) -> str:
    """What becomes of a published difference, and whether ours is of another size than it may be when rounded."""
    if found.code in DECIDED and found.difference < 0:
        return "the other way round"
    told = OUTCOMES.get(found.code, "not tested: one run")
    unsure = rounding(better) + rounding(worse)
    if found.code in DECIDED:
        smaller = ", by less" if better - worse - unsure > found.high else ""
        return told + (", by more" if better - worse + unsure < found.low else smaller)
    if found.code is Code.not_distinguishable:
        return f"{told}: smaller, if any" if better - worse - unsure > found.high else f"{told}: undecided"
    return told
