"""Sweeps whose accuracies are drawn, as the report has studies, and what it says of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.report.analysis.judge import decide
from lenet_ablate.report.analysis.pairs import measured_columns
from lenet_ablate.report.analysis.results import Code
from lenet_ablate.report.study.comparison import Comparison, compare
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import Factor, Level

IMAGES, MEAN, SD, CHANCE = 10_000, 0.985, 0.0009, 0.1
BETTER = (Code.better, Code.better_maybe_less_than_margin)
USUAL = Criteria()

Array = npt.NDArray[np.float64]
Random = np.random.Generator


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
