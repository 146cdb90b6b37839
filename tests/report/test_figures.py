from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from scipy import stats

from lenet_ablate.config.choices import Activation, Optimizer, Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import OptimizerConfig, RunConfig
from lenet_ablate.report.figures.curve_data import (
    TEST_ERROR,
    TRAIN_LOSS,
    Curves,
    Quantity,
    factor_curves,
    variant_curves,
)
from lenet_ablate.report.figures.curves import ReferenceLine, curves_alt, overlay, sheet
from lenet_ablate.report.figures.labels import spread
from lenet_ablate.report.figures.notes import curves_note
from lenet_ablate.report.figures.style import INK, LineStyle, figure_files, level_styles
from lenet_ablate.report.figures.text import balance, cut, listed, width_of, wrap
from lenet_ablate.report.study.comparison import compare
from lenet_ablate.report.study.factors import find_factors
from lenet_ablate.report.study.study import Study
from support.figure_studies import assert_legible, losses, noisy, study_of


def curves_of(study: Study, key: str, quantity: Quantity = TRAIN_LOSS, against: str = "epoch") -> Curves:
    factor = next(factor for factor in study.factors if factor.key == key)
    comparison = compare(study.design, factor, study.factors)
    return factor_curves(study.epochs, comparison, quantity, level_styles(factor), against)


def variants_of(study: Study) -> Curves:
    styles = {name: LineStyle(INK, "-", "o") for name in study.design["variant"].unique()}
    return variant_curves(study.epochs, study.design, TRAIN_LOSS, styles)


def drawn(study: Study, key: str) -> tuple[Figure, Axes]:
    figure = overlay(curves_of(study, key), "title", "a note")
    return figure, figure.axes[0]


