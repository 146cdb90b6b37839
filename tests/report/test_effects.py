from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.report.figures.confusion import confusion_alt, confusion_figure
from lenet_ablate.report.figures.effects import effect_of, effects_alt, effects_figure, effects_key, effects_note
from lenet_ablate.report.figures.forest import MAX_ROWS, differences_alt, differences_figure, shown_pairs
from lenet_ablate.report.figures.heatmap import grid_of, heatmap_alt, heatmap_figure, text_color
from lenet_ablate.report.figures.scatter import noise_alt, noise_figure, time_alt, time_figure
from lenet_ablate.report.study.criteria import DEFAULT_CRITERIA
from support.figure_studies import analyse, assert_legible, confusion_of, contrast, noisy, study_of

RATES = (0.001, 0.002, 0.01)


def configs_of(num_seeds: int = 3, rates: tuple[float, ...] = RATES) -> list[RunConfig]:
    return [RunConfig(lr=lr, pool=pool, seed=s, epochs=2) for lr in rates for pool in Pool for s in range(num_seeds)]


STUDY = study_of(*configs_of(), how=noisy)
ANALYSIS = analyse(STUDY)
(POOL, RATE) = ANALYSIS.factors


def markers(figure: Figure, marker: str) -> list[tuple[float, float]]:
    lines = [line for line in figure.axes[0].lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in lines for x, y in np.asarray(line.get_xydata())]


def test_the_dot_plot_shows_every_seed_mean_and_interval() -> None:
    effect = effect_of(RATE)
    figure = effects_figure([effect], "test accuracy", "title", effects_note([effect]))
    seeds = sorted(x for x, _ in markers(figure, "o"))
    assert seeds == pytest.approx(sorted(100 * RATE.values["outcome"]))
    assert [x for x, _ in markers(figure, "D")] == pytest.approx(list(100 * RATE.levels["mean"]))
    left, right = figure.axes[0].get_xlim()
    ends = [np.asarray(line.get_xdata()) for line in figure.axes[0].lines if len(np.asarray(line.get_xdata())) == 2]
    expected = 100 * RATE.levels[["ci_low", "ci_high"]].clip(left / 100, right / 100).to_numpy()
    assert np.array(ends) == pytest.approx(expected)
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert [number.split()[-1] for number in numbers] == ["a", "b", "c"]
    assert all(number in effects_alt([effect], "test accuracy") for number in numbers)
    assert_legible(figure)


def test_published_figures_are_open_triangles_of_their_level() -> None:
    references = pd.DataFrame(
        {"factor": ["lr", "lr", "pool"], "level": ["0.01", "0.5", "max"], "test_accuracy": [0.9567, 0.9, 0.98]}
    ).assign(label="published, 1 run", n=10_000)
    effect = effect_of(RATE, references)
    figure = effects_figure([effect], "test accuracy", "title", "note")
    assert markers(figure, "^") == [(pytest.approx(95.67), 2)]
    assert "△ published, 1 run" in effects_note([effect]) and "△ published, 1 run" in effects_key([effect])
    assert "10000" not in effects_note([effect])
    assert "published" not in effects_note([effect_of(RATE)])


def test_an_interval_too_wide_for_the_axis_ends_in_an_arrowhead() -> None:
    levels = RATE.levels.assign(ci_low=-5.0, ci_high=7.0)
    effect = effect_of(type(RATE)(RATE.comparison, RATE.values, levels, RATE.pairs, ()))
    figure = effects_figure([effect], "test accuracy", "title", "note")
    assert len(markers(figure, "<")) == 3
    assert 100 - figure.axes[0].get_xlim()[0] < 50
    assert "arrowhead" in effects_note([effect])


def test_differences_are_filled_only_where_significant() -> None:
    figure = differences_figure(RATE, DEFAULT_CRITERIA, "test accuracy", "title", "note")
    ax = figure.axes[0]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(np.asarray(line.get_xdata())[0]) for line in points] == pytest.approx(list(100 * RATE.pairs["diff"]))
    filled = [line.get_markerfacecolor() != "white" for line in points]
    assert filled == list(RATE.pairs["p_corrected"] < DEFAULT_CRITERIA.alpha) == [True, True, False]
    (stripe,) = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert (stripe.get_x(), stripe.get_width()) == pytest.approx((-0.1, 0.2))
    assert ax.get_yticklabels()[0].get_text() == "lr 0.001 − 0.002"
    text = differences_alt(RATE, "test accuracy")
    assert f"lr 0.001 − 0.002 {100 * RATE.pairs['diff'].iloc[0]:+.2f}" in text and "p = 0.01" in text
    assert_legible(figure)


def test_of_many_levels_only_the_pairs_with_the_best_are_drawn() -> None:
    rates = tuple(round(0.001 * n, 3) for n in range(1, 13))
    (_, analysis) = analyse(study_of(*configs_of(2, rates), how=noisy)).factors
    pairs, which = shown_pairs(analysis)
    best = analysis.levels.loc[analysis.levels["mean"].idxmax(), "level"]
    assert len(analysis.pairs) == 66 > MAX_ROWS
    assert len(pairs) == 11 and ((pairs["level_a"] == best) | (pairs["level_b"] == best)).all()
    assert str(best) in which
    assert_legible(differences_figure(analysis, DEFAULT_CRITERIA, "test accuracy", "title", "note"))
    effect = effect_of(analysis)
    assert_legible(effects_figure([effect], "test accuracy", "title", effects_note([effect])))


