"""The playground's points: drawn by their formulas, trained through the command, refused with a sentence."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from lenet_ablate.cli import main as cli
from lenet_ablate.cli.choices import options_of
from lenet_ablate.cli.overrides import check_overrides
from lenet_ablate.config.choices import Activation, DataSet, Feature, Model, OutputActivation
from lenet_ablate.config.folder import config_dir
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import DataConfig, ModelConfig, RunConfig
from lenet_ablate.datasets.labels import load_test_images, load_test_labels
from lenet_ablate.datasets.load import load
from lenet_ablate.datasets.playground import NUM_POINTS, Plane, draw_plane, features_of
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.engines.networks import layer_shapes, num_parameters
from lenet_ablate.engines.pytorch.models import build_model
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.records.read import iter_records
from lenet_ablate.records.record import MODEL, State

SETS = [DataSet.circle, DataSet.xor, DataSet.gauss, DataSet.spiral]
EVERY_SET = pytest.mark.parametrize("name", SETS, ids=[name.name for name in SETS])
FLIPPING = pytest.mark.parametrize("name", [DataSet.circle, DataSet.xor], ids=["circle", "xor"])


def chosen(name: DataSet, **changes: Any) -> DataConfig:
    """The configuration that `data=playground/…` stands for."""
    plain = yaml.safe_load((config_dir() / f"data/{name.value}.yaml").read_text())
    mlp = {"name": "mlp", "c5": None, "hidden": [4]}
    return dataclasses.replace(parse_config({"data": plain, "model": mlp})[0].data, **changes)


def whole(plane: Plane) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    points = np.concatenate([plane.train_points, plane.test_points])
    return points, np.concatenate([plane.train_labels, plane.test_labels])


@EVERY_SET
def test_the_same_points_for_ever_and_others_for_another_seed(name: DataSet) -> None:
    plane, again = draw_plane(chosen(name)), draw_plane(chosen(name))
    np.testing.assert_array_equal(plane.train_points, again.train_points)
    np.testing.assert_array_equal(plane.test_labels, again.test_labels)
    assert not np.array_equal(plane.train_points, draw_plane(chosen(name, seed=1)).train_points)


@pytest.mark.parametrize("name", [DataSet.circle, DataSet.gauss, DataSet.spiral])
def test_both_classes_have_as_many_points(name: DataSet) -> None:
    _, labels = whole(draw_plane(chosen(name)))
    assert np.bincount(labels).tolist() == [NUM_POINTS // 2, NUM_POINTS // 2]


@EVERY_SET
@pytest.mark.parametrize(("fraction", "num_train"), [(0.1, 50), (0.29, 145), (0.5, 250), (0.58, 290), (0.333, 166)])
def test_the_training_share_is_rounded_down(name: DataSet, fraction: float, num_train: int) -> None:
    plane = draw_plane(chosen(name, train_fraction=fraction))
    assert len(plane.train_labels) == len(plane.train_points) == num_train
    assert len(plane.test_labels) == len(plane.test_points) == NUM_POINTS - num_train


def test_circle_is_a_disc_within_a_ring() -> None:
    points, labels = whole(draw_plane(chosen(DataSet.circle)))
    radii = np.hypot(*points.T)
    assert radii[labels == 1].max() < 2.5
    assert radii[labels == 0].min() >= 3.5
    assert radii.max() < 5
    # Uniform in the radius, not in the area.
    assert abs(radii[labels == 1].mean() - 1.25) < 0.15
    assert abs(radii[labels == 0].mean() - 4.25) < 0.1


def test_xor_is_four_squares_beside_the_axes() -> None:
    points, labels = whole(draw_plane(chosen(DataSet.xor)))
    np.testing.assert_array_equal(labels == 1, points[:, 0] * points[:, 1] >= 0)
    assert np.abs(points).min() >= 0.3
    assert 5.2 < np.abs(points).max() <= 5.3


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_gauss_is_two_clouds_that_noise_widens(noise: float) -> None:
    points, labels = whole(draw_plane(chosen(DataSet.gauss, noise=noise)))
    for label, centre in ((1, 2), (0, -2)):
        np.testing.assert_allclose(points[labels == label].mean(axis=0), centre, atol=0.4)
        np.testing.assert_allclose(points[labels == label].var(axis=0), 0.5 + 7 * noise, rtol=0.25)


def test_spiral_is_two_arms_opposite_each_other() -> None:
    points, labels = whole(draw_plane(chosen(DataSet.spiral)))
    arms = [points[labels == label] for label in (1, 0)]
    arms = [arm[np.argsort(np.hypot(*arm.T))] for arm in arms]
    np.testing.assert_allclose(np.hypot(*arms[0].T), 5 * np.arange(250) / 250, atol=1e-12)
    np.testing.assert_allclose(arms[0], -arms[1], atol=1e-12)
    turn = 1.75 * 2 * np.pi * 125 / 250
    np.testing.assert_allclose(arms[0][125], [2.5 * np.sin(turn), 2.5 * np.cos(turn)])


@FLIPPING
def test_noise_changes_labels_and_moves_no_point(name: DataSet) -> None:
    clean, labels = whole(draw_plane(chosen(name)))
    noisy, changed = whole(draw_plane(chosen(name, noise=0.5)))
    np.testing.assert_array_equal(clean, noisy)
    assert 50 < (labels != changed).sum() < 250


@pytest.mark.parametrize(("name", "reach"), [(DataSet.spiral, 0.3), (DataSet.gauss, np.inf)])
def test_noise_moves_points_and_changes_no_label(name: DataSet, reach: float) -> None:
    clean, labels = whole(draw_plane(chosen(name)))
    noisy, same = whole(draw_plane(chosen(name, noise=0.3)))
    np.testing.assert_array_equal(labels, same)
    assert 0.1 < np.abs(clean - noisy).max() <= reach


def test_features_by_hand() -> None:
    points = np.array([[0.5, -2.0], [-3.0, 1.5]])
    wanted = [[0.5, -2, 0.25, 4, -1, np.sin(0.5), np.sin(-2)], [-3, 1.5, 9, 2.25, -4.5, np.sin(-3), np.sin(1.5)]]
    shown = features_of(points, tuple(Feature))
    assert (shown.shape, shown.dtype) == ((2, 1, 7), np.float32)
    np.testing.assert_allclose(shown[:, 0], wanted, rtol=1e-6)
    np.testing.assert_array_equal(features_of(points, [Feature.y, Feature.x])[:, 0], points[:, ::-1])


def test_a_data_set_holds_the_features_as_they_are(tmp_path: Path) -> None:
    config = chosen(DataSet.xor, features=(Feature.x_times_y,))
    data, plane = load(config, 28, tmp_path), draw_plane(config)
    assert data.train_images.shape == (250, 1, 1)
    np.testing.assert_allclose(data.test_images[:, 0, 0], plane.test_points.prod(axis=1), rtol=1e-6)
    assert data.sha256 != load(chosen(DataSet.xor), 28, tmp_path).sha256


def test_a_report_has_the_labels_of_the_points_and_no_pictures(tmp_path: Path) -> None:
    config = chosen(DataSet.xor, noise=0.3)
    np.testing.assert_array_equal(load_test_labels(config, tmp_path), draw_plane(config).test_labels)
    with pytest.raises(DataError, match="data=playground/xor has points"):
        load_test_images(config, tmp_path)


def mlp(name: DataSet, hidden: tuple[int, ...] = (4, 2), **changes: Any) -> RunConfig:
    config = RunConfig(model=ModelConfig(Model.mlp, c5=None, hidden=hidden), data=chosen(name))
    return dataclasses.replace(config, **changes)


def test_the_network_takes_the_features_and_tells_two_classes_apart() -> None:
    config = mlp(DataSet.circle, data=chosen(DataSet.circle, features=(Feature.x, Feature.y, Feature.sin_x)))
    assert layer_shapes(config) == {"f1": (4, 3), "f2": (2, 4), "output": (2, 2)}
    assert num_parameters(config) == 4 * 4 + 5 * 2 + 3 * 2


# Of the version before there were points; SHA-256 over the names and bytes of the weights of seed 0.
@pytest.mark.parametrize(
    ("hidden", "digest"),
    [
        (None, "26b3d8fa226c61e98359e229df07f4e0e4edfec6c2a95058205a1a7c34c73120"),
        ((300, 100), "d31d3760b38559efb972d6e3774f0c5a2d4c44b16e6e934b766cf803e7c1bbb2"),
    ],
)
def test_networks_on_images_start_as_before(hidden: tuple[int, ...] | None, digest: str) -> None:
    model = ModelConfig(Model.mlp, c5=None, hidden=hidden) if hidden else ModelConfig()
    drawn = hashlib.sha256()
    for name, array in draw_weights(RunConfig(model=model)).items():
        drawn.update(name.encode() + array.tobytes())
    assert drawn.hexdigest() == digest


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ([], "8c1cd09c292df2ecb7bb3b9d11a7b6ce85bd4549f22602b55a014c0d789be123"),
        (["data/mnist", "model/lenet5"], "8c1cd09c292df2ecb7bb3b9d11a7b6ce85bd4549f22602b55a014c0d789be123"),
        (["data/digits"], "b888ece8af2721a53192048d7417c2b8201eda756cf0f121b35038592b79106b"),
        (["data/mnist", "model/mlp"], "dd620dec09679002da4f8f338a6ca14eba9dd2e440a91054d3b1050c607143db"),
    ],
)
def test_identities_of_runs_on_images_are_as_before(groups: list[str], wanted: str) -> None:
    values = {g.partition("/")[0]: yaml.safe_load((config_dir() / f"{g}.yaml").read_text()) for g in groups}
    assert identity(parse_config(values)[0]) == wanted


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("output", OutputActivation)
@pytest.mark.parametrize("hidden", [(), (5, 3)])
def test_the_forward_pass_in_numpy_is_pytorchs(
    activation: Activation, output: OutputActivation, hidden: tuple[int, ...]
) -> None:
    model = ModelConfig(Model.mlp, c5=None, hidden=hidden, output_activation=output)
    config = mlp(DataSet.spiral, model=model, activation=activation)
    inputs = features_of(draw_plane(config.data).test_points, (Feature.x, Feature.y))
    with torch.inference_mode():
        wanted = build_model(config, draw_weights(config))(torch.from_numpy(inputs)[:, None])
    np.testing.assert_allclose(
        forward(Network(config, draw_weights(config)), inputs).logits, wanted, rtol=1e-5, atol=1e-6
    )


def test_a_sweep_over_the_sets_through_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data=playground/circle,playground/xor,playground/gauss,playground/spiral", "model=mlp"]
    words += ["data.features=[x,y,x_squared,y_squared,x_times_y]", "model.hidden=[8]", "lr=0.03", "epochs=5"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lenet-ablate", *words, "batch_size=10", "device=cpu"])
    cli.main()
    records = {record.config.data.name: record for record in iter_records(tmp_path / "outputs/ablation")}
    assert {record.state for record in records.values()} == {State.done}
    told = capsys.readouterr().out
    assert all(f"data={name.value}" in told for name in SETS)
    # On the squares and the product of x and y, all but the spirals are separable by a line.
    assert min(records[name].rows[-1].test_accuracy for name in SETS[:3]) > 0.97
    for record in records.values():
        config, row = record.config, record.rows[-1]
        assert (record.result.num_train, record.result.num_val, record.result.num_test) == (200, 50, 250)
        plane = draw_plane(config.data)
        features = features_of(plane.test_points, config.data.features)
        logits = forward(Network(config, load_file(record.folder / MODEL)), features).logits
        assert np.mean(logits.argmax(1) == plane.test_labels) == pytest.approx(row.test_accuracy, abs=1 / 250)


def test_runs_on_points_are_logged_without_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(tmp_path)
    words = ["data=playground/gauss", "model=mlp", "model.hidden=[3]", "epochs=1", "logger=tensorboard", "device=cpu"]
    monkeypatch.setattr(sys, "argv", ["lenet-ablate", *words])
    cli.main()
    (run,) = (tmp_path / "outputs/ablation").glob("mlp_*")
    found = accumulator.EventAccumulator(str(run / "tensorboard")).Reload().Tags()
    assert found["graph"]
    assert found["scalars"]
    assert not found["images"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": {"name": "lenet5"}}, ["data=playground/circle", "needs model=mlp"]),
        ({"noise": 0.6}, ["data.noise=0.6", "from 0 to 0.5"]),
        ({"train_fraction": 0.05}, ["data.train_fraction=0.05", "from 0.1 to 0.9"]),
        ({"features": []}, ["data.features=[]", "at least one feature"]),
        ({"features": ["x", "y", "x"]}, ["data.features=[x,y,x]", "each once"]),
        ({"features": "x"}, ["did you mean data.features=[x]?"]),
        ({"features": ["x", "ysquared"]}, ["one of x, y, x_squared", "did you mean data.features=[x,y_squared]?"]),
        ({"features": ["x", 3]}, ["data.features=", "one of x, y"]),
        ({"noise": None}, ["data.noise=null", "needs a value", "conf/data/playground/circle.yaml"]),
        ({"mean": 0.1}, ["data.mean=0.1", "about pixels"]),
        ({"normalize": "unit"}, ["data.normalize=unit", "about pixels"]),
        ({"resize": "bilinear"}, ["data.resize=bilinear", "about pixels"]),
        ({"path": "x"}, ["data.path=x"]),
        ({"name": "circle"}, ["did you mean data.name=playground/circle?"]),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(values: dict[str, Any], words: list[str]) -> None:
    data = yaml.safe_load((config_dir() / "data/playground/circle.yaml").read_text())
    model = values.get("model", {"name": "mlp", "c5": None, "hidden": [4]})
    with pytest.raises(ConfigError) as caught:
        parse_config({"data": {**data, **{k: v for k, v in values.items() if k != "model"}}, "model": model})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["noise", "train_fraction", "seed"])
def test_its_settings_are_refused_elsewhere(key: str) -> None:
    with pytest.raises(ConfigError, match=f"data.{key}=.* setting of data=playground/…, not of digits"):
        parse_config({"data": {"name": "digits", key: 0.5 if key != "seed" else 1}})


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("data=circle", "did you mean data=playground/circle?"),
        ("data=playground/spirl", "did you mean data=playground/spiral?"),
        ("data=playground", "must be one of"),
        ("data/playground=xor", "did you mean data=playground/xor?"),
    ],
)
def test_a_misspelt_choice_is_told(word: str, told: str) -> None:
    (problem,) = check_overrides([word], [config_dir()])
    assert told in problem


def test_choices_in_subfolders_are_choices() -> None:
    assert check_overrides(["data=playground/circle,playground/xor,mnist"], [config_dir()]) == []
    assert {name.value for name in DataSet} == set(options_of("data", [config_dir()]))
