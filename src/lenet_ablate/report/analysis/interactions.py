"""Whether a factor's effect depends on another one's level, tested seed by seed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import linalg, stats

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import Mask, compare, largest_rectangle
from lenet_ablate.report.study.factors import REPLICATE, Factor, Level

CELL = "cell"


def interaction_p(design: pd.DataFrame, factors: tuple[Factor, ...], a: Factor, b: Factor) -> float:
    """Two-sided p that the effects of two factors add up, by what is left of it in each seed.

    The analysis of variance with repeated measures: what each seed's cells deviate from the sum of both main effects,
    against how that deviation differs between seeds, with Greenhouse and Geisser's correction (1959) for spreads that
    differ between cells. Missing below two seeds with every cell, and where nothing differs between seeds.

    Args:
        design: One row per run; see `study.Study.design`.
        factors: All factors of the study; a seed is averaged over the others' combinations.
        a: One of them.
        b: Another one.
    """
    usable = design[design["is_usable"]]
    present = [[label for label in factor.labels if (usable[factor.key] == label).any()] for factor in (a, b)]
    cells = [f"{one}\n{other}" for one, other in itertools.product(*present)]
    named = usable[a.key].astype(str) + "\n" + usable[b.key].astype(str)
    factor = Factor(CELL, tuple(Level(cell, (place,)) for place, cell in enumerate(cells)))
    others = [other for other in factors if other.key not in (a.key, b.key)]
    column = pd.Categorical(named, categories=cells, ordered=True)
    grid = compare(usable.assign(**{CELL: column}), factor, [factor, *others]).grid
    if len(grid.labels) < len(cells):
        return float("nan")
    has: Mask = np.asarray(grid.is_complete.all(axis=0))
    within = largest_rectangle(has)
    if len(within.seeds) < 2:
        return float("nan")
    values = grid.values("outcome", np.arange(len(cells)), within).mean(axis=1)
    return repeated_measures_p(values.reshape(len(present[0]), len(present[1]), -1))


def is_turned_round(usable: pd.DataFrame, factor: Factor, other: Factor, better: Sequence[tuple[str, str]]) -> bool:
    """Whether, at some level of another factor, a level is worse than one that it is better than on average.

    So it is where the 95 % t-interval of the difference there, paired by seed, lies on the other side of zero. It is
    not corrected for the number of levels that are looked at: where effects add up, a difference that was found on
    average is hardly ever turned round by chance, and to keep silent about one that is would mislead.

    Args:
        usable: One row per run that counts; see `study.Study.design`.
        factor: The factor with these levels.
        other: Another factor of the study.
        better: Pairs of levels, the better one first.
    """
    cells = usable.groupby([other.key, REPLICATE, factor.key], observed=True)["outcome"].agg(["mean", "size"]).unstack()
    for one, than in better:
        if not {one, than} <= set(cells["mean"]):
            continue
        is_whole = (cells["size"][[one, than]] == cells["size"].max(axis=None)).all(axis=1)
        differences = (cells["mean"][one] - cells["mean"][than])[is_whole]
        for _, own in differences.groupby(level=0, observed=True):
            found = statistics.summarise(own.to_numpy(float))
            if found.sd > statistics.SMALLEST_SD and found.high < 0:
                return True
    return False


def repeated_measures_p(values: Array) -> float:
    """P of the interaction in a table of A × B cells with n seeds, (A, B, n); see `interaction_p`."""
    num_a, num_b, n = values.shape
    rows, columns = linalg.helmert(num_a), linalg.helmert(num_b)
    rest = np.einsum("ia,jb,abn->ijn", rows, columns, values).reshape(-1, n)
    covariance = np.atleast_2d(np.cov(rest))
    spread = float(np.trace(covariance))
    if len(rest) == 0 or spread <= statistics.SMALLEST_SD**2:
        return float("nan")
    f = n * float((rest.mean(axis=1) ** 2).sum()) / spread
    df = spread**2 / float((covariance**2).sum())  # Greenhouse and Geisser's share of the degrees of freedom
    return float(stats.f.sf(f, df, df * (n - 1)))
