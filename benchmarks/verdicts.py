"""How often the report's verdicts are wrong: sweeps are simulated and judged by the report's own functions.

    python benchmarks/verdicts.py                      # 2,000 sweeps a row, writes docs/verdicts.md
    python benchmarks/verdicts.py --sweeps 200 --row looks --stdout

Nothing is trained. A simulated sweep has accuracies on 10,000 test images around 98.5 %, whose SD between seeds is
0.09 percentage points unless a row says otherwise. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.report.analysis import power, statistics
from lenet_ablate.report.analysis.interactions import repeated_measures_p
from lenet_ablate.report.analysis.judge import decide
from lenet_ablate.report.analysis.pairs import measured_columns
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.criteria import Criteria, Family
from lenet_ablate.report.study.factors import Factor, Level

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "verdicts.md"
SWEEPS = 2000
IMAGES, MEAN, SD, CHANCE = 10_000, 0.985, 0.0009, 0.1
BETTER = (Code.better, Code.better_maybe_less_than_margin)
USUAL = Criteria()

Array = npt.NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        name: What is simulated.
        levels: How many levels.
        seeds: Seeds per level, in words.
        event: What is counted.
        least: The share must not be lower, 0..1.
        most: The share must not be higher.
        simulate: One sweep: whether the event came.
    """

    name: str
    levels: int
    seeds: str
    event: str
    least: float
    most: float
    simulate: Callable[[Random], bool]


def design(
    accuracy: Array, status: npt.NDArray[Any] | None = None, curve: npt.NDArray[Any] | None = None
) -> pd.DataFrame:
    """A study's design: an axis per factor, f0, f1, …, and one for the seeds; see `study.Study.design`."""
    places = np.indices(accuracy.shape).reshape(accuracy.ndim, -1)
    state = np.full(accuracy.size, "done", object) if status is None else status.ravel()
    is_done = state == "done"
    outcome = np.where(is_done, np.round(accuracy.ravel() * IMAGES) / IMAGES, np.nan)
    keys = {
        f"f{axis}": pd.Categorical.from_codes(place, [str(level) for level in range(size)], ordered=True)
        for axis, (place, size) in enumerate(zip(places[:-1], accuracy.shape[:-1], strict=True))
    }
    return pd.DataFrame(
        {
            **keys,
            "seed": places[-1],
            "status": state,
            "is_usable": is_done,
            "is_collapsed": is_done & (outcome < CHANCE + 0.1),
            "outcome": outcome,
            "num_images": float(IMAGES),
            "chance": CHANCE,
            "test_share": 10 / 65,
            "curve": np.arange(accuracy.size) if curve is None else curve.ravel(),
        }
    )


def factors_of(shape: Sequence[int]) -> tuple[Factor, ...]:
    """The factors of such a design."""
    return tuple(
        Factor(f"f{axis}", tuple(Level(str(level), (level,)) for level in range(size)))
        for axis, size in enumerate(shape[:-1])
    )


def comparison(accuracy: Array, **how: Any) -> Comparison:
    """The first factor's levels."""
    factors = factors_of(accuracy.shape)
    return compare(design(accuracy, **how), factors[0], factors)


@functools.cache
def complete(levels: int, seeds: int) -> Comparison:
    """So many levels, all of whose runs are done."""
    return comparison(np.full((levels, seeds), MEAN))


Columns = dict[str, Any]


def judged(accuracy: Array, look: int = 1, **how: Any) -> Columns:
    """The first factor's pairs, the columns of pairs.csv."""
    return decide(measured(accuracy, **how), USUAL, look)


def measured(accuracy: Array, **how: Any) -> Columns:
    """The same before they are corrected."""
    if how:
        return measured_columns(comparison(accuracy, **how), USUAL)
    whole = complete(*accuracy.shape)
    runs = whole.grid.runs.assign(outcome=np.round(accuracy.ravel() * IMAGES) / IMAGES)
    return measured_columns(dataclasses.replace(whole, grid=dataclasses.replace(whole.grid, runs=runs)), USUAL)


def is_better(pairs: Columns, where: Any = slice(None)) -> bool:
    """Whether any level is said to be better than another one, of these pairs."""
    return bool(np.isin(pairs["verdict_code"][where], BETTER).any())


