from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from lenet_ablate.config.choices import DataSet, Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.record import MODEL
from lenet_ablate.report.figures import curve_gallery
from lenet_ablate.report.figures.digit_grids import DISPUTED, TestDigits, Which, digits_figure, pick
from lenet_ablate.report.figures.gallery import FigureInputs, gallery
from lenet_ablate.report.figures.style import figure_files
from lenet_ablate.report.study.collect import collect
from lenet_ablate.report.study.criteria import Criteria, Metric
from lenet_ablate.report.study.study import Study
from support.figure_studies import analyse, assert_legible, confusion_of, losses, noisy, study_of

HOSTILE = (
    "W" * 10_000,
    "$\\frac{a}$ $x_{",
    "<script>alert(1)</script>",
    "学习率 数字",
    "עברית",
    "a b " * 3000,
    "_^~{}&%#\\",
)


def digits_of(num_runs: int = 3, size: int = 28) -> TestDigits:
    """Digit 0 is wrong in every run, digit 1 in the first only, digit 947 in every run with less confidence."""
    rng = np.random.default_rng(0)
    labels = (np.arange(1000) % 10).astype(np.uint8)
    predictions = np.tile(labels, (num_runs, 1))
    predictions[:, 0], predictions[0, 1], predictions[:, 947] = 6, 7, 1
    probabilities = np.full((num_runs, 1000), 0.99, np.float16)
    probabilities[:, 0], probabilities[:, 947], probabilities[:, 5] = 0.93, 0.5, 0.4
    return TestDigits(rng.integers(0, 256, (1000, size, size), np.uint8), labels, predictions, probabilities)


def grid(num_seeds: int = 2) -> list[RunConfig]:
    return [
        RunConfig(lr=lr, pool=pool, seed=s, epochs=2) for lr in (0.001, 0.01) for pool in Pool for s in range(num_seeds)
    ]


def test_the_gallery_names_every_figure_of_a_study() -> None:
    study = study_of(*grid(), how=noisy)
    found = gallery(study, analyse(study, confusion_of({(4, 9): 3})), FigureInputs(digits_of()))
    per_factor = ("differences_{}", "effects_{}", "loss_{}", "loss_{}_panels", "error_{}")
    assert set(found.pictures) == {
        *(name.format(key) for name in per_factor for key in ("lr", "pool")),
        *("effects", "heatmap_pool_lr", "confusion", "wrong_always", "wrong_sometimes", "right"),
        *("noise", "time_error", "loss_variants"),
    }
    assert found.left_out == ()
    for name, draw in found.pictures.items():
        picture = draw()
        assert_legible(picture.figure)
        assert any(char.isdigit() for char in picture.alt) and picture.alt.endswith("."), name
        assert picture.caption.endswith("."), name
        assert picture.kinds == (
            ("png",) if name in ("wrong_always", "wrong_sometimes", "right") else ("svg", "pdf", "png")
        )


def test_every_kind_of_figure_repeats_byte_for_byte() -> None:
    study = study_of(*grid(), how=noisy)
    draws = [
        gallery(study, analyse(study, confusion_of({(4, 9): 3})), FigureInputs(digits_of())).pictures for _ in range(2)
    ]
    for name in ("differences_lr", "heatmap_pool_lr", "right", "time_error"):
        first, second = (pictures[name]() for pictures in draws)
        assert figure_files(first.figure, first.kinds) == figure_files(second.figure, second.kinds), name
        assert (first.alt, first.caption) == (second.alt, second.caption)


def test_what_is_not_at_hand_is_said() -> None:
    study = study_of(*grid(1), how=noisy)
    found = gallery(study, analyse(study), FigureInputs(why_no_digits="the test images are not on this machine"))
    assert "Pictures of test images are left out: the test images are not on this machine." in found.left_out
    assert "The confusion matrix is left out: labels or predictions are not at hand." in found.left_out
    assert "The figure of differences by pooling is left out: one seed gives no interval." in found.left_out
    assert not {"confusion", "right", "differences_pool", "noise"} & set(found.pictures)