def test_the_heat_map_tells_failed_from_missing_cells() -> None:
    done = [config for config in configs_of() if (config.lr, config.pool) not in ((0.01, Pool.max), (0.01, Pool.avg))]
    failed = [config for config in configs_of() if (config.lr, config.pool) == (0.01, Pool.max)]
    study = study_of(*done[:-1], failed=(*failed, done[-1]), how=noisy)
    pool, rate = study.factors
    grid = grid_of(study.design, rate, pool)
    figure = heatmap_figure(grid, "test accuracy", "title", "note")
    ax = figure.axes[0]
    texts = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    cells = grid.cells.set_index(["row", "column"])
    mean = f"{100 * cells.loc[('0.001', 'max'), 'mean']:.3f}"
    assert texts[(0, 0)].startswith(f"{mean}\n± ") and texts[(0, 0)].endswith("n = 3")
    assert texts[(2, 0)] == "failed\n3 of 3"
    assert texts[(2, 1)] == "–"
    assert texts[(1, 1)].endswith("1 failed")
    hatched = [patch.get_xy() for patch in ax.patches if patch.get_hatch()]
    assert hatched == [(0.5, 0.5), (-0.5, 1.5)]
    assert f"0.001 with max {mean}" in heatmap_alt(grid, "test accuracy")
    assert "0.01 with max no result" in heatmap_alt(grid, "test accuracy")
    assert_legible(figure)


def test_text_in_cells_has_the_better_contrast() -> None:
    for level in np.linspace(0, 1, 41):
        for background in ((level, level, level), (level, 0.2, 1 - level)):
            chosen, other = text_color(background), {"black": "white", "white": "black"}[text_color(background)]
            # At least 4.5 : 1, as WCAG asks for, since black and white are equal at the square root of 21.
            assert contrast(to_rgba(chosen), background) >= max(contrast(to_rgba(other), background) - 0.05, 4.5)


def test_one_collapsed_cell_leaves_the_others_distinguishable() -> None:
    def collapsing(config: RunConfig, epoch: int) -> tuple[float, float]:
        return 1.0, 0.1135 if (config.lr, config.pool) == (0.01, Pool.max) else 0.99 - config.lr

    study = study_of(*configs_of(1), how=collapsing)
    pool, rate = study.factors
    ax = heatmap_figure(grid_of(study.design, rate, pool), "test accuracy", "title", "note").axes[0]
    first, second = (np.array(patch.get_facecolor()) for patch in (ax.patches[0], ax.patches[2]))  # 98.9 and 98.8 %
    assert np.abs(first - second).max() > 0.02


def test_the_confusion_matrix_colours_errors_only() -> None:
    confusion = confusion_of({(4, 9): 10, (3, 5): 2})
    figure = confusion_figure(confusion, "title", "note")
    ax = figure.axes[0]
    texts = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in ax.texts}
    assert texts == {
        **{(digit, digit): "100.0" for digit in range(10)},
        (4, 9): "10",
        (3, 5): "2",
        (4, 4): "90.0",
        (3, 3): "97.8",
    }
    (image,) = ax.images
    colored = (np.asarray(image.get_array())[..., :3] < 1).any(axis=-1)
    assert sorted(zip(*np.nonzero(colored), strict=True)) == [(3, 5), (4, 9)]
    assert confusion_alt(confusion) == (
        "Confusion matrix: 12 errors in 912 predictions; most frequent: 4 taken for 9 (10) and 3 taken for 5 (2). "
        "Lowest recall 90.0 % (class 4)."
    )
    assert_legible(figure)


def test_a_perfect_confusion_matrix_is_drawn_too() -> None:
    confusion = confusion_of({})
    assert "most frequent: none" in confusion_alt(confusion)
    assert_legible(confusion_figure(confusion, "title", "note"))


def test_noise_is_drawn_against_its_floor() -> None:
    noise = pd.DataFrame(
        {"variant": ["a", "b", "c"], "sd": [0.001, 0.0011, 0.0005], "sd_floor": [0.0008, 0.0008, 0.0007]}
    )
    figure = noise_figure(noise, "title", "note")
    assert np.array(markers(figure, "o")) == pytest.approx(np.array([(0.08, 0.1), (0.08, 0.11), (0.07, 0.05)]))
    (line,) = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert np.array_equal(line.get_xdata(), line.get_ydata())
    assert {"a", "b", "c"} <= {text.get_text() for text in figure.axes[0].texts}
    assert "a 0.100 (floor 0.080)" in noise_alt(noise)
    assert_legible(figure)


def test_labels_of_crowded_points_are_left_out_rather_than_laid_over_each_other() -> None:
    names = [f"variant number {n}" for n in range(60)]
    runs = pd.DataFrame({"variant": names, "seconds": np.linspace(30, 33, 60), "error": np.linspace(1.0, 1.1, 60)})
    figure = time_figure(runs, "title", "note", "test error")
    assert 1 <= len(figure.axes[0].texts) < 60
    assert_legible(figure)
    assert "variant number 0 30 s, 1.00 %" in time_alt(runs, "test error")


def test_a_single_seed_has_no_spread_and_no_letters() -> None:
    study = study_of(*configs_of(1), how=noisy)
    (_, analysis) = analyse(study).factors
    effect = effect_of(analysis)
    figure = effects_figure([effect], "test accuracy", "title", effects_note([effect]))
    assert "share a letter" not in effects_note([effect])
    assert all(math.isfinite(float(x)) for x, _ in markers(figure, "D"))
    assert_legible(figure)