def equal(random: Random, levels: int, seeds: int = 5, spread: Array | float = SD) -> Array:
    """Levels of the same mean."""
    return MEAN + random.normal(0, 1, (levels, seeds)) * np.broadcast_to(spread, (levels,))[:, None]


def _equal(levels: int, seeds: int) -> Callable[[Random], bool]:
    return lambda random: is_better(judged(equal(random, levels, seeds)))


def _unequal(levels: int) -> Callable[[Random], bool]:
    spread = SD * np.geomspace(0.3, 3, levels)
    return lambda random: is_better(judged(equal(random, levels, 5, spread)))


def _below_an_image(levels: int) -> Callable[[Random], bool]:
    """Seeds that mostly agree to the last image."""
    return lambda random: is_better(judged(equal(random, levels, 3, 0.4 / IMAGES)))


def _collapsing(levels: int) -> Callable[[Random], bool]:
    """One run in ten ends at chance level."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels)
        return is_better(judged(np.where(random.random(accuracy.shape) < 0.1, CHANCE, accuracy)))

    return simulate


def _unbalanced(levels: int) -> Callable[[Random], bool]:
    """Three runs in ten are not there yet."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 6)
        status = np.where(random.random(accuracy.shape) < 0.3, "planned", "done").astype(object)
        return is_better(judged(accuracy, status=status))

    return simulate


def _failing(
    levels: int, share: float, of_one: bool = False, lead: float = 0.0, seeds: int = 5
) -> Callable[[Random], bool]:
    """Runs that diverge: everywhere, or at the first level, which is ahead by `lead` where it does not.

    Counted is any "better" between levels that are alike, and of a level that diverges that it is the better one.
    """

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds)
        accuracy[0] += lead
        is_lost = random.random(accuracy.shape) < share
        if of_one:
            is_lost[1:] = False
        pairs = judged(accuracy, status=np.where(is_lost, "diverged", "done").astype(object))
        if not of_one:
            return is_better(pairs)
        return is_better(pairs, (pairs["level_a"] == "0") & (pairs["diff"] > 0))

    return simulate


def _advised(levels: int, looks: int) -> Callable[[Random], bool]:
    """Five seeds, then as many more as the report advises, for as long as it is undecided: a "better" at any look."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 5)
        for look in range(1, looks + 1):
            pairs = judged(accuracy, look=look)
            if is_better(pairs):
                return True
            is_open = pairs["verdict_code"] == Code.not_distinguishable
            more = [int(count) for count in pairs["seeds_more"][is_open] if not pd.isna(count) and count > 0]
            if not more:
                return False
            accuracy = np.hstack([accuracy, equal(random, levels, min(min(more), power.MAX_ADVISED))])
        return False

    return simulate


def _one_by_one(levels: int) -> Callable[[Random], bool]:
    """Three seeds, then one at a time up to ten."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, 10)
        return any(is_better(judged(accuracy[:, : look + 2], look=look)) for look in range(1, 9))

    return simulate


