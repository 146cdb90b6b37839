"""Decision boundaries: what is drawn is what the networks say, alike in every panel."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import yaml
from matplotlib.colors import to_hex
from PIL import Image

from lenet_ablate.config.choices import Activation
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.report.figures.boundaries import (
    BLUE,
    EXTENT,
    GRID,
    MAX_PANELS,
    ORANGE,
    Panel,
    Weights,
    boundaries_alt,
    boundaries_figure,
    boundaries_picture,
    choose_epochs,
    epoch_panels,
    surface_of,
)
from lenet_ablate.report.figures.style import figure_files


def config_of(data: str, hidden: list[int], **changes: object) -> RunConfig:
    plain = yaml.safe_load((config_dir() / f"data/playground/{data}.yaml").read_text())
    config, _ = parse_config({"data": plain, "model": {"name": "mlp", "c5": None, "hidden": hidden}})
    return dataclasses.replace(config, **changes)  # type: ignore[arg-type]


def along_the_diagonal() -> tuple[RunConfig, Weights]:
    """A network that knows the two clouds: class 1 above x + y = 0, its logit 2 (x + y) above class 0's."""
    weights = {"output.weight": np.array([[-1, -1], [1, 1]], np.float32), "output.bias": np.zeros(2, np.float32)}
    return config_of("gauss", []), weights


def panels(rows: int = 2, columns: int = 3) -> list[Panel]:
    made = []
    for row in range(rows):
        for column in range(columns):
            config = config_of("circle", [4], seed=10 * row + column, activation=Activation.tanh)
            made.append(Panel(f"row {row}", f"column {column}", config, draw_weights(config)))
    return made


def test_the_surface_of_a_network_known_in_closed_form() -> None:
    surface = surface_of(*along_the_diagonal())
    axis = np.linspace(-EXTENT, EXTENT, GRID)
    wanted = 1 / (1 + np.exp(-2 * (axis[:, None] + axis)))
    np.testing.assert_allclose(surface.probability, wanted, atol=1e-6)
    assert surface.accuracy == 1.0


def test_accuracy_is_of_the_test_points() -> None:
    config, weights = along_the_diagonal()
    upside_down = {name: -array for name, array in weights.items()}
    assert surface_of(config, upside_down).accuracy == 0.0
    undecided = {name: 0 * array for name, array in weights.items()}
    surface = surface_of(config, undecided)
    assert surface.accuracy == np.mean(surface.plane.test_labels == 0)  # as argmax takes the first of equals


def test_every_panel_has_the_same_limits_colours_and_points() -> None:
    figure = boundaries_figure(panels(), "title")
    axes = [ax for ax in figure.axes if ax.images]
    assert len(axes) == 6
    assert {(*ax.get_xlim(), *ax.get_ylim()) for ax in axes} == {(-EXTENT, EXTENT) * 2}
    assert {ax.images[0].get_clim() for ax in axes} == {(0, 1)}
    assert len({ax.images[0].get_cmap()(0.1) for ax in axes}) == 1
    for ax in axes:
        num_points = [len(line.get_xdata()) for line in ax.lines]  # type: ignore[arg-type]
        assert sum(num_points) == 500
        filled = [line for line in ax.lines if line.get_markerfacecolor() != "none"]
        assert [to_hex(line.get_markerfacecolor()) for line in filled] == [ORANGE, BLUE]
        assert sum(len(line.get_xdata()) for line in filled) == 250  # type: ignore[arg-type]
        assert {line.get_marker() for line in filled} == {"s", "o"}


def test_rows_and_columns_keep_their_order_and_the_corner_names_the_accuracy() -> None:
    drawn = panels(2, 2)
    figure = boundaries_figure(drawn, "title")
    axes = figure.axes[:4]
    assert [ax.get_title(loc="center") for ax in axes] == ["column 0", "column 1", "", ""]
    assert [ax.get_ylabel() for ax in axes] == ["row 0", "", "row 1", ""]
    for ax, panel in zip(axes, drawn, strict=True):
        assert panel.weights is not None
        assert [t.get_text() for t in ax.texts] == [f"{100 * surface_of(panel.config, panel.weights).accuracy:.1f} %"]


def test_a_missing_run_leaves_an_empty_panel() -> None:
    drawn = panels(2, 2)[:3]
    drawn[0] = dataclasses.replace(drawn[0], weights=None)
    figure = boundaries_figure(drawn, "title")
    assert [[t.get_text() for t in ax.texts] == ["no result"] for ax in figure.axes[:4]] == [True, False, False, True]
    assert "column 0 with row 0 no result" in boundaries_alt(drawn)


def test_a_network_that_always_says_the_same_has_no_boundary() -> None:
    config, weights = along_the_diagonal()
    sure = {"output.weight": 0 * weights["output.weight"], "output.bias": np.array([0, 5], np.float32)}
    figure = boundaries_figure([Panel("", "sure", config, sure)], "title")
    assert not figure.axes[0].collections
    assert boundaries_figure([Panel("", "line", config, weights)], "title").axes[0].collections


def test_the_words_name_every_accuracy() -> None:
    config, weights = along_the_diagonal()
    assert boundaries_alt([Panel("relu", "gauss", config, weights)]) == (
        "Decision boundaries in the plane; test accuracy of gauss with relu 100.0 %."
    )
    picture = boundaries_picture([Panel("", "gauss", config, weights)], "Boundaries", "mlp")
    assert picture.title == "Boundaries" and picture.caption.startswith("mlp; ● ■ training and")
    assert "svg" not in picture.kinds


def test_the_same_bytes_twice_and_two_greys_for_two_classes() -> None:
    files = [figure_files(boundaries_figure([Panel("", "gauss", *along_the_diagonal())], "t")) for _ in range(2)]
    assert files[0] == files[1]
    grey = np.asarray(Image.open(io.BytesIO(files[0]["png"])).convert("L"), float)
    height, width = grey.shape
    panel = grey[int(0.2 * height) : int(0.8 * height), int(0.22 * width) : int(0.68 * width)]
    upper, lower = np.median(panel[:30, -30:]), np.median(panel[-30:, :30])
    assert 12 < lower - upper < 120


@pytest.mark.parametrize("columns", [0, MAX_PANELS + 1])
def test_too_many_columns_are_refused(columns: int) -> None:
    with pytest.raises(ValueError, match=f"{columns} columns"):
        boundaries_figure(panels(1, columns), "title")


@pytest.mark.parametrize(
    "epochs",
    [[1], [1, 2, 3], list(range(101)), list(range(1, 31)), [0, 1, 50, 51, 52, 53, 54], [5, 90, 95, 96, 97, 98, 99]],
)
def test_chosen_epochs_are_few_known_and_ascending(epochs: list[int]) -> None:
    chosen = choose_epochs(epochs)
    assert len(chosen) == min(len(epochs), MAX_PANELS)
    assert set(chosen) <= set(epochs)
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1]) == (epochs[0], epochs[-1])


def test_epochs_stand_side_by_side() -> None:
    config, weights = along_the_diagonal()
    row = epoch_panels(config, [(2, weights), (1, weights)])
    assert [panel.column for panel in row] == ["epoch 1", "epoch 2"]
