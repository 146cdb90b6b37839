"""Whether a factor's effect depends on another one's level, tested seed by seed."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy import linalg, stats

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import Mask, compare, largest_rectangle
from lenet_ablate.report.study.factors import Factor, Level

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
