"""Which runs the levels of a factor are compared on: the cells that every level shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lenet_ablate.report.factors import REPLICATE, Factor


@dataclass(frozen=True)
class Comparison:
    """A factor's levels on common ground.

    A cell is a combination of the other factors' levels with a seed. Only cells that are finished at every level
    enter, so that no level gains or loses by a run that another one lacks.

    Attributes:
        factor: The factor whose levels are compared.
        others: Keys of the other factors, which are averaged over.
        runs: Rows of the study's design that enter, one per level and cell.
        planned: Rows of every run of the study with readable settings, whatever its state.
        empty_levels: Labels of levels without a single finished run; cells are common to the rest.
    """

    factor: Factor
    others: tuple[str, ...]
    runs: pd.DataFrame
    planned: pd.DataFrame
    empty_levels: tuple[str, ...]

    @property
    def num_usable(self) -> int:
        """Runs with final figures, whether they enter or not."""
        return int(self.planned["is_usable"].sum())

    @property
    def is_balanced(self) -> bool:
        """Whether every seed that enters has every combination of the other factors that enters."""
        if self.runs.empty or not self.others:
            return True
        cells = self.runs[[*self.others, REPLICATE]].drop_duplicates()
        combinations = cells[list(self.others)].drop_duplicates()
        return len(cells) == len(combinations) * cells[REPLICATE].nunique()


def compare(design: pd.DataFrame, factor: Factor, factors: Sequence[Factor]) -> Comparison:
    """The comparison of a factor's levels within a study's design.

    Args:
        design: One row per run; see `collect.Study.design`.
        factor: One of `factors`.
        factors: All factors of the study.
    """
    others = tuple(other.key for other in factors if other.key != factor.key)
    usable = design[design["is_usable"]]
    present = set(usable[factor.key])
    cell = [*others, REPLICATE]
    num_levels = usable.groupby(cell, observed=True)[factor.key].transform("nunique")
    empty = tuple(label for label in factor.labels if label not in present)
    return Comparison(factor, others, usable[num_levels == len(present)], design, empty)