def texts_of(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def marks(ax: Axes, marker: str) -> list[tuple[float, float]]:
    lines = [line for line in ax.lines if line.get_marker() == marker and line.get_transform() == ax.transData]
    return [(float(np.asarray(line.get_xdata())[-1]), float(np.asarray(line.get_ydata())[-1])) for line in lines]


def test_losses_are_averaged_geometrically_within_seeds_and_then_over_them() -> None:
    configs = [RunConfig(lr=lr, pool=pool, seed=s, epochs=3) for lr in (0.001, 0.01) for pool in Pool for s in (0, 1)]
    curves = curves_of(study_of(*configs), "lr")
    first = curves.means[curves.means["name"] == "0.001"]
    # Seed 0: √(1 · 0.5) in epoch 1; seed 1 three times that; then halved and divided by three.
    assert list(first["epoch"]) == [1, 2, 3]
    assert list(first["mean"]) == pytest.approx([math.sqrt(1.5) / epoch for epoch in (1, 2, 3)])
    seeds = curves.seeds[(curves.seeds["name"] == "0.001") & (curves.seeds["epoch"] == 1)]
    assert list(seeds["value"]) == pytest.approx([math.sqrt(0.5), 3 * math.sqrt(0.5)])


def test_errors_are_averaged_as_in_the_tables() -> None:
    study = study_of(*(RunConfig(lr=lr, seed=s, epochs=2) for lr in (0.001, 0.01) for s in range(3)), how=noisy)
    curves = curves_of(study, "lr", TEST_ERROR)
    last = curves.means[curves.means["epoch"] == 2].set_index("name")["mean"]
    accuracy = study.design.groupby(study.design["lr"].astype(str))["test_accuracy"].mean()
    assert last.to_dict() == pytest.approx((100 * (1 - accuracy)).to_dict())


@pytest.mark.parametrize(("num_seeds", "has_band"), [(1, False), (4, False), (5, True)])
def test_a_band_needs_five_seeds_and_fewer_are_drawn_themselves(num_seeds: int, has_band: bool) -> None:
    seeds = range(num_seeds)
    study = study_of(*(RunConfig(lr=lr, seed=s, epochs=3) for lr in (0.001, 0.01) for s in seeds), how=noisy)
    curves = curves_of(study, "lr")
    _, ax = drawn(study, "lr")
    bands = [artist for artist in ax.collections if isinstance(artist, PolyCollection)]
    thin = [len(artist.get_segments()) for artist in ax.collections if isinstance(artist, LineCollection)]
    assert len(bands) == (2 if has_band else 0)
    assert sum(thin) == (0 if has_band or num_seeds == 1 else 2 * num_seeds)
    assert ("band: 95 % t-interval" in curves_note(study, curves)) == has_band
    if has_band:
        own = curves.seeds[(curves.seeds["name"] == "0.001") & (curves.seeds["epoch"] == 1)]["value"]
        low, high = 10 ** np.array(stats.ttest_1samp(np.log10(own), 0).confidence_interval(0.95))
        first = curves.means[curves.means["name"] == "0.001"].iloc[0]
        assert (first["low"], first["high"]) == pytest.approx((low, high))


def test_a_curve_uses_the_runs_of_its_table_only() -> None:
    configs = [RunConfig(lr=lr, pool=pool, epochs=2) for lr in (0.001, 0.01) for pool in Pool]
    study = study_of(*configs[:3])  # lr=0.01 with average pooling is not there
    assert list(curves_of(study, "lr").means["mean"]) == pytest.approx([1, 0.5, 10, 5])


def test_levels_of_different_length_end_where_they_end() -> None:
    _, ax = drawn(study_of(*(RunConfig(epochs=epochs) for epochs in (2, 4))), "epochs")
    assert (2.0, 0.5) in marks(ax, "o")
    assert (4.0, 0.25) in marks(ax, "s")
    assert sorted(texts_of(ax)) == ["2", "4"]


def test_curves_against_steps_follow_the_batch_size() -> None:
    study = study_of(*(RunConfig(batch_size=size, epochs=2) for size in (32, 64)))
    ends = curves_of(study, "batch_size", against="step").means.groupby("name")["x"].max()
    assert ends.to_dict() == {"32": 2 * math.ceil(55_000 / 32), "64": 2 * math.ceil(55_000 / 64)}


def test_a_schedule_is_ticked_where_its_rate_falls() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=6) for lr in (0.01, StepDecay("step", every=2))))
    falling = study.design.loc[study.design["lr"] == "step", "run"].item()
    is_rate = (study.epochs["metric"] == "lr") & (study.epochs["run"] == falling)
    study.epochs.loc[is_rate, "value"] = [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    curves = curves_of(study, "lr")
    assert curves.drops[["name", "x", "mean"]].to_numpy().tolist() == [["step", 2, 0.5], ["step", 4, 0.25]]
    ax = overlay(curves, "title", "note").axes[0]
    (ticks,) = [line for line in ax.lines if line.get_marker() == "|"]
    assert list(ticks.get_xdata()) == [2, 4]  # type: ignore[arg-type]
    assert "vertical tick" in curves_note(study, curves)


def test_a_rate_that_falls_all_the_time_is_not_ticked() -> None:
    study = study_of(RunConfig(epochs=12), RunConfig(lr=0.01, epochs=12))
    is_rate = study.epochs["metric"] == "lr"
    study.epochs.loc[is_rate, "value"] = 0.01 / study.epochs.loc[is_rate, "epoch"]
    assert curves_of(study, "lr").drops.empty


def test_a_diverged_run_ends_in_a_cross_with_a_label() -> None:
    def exploding(config: RunConfig, epoch: int) -> tuple[float, float]:
        return (5.0 * epoch if epoch < 3 else math.nan, 0.1) if config.lr == 1.0 else losses(config, epoch)

    done, diverged = (RunConfig(lr=lr, epochs=3) for lr in (0.001, 1.0))
    study = study_of(done, diverged=(diverged,), how=exploding)
    figure, ax = drawn(study, "lr")
    (cross,) = [line for line in ax.lines if line.get_marker() == "x" and line.get_clip_on() is False][:1]
    x, height = (float(np.asarray(data)[0]) for data in cross.get_data())
    low, high = ax.get_ylim()
    assert (x, low * (high / low) ** height) == pytest.approx((2.0, 10.0))
    assert "1 (diverged)" in texts_of(ax)
    assert_legible(figure)
    curves = curves_of(study, "lr")
    panels = sheet(curves, curves.names, "title", "note").axes
    assert texts_of(panels[1]) == ["diverged"]
    assert curves_alt(curves, "two levels").endswith("1: 1 run diverged.")


def test_losses_that_no_log_axis_can_show_do_no_harm() -> None:
    def broken(config: RunConfig, epoch: int) -> tuple[float, float]:
        return (math.nan, 0.1) if config.lr == 1.0 else (math.inf if epoch == 1 else 0.0, 1.0)

    configs = RunConfig(lr=0.001, epochs=2), RunConfig(lr=1.0, epochs=1)
    study = study_of(configs[0], diverged=configs[1:], how=broken)
    figure, ax = drawn(study, "lr")
    assert "1 (diverged)" in texts_of(ax)
    assert np.isfinite(ax.get_ylim()).all() and ax.get_ylim()[0] > 0
    assert "0 lies below the axis" in curves_note(study, curves_of(study, "lr"))
    figure_files(figure, ["png"])
    error = overlay(curves_of(study, "lr", TEST_ERROR), "title", "note", ReferenceLine(0.95, "published"))
    figure_files(error, ["png"])
    curves = variants_of(study)
    figure_files(sheet(curves, curves.names, "title", "note"), ["png"])


def test_a_single_epoch_is_a_visible_point() -> None:
    study = study_of(*(RunConfig(lr=lr, seed=seed, epochs=1) for lr in (0.001, 0.01) for seed in (0, 1)))
    figure, ax = drawn(study, "lr")
    assert marks(ax, "o") == [(1.0, pytest.approx(math.sqrt(3)))]
    assert_legible(figure)
    curves = variants_of(study)
    panel = sheet(curves, curves.names, "title", "note").axes[0]
    # Two seeds, and the other variant behind them.
    assert sorted(marks(panel, ".")) == [(1.0, 1.0), (1.0, 3.0), (1.0, pytest.approx(10 * math.sqrt(3)))]


def test_every_variant_has_a_panel_titled_by_what_varies() -> None:
    study = study_of(*(RunConfig(lr=lr, pool=pool, epochs=2) for lr in (0.001, 0.01) for pool in Pool))
    curves = variants_of(study)
    figure = sheet(curves, curves.names, "title", "note")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["pool=max, lr=0.001", "pool=max, lr=0.01", "pool=avg, lr=0.001", "pool=avg, lr=0.01"]
    assert {ax.get_yscale() for ax in figure.axes} == {"log"}
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert_legible(figure)


def test_single_runs_and_other_variants_are_thin_lines_behind() -> None:
    study = study_of(*(RunConfig(lr=lr, seed=seed, epochs=2) for lr in (0.001, 0.01) for seed in (0, 1)))
    curves = variants_of(study)
    panel = sheet(curves, curves.names, "title", "note").axes[0]
    bundles = [artist for artist in panel.collections if isinstance(artist, LineCollection)]
    assert [len(bundle.get_segments()) for bundle in bundles] == [1, 2]


def test_the_alternative_text_has_the_final_numbers() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=4) for lr in (0.001, 0.01)))
    text = curves_alt(curves_of(study, "lr"), "2 levels of learning rate")
    assert text == "Training loss over 4 epochs for 2 levels of learning rate; final 0.25 (0.001) and 2.5 (0.01)."
    assert "final 10.00 % (0.001)" in curves_alt(curves_of(study, "lr", TEST_ERROR), "2 levels")


