"""Which figures of curves a study has, and what they are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd

from lenet_ablate.records.record import State
from lenet_ablate.report.figures.curve_data import (
    TEST_ERROR,
    TRAIN_LOSS,
    VAL_ERROR,
    Curves,
    Quantity,
    factor_curves,
    variant_curves,
)
from lenet_ablate.report.figures.curves import PANELS_PER_SHEET, ReferenceLine, curves_alt, overlay, sheet
from lenet_ablate.report.figures.notes import averaged_words, caption_of, curves_key, curves_note, on_mnist
from lenet_ablate.report.figures.picture import Draw, Picture
from lenet_ablate.report.figures.style import INK, LineStyle, level_styles
from lenet_ablate.report.figures.text import plural
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.criteria import Metric
from lenet_ablate.report.study.study import Study

MAX_NUMBERS, MAX_WORDS = 6, 4  # levels in one axes
MAX_NAME = 80
MAX_VARIANTS = 10 * PANELS_PER_SHEET  # beyond it nobody looks for one of them by eye
LECUN_1998 = ReferenceLine(0.95, "LeCun et al. 1998: 0.95 %")


def curves_of_factor(study: Study, comparison: Comparison) -> Iterator[tuple[str, Draw]]:
    """The figures of curves by the levels of a factor, by file name; none where no run can be shown."""
    factor = comparison.factor
    has_diverged = (comparison.planned["status"] == State.diverged.value).any()
    if comparison.runs.empty and not has_diverged:
        return
    quantities = [("loss", TRAIN_LOSS), ("error", TEST_ERROR)]
    quantities += [("val_error", VAL_ERROR)] if study.criteria.metric is Metric.val_accuracy else []
    num_words = sum(not level.is_number for level in factor.levels)
    fits = len(factor.levels) <= MAX_NUMBERS and num_words <= MAX_WORDS
    for stem, quantity in quantities:
        if not _has(study.epochs, quantity):
            continue
        draw = partial(_factor_picture, study, comparison, quantity)
        yield f"{stem}_{factor.key}", partial(draw, in_panels=not fits)
        if factor.key == "batch_size" and "step" in study.epochs:
            yield f"{stem}_{factor.key}_steps", partial(draw, in_panels=not fits, against="step")
        if fits and quantity is TRAIN_LOSS:
            yield f"{stem}_{factor.key}_panels", partial(draw, in_panels=True)


def curves_of_variants(study: Study, each: bool) -> Iterator[tuple[str, Draw]]:
    """Sheets with a panel of training loss per variant, and with `each` a figure per variant too.

    Of more than MAX_VARIANTS there are none unless each is asked for.
    """
    if study.design["variant"].nunique() > MAX_VARIANTS and not each:
        return
    styles = {str(name): LineStyle(INK, "-", "o") for name in study.design["variant"].unique()}
    curves = variant_curves(study.epochs, study.design, TRAIN_LOSS, styles)
    pages = [curves.names[start : start + PANELS_PER_SHEET] for start in range(0, len(curves.names), PANELS_PER_SHEET)]
    for number, page in enumerate(pages, start=1):
        suffix, of = (f"_{number}", f" ({number} of {len(pages)})") if len(pages) > 1 else ("", "")
        title = f"Training loss of each variant{of}"
        yield f"loss_variants{suffix}", partial(_variants_picture, study, curves, page, title)
    if each:
        for name, file_name in _file_names(study.design, curves.names).items():
            alone = curves.only([name])
            yield f"loss_{file_name}", partial(_variants_picture, study, alone, [name], "Training loss")


def _factor_picture(
    study: Study, comparison: Comparison, quantity: Quantity, in_panels: bool, against: str = "epoch"
) -> Picture:
    factor = comparison.factor
    curves = factor_curves(study.epochs, comparison, quantity, level_styles(factor), against)
    ghosts = "the other levels" if in_panels and curves.has_ghosts else ""
    note = curves_note(study, curves, averaged_words(comparison), ghosts, with_seeds=in_panels)
    title = f"{quantity.title} by {factor.title}" + (", by steps" if against == "step" else "")
    key = curves_key(curves, with_seeds=in_panels)
    if in_panels:
        figure = sheet(curves, curves.names, title, key)
    else:
        figure = overlay(curves, title, key, LECUN_1998 if quantity is TEST_ERROR and on_mnist(study) else None)
    alt = curves_alt(curves, f"{len(factor.levels)} levels of {factor.title}")
    return Picture(figure, title, alt, caption_of(note))


def _variants_picture(study: Study, curves: Curves, names: Sequence[str], title: str) -> Picture:
    ghosts = "the other variants" if curves.has_ghosts else ""
    note = curves_note(study, curves, ghosts=ghosts, with_seeds=True)
    alt = curves_alt(curves.only(names), plural(len(names), "variant"))
    return Picture(sheet(curves, names, title, curves_key(curves, with_seeds=True)), title, alt, caption_of(note))


def _has(epochs: pd.DataFrame, quantity: Quantity) -> bool:
    return bool(((epochs["split"] == quantity.split) & (epochs["metric"] == quantity.metric)).any())


def _file_names(design: pd.DataFrame, variants: Sequence[str]) -> dict[str, str]:
    """A readable name for each variant that every file system takes; with its identity where it would be cut."""
    identities = dict(zip(design["variant"], design["variant_id"], strict=True))
    full = {name: re.sub(r"[^A-Za-z0-9._]+", "-", name.replace(", ", "_")).strip("-") for name in variants}
    folded = Counter(text.lower() for text in full.values())
    return {
        name: text if folded[text.lower()] == 1 and len(text) <= MAX_NAME else f"{text[:MAX_NAME]}-{identities[name]}"
        for name, text in full.items()
    }