def test_the_batch_size_is_also_drawn_against_steps() -> None:
    study = study_of(*(RunConfig(batch_size=size, epochs=2) for size in (32, 64)))
    assert {"loss_batch_size_steps", "error_batch_size_steps"} <= set(gallery(study).pictures)
    picture = gallery(study).pictures["loss_batch_size_steps"]()
    assert picture.figure.axes[0].get_xlabel() == "step (updates of the weights)"


def test_validation_error_is_drawn_where_validation_decides() -> None:
    study = replace(study_of(*grid(1)), criteria=Criteria(metric=Metric.val_accuracy))
    assert {"val_error_lr", "error_lr"} <= set(gallery(study).pictures)


def test_the_published_line_belongs_to_mnist_only() -> None:
    study = study_of(*grid(1))
    other = replace(study, fixed={**study.fixed, "data": "digits"})
    texts = [
        {text.get_text() for text in gallery(one).pictures["error_lr"]().figure.axes[0].texts} for one in (study, other)
    ]
    assert "LeCun et al. 1998: 0.95 %" in texts[0]
    assert not any("LeCun" in text for text in texts[1])


def test_too_many_levels_for_one_axes_get_a_panel_each() -> None:
    study = study_of(*(RunConfig(batch_size=size, epochs=2) for size in range(1, 9)))
    pictures = gallery(study).pictures
    figure = pictures["loss_batch_size"]().figure
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == list("12345678")
    assert "loss_batch_size_panels" not in pictures


def test_more_variants_than_a_sheet_holds_make_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve_gallery, "PANELS_PER_SHEET", 2)
    study = study_of(*(RunConfig(batch_size=n, epochs=1) for n in (1, 2, 3)))
    names = [name for name in gallery(study).pictures if name.startswith("loss_variants")]
    assert names == ["loss_variants_1", "loss_variants_2"]


def hostile_study() -> Study:
    rates = [StepDecay(name, initial=0.001 * (n + 1)) for n, name in enumerate(HOSTILE)]
    return study_of(
        *(RunConfig(lr=lr, pool=p, seed=s, epochs=2) for lr in rates for p in Pool for s in (0, 1)), how=noisy
    )


def nothing_but_divergence() -> Study:
    configs = tuple(RunConfig(lr=lr, seed=s, epochs=2) for lr in (1.0, 2.0) for s in (0, 1))
    return study_of(diverged=configs, how=lambda config, epoch: (math.nan, 0.1))


def partly_diverged() -> Study:
    some = tuple(RunConfig(lr=1.0, pool=pool, seed=s, epochs=2) for pool in Pool for s in (0, 1))
    return study_of(*grid(), diverged=some, how=noisy)


def perfect() -> Study:
    return study_of(*grid(), how=lambda config, epoch: (0.0, 1.0))


def one_of_everything() -> Study:
    return study_of(RunConfig(epochs=1))


@pytest.mark.parametrize("make", [hostile_study, nothing_but_divergence, partly_diverged, perfect, one_of_everything])
def test_no_study_makes_text_overlap_or_leave_the_figure(make: object) -> None:
    study = make()  # type: ignore[operator]
    found = gallery(study, analyse(study))
    assert found.pictures
    for name, draw in found.pictures.items():
        if name in ("effects_lr", "effects_pool", "loss_pool_panels", "error_pool") and study.factors[1:]:
            continue  # like others that are drawn
        shown = draw()
        assert_legible(shown.figure)
        if shown.narrow:
            assert_legible(shown.narrow)


def test_digits_are_chosen_by_how_many_runs_are_wrong() -> None:
    digits = digits_of()
    always, total = pick(digits, Which.wrong_always)
    assert [(d.index, d.answer, round(d.probability, 2)) for d in always] == [(0, 6, 0.93), (947, 1, 0.5)]
    assert total == 2
    (sometimes,), _ = pick(digits, Which.wrong_sometimes)
    assert (sometimes.index, sometimes.answer, sometimes.num_wrong) == (1, 7, 1)
    right, total = pick(digits, Which.right)
    assert (len(right), total) == (40, 997)
    assert right[0].index == 5  # the least confident


