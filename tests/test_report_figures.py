from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from lenet_ablate.report.figures.loss import factor_figure, sheet
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lenet_ablate.config import Activation, Optimizer, OptimizerConfig, Pool, RunConfig
from lenet_ablate.records import State
from lenet_ablate.report.cells import compare
from lenet_ablate.report.collect import Study, make_study
from lenet_ablate.report.factors import find_factors
from lenet_ablate.report.figures.curves import Curves, factor_curves, variant_curves
from lenet_ablate.report.figures.labels import spread, wrap
from lenet_ablate.report.figures.style import figure_files, level_styles
from lenet_ablate.runs import RunRecord
from lenet_ablate.schedules import StepDecay
from report_runs import Figures, plan_of, rows_of


def losses(config: RunConfig, epoch: int) -> tuple[float, float]:
    """1, 1/2, 1/3, … for lr=0.001, ten times that for lr=0.01, average pooling at half, seed 1 at three times."""
    scale = (10 if config.lr == 0.01 else 1) * (0.5 if config.pool is Pool.avg else 1) * (3 if config.seed == 1 else 1)
    return scale / epoch, 0.9


def study_of(*configs: RunConfig, diverged: tuple[RunConfig, ...] = (), how: Figures = losses) -> Study:
    def record(config: RunConfig, state: State) -> RunRecord:
        plan = plan_of(config)
        return RunRecord(Path("s") / plan.name, state, plan.identity, config, tuple(rows_of(config, how)))

    done = [record(config, State.done) for config in configs]
    return make_study(Path("s"), done + [record(config, State.diverged) for config in diverged])


def curves_of(study: Study, key: str) -> Curves:
    factor = next(factor for factor in study.factors if factor.key == key)
    return factor_curves(study.epochs, compare(study.design, factor, study.factors))


def drawn(study: Study, key: str) -> tuple[Figure, Axes]:
    factor = next(factor for factor in study.factors if factor.key == key)
    figure = factor_figure(curves_of(study, key), factor, "a note")
    return figure, figure.axes[0]


