"""Which runs the levels of a factor are compared on: a rectangle of combinations and seeds that every level shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.report.study.factors import REPLICATE, Factor


@dataclass(frozen=True)
class Comparison:
    """A factor's levels on common ground.

    A cell is a combination of the other factors' levels with a seed. Only cells that are finished at every level
    enter, so that no level gains or loses by a run that another one lacks; and of these only a rectangle, in which
    every seed has every combination, so that seeds differ by chance alone.

    Attributes:
        factor: The factor whose levels are compared.
        others: Keys of the other factors, which are averaged over.
        runs: Rows of the study's design that enter, one per level and cell.
        planned: Rows of every run of the study with readable settings, whatever its state.
        empty_levels: Labels of levels without a single finished run; cells are common to the rest.
        shared: Rows that are finished at every level; those that do not enter lie outside the rectangle.
    """

    factor: Factor
    others: tuple[str, ...]
    runs: pd.DataFrame
    planned: pd.DataFrame
    empty_levels: tuple[str, ...]
    shared: pd.DataFrame

    @property
    def num_usable(self) -> int:
        """Runs with final figures, whether they enter or not."""
        return int(self.planned["is_usable"].sum())

    @property
    def seeds_left_out(self) -> tuple[int, ...]:
        """Seeds with a shared cell that lie outside the rectangle, sorted."""
        return tuple(sorted(map(int, set(self.shared[REPLICATE]) - set(self.runs[REPLICATE]))))

    @property
    def num_combinations_left_out(self) -> int:
        """Combinations of the other factors with a shared cell that lie outside the rectangle."""
        if not self.others:
            return 0
        count, used = (len(runs[list(self.others)].drop_duplicates()) for runs in (self.shared, self.runs))
        return count - used


def compare(design: pd.DataFrame, factor: Factor, factors: Sequence[Factor]) -> Comparison:
    """The comparison of a factor's levels within a study's design.

    Args:
        design: One row per run; see `study.Study.design`.
        factor: One of `factors`.
        factors: All factors of the study.
    """
    others = tuple(other.key for other in factors if other.key != factor.key)
    usable = design[design["is_usable"]]
    present = set(usable[factor.key])
    cell = [*others, REPLICATE]
    num_levels = usable.groupby(cell, observed=True)[factor.key].transform("nunique")
    empty = tuple(label for label in factor.labels if label not in present)
    shared = usable[num_levels == len(present)]
    return Comparison(factor, others, _rectangle(shared, others), design, empty, shared)


def _rectangle(shared: pd.DataFrame, others: Sequence[str]) -> pd.DataFrame:
    """The rows of the largest rectangle, and of those equally large the one with most seeds.

    Looked at is every rectangle that one seed's combinations or one combination's seeds span; among them are all
    combinations with the seeds that have them all, and all seeds with the combinations that have them all.
    """
    if shared.empty or not others:
        return shared
    row = shared.groupby(list(others), observed=True).ngroup().to_numpy()
    seeds, column = np.unique(shared[REPLICATE].to_numpy(), return_inverse=True)
    has = np.zeros((row.max() + 1, len(seeds)), bool)
    has[row, column] = True
    if has.all():
        return shared
    spans = [*_spanned(has), *((rows, columns) for columns, rows in _spanned(has.T))]
    rows, columns = max(spans, key=lambda span: (span[0].sum() * span[1].sum(), span[1].sum()))
    return shared[rows[row] & columns[column]]


def _spanned(has: npt.NDArray[np.bool_]) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """For each distinct row: the rows that have all of its columns, and these columns."""
    distinct = np.unique(has, axis=0)
    return [((has | ~columns).all(axis=1), columns) for columns in distinct]