@pytest.mark.parametrize("size", [28, 32])
def test_digit_grids_are_sharp_named_and_marked_where_disputed(size: int) -> None:
    digits = digits_of(size=size)
    picks, _ = pick(digits, Which.wrong_always)
    figure = digits_figure(digits, picks, "title", "note", on_mnist=True)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "#0\ntrue 0 → 6 (0.93)" in texts and "#947 †\ntrue 7 → 1 (0.50)" in texts
    assert 947 in DISPUTED and len(DISPUTED) == 15
    images = figure.axes[0].images
    assert np.array_equal(np.asarray(images[0].get_array()), digits.images[0])
    assert {image.get_interpolation() for image in images} == {"nearest"}
    assert_legible(figure)
    assert not any("†" in text.get_text() for text in digits_figure(digits, picks, "t", "n", False).axes[0].texts)


def test_a_gallery_needs_no_analysis() -> None:
    pictures = gallery(study_of(*grid(1), how=losses)).pictures
    assert {"loss_lr", "error_lr", "heatmap_pool_lr", "loss_variants", "time_error"} <= set(pictures)
    assert "effects" not in pictures


def test_a_study_on_points_shows_its_boundaries(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    words = ["data=playground/circle,playground/xor", "activation=relu,tanh", "model=mlp", "model.hidden=[8]"]
    assert run(*words, "epochs=1", "seed=0,1")[0] == 0
    (study,) = collect(tmp_path / "outputs")
    pictures = gallery(study).pictures
    assert pictures["boundaries"]().alt.count("%") == 4
    (tmp_path / "outputs" / "ablation" / study.design["run"].iloc[0] / MODEL).unlink()
    assert "boundaries" in gallery(study).pictures
    sets = [
        replace(config, data=replace(config.data, name=name))
        for config in grid()
        for name in (DataSet.mnist, DataSet.kmnist)
    ]
    for others in (grid(), sets):
        assert not [name for name in gallery(study_of(*others, how=noisy)).pictures if "boundaries" in name]


def test_runs_that_kept_their_epochs_show_how_the_boundary_came_about(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    words = ["data=playground/circle,playground/xor", "activation=relu,tanh", "model=mlp", "model.hidden=[8]"]
    assert run(*words, "epochs=8", "checkpoint=every")[0] == 0
    (study,) = collect(tmp_path / "outputs")
    pictures = gallery(study).pictures
    assert {name for name in pictures if "epochs" in name} == {"boundaries_epochs_1", "boundaries_epochs_2"}
    picture = pictures["boundaries_epochs_2"]()
    assert picture.title == "Decision boundaries over epochs: playground/xor"
    panels = [ax for ax in picture.figure.axes if ax.images]
    assert [ax.get_title(loc="center") for ax in panels[:6]] == [f"epoch {n}" for n in (1, 2, 3, 4, 5, 8)]
    assert [panels[0].get_ylabel(), panels[6].get_ylabel()] == ["relu", "tanh"]
    # The last epoch's panel tells the accuracy that the run recorded.
    design = study.design[study.design["data"] == "playground/xor"].set_index("activation")
    for level, panel in (("relu", panels[5]), ("tanh", panels[11])):
        assert [t.get_text() for t in panel.texts] == [f"{100 * design.at[level, 'test_accuracy']:.1f} %"]
    # Rows show the same epochs: those that all of their runs kept.
    first = design.at["relu", "run"]
    for path in (study.folder / str(first) / "epochs").glob("00[2-7]-*"):
        path.unlink()
    again = gallery(study).pictures["boundaries_epochs_2"]()
    titles = [ax.get_title(loc="center") for ax in again.figure.axes if ax.images]
    assert [title for title in titles if title] == ["epoch 1", "epoch 8"]


def test_captions_stand_beside_figures_and_names_are_spelled_as_settings_are() -> None:
    study = study_of(*grid(), how=noisy)
    found = gallery(study, analyse(study, confusion_of({(4, 9): 3})), FigureInputs(digits_of()))
    for name, draw in found.pictures.items():
        picture = draw()
        drawn = " ".join(" ".join(text.get_text().split()) for text in picture.figure.findobj(Text))
        assert picture.caption not in drawn, name
        assert " ".join(picture.title.split()) in drawn, name
        assert picture.title not in picture.caption, name
        assert not re.search(r"\b(Pool|Lr|Seed)\b", picture.caption), name
    assert found.pictures["confusion"]().caption.count("pool=") == 1
