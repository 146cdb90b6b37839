"""Studies and analyses for the tests of figures, and what a figure shows once it is laid out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.read import RunRecord
from lenet_ablate.records.record import State
from lenet_ablate.records.result import parse_result
from lenet_ablate.report.analysis.results import FactorAnalysis, StudyAnalysis
from lenet_ablate.report.figures.image import Image
from lenet_ablate.report.figures.picture import Draw, Picture
from lenet_ablate.report.figures.style import house_style, settle
from lenet_ablate.report.study.collect import make_study
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.factors import Factor
from lenet_ablate.report.study.study import Study
from support.report_runs import Figures, plan_of, rows_of


def losses(config: RunConfig, epoch: int) -> tuple[float, float]:
    """1, 1/2, 1/3, … for lr=0.001, ten times that for lr=0.01, average pooling at half, seed 1 at three times."""
    scale = (10 if config.lr == 0.01 else 1) * (0.5 if config.pool is Pool.avg else 1) * (3 if config.seed == 1 else 1)
    return scale / epoch, 0.9


def noisy(config: RunConfig, epoch: int) -> tuple[float, float]:
    """Falling losses and rising accuracies that differ by seed and setting."""
    rate = config.lr.initial if isinstance(config.lr, StepDecay) else config.lr
    assert isinstance(rate, float)
    slow = 1 + abs(math.log10(rate) + 3) + 0.2 * (config.pool is Pool.avg)
    wobble = math.sin(12.9898 * config.seed + 78.233 * epoch + 1000 * rate) / 10
    return slow / epoch * math.exp(wobble), 1 - min(0.01 * slow * (1 + 2 / epoch) * math.exp(wobble), 0.9)


def study_of(
    *configs: RunConfig,
    diverged: tuple[RunConfig, ...] = (),
    failed: tuple[RunConfig, ...] = (),
    how: Figures = losses,
) -> Study:
    """A study whose runs have these states; failed ones have no epochs."""

    def record(config: RunConfig, state: State) -> RunRecord:
        plan = plan_of(config)
        rows = () if state is State.failed else tuple(rows_of(config, how))
        result = {"wall_seconds": 20.0 + config.seed, "provenance": {"engine": "compiled", "device": "cpu"}}
        return RunRecord(
            Path("s") / plan.name, state, plan.identity, config, rows, parse_result(result if rows else {})
        )

    states = ((State.done, configs), (State.diverged, diverged), (State.failed, failed))
    return make_study(Path("s"), [record(config, state) for state, some in states for config in some])


def analyse(study: Study, confusion: pd.DataFrame | None = None) -> StudyAnalysis:
    """An analysis in the documented shape with plain numbers: intervals of two SD, p values of 0.01, 0.02, …"""
    variants = study.design[study.design["is_usable"]].groupby("variant", sort=False)["outcome"]
    noise = pd.DataFrame({"seeds": variants.count(), "sd": variants.std(), "sd_floor": 0.0008}).reset_index()
    return StudyAnalysis(
        tuple(_factor(study, factor) for factor in study.factors),
        pd.DataFrame(),
        pd.DataFrame(columns=["true", "predicted", "count", "n_runs"]) if confusion is None else confusion,
        str(study.design["variant"].iloc[0]),
        noise[noise["seeds"] > 1],
        (),
    )


def _factor(study: Study, factor: Factor) -> FactorAnalysis:
    comparison = compare(study.design, factor, study.factors)
    named = comparison.runs.assign(level=comparison.runs[factor.key].astype(str))
    values = named.groupby(["level", "seed"])[["outcome", "train_loss_running"]].mean().reset_index()
    rows = []
    for place, label in enumerate(factor.labels):
        own = values.loc[values["level"] == label, "outcome"]
        planned = comparison.planned[comparison.planned[factor.key].astype(str) == label]
        sd = float(own.std())
        row = {"level": label, "mean": own.mean(), "sd": sd, "group": "abcdefghijklmn"[place], "is_best": place == 0}
        row |= {"ci_low": own.mean() - 2 * sd, "ci_high": own.mean() + 2 * sd, "ci_kind": "t95"}
        rows.append(row | {"n_failed": int(planned["status"].isin(["failed", "diverged"]).sum())})
    by_level = values.pivot(index="seed", columns="level", values="outcome").reindex(columns=factor.labels)
    pairs = []
    for place, (a, b) in enumerate(combinations(factor.labels, 2)):
        diff = (by_level[a] - by_level[b]).dropna()
        half, enough = 2 * float(diff.std()), len(diff) > 1
        row = {"level_a": a, "level_b": b, "n_pairs": len(diff), "diff": diff.mean(), "m_tests": 3}
        row |= {"ci_low": diff.mean() - half, "ci_high": diff.mean() + half}
        pairs.append(row | {"p_corrected": 0.02 * place + 0.01 if enough else math.nan})
    return FactorAnalysis(comparison, values, pd.DataFrame(rows), pd.DataFrame(pairs), ())


def laid_out(figure: Figure) -> Figure:
    """The figure with its layout found, as it is before it is written."""
    with house_style():
        settle(figure)
        figure.draw_without_rendering()
    return figure


def visible_texts(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every text that can be seen with its extent in pixels; the figure must be laid out."""
    texts: list[Text] = list(figure.texts)
    texts += [text for text in (figure._suptitle, figure._supxlabel, figure._supylabel) if text is not None]
    for ax in figure.axes:
        if ax.get_visible() and ax.axison:
            texts += [*_tick_texts(ax), ax.xaxis.label, ax.yaxis.label]
        texts += [*ax.texts, *(ax.title, ax._left_title, ax._right_title)] if ax.get_visible() else []
    with house_style():
        unique = {id(text): text for text in texts if text.get_visible() and text.get_text().strip()}
        yield from ((text, text.get_window_extent()) for text in unique.values())