def _at_the_margin(levels: int, seeds: int, spread: float) -> Callable[[Random], bool]:
    """The first level is ahead of all others by exactly the margin: neither more nor less may be claimed of it."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds, spread)
        accuracy[0] += USUAL.margin
        pairs = judged(accuracy)
        own = pairs["level_a"] == "0"
        claimed = np.isin(pairs["verdict_code"], (Code.better, Code.practically_same))
        return bool((own & claimed).any() or (pairs["verdict_code"][~own] == Code.better).any())

    return simulate


def _meeting(shape: tuple[int, ...], is_unequal: bool) -> Callable[[Random], bool]:
    """Factors whose effects add up, each seed with effects of its own: an alarm that they depend on each other."""

    def simulate(random: Random) -> bool:
        accuracy = MEAN + random.normal(0, SD, shape[-1])
        for axis, size in enumerate(shape[:-1]):
            own = random.normal(0, SD, (size, shape[-1])) + 0.002 * np.arange(size)[:, None]
            accuracy = accuracy + own.reshape([size if place == axis else 1 for place in range(len(shape) - 1)] + [-1])
        spread = np.full(shape[:-1], SD)
        if is_unequal:
            spread = SD * np.geomspace(0.3, 3, spread.size).reshape(spread.shape)
        accuracy = np.round((accuracy + random.normal(0, 1, shape) * spread[..., None]) * IMAGES) / IMAGES
        p = []
        for pair in itertools.combinations(range(len(shape) - 1), 2):
            others = tuple(axis for axis in range(len(shape) - 1) if axis not in pair)
            p.append(repeated_measures_p(accuracy.mean(axis=others)))
        return bool((statistics.holm(np.array(p)) < statistics.spent(USUAL.alpha, 1)).any())

    return simulate


def _identical(levels: int) -> Callable[[Random], bool]:
    """The last level is a copy of the first one: a "better" between the two, a test or an advice about them."""

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels)
        accuracy[-1] = accuracy[0]
        curve = np.arange(accuracy.size).reshape(accuracy.shape)
        curve[-1] = curve[0]
        pairs = judged(accuracy, curve=curve)
        own = (pairs["level_a"] == "0") & (pairs["level_b"] == str(levels - 1))
        is_tested = not np.isnan(pairs["p_corrected"][own]).all() or not pd.isna(pairs["seeds_more"][own]).all()
        return bool(is_better(pairs, own) or is_tested or pairs["m_tests"][0] != (levels - 1) * (levels - 2) // 2)

    return simulate


def _many_factors(count: int, family: Family) -> Callable[[Random], bool]:
    """Factors of three levels that change nothing: any "better" in the study."""
    criteria = dataclasses.replace(USUAL, family=family)

    def simulate(random: Random) -> bool:
        factors = [measured(equal(random, 3)) for _ in range(count)]
        tests = [pairs["p_both"] for pairs in factors]
        return any(
            is_better(decide(pairs, criteria, 1, np.concatenate([*tests[:place], *tests[place + 1 :]])))
            for place, pairs in enumerate(factors)
        )

    return simulate


def _power(levels: int, seeds: int) -> Callable[[Random], bool]:
    """The first level is ahead of all by what the report says is found with 80 % power: it is, against the second."""
    alpha = statistics.spent(USUAL.alpha, 1) / power.usual_tests(levels * (levels - 1) // 2, levels)
    shift = power.detectable_difference(SD * np.sqrt(2), seeds, alpha)

    def simulate(random: Random) -> bool:
        accuracy = equal(random, levels, seeds)
        accuracy[0] += shift
        return is_better(judged(accuracy), slice(1))

    return simulate


FALSE, MOST = "any “better”", 0.055
SIZES = (2, 3, 6)


def _rows() -> Iterator[tuple[str, Row]]:
    """The rows, each with the name of its group."""

    def false(name: str, levels: int, seeds: str, simulate: Callable[[Random], bool], event: str = FALSE) -> Row:
        return Row(name, levels, seeds, event, 0, MOST, simulate)

    for k, n in ((2, 5), (3, 5), (6, 5), (3, 10)):
        yield "equal", false("no difference", k, str(n), _equal(k, n))
    for k in SIZES:
        yield "unequal", false("no difference, SDs from 0.3 to 3 times", k, "5", _unequal(k))
        yield "image", false("no difference, seeds agree to an image", k, "3", _below_an_image(k))
        yield "collapsing", false("no difference, 10 % of runs collapse", k, "5", _collapsing(k))
        yield "unbalanced", false("no difference, 30 % of runs missing", k, "6", _unbalanced(k))
        yield "failures", false("no difference, 20 % of runs diverge", k, "5", _failing(k, 0.2))
    for n in (5, 10):
        lucky = _failing(2, 0.4, of_one=True, lead=0.002, seeds=n)
        yield "lucky", false("0.20 pp ahead where it trains, diverges in 40 %", 2, str(n), lucky, "it is “better”")
    for k in (2, 3):
        for looks, how in ((2, "once"), (3, "twice")):
            seeds, advised = f"5 to …, {looks} looks", _advised(k, looks)
            yield "looks", false(f"no difference, advice followed {how}", k, seeds, advised, f"{FALSE} at any look")
    steps = "3 to 10, 8 looks"
    yield "looks", false("no difference, one seed at a time", 2, steps, _one_by_one(2), f"{FALSE} at any look")
    for k in (2, 4, 6):
        for n, spread in ((10, 0.0003), (5, SD)):
            name, at = f"ahead by the margin, SD {100 * spread:g} pp", _at_the_margin(k, n, spread)
            yield "margin", false(name, k, str(n), at, "a claim about the margin")
    for shape in ((2, 2, 5), (3, 4, 5), (2, 2, 2, 5)):
        for is_unequal in (False, True):
            name = f"{' × '.join(map(str, shape[:-1]))} levels that add up{', SDs unequal' if is_unequal else ''}"
            yield "meeting", false(name, max(shape[:-1]), "5", _meeting(shape, is_unequal), "“depends on”")
    for k in SIZES:
        yield "identical", Row("last level trained as the first", k, "5", "a test of the two", 0, 0, _identical(k))
    by_study, apart = (_many_factors(6, family) for family in (Family.study, Family.factor))
    yield "factors", false("6 factors of no effect, `--family study`", 3, "5", by_study)
    yield "factors", Row("6 factors of no effect, each by itself", 3, "5", FALSE, 0, 1, apart)
    for k, n in ((2, 5), (2, 10), (3, 5), (6, 5)):
        name = "ahead by the detectable difference"
        yield "power", Row(name, k, str(n), "it is “better”", 0.78, 0.85, _power(k, n))


ROWS = {f"{group}-{number}": row for number, (group, row) in enumerate(_rows())}


def count(name: str, sweeps: int) -> int:
    """In how many of so many sweeps the event of a row comes; the same each time."""
    statistics.MAX_EXACT_SEEDS = 4  # of the sign-flip test, which marks verdicts as fragile and changes none
    random = np.random.default_rng([sorted(ROWS).index(name), sweeps])
    return sum(ROWS[name].simulate(random) for _ in range(sweeps))


def table(counts: dict[str, int], sweeps: int) -> str:
    """The table as Markdown."""
    lines = ["| simulated | levels | seeds | counted | in % of sweeps | allowed, % |", "|---|---|---|---|---|---|"]
    for name, hits in counts.items():
        row = ROWS[name]
        low, high = statistics.wilson(hits, sweeps)
        allowed = (
            "as many"
            if row.most == 1
            else f"{100 * row.least:g} to {100 * row.most:g}"
            if row.least
            else f"≤ {100 * row.most:g}"
        )
        mark = "" if row.least <= hits / sweeps <= row.most else " **missed**"
        share = f"{100 * hits / sweeps:.1f} ({100 * low:.1f} to {100 * high:.1f}){mark}"
        lines.append(f"| {row.name} | {row.levels} | {row.seeds} | {row.event} | {share} | {allowed} |")
    return "\n".join(lines) + "\n"


def renewed(page: str, told: str) -> str:
    """The page with the rows of a table in the place of its own of the same name, levels, seeds and event."""
    rows = {tuple(line.split(" | ")[:4]): line for line in told.splitlines()[2:]}
    return "\n".join(rows.get(tuple(line.split(" | ")[:4]), line) for line in page.splitlines()) + "\n"


HEAD = """\
# How often verdicts are wrong