def texts_of(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def marks(ax: Axes, marker: str) -> list[tuple[float, float]]:
    lines = [line for line in ax.lines if line.get_marker() == marker and line.get_transform() == ax.transData]
    return [(float(np.asarray(line.get_xdata())[-1]), float(np.asarray(line.get_ydata())[-1])) for line in lines]


def test_a_curve_averages_within_seeds_and_then_over_them() -> None:
    configs = [RunConfig(lr=lr, pool=pool, seed=s, epochs=3) for lr in (0.001, 0.01) for pool in Pool for s in (0, 1)]
    curves = curves_of(study_of(*configs), "lr")
    first = curves.means[curves.means["name"] == "0.001"]
    # Seed 0: (1 + 0.5) / 2 = 0.75 in epoch 1; seed 1: 2.25; then halved and divided by three.
    assert list(first["epoch"]) == [1, 2, 3]
    assert list(first["mean"]) == pytest.approx([1.5, 0.75, 0.5])
    assert list(first["low"]) == pytest.approx([0.75, 0.375, 0.25])
    assert list(first["high"]) == pytest.approx([2.25, 1.125, 0.75])
    assert curves.band
    assert not curves_of(study_of(*(c for c in configs if c.seed == 0)), "lr").band


def test_a_curve_uses_the_runs_of_its_table_only() -> None:
    configs = [RunConfig(lr=lr, pool=pool, epochs=2) for lr in (0.001, 0.01) for pool in Pool]
    study = study_of(*configs[:3])  # lr=0.01 with average pooling is not there
    curves = curves_of(study, "lr")
    assert list(curves.means["mean"]) == pytest.approx([1, 0.5, 10, 5])


def test_levels_of_different_length_end_where_they_end() -> None:
    study = study_of(*(RunConfig(epochs=epochs) for epochs in (2, 4)))
    _, ax = drawn(study, "epochs")
    assert marks(ax, "o") == [(2.0, 0.5)]
    assert marks(ax, "s") == [(4.0, 0.25)]
    assert sorted(texts_of(ax)) == ["2", "4"]


def test_a_diverged_run_ends_in_a_cross() -> None:
    def exploding(config: RunConfig, epoch: int) -> tuple[float, float]:
        return (5.0 * epoch if epoch < 3 else math.nan, 0.1) if config.lr == 1.0 else losses(config, epoch)

    done, diverged = (RunConfig(lr=lr, epochs=3) for lr in (0.001, 1.0))
    figure, ax = drawn(study_of(done, diverged=(diverged,), how=exploding), "lr")
    assert marks(ax, "x") == [(2.0, 10.0)]
    assert "1 (diverged)" in texts_of(ax)
    figure_files(figure)


def test_losses_that_no_log_axis_can_show_do_no_harm() -> None:
    def broken(config: RunConfig, epoch: int) -> tuple[float, float]:
        return (math.nan, 0.1) if config.lr == 1.0 else (math.inf if epoch == 1 else 0.0, 0.9)

    configs = RunConfig(lr=0.001, epochs=2), RunConfig(lr=1.0, epochs=1)
    study = study_of(configs[0], diverged=configs[1:], how=broken)
    figure, ax = drawn(study, "lr")
    assert "1 (diverged)" in texts_of(ax)
    assert np.isfinite(ax.get_ylim()).all() and ax.get_ylim()[0] > 0
    figure_files(figure)
    curves = variant_curves(study.epochs, study.design)
    figure_files(sheet(curves, curves.names, "title", "note"))


def test_a_single_epoch_is_a_visible_point() -> None:
    study = study_of(*(RunConfig(lr=lr, seed=seed, epochs=1) for lr in (0.001, 0.01) for seed in (0, 1)))
    figure, ax = drawn(study, "lr")
    assert marks(ax, "o") == [(1.0, pytest.approx(2.0))]
    figure_files(figure)
    curves = variant_curves(study.epochs, study.design)
    panel = sheet(curves, curves.names, "title", "note").axes[0]
    assert sorted(marks(panel, ".")) == [(1.0, 1.0), (1.0, 3.0), (1.0, 20.0)]  # two seeds and the other variant


def test_every_variant_has_a_panel_titled_by_what_varies() -> None:
    study = study_of(*(RunConfig(lr=lr, pool=pool, epochs=2) for lr in (0.001, 0.01) for pool in Pool))
    curves = variant_curves(study.epochs, study.design)
    figure = sheet(curves, curves.names, "title", "note")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["pool=max, lr=0.001", "pool=max, lr=0.01", "pool=avg, lr=0.001", "pool=avg, lr=0.01"]
    assert {ax.get_yscale() for ax in figure.axes} == {"log"}
    assert len({ax.get_ylim() for ax in figure.axes}) == 1


def test_single_runs_and_other_variants_are_thin_lines_behind() -> None:
    study = study_of(*(RunConfig(lr=lr, seed=seed, epochs=2) for lr in (0.001, 0.01) for seed in (0, 1)))
    curves = variant_curves(study.epochs, study.design)
    panel = sheet(curves, curves.names, "title", "note").axes[0]
    bundles = [artist for artist in panel.collections if isinstance(artist, LineCollection)]
    assert [len(bundle.get_segments()) for bundle in bundles] == [1, 2]


def test_too_many_levels_for_one_axes_get_a_panel_each() -> None:
    study = study_of(*(RunConfig(batch_size=size, epochs=2) for size in range(1, 9)))
    figure, _ = drawn(study, "batch_size")
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == list("12345678")


def test_numbers_differ_in_lightness_and_words_in_line_too() -> None:
    (numbers,) = find_factors([RunConfig(lr=lr) for lr in (0.001, 0.01, 0.1, StepDecay("step"))])
    styles = level_styles(numbers)
    assert len({style.color for style in styles.values()}) == 4
    assert [styles[label].dash for label in numbers.labels] == ["-", "-", "-", "--"]
    (words,) = find_factors([RunConfig(activation=activation) for activation in Activation])
    assert len({(style.color, style.dash) for style in level_styles(words).values()}) == 3
    assert len({style.dash for style in level_styles(words).values()}) == 3


@pytest.mark.parametrize("key", ["lr", "optimizer"])
def test_labels_never_overlap(key: str) -> None:
    def close(config: RunConfig, epoch: int) -> tuple[float, float]:
        momentum = config.optimizer.momentum or 0.0
        rate = config.lr if isinstance(config.lr, float) else 0.0
        return 1 / epoch + rate / 1000 + momentum / 1000, 0.9

    rates = [RunConfig(lr=lr, epochs=5) for lr in (0.001, 0.0011, 0.0012, 0.0013, 0.0014, 0.0015)]
    sgd = [OptimizerConfig(Optimizer.sgd, momentum=m, weight_decay=m / 7919) for m in (0.5, 0.9, 0.95, 0.99)]
    configs = rates if key == "lr" else [RunConfig(optimizer=optimizer, epochs=5) for optimizer in sgd]
    figure, ax = drawn(study_of(*configs, how=close), key)
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert len(boxes) == len(configs)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert all(box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)


def test_spread_moves_labels_as_little_as_possible() -> None:
    assert spread([], []) == []
    assert spread([0.2, 0.8], [0.1, 0.1]) == pytest.approx([0.2, 0.8])
    assert spread([0.5, 0.5], [0.1, 0.1]) == pytest.approx([0.45, 0.55])
    assert spread([0.0, 0.0], [0.1, 0.1]) == pytest.approx([0.05, 0.15])
    assert spread([1.0, 1.0, 1.0], [0.1, 0.3, 0.1]) == pytest.approx([0.55, 0.75, 0.95])
    assert spread([0.5, 0.5], [0.8, 0.8]) == pytest.approx([0.1, 0.9])


def test_wrapped_text_is_cut_not_lost_silently() -> None:
    assert wrap("sgd momentum=0.5", 40) == "sgd momentum=0.5"
    assert wrap("one two three four", 9, 2) == "one two\nthree …"
    assert "\n" not in wrap("a\nb\x1b[31m")


def test_text_from_data_is_not_taken_for_formulas() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=2) for lr in (0.001, 0.01)))
    curves = variant_curves(study.epochs, study.design)
    named = Curves(
        ("$\\frac{1$", curves.names[1]),
        curves.means.replace({"name": {curves.names[0]: "$\\frac{1$"}}),
        curves.strands.replace({"name": {curves.names[0]: "$\\frac{1$"}}),
    )
    files = figure_files(sheet(named, named.names, "$title$_{", "note $x$ 数"))
    assert set(files) == {"svg", "png"}


def test_figures_carry_no_date_and_repeat_byte_for_byte() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=3) for lr in (0.001, 0.01)))
    first, second = (figure_files(drawn(study, "lr")[0]) for _ in range(2))
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    ElementTree.fromstring(first["svg"])
    assert b"dc:date" not in first["svg"]
