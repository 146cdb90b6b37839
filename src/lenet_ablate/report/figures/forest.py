"""Paired differences between levels with their intervals: the figure that answers which setting is better."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lenet_ablate.rendering.escape import one_line
from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.figures.intervals import (
    LABEL_WIDTH,
    Row,
    draw_interval,
    dress_rows,
    is_cut,
    limits,
    rows_height,
)
from lenet_ablate.report.figures.style import FAINT, FULL, INK, draw_note, draw_title, house_style, note_height
from lenet_ablate.report.figures.text import cut, listed, plural, short, width_of, wrap
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.text.rounding import NOTHING

MAX_ROWS = 21  # all pairs of seven levels
STRIPE = "#e3e3e3"


def shown_pairs(analysis: FactorAnalysis) -> tuple[pd.DataFrame, str]:
    """The pairs that are drawn, and in words which they are where some are left out: those with the best level."""
    pairs = analysis.pairs.reset_index(drop=True)
    if len(pairs) <= MAX_ROWS:
        return pairs, ""
    means = analysis.levels.set_index(analysis.levels["level"].astype(str))["mean"].astype(float)
    best = str(means.idxmax()) if means.notna().any() else str(means.index[0])
    of_best = pairs[(pairs["level_a"].astype(str) == best) | (pairs["level_b"].astype(str) == best)]
    return of_best.head(3 * MAX_ROWS).reset_index(drop=True), f"only pairs with {short(best)}, the highest mean"


def differences_figure(analysis: FactorAnalysis, criteria: Criteria, outcome: str, title: str, note: str) -> Figure:
    """A row per pair of levels: paired difference with 95 % interval, filled where it is significant after correction.

    Args:
        analysis: The factor's analysis; has at least one pair.
        criteria: Margin, drawn as a grey stripe around 0, and alpha.
        outcome: What is compared: "test accuracy".
        title: Stands above.
        note: See `differences_key`; stands below.
    """
    pairs, _ = shown_pairs(analysis)
    percent, x_limits, margin = *_scale(pairs, criteria), 100 * criteria.margin
    key = analysis.comparison.factor.key
    rows = [Row(_row_name(key, pair), _numbers(pair)) for pair in pairs.to_dict("records")]
    with house_style():
        size = (FULL, rows_height(rows) + 0.95 + note_height(note, FULL))
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.subplots()
        dress_rows(ax, rows, x_limits)
        ax.axvspan(-margin, margin, color=STRIPE, linewidth=0, zorder=0.4)
        ax.axvline(0, color=FAINT, linewidth=0.8, zorder=0.6)
        is_sure = pairs["p_corrected"].astype(float) < criteria.alpha
        for place, row in enumerate(percent.assign(sure=is_sure).itertuples(index=False)):
            diff, low, high, sure = (float(value) for value in row)
            draw_interval(ax, place, low, high)
            if math.isfinite(diff):
                ax.plot([diff], [place], "o", color=INK, markersize=5.5, markerfacecolor=INK if sure else "white")
        what = wrap(f"difference in {outcome} (percentage points)", 260, 8, 2)
        ax.set_xlabel(f"{what}\n← second is higher      first is higher →")
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def differences_note(analysis: FactorAnalysis, criteria: Criteria) -> str:
    """What the marks are, how many pairs of seeds and tests there are, and which pairs are shown."""
    pairs, which = shown_pairs(analysis)
    percent, x_limits = _scale(pairs, criteria)
    cut = is_cut(x_limits, percent["ci_low"].tolist(), percent["ci_high"].tolist())
    notes = [_legend_words(criteria, pairs), which, "arrowhead: the interval goes on" if cut else ""]
    return " · ".join(part for part in notes if part)


def differences_key(analysis: FactorAnalysis, criteria: Criteria) -> str:
    """The line drawn below: how many pairs of seeds, and what mark, line and stripe are."""
    pairs, _ = shown_pairs(analysis)
    return _legend_words(criteria, pairs, is_brief=True)


def differences_alt(analysis: FactorAnalysis, outcome: str) -> str:
    """In words: each difference with its interval and p value."""
    pairs, which = shown_pairs(analysis)
    key = analysis.comparison.factor.key
    told = [f"{short(_words(key, pair))} {_numbers(pair)}" for pair in pairs.to_dict("records")]
    return (
        f"Paired differences in {outcome} by {analysis.comparison.factor.title}, in percentage points with 95 % "
        f"intervals and corrected p values{': ' + which if which else ''}: {listed(told, 21)}."
    )


def _scale(pairs: pd.DataFrame, criteria: Criteria) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Differences and intervals in percentage points, and the limits of their axis."""
    percent = 100 * pairs[["diff", "ci_low", "ci_high"]].astype(float)
    edge = 130 * criteria.margin
    return percent, limits([*percent["diff"], -edge, edge], [*percent["ci_low"], *percent["ci_high"]])


def _row_name(key: str, pair: Mapping[Hashable, Any]) -> str:
    """The pair in one line where it fits, else a line for each level."""
    words = one_line(_words(key, pair), 0)
    if width_of(words, 8) <= LABEL_WIDTH:
        return words
    return "\n".join(cut(text, LABEL_WIDTH) for text in (f"{key} {pair['level_a']}", f"− {pair['level_b']}"))


def _words(key: str, pair: Mapping[Hashable, Any]) -> str:
    return f"{key} {pair['level_a']} − {pair['level_b']}"


def _numbers(pair: Mapping[Hashable, Any]) -> str:
    """`+0.21 [+0.05, +0.37], p = 0.012`."""
    diff, low, high, p = (float(pair[name]) for name in ("diff", "ci_low", "ci_high", "p_corrected"))
    if math.isnan(diff):
        return NOTHING
    half = 100 * (high - low) / 2
    decimals = 2 if math.isnan(half) or half >= 0.02 else 3
    told = _signed(diff, decimals)
    told += "" if math.isnan(half) else f" [{_signed(low, decimals)}, {_signed(high, decimals)}]"
    return told + ("" if math.isnan(p) else ", p < 0.001" if p < 0.001 else f", p = {p:.2g}")


def _signed(difference: float, decimals: int) -> str:
    percent = round(100 * difference, decimals)
    return f"{percent:+.{decimals}f}".replace("-", "−") if percent else f"{0:.{decimals}f}"


def _legend_words(criteria: Criteria, pairs: pd.DataFrame, is_brief: bool = False) -> str:
    tests = pairs["m_tests"].dropna()
    num = f" over {plural(int(tests.max()), 'test')}" if len(tests) else ""
    seeds = pairs["n_pairs"].dropna().astype(int)
    pairing = ""
    if len(seeds):
        many = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
        pairing = f"{many} seed{'' if many == '1' else 's'} in pairs · "
    if is_brief:
        margin = f"{100 * criteria.margin:.2f}"
        return f"{pairing}line: 95 % interval · ● corrected p < {criteria.alpha:g}, ○ not · stripe: ±{margin} points"
    return (
        f"{pairing}● corrected p < {criteria.alpha:g}{num}, ○ not · line: 95 % interval · "
        f"stripe: ±{100 * criteria.margin:.2f} points, too small to matter"
    )