Simulated sweeps, judged by the functions that `lenet-report` uses; nothing is trained. `python benchmarks/verdicts.py`
makes this page: {sweeps:,} sweeps a row, {versions}. Accuracies lie around {mean:g} % on {images:,} test images with an
SD between seeds of {sd:g} percentage points, unless a row says otherwise; α = 5 %, margin 0.10 percentage points. In
brackets: 95 % Wilson interval of the simulated share.

"""


def main() -> int:
    """Simulate, print and write the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=SWEEPS, help="per row (default: %(default)s)")
    parser.add_argument("--row", default="", help="only rows whose name begins with this; the page keeps the others")
    parser.add_argument("--stdout", action="store_true", help="print the table and write nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    found = parser.parse_args()
    names = [name for name in ROWS if name.startswith(found.row)]
    if not names or found.sweeps < 1 or found.jobs < 1:
        parser.error(f"rows are {', '.join(ROWS)}; --sweeps and --jobs at least 1")
    from tqdm import tqdm

    with ProcessPoolExecutor(found.jobs) as pool:
        results = pool.map(count, names, [found.sweeps] * len(names))
        counts = dict(zip(names, tqdm(results, total=len(names), unit="row", disable=None), strict=True))
    told = table(counts, found.sweeps)
    print(told)
    if not found.stdout and found.row:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    elif not found.stdout:
        import scipy

        versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"
        head = HEAD.format(sweeps=found.sweeps, versions=versions, mean=100 * MEAN, images=IMAGES, sd=100 * SD)
        PAGE.write_text(head + told, encoding="utf-8")
    return int("**missed**" in told)


if __name__ == "__main__":
    sys.exit(main())
