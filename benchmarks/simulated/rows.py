"""The rows of the table of verdicts that are wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulated.design import SD, Random
from simulated.sweeps import (
    advised,
    alike,
    at_the_margin,
    below_an_image,
    collapsing,
    failing,
    identical,
    many_factors,
    meeting,
    one_by_one,
    power,
    unbalanced,
    unequal,
)

from lenet_ablate.report.study.criteria import Family


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


FALSE, MOST = "any “better”", 0.055
SIZES = (2, 3, 6)


def _rows() -> Iterator[tuple[str, Row]]:
    """The rows, each with the name of its group."""

    def false(name: str, levels: int, seeds: str, simulate: Callable[[Random], bool], event: str = FALSE) -> Row:
        return Row(name, levels, seeds, event, 0, MOST, simulate)

    for k, n in ((2, 5), (3, 5), (6, 5), (3, 10)):
        yield "equal", false("no difference", k, str(n), alike(k, n))
    for k in SIZES:
        yield "unequal", false("no difference, SDs from 0.3 to 3 times", k, "5", unequal(k))
        yield "image", false("no difference, seeds agree to an image", k, "3", below_an_image(k))
        yield "collapsing", false("no difference, 10 % of runs collapse", k, "5", collapsing(k))
        yield "unbalanced", false("no difference, 30 % of runs missing", k, "6", unbalanced(k))
        yield "failures", false("no difference, 20 % of runs diverge", k, "5", failing(k, 0.2))
    for n in (5, 10):
        lucky = failing(2, 0.4, of_one=True, lead=0.002, seeds=n)
        yield "lucky", false("0.20 pp ahead where it trains, diverges in 40 %", 2, str(n), lucky, "it is “better”")
    for k in (2, 3):
        for looks, how in ((2, "once"), (3, "twice")):
            seeds, how_often = f"5 to …, {looks} looks", f"no difference, advice followed {how}"
            yield "looks", false(how_often, k, seeds, advised(k, looks), f"{FALSE} at any look")
    steps = "3 to 10, 8 looks"
    yield "looks", false("no difference, one seed at a time", 2, steps, one_by_one(2), f"{FALSE} at any look")
    for k in (2, 4, 6):
        for n, spread in ((10, 0.0003), (5, SD)):
            name, at = f"ahead by the margin, SD {100 * spread:g} pp", at_the_margin(k, n, spread)
            yield "margin", false(name, k, str(n), at, "a claim about the margin")
    for shape in ((2, 2, 5), (3, 4, 5), (2, 2, 2, 5)):
        for is_unequal in (False, True):
            name = f"{' × '.join(map(str, shape[:-1]))} levels that add up{', SDs unequal' if is_unequal else ''}"
            yield "meeting", false(name, max(shape[:-1]), "5", meeting(shape, is_unequal), "“depends on”")
    for k in SIZES:
        yield "identical", Row("last level trained as the first", k, "5", "a test of the two", 0, 0, identical(k))
    by_study, apart = (many_factors(6, family) for family in (Family.study, Family.factor))
    yield "factors", false("6 factors of no effect, `--family study`", 3, "5", by_study)
    yield "factors", Row("6 factors of no effect, each by itself", 3, "5", FALSE, 0, 1, apart)
    for k, n in ((2, 5), (2, 10), (3, 5), (6, 5)):
        name = "ahead by the detectable difference"
        yield "power", Row(name, k, str(n), "it is “better”", 0.78, 0.85, power(k, n))


ROWS = {f"{group}-{number}": row for number, (group, row) in enumerate(_rows())}