def _tick_texts(ax: Axes) -> Iterator[Text]:
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        low, high = sorted(limits)
        for tick in axis.get_major_ticks():
            if low <= tick.get_loc() <= high and tick.label1.get_visible():
                yield tick.label1


def assert_legible(figure: Figure) -> None:
    """All text is at least 6.5 points high, within the figure, and covers no other text."""
    laid_out(figure)
    texts = list(visible_texts(figure))
    width, height = figure.bbox.x1, figure.bbox.y1
    assert texts
    for text, box in texts:
        assert text.get_fontsize() >= 6.5, text
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside, f"{text.get_text()!r} at {box} is not within {width} by {height}"
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        covered = Bbox.intersection(a, b)
        touches = covered is None or min(covered.width, covered.height) < 1.5
        assert touches, f"{one.get_text()!r} covers {other.get_text()!r}"


def contrast(ink: tuple[float, ...], paper: tuple[float, ...]) -> float:
    """Contrast of two colours (red, green, blue in 0..1) after WCAG 2.2, 1..21."""
    luminances = []
    for color in (ink, paper):
        c = np.asarray(color[:3])
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        luminances.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def confusion_of(errors: dict[tuple[int, int], int]) -> pd.DataFrame:
    rows = [(true, predicted, count, 2) for (true, predicted), count in errors.items()]
    rows += [(digit, digit, 90, 2) for digit in range(10)]
    return pd.DataFrame(rows, columns=["true", "predicted", "count", "n_runs"])


def picture(height: float, kinds: tuple[str, ...] = ("svg", "pdf", "png")) -> Picture:
    """A tiny figure."""
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, height])
    return Picture(figure, f"title {height}", "alt", "caption", kinds)


def undrawn(name: str, draw: Draw, formats: Sequence[str]) -> Image:
    """Stands for a figure where a test is about something else; making figures takes most of a report's time."""
    kinds = tuple(dict.fromkeys(("svg", *formats)))
    return Image(name, f"title of {name}", "alt", "caption", dict.fromkeys(kinds, name.encode()), (4.0, 3.0), kinds)
