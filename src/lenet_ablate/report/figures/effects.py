"""Main effects: every seed, mean and interval of each level of a factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lenet_ablate.report.analysis.results import FactorAnalysis
from lenet_ablate.report.figures.intervals import (
    LABEL_WIDTH,
    NARROW_LABEL_WIDTH,
    Row,
    draw_interval,
    dress_rows,
    is_cut,
    limits,
    rows_height,
)
from lenet_ablate.report.figures.style import (
    FAINT,
    MIDDLE,
    SINGLE,
    draw_note,
    draw_title,
    house_style,
    level_styles,
    note_height,
)
from lenet_ablate.report.figures.text import listed, plural, short, wrap
from lenet_ablate.report.text.rounding import NOTHING, percent_texts

_SEED: dict[str, Any] = {"marker": "o", "color": FAINT, "markerfacecolor": "none", "markersize": 3.6, "linestyle": ""}
_PUBLISHED: dict[str, Any] = {**_SEED, "marker": "^", "markersize": 6}
_OFFSETS = (0.0, 0.16, -0.16)  # of neighbouring seeds from the row's middle, so that equal ones stay visible


@dataclass(frozen=True)
class Effect:
    """A factor's panel, values in percent.

    Attributes:
        analysis: The factor's analysis.
        levels: Its levels' rows as percentages: level, mean, ci_low, ci_high.
        seeds: Columns level, seed, outcome.
        published: Columns level, outcome, label: published figures and what they are called.
    """

    analysis: FactorAnalysis
    levels: pd.DataFrame
    seeds: pd.DataFrame
    published: pd.DataFrame


def effect_of(analysis: FactorAnalysis, references: pd.DataFrame | None = None) -> Effect:
    """A factor's levels in percent, with what is published on them.

    Args:
        analysis: The factor's analysis.
        references: Columns factor, level, label, test_accuracy (0..1); see `published.published_frame`; may be None.
    """
    key, labels = analysis.comparison.factor.key, analysis.comparison.factor.labels
    levels = analysis.levels.assign(level=analysis.levels["level"].astype(str))
    numbers = 100 * levels[["mean", "ci_low", "ci_high"]].astype(float)
    seeds = analysis.values[["level", "seed"]].assign(outcome=100 * analysis.values["outcome"].astype(float))
    known = pd.DataFrame({"level": [], "outcome": [], "label": []})
    if references is not None and len(references):
        own = references[(references["factor"] == key) & references["level"].astype(str).isin(labels)]
        outcome = 100 * own["test_accuracy"].astype(float)
        known = own[["level"]].astype(str).assign(outcome=outcome, label=own["label"]).dropna(subset="outcome")
    return Effect(
        analysis,
        levels.assign(mean=numbers["mean"], ci_low=numbers["ci_low"], ci_high=numbers["ci_high"]),
        seeds.astype({"level": str}),
        known,
    )


def effects_figure(effects: Sequence[Effect], outcome: str, title: str, note: str, width: float = MIDDLE) -> Figure:
    """A panel per factor with a row per level: ○ seeds, ◆ mean, — 95 % interval, the numbers at the right.

    Args:
        effects: See `effect_of`; at least one.
        outcome: What is on the axis: "test accuracy".
        title: Stands above.
        note: See `effects_key`; stands below.
        width: Of the figure, in inches.
    """
    label_width = LABEL_WIDTH if width > SINGLE else NARROW_LABEL_WIDTH
    rows = [_rows(effect, label_width) for effect in effects]
    heights = [rows_height(own) for own in rows]
    panel_titles = [f"{effect.analysis.comparison.factor.title}" for effect in effects]
    height = sum(heights) + 0.42 * len(effects) + 0.55 + note_height(note, width)
    with house_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(len(effects), 1, height_ratios=heights, squeeze=False)[:, 0]
        for ax, effect, own, panel_title in zip(axes, effects, rows, panel_titles, strict=True):
            _draw_effect(ax, effect, own)
            if len(effects) > 1:
                ax.set_title(wrap(panel_title, 300 if width > SINGLE else 120, 8, 1), fontsize=8, fontweight="normal")
        axes[-1].set_xlabel(f"{outcome} (%)")
        draw_title(figure, title)
        draw_note(figure, note)
    return figure


def effects_note(effects: Sequence[Effect]) -> str:
    """What the marks and numbers are."""
    kinds = {str(kind) for effect in effects for kind in effect.levels["ci_kind"].dropna()}
    parts = _mark_words(effects)
    several = len(parts) > 2
    parts += ["single runs: Wilson 95 % interval over the test images"] if several and "wilson95" in kinds else []
    parts += _published_words(effects)
    parts += ["right: mean ± SD over seeds; levels that share a letter are not distinguishable"] if several else []
    parts += ["arrowhead: the interval goes on"] if any(_is_cut(effect) for effect in effects) else []
    return " · ".join(parts)


def effects_key(effects: Sequence[Effect]) -> str:
    """The line drawn below: what the marks are, of how many seeds."""
    return " · ".join([*_mark_words(effects), *_published_words(effects)])


def effects_alt(effects: Sequence[Effect], outcome: str) -> str:
    """In words: each level's mean and SD, and the letters that tell which levels differ."""
    sentences = []
    for effect in effects:
        factor = effect.analysis.comparison.factor
        pairs = zip(effect.levels["level"], _numbers(effect), strict=True)
        sentences.append(f"by {factor.title}: {listed([f'{short(level)} {text}' for level, text in pairs])}")
    return f"{outcome[0].upper()}{outcome[1:]} in percent, mean and SD over seeds, {'; '.join(sentences)}."


