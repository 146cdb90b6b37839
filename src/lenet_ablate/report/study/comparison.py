"""Which runs the levels of a factor are compared on: every level on its own seeds, every pair on what the two share."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.study.factors import REPLICATE, Factor

FAILED = (State.failed.value, State.diverged.value)

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Where the runs of a factor's levels stand: L levels, K combinations of the other factors, S seeds.

    Attributes:
        labels: The levels that have a run with final figures, in the factor's order.
        combinations: Rows of the other factors' levels, (K,); one without columns where there is no other factor.
        seeds: (S,) the seeds, sorted.
        place: (L, K, S) rows of `runs`, -1 where there is none.
        has_failed: (L, K, S) whether that run failed or diverged.
        runs: The runs with final figures, and those that failed or diverged.
    """

    labels: tuple[str, ...]
    combinations: pd.DataFrame
    seeds: Places
    place: Places
    has_failed: Mask
    runs: pd.DataFrame

    @functools.cached_property
    def is_complete(self) -> Mask:
        """Whether a run has final figures, (L, K, S)."""
        return (self.place >= 0) & ~self.has_failed

    def values(self, column: str, level: Places, within: Rectangle) -> npt.NDArray[np.float64]:
        """A column's values at some levels in a rectangle, (len(level), combinations, seeds)."""
        numbers = self._column(column)
        found: npt.NDArray[np.float64] = numbers[self.place[np.ix_(level, within.combinations, within.seeds)]]
        return found

    def _column(self, name: str) -> npt.NDArray[np.float64]:
        if name not in self._columns:
            self._columns[name] = self.runs[name].to_numpy(float)
        return self._columns[name]

    @functools.cached_property
    def _columns(self) -> dict[str, npt.NDArray[np.float64]]:
        return {}


@dataclass(frozen=True)
class Rectangle:
    """Combinations and seeds of which each seed has each combination, by their places.

    Attributes:
        combinations: Places among the combinations, sorted.
        seeds: Places among the seeds, sorted.
    """

    combinations: Places
    seeds: Places


@dataclass(frozen=True)
class Comparison:
    """A factor's levels.

    A level's mean is over its own seeds, each seed averaged over the same combinations of the other factors: those
    that every level has, without the few that would cost more seeds than they bring. Two levels are compared on the
    largest rectangle of combinations and seeds that both have.

    Attributes:
        factor: The factor whose levels are compared.
        others: Keys of the other factors, which are averaged over.
        runs: Rows of the study's design that enter the levels' means.
        planned: Rows of every run of the study with readable settings, whatever its state.
        empty_levels: Labels of levels without a single run with final figures.
        grid: Where the runs stand.
        alike: By label of a level whose runs are those of another one to the last bit, the label of that other one,
            which stands for both.
    """

    factor: Factor
    others: tuple[str, ...]
    runs: pd.DataFrame
    planned: pd.DataFrame
    empty_levels: tuple[str, ...]
    grid: Grid
    alike: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_usable(self) -> int:
        """Runs with final figures, whether they enter or not."""
        return int(self.planned["is_usable"].sum())

    @property
    def combinations_left_out(self) -> list[str]:
        """Combinations of the other factors that have a run and enter no mean, in words: `pool=avg, batch_size=32`."""
        if not self.others:
            return []
        keys = list(self.others)
        used = set(map(tuple, self.runs[keys].astype(str).to_numpy().tolist()))
        usable = self.planned[self.planned["is_usable"]]
        there = usable[keys].astype(str).drop_duplicates().to_numpy().tolist()
        return [
            ", ".join(f"{key}={value}" for key, value in zip(keys, row, strict=True))
            for row in there
            if tuple(row) not in used
        ]

    def blocks(self) -> Iterator[tuple[Places, Places, Rectangle]]:
        """Every pair of levels once, those together that share the same rectangle: (P,) first, (P,) second, and it.

        Places are among `grid.labels`; the first one stands before the second.
        """
        yield from paired_blocks(self.grid.is_complete)


def compare(design: pd.DataFrame, factor: Factor, factors: Sequence[Factor]) -> Comparison:
    """The comparison of a factor's levels within a study's design.

    Args:
        design: One row per run; see `study.Study.design`.
        factor: One of `factors`.
        factors: All factors of the study.
    """
    others = tuple(other.key for other in factors if other.key != factor.key)
    grid = _grid(design, factor, others)
    empty = tuple(label for label in factor.labels if label not in grid.labels)
    runs = grid.runs.iloc[_entering(grid.is_complete, grid.place)]
    return Comparison(factor, others, runs, design, empty, grid, _alike(grid))