def test_equal_curves_stay_apart_by_dash_and_order() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=30) for lr in (0.01, StepDecay("step"))), how=lambda c, e: (1 / e, 0.9))
    _, ax = drawn(study, "lr")
    lines = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 30]
    assert [line.get_linestyle() for line in lines] == ["-", "--"]  # the dashed one is drawn over the solid one


def test_numbers_differ_in_lightness_and_words_in_line_too() -> None:
    (numbers,) = find_factors([RunConfig(lr=lr) for lr in (0.001, 0.01, 0.1, StepDecay("step"))])
    styles = level_styles(numbers)
    assert len({style.color for style in styles.values()}) == 4
    assert [styles[label].dash for label in numbers.labels] == ["-", "-", "-", "--"]
    (words,) = find_factors([RunConfig(activation=activation) for activation in Activation])
    assert len({(style.color, style.dash) for style in level_styles(words).values()}) == len(Activation)
    assert len({style.dash for style in level_styles(words).values()}) == len(Activation)
    levels = tuple(replace(words.levels[0], label=f"word {place}") for place in range(16))
    many = level_styles(replace(words, levels=levels))
    assert len({(style.color, style.dash) for style in many.values()}) == 16


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
    assert len(ax.texts) == len(configs)
    assert_legible(figure)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0008, 0.3, ["0.001", "0.01", "0.1"]), (0.006, 0.2, ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2"])],
)
def test_log_ticks_are_the_numbers_one_expects(low: float, high: float, expected: list[str]) -> None:
    def fall(config: RunConfig, epoch: int) -> tuple[float, float]:
        return (high if epoch == 1 else low), 0.9

    figure, ax = drawn(study_of(*(RunConfig(lr=lr, epochs=2) for lr in (0.001, 0.01)), how=fall), "lr")
    figure.draw_without_rendering()
    inside = [tick for tick in ax.yaxis.get_major_ticks() if ax.get_ylim()[0] <= tick.get_loc() <= ax.get_ylim()[1]]
    assert [tick.label1.get_text() for tick in inside] == expected