def _mark_words(effects: Sequence[Effect]) -> list[str]:
    counts = {int(n) for effect in effects for n in effect.seeds.groupby("level").size()}
    if max(counts, default=0) < 2:
        return ["◆ one run", "line: Wilson 95 % interval over the test images"]
    seeds = plural(min(counts), "seed") if len(counts) == 1 else f"{min(counts)} to {max(counts)} seeds"
    return ["○ one seed", f"◆ mean of {seeds}", "line: 95 % t-interval"]


def _published_words(effects: Sequence[Effect]) -> list[str]:
    labels = dict.fromkeys(str(label) for effect in effects for label in effect.published["label"])
    return [f"△ {' or '.join(labels)}"] if labels else []


def _rows(effect: Effect, label_width: float) -> list[Row]:
    best = effect.levels["is_best"].fillna(False).astype(bool)
    texts = _numbers(effect)
    return [
        Row(wrap(level, label_width, 8, 2), text, bold)
        for level, text, bold in zip(effect.levels["level"], texts, best, strict=True)
    ]


def _numbers(effect: Effect) -> list[str]:
    """`98.95 ± 0.07 a (2 failed)`."""
    levels = effect.levels
    texts = percent_texts((levels["mean"] / 100).tolist(), levels["sd"].astype(float).tolist())
    groups = levels["group"].fillna("").astype(str) if levels["mean"].notna().sum() > 1 else [""] * len(levels)
    failed = [f"({num} failed)" if num else "" for num in levels["n_failed"].fillna(0).astype(int)]
    parts = zip(texts, groups, failed, strict=True)
    return [" ".join(p for p in (text, "" if text == NOTHING else group[:8], lost) if p) for text, group, lost in parts]


def _draw_effect(ax: Axes, effect: Effect, rows: Sequence[Row]) -> None:
    levels, styles = effect.levels, level_styles(effect.analysis.comparison.factor)
    lows, highs = levels["ci_low"].clip(0), levels["ci_high"].clip(upper=100)
    points = [*levels["mean"], *effect.seeds["outcome"], *effect.published["outcome"]]
    dress_rows(ax, rows, limits(points, [*lows, *highs]))
    for place, (level, mean, low, high) in enumerate(zip(levels["level"], levels["mean"], lows, highs, strict=True)):
        draw_interval(ax, place, low, high)
        own = np.sort(effect.seeds.loc[effect.seeds["level"] == level, "outcome"].dropna().to_numpy(dtype=float))
        if len(own) > 1:
            offsets = np.resize(_OFFSETS, len(own))
            ax.plot(own, place + offsets, **_SEED, zorder=2.5)
        if math.isfinite(mean):
            ax.plot([mean], [place], "D", color=styles[level].color, markersize=5.5, markeredgecolor="white", zorder=3)
        published = effect.published.loc[effect.published["level"] == level, "outcome"]
        ax.plot(published, [place] * len(published), **_PUBLISHED, zorder=2.8) if len(published) else None


def _is_cut(effect: Effect) -> bool:
    lows, highs = effect.levels["ci_low"].clip(0), effect.levels["ci_high"].clip(upper=100)
    points = [*effect.levels["mean"], *effect.seeds["outcome"], *effect.published["outcome"]]
    return is_cut(limits(points, [*lows, *highs]), lows.tolist(), highs.tolist())
