"""Which figures a study has: how to draw each, by file name, and why others are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from lenet_ablate.report.analysis.results import FactorAnalysis, StudyAnalysis
from lenet_ablate.report.figures.boundary_gallery import boundaries_of_study
from lenet_ablate.report.figures.confusion import (
    MAX_SHOWN,
    confusion_alt,
    confusion_figure,
    confusion_matrix,
    frequent_errors,
)
from lenet_ablate.report.figures.curve_gallery import MAX_VARIANTS, curves_of_factor, curves_of_variants
from lenet_ablate.report.figures.digit_grids import DISPUTED, TestDigits, Which, digits_alt, digits_figure, pick
from lenet_ablate.report.figures.effects import effect_of, effects_alt, effects_figure, effects_key, effects_note
from lenet_ablate.report.figures.forest import differences_alt, differences_figure, differences_key, differences_note
from lenet_ablate.report.figures.heatmap import MAX_LEVELS, grid_of, heatmap_alt, heatmap_figure, heatmap_key
from lenet_ablate.report.figures.notes import JOINT, averaged_words, caption_of, on_mnist, outcome_words, protocol
from lenet_ablate.report.figures.picture import Draw, Picture
from lenet_ablate.report.figures.scatter import labelled, noise_alt, noise_figure, time_alt, time_figure
from lenet_ablate.report.figures.style import NARROW
from lenet_ablate.report.figures.text import plural, short
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.factors import Factor
from lenet_ablate.report.study.study import Study

MAX_HEATMAPS = 6
TOLD_ERRORS = 12
DISPUTED_WORDS = "†: label disputed, fewer than 3 of 5 votes (cleanlab/label-errors)"


@dataclass(frozen=True)
class FigureInputs:
    """What figures need besides the records; None where it is not at hand.

    Attributes:
        digits: The test images and what the runs of the best variant say of them.
        why_no_digits: Why there are none, as the end of a sentence: "the test images are not on this machine".
        references: Columns factor, level, label, test_accuracy (0..1), train_loss_running (nats), n: published figures.
    """

    digits: TestDigits | None = None
    why_no_digits: str = "the test images or predictions are not at hand"
    references: pd.DataFrame | None = None


@dataclass(frozen=True)
class Gallery:
    """A study's figures.

    Attributes:
        pictures: How to draw each, by file name without its ending; drawn one by one, only one is in memory.
        left_out: A sentence for each figure that one could miss; plain text.
    """

    pictures: dict[str, Draw]
    left_out: tuple[str, ...]


def gallery(
    study: Study,
    analysis: StudyAnalysis | None = None,
    figure_inputs: FigureInputs | None = None,
    every_variant: bool = False,
) -> Gallery:
    """The figures of a study with at least one finished run; none of them is drawn yet.

    Args:
        study: What the figures are of.
        analysis: What is known of it; without it there are only curves, heat maps and the times.
        figure_inputs: Test images and published figures.
        every_variant: Whether each variant gets a figure of its own besides its panel.
    """
    figure_inputs = figure_inputs or FigureInputs()
    pictures: dict[str, Draw] = {}
    left_out: list[str] = []
    if analysis is not None:
        pictures |= _effects(study, analysis, figure_inputs, left_out)
    pictures |= boundaries_of_study(study)
    comparisons = (
        [found.comparison for found in analysis.factors]
        if analysis is not None
        else [compare(study.design, factor, study.factors) for factor in study.factors]
    )
    for comparison in comparisons:
        pictures |= curves_of_factor(study, comparison)
    pictures |= _heatmaps(study, left_out)
    if analysis is not None:
        pictures |= _errors(study, analysis, figure_inputs, left_out)
        pictures |= _noise(study, analysis)
    pictures |= _times(study)
    pictures |= curves_of_variants(study, every_variant)
    if (count := study.design["variant"].nunique()) > MAX_VARIANTS and not every_variant:
        left_out.append(
            f"Figures of single variants are left out, since there are {count:,}: --figures all draws them."
        )
    return Gallery(pictures, tuple(left_out))


def _effects(
    study: Study, analysis: StudyAnalysis, figure_inputs: FigureInputs, left_out: list[str]
) -> Iterator[tuple[str, Draw]]:
    shown = [found for found in analysis.factors if len(found.values)]
    for found in shown:
        key = found.comparison.factor.key
        if found.pairs["ci_low"].isna().all():
            title = found.comparison.factor.title
            left_out.append(f"The figure of differences by {title} is left out: one seed gives no interval.")
        else:
            yield f"differences_{key}", partial(_differences_picture, study, found)
        yield f"effects_{key}", partial(_effects_picture, study, [found], figure_inputs, has_narrow=len(shown) == 1)
    if len(shown) > 1:
        yield "effects", partial(_effects_picture, study, shown, figure_inputs, has_narrow=True)


def _effects_picture(
    study: Study, found: list[FactorAnalysis], figure_inputs: FigureInputs, has_narrow: bool
) -> Picture:
    outcome = outcome_words(study.criteria)
    effects = [effect_of(one, figure_inputs.references) for one in found]
    title = _capital(outcome) + (f" by {found[0].comparison.factor.title}" if len(found) == 1 else " by factor")
    averaged = averaged_words(found[0].comparison) if len(found) == 1 else "the other factors" if len(found) > 1 else ""
    over = f"each seed averaged over {averaged}" if averaged else ""
    caption = caption_of(protocol(study.fixed), effects_note(effects), over)
    draw = partial(effects_figure, effects, outcome, title, effects_key(effects))
    narrow = draw(width=NARROW) if has_narrow else None
    return Picture(draw(), title, effects_alt(effects, outcome), caption, narrow=narrow)


def _differences_picture(study: Study, found: FactorAnalysis) -> Picture:
    outcome = outcome_words(study.criteria)
    title = f"Differences in {outcome} by {found.comparison.factor.title}"
    averaged = averaged_words(found.comparison)
    marks = differences_note(found, study.criteria)
    caption = caption_of(protocol(study.fixed), marks, f"averaged over {averaged}" if averaged else "")
    figure = differences_figure(found, study.criteria, outcome, title, differences_key(found, study.criteria))
    return Picture(figure, title, differences_alt(found, outcome), caption)


def _heatmaps(study: Study, left_out: list[str]) -> Iterator[tuple[str, Draw]]:
    if not study.design["is_usable"].any():
        return
    small = [factor for factor in study.factors if len(factor.levels) <= MAX_LEVELS]
    for factor in study.factors:
        if factor not in small and len(study.factors) > 1:
            left_out.append(f"Heat maps with {factor.title} are left out: it has more than {MAX_LEVELS} levels.")
    pairs = list(combinations(small, 2))
    if len(pairs) > MAX_HEATMAPS:
        left_out.append(f"Heat maps are shown for the first {MAX_HEATMAPS} of {len(pairs)} pairs of factors.")
    for first, second in pairs[:MAX_HEATMAPS]:
        # The factor with more levels makes the rows, whose names have more room.
        rows, columns = (second, first) if len(second.levels) > len(first.levels) else (first, second)
        yield f"heatmap_{first.key}_{second.key}", partial(_heatmap_picture, study, rows, columns)


def _heatmap_picture(study: Study, rows: Factor, columns: Factor) -> Picture:
    outcome = outcome_words(study.criteria)
    grid = grid_of(study.design, rows, columns)
    title = f"{_capital(outcome)} by {rows.title} and {columns.title}"
    others = [factor.key for factor in study.factors if factor.key not in (rows.key, columns.key)]
    key = heatmap_key(grid)
    caption = caption_of(protocol(study.fixed), key, f"each seed averaged over {', '.join(others)}" if others else "")
    return Picture(heatmap_figure(grid, outcome, title, key), title, heatmap_alt(grid, outcome), caption)


def _errors(
    study: Study, analysis: StudyAnalysis, figure_inputs: FigureInputs, left_out: list[str]
) -> Iterator[tuple[str, Draw]]:
    if len(analysis.confusion):
        yield "confusion", partial(_confusion_picture, study, analysis)
    else:
        left_out.append("The confusion matrix is left out: labels or predictions are not at hand.")
    if figure_inputs.digits is None or not len(figure_inputs.digits.predictions):
        left_out.append(f"Pictures of test images are left out: {figure_inputs.why_no_digits}.")
        return
    for which in Which:
        picks, _ = pick(figure_inputs.digits, which)
        if picks:
            yield which.value, partial(_digits_picture, study, analysis, figure_inputs.digits, which)
        elif which is Which.wrong_always or len(figure_inputs.digits.predictions) > 1:
            left_out.append(f"No test image is {_WHICH[which].format(runs=len(figure_inputs.digits.predictions))}.")


_WHICH = {
    Which.wrong_always: "classified wrongly in all of {runs} runs",
    Which.wrong_sometimes: "classified wrongly in some but not all of {runs} runs",
    Which.right: "classified correctly in all of {runs} runs",
}


def _confusion_picture(study: Study, analysis: StudyAnalysis) -> Picture:
    confusion = analysis.confusion
    matrix = confusion_matrix(confusion)
    num_errors = int(matrix.sum() - np.diag(matrix).sum())
    runs = int(confusion["n_runs"].max())
    title = f"Errors by pair of classes: {num_errors:,} in {matrix.sum():,} predictions"
    best = study.config_of(analysis.best_variant)
    names = best.data.classes if best else None
    some = f"the {MAX_SHOWN} of {len(matrix)} classes with the most errors" if len(matrix) > MAX_SHOWN else ""
    parts = [f"sum of {plural(runs, 'run')}", some, "diagonal: recall of the class in percent", "blank: none"]
    key = JOINT.join(part for part in parts if part)
    often = f"most often {frequent_errors(confusion, TOLD_ERRORS, names)}" if some else ""
    caption = caption_of(protocol(study.fixed), short(analysis.best_variant), key, often)
    return Picture(confusion_figure(confusion, title, key, names), title, confusion_alt(confusion, names), caption)


def _digits_picture(study: Study, analysis: StudyAnalysis, digits: TestDigits, which: Which) -> Picture:
    picks, total = pick(digits, which)
    kind = _WHICH[which].format(runs=len(digits.predictions)).replace("all of 1 runs", "one run")
    title = f"Test images {kind}: " + (f"{len(picks)} of {total:,}" if total > len(picks) else f"{total}")
    order = "the least confident first" if which is Which.right else "the most confident first"
    often = "those wrong most often first" if which is Which.wrong_sometimes else order
    shown = "number, true class" + (" → answer" if which is not Which.right else "") + ", probability of the answer"
    mnist = on_mnist(study)
    disputed = mnist and any(digit.index in DISPUTED for digit in picks)
    caption = caption_of(short(analysis.best_variant), shown, often, DISPUTED_WORDS if disputed else "")
    figure = digits_figure(digits, picks, title, shown + (f"{JOINT}†: label disputed" if disputed else ""), mnist)
    return Picture(figure, title, digits_alt(digits, picks, total, which), caption, kinds=("png",))


def _noise(study: Study, analysis: StudyAnalysis) -> Iterator[tuple[str, Draw]]:
    noise = analysis.noise
    drawable = noise[(noise["sd"] > 0) & (noise["sd_floor"] > 0)] if len(noise) else noise
    if len(drawable):
        yield "noise", partial(_noise_picture, study, drawable)


def _noise_picture(study: Study, noise: pd.DataFrame) -> Picture:
    title = "Noise between seeds against its floor"
    low, high = int(noise["seeds"].min()), int(noise["seeds"].max())
    seeds = plural(low, "seed") if low == high else f"{low} to {high} seeds"
    meaning = "the floor is the SD that independent errors per image would have"
    key = f"a point per variant, {seeds}"
    caption = caption_of(protocol(study.fixed), key, meaning, labelled(list(noise["variant"])))
    return Picture(noise_figure(noise, title, key), title, noise_alt(noise), caption)


def _times(study: Study) -> Iterator[tuple[str, Draw]]:
    usable = study.design[study.design["is_usable"]]
    runs = pd.DataFrame(
        {
            "variant": usable["variant"].astype(str),
            "seconds": usable["wall_seconds"].to_numpy(dtype=float, na_value=np.nan),
            "error": 100 * (1 - usable["outcome"].astype(float)),
        }
    )
    runs = runs[(runs["seconds"] > 0) & (runs["error"] > 0)]
    if runs["variant"].nunique() > 1:
        yield "time_error", partial(_time_picture, study, runs)


def _time_picture(study: Study, runs: pd.DataFrame) -> Picture:
    outcome = outcome_words(study.criteria).replace("accuracy", "error", 1)
    title = f"{_capital(outcome)} against training time"
    where = study.runs[["engine", "device"]].dropna().drop_duplicates().agg(" on ".join, axis=1).tolist()
    key = "ring: one run, diamond: mean of a variant"
    names = labelled(runs["variant"].unique().tolist())
    caption = caption_of(protocol(study.fixed), key, " and ".join(where), names)
    return Picture(time_figure(runs, title, key, outcome), title, time_alt(runs, outcome), caption)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