def test_spread_moves_labels_as_little_as_possible() -> None:
    assert spread([], []) == []
    assert spread([0.2, 0.8], [0.1, 0.1]) == pytest.approx([0.2, 0.8])
    assert spread([0.5, 0.5], [0.1, 0.1]) == pytest.approx([0.45, 0.55])
    assert spread([0.0, 0.0], [0.1, 0.1]) == pytest.approx([0.05, 0.15])
    assert spread([1.0, 1.0, 1.0], [0.1, 0.3, 0.1]) == pytest.approx([0.55, 0.75, 0.95])
    assert spread([0.5, 0.5], [0.8, 0.8]) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("text", ["one two three four", "W" * 10_000, "数字 " * 50, "a\nb\x1b[31m", "", " "])
def test_wrapped_text_keeps_to_its_width_and_says_where_it_is_cut(text: str) -> None:
    for lines in (wrap(text, 40, 8, 2), balance(text, 40, 8, 2), cut(text, 40)):
        assert width_of(lines) <= 40
        assert lines.count("\n") <= 1
        kept = lines.replace("\n", " ")
        assert kept.endswith("…") or kept.split() == "".join(c if c.isprintable() else " " for c in text).split()


def test_many_names_are_counted_rather_than_listed() -> None:
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), 3) == "a, b, … (4 more)"


def test_figures_carry_no_date_and_repeat_byte_for_byte() -> None:
    study = study_of(*(RunConfig(lr=lr, epochs=3) for lr in (0.001, 0.01)))
    first, second = (figure_files(drawn(study, "lr")[0]) for _ in range(2))
    assert first == second
    assert set(first) == {"svg", "pdf", "png"}
    assert first["png"].startswith(b"\x89PNG") and first["pdf"].startswith(b"%PDF")
    ElementTree.fromstring(first["svg"])
    assert b"dc:date" not in first["svg"] and b"CreationDate" not in first["pdf"]
    assert b"/Subtype /Type3" not in first["pdf"]  # fonts that journals refuse