def _grid(design: pd.DataFrame, factor: Factor, others: Sequence[str]) -> Grid:
    usable = design["is_usable"].to_numpy(bool)
    failed = design["status"].isin(FAILED).to_numpy()
    present = set(design.loc[usable, factor.key])
    labels = tuple(label for label in factor.labels if label in present)
    ended = (usable | failed) & design[factor.key].isin(labels).to_numpy()
    runs = design[ended].reset_index(drop=True)
    level = pd.Index(labels, dtype=object).get_indexer(pd.Index(runs[factor.key].astype(object))).astype(np.int64)
    seeds, seed = np.unique(runs[REPLICATE].to_numpy(np.int64), return_inverse=True)
    if others:
        combination = runs.groupby(list(others), observed=True, sort=False).ngroup().to_numpy(np.int64)
    else:
        combination = np.zeros(len(runs), np.int64)
    # What a single level has is shared with none; a study of random settings has little else.
    num_levels = pd.Series(level).groupby(combination).nunique() if len(runs) else pd.Series(dtype=int)
    shared = num_levels.index[(num_levels > 1) | (len(labels) < 2)].to_numpy(np.int64)
    kept = np.isin(combination, shared)
    runs, level, seed = runs[kept].reset_index(drop=True), level[kept], seed[kept]
    combination = np.searchsorted(shared, combination[kept])
    place = np.full((len(labels), len(shared), len(seeds)), -1, np.int64)
    place[level, combination, seed] = np.arange(len(runs))
    has_failed = np.zeros(place.shape, bool)
    has_failed[level, combination, seed] = ~runs["is_usable"].to_numpy(bool)
    first = np.unique(combination, return_index=True)[1]
    return Grid(labels, runs.iloc[first][list(others)].reset_index(drop=True), seeds, place, has_failed, runs)


def _entering(has: Mask, place: Places) -> Places:
    """Rows of the runs that enter the levels' means, sorted."""
    num_levels, _, num_seeds = has.shape
    common = has.any(axis=2).all(axis=0)
    columns = has[:, common].transpose(1, 0, 2).reshape(int(common.sum()), num_levels * num_seeds)
    if not columns.size:
        return np.zeros(0, np.int64)
    level = np.repeat(np.arange(num_levels), num_seeds)

    def worth(span: tuple[Mask, Mask]) -> tuple[int, int, int]:
        rows, own = span
        return len(np.unique(level[own])), int(rows.sum() * own.sum()), int(own.sum())

    rows, own = max(_spans(columns), key=worth)
    enters = np.zeros(has.shape, bool)
    enters[:, np.flatnonzero(common)[rows]] = own.reshape(num_levels, 1, num_seeds)
    return np.sort(place[enters])


def paired_blocks(has: Mask) -> Iterator[tuple[Places, Places, Rectangle]]:
    """Every pair of levels once, by the largest rectangle that both have; see `Comparison.blocks`.

    Args:
        has: (L, K, S) whether a level has a combination in a seed.
    """
    if len(has) < 2:
        return
    patterns, pattern = np.unique(has.reshape(len(has), -1), axis=0, return_inverse=True)
    first, second = np.triu_indices(len(has), 1)
    codes = np.stack([pattern[first], pattern[second]])
    kinds, kind = np.unique(np.sort(codes, axis=0), axis=1, return_inverse=True)
    order = np.argsort(kind, kind="stable")
    ends = np.searchsorted(kind[order], np.arange(kinds.shape[1] + 1))
    for number, (one, other) in enumerate(kinds.T):
        own = order[ends[number] : ends[number + 1]]
        shared = (patterns[one] & patterns[other]).reshape(has.shape[1:])
        yield first[own], second[own], largest_rectangle(shared)


def largest_rectangle(has: Mask) -> Rectangle:
    """The largest rectangle of combinations (rows) and seeds (columns), of those equally large the one of most seeds.

    Looked at is every rectangle that one seed's combinations or one combination's seeds span; among them are all
    combinations with the seeds that have them all, and all seeds with the combinations that have them all.
    """
    if not has.any():
        return Rectangle(np.zeros(0, np.int64), np.zeros(0, np.int64))
    rows, columns = max(_spans(has), key=lambda span: (span[0].sum() * span[1].sum(), span[1].sum()))
    return Rectangle(np.flatnonzero(rows), np.flatnonzero(columns))


def _spans(has: Mask) -> list[tuple[Mask, Mask]]:
    if has.all():
        return [(np.ones(has.shape[0], bool), np.ones(has.shape[1], bool))]
    return [*_spanned(has), *((rows, columns) for columns, rows in _spanned(has.T))]


def _spanned(has: Mask) -> list[tuple[Mask, Mask]]:
    """For each distinct row: the rows that have all of its columns, and these columns."""
    distinct = np.unique(has, axis=0)
    return [((has | ~columns).all(axis=1), columns) for columns in distinct]


def _alike(grid: Grid) -> dict[str, str]:
    """Levels that trained as an earlier one did wherever both have a run; the one with more runs stands for both."""
    curves = np.append(grid.runs["curve"].to_numpy(np.int64), -1)[grid.place]
    curves[~grid.is_complete] = -1
    order = sorted(range(len(curves)), key=lambda level: -int((curves[level] >= 0).sum()))
    found: dict[str, str] = {}
    kept: list[int] = []
    for level in order:
        for other in kept:
            is_shared = (curves[level] >= 0) & (curves[other] >= 0)
            if is_shared.any() and (curves[level][is_shared] == curves[other][is_shared]).all():
                found[grid.labels[level]] = grid.labels[other]
                break
        else:
            kept.append(level)
    return found
