"""Factorial analysis of variance: how much of the spread goes with which factor; a description, not a verdict."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.interactions import interaction_p
from lenet_ablate.report.study.factors import REPLICATE, Factor

COLUMNS = ("term", "sum_sq", "df", "f", "p", "omega_sq", "range", "p_paired", "p_holm", "is_interaction")
EMPTY = pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
MAX_PARAMETERS = 300
TIMES = " × "


def anova(
    design: pd.DataFrame, factors: Sequence[Factor], alike: Mapping[str, Collection[str]] | None = None
) -> pd.DataFrame:
    """Type II sums of squares of the main effects and two-way interactions, with the seed as a block.

    An interaction stays out where one of its cells has no run; everything does where the runs are too few. Columns:
    see `results.StudyAnalysis.anova`; range is that of the marginal means, of an interaction that of what its cells'
    means deviate from the sum of both main effects. Of levels that trained alike one stands for all.

    Args:
        design: The usable runs, with `outcome` and a column per factor.
        factors: The factors.
        alike: By key of a factor, its levels that another one stands for.
    """
    keys = [factor.key for factor in factors]
    for key, labels in (alike or {}).items():
        design = design[~design[key].isin(list(labels))]
    data = pd.DataFrame({"y": design["outcome"].to_numpy(float)})
    data["seed"] = pd.factorize(design[REPLICATE])[0]
    for number, key in enumerate(keys):  # neutral names: a level's or factor's own could be read as a formula
        data[f"f{number}"] = pd.factorize(design[key])[0]
    varied = [number for number in range(len(keys)) if data[f"f{number}"].nunique() > 1]
    pairs = [pair for pair in itertools.combinations(varied, 2) if _is_crossed(data, pair)]
    terms = {f"C(f{n})": (n,) for n in varied} | {f"C(f{a}):C(f{b})": (a, b) for a, b in pairs}
    table = _fit(data, [*terms, *(["C(seed)"] if data["seed"].nunique() > 1 else [])]) if varied else None
    if table is None:
        return EMPTY
    names = {term: TIMES.join(keys[number] for number in numbers) for term, numbers in terms.items()}
    found = table.rename(index=names | {"C(seed)": REPLICATE, "Residual": "residual"})
    found["range"] = pd.Series({names[term]: _range(data, numbers) for term, numbers in terms.items()})
    found["is_interaction"] = [TIMES in str(term) for term in found.index]
    by_pair = {names[f"C(f{a}):C(f{b})"]: (factors[a], factors[b]) for a, b in pairs}
    every = tuple(factors)
    found["p_paired"] = [
        interaction_p(design, every, *by_pair[term]) if term in by_pair else np.nan for term in found.index
    ]
    found["p_holm"] = statistics.holm(found["p_paired"].to_numpy(float))
    return found.rename_axis("term").reset_index()[list(COLUMNS)]


def interacting(table: pd.DataFrame, key: str, alpha: float) -> list[str]:
    """The factors on whose levels a factor's effect depends, in the table's order.

    Args:
        table: See `anova`.
        key: The factor.
        alpha: That p is to be below of, after Holm's correction over the interactions.
    """
    found = table[table["is_interaction"].astype(bool) & (table["p_holm"].astype(float) < alpha)]
    partners = [str(term).split(TIMES) for term in found["term"]]
    return [other for both in partners if key in both for other in both if other != key]


def _is_crossed(data: pd.DataFrame, pair: tuple[int, int]) -> bool:
    a, b = (data[f"f{number}"] for number in pair)
    return len(set(zip(a, b, strict=True))) == a.nunique() * b.nunique()


def _fit(data: pd.DataFrame, terms: Sequence[str]) -> pd.DataFrame | None:
    """Sums of squares, df, F, p and ω² by term; None where the runs do not suffice for all of them."""
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    sizes = [
        np.prod([data[name].nunique() for name in term.replace("C(", "").replace(")", "").split(":")]) for term in terms
    ]
    if sum(sizes) > MAX_PARAMETERS or len(data) < 3:
        return None
    model = ols("y ~ " + " + ".join(terms), data)
    num_parameters = model.exog.shape[1]
    if len(data) <= num_parameters or np.linalg.matrix_rank(model.exog.T @ model.exog) < num_parameters:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        table = anova_lm(model.fit(method="qr"), typ=2).rename(columns={"F": "f", "PR(>F)": "p"})
    total = float(((data["y"] - data["y"].mean()) ** 2).sum())
    mean_square = table.at["Residual", "sum_sq"] / table.at["Residual", "df"]
    if mean_square * len(data) <= statistics.SMALLEST_SD**2 or total == 0:
        table[["f", "p"]] = np.nan  # nothing is left to test against
    table["omega_sq"] = (table["sum_sq"] - table["df"] * mean_square) / (total + mean_square)
    table.loc["Residual", "omega_sq"] = np.nan
    found: pd.DataFrame = table
    return found


def _range(data: pd.DataFrame, numbers: tuple[int, ...]) -> float:
    if len(numbers) == 1:
        means = data.groupby(f"f{numbers[0]}")["y"].mean()
        return float(means.max() - means.min())
    cells = data.groupby([f"f{number}" for number in numbers])["y"].mean().unstack().to_numpy()
    rest = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
    return float(rest.max() - rest.min())
