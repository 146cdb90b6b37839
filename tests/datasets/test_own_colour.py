"""`data.color`: colour images read as grey, or as three planes that both engines learn from alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lenet_ablate.config.choices import Color, DataSet, Model
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity, make_plan
from lenet_ablate.config.settings import DataConfig, ModelConfig, RunConfig
from lenet_ablate.datasets.fit import fit
from lenet_ablate.datasets.load import load, normalised
from lenet_ablate.datasets.own.read import Own, read_own
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.engines.networks import weight_shapes
from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.errors import ConfigError, DataError

NOWHERE = Path("no-such-folder")
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)


def images(count: int, side: int = 28) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(N, H, W, 3): noise with a square whose colour tells the class."""
    found = np.random.default_rng(0).integers(0, 60, (count, side, side, 3)).astype(np.uint8)
    found[:, 6:18, 9:20] = COLOURS[np.arange(count) % 4][:, None, None]
    return found


def read(path: Path, **more: Any) -> Own:
    return read_own(DataConfig(DataSet.file, str(path), None, None, None, train_fraction=0.75, seed=0, **more))


def save(path: Path, arranged: Callable[[Any], Any] = lambda x: x, count: int = 160) -> Path:
    np.savez(path, images=arranged(images(count)), labels=np.arange(count) % 4)
    return path


@pytest.mark.parametrize(
    "arranged", [lambda x: x, lambda x: x.transpose(0, 3, 1, 2), lambda x: x.transpose(1, 2, 3, 0)]
)
def test_planes_are_kept_however_they_are_stored(tmp_path: Path, arranged: Callable[[Any], Any]) -> None:
    own = read(save(tmp_path / "a.npz", arranged), color=Color.rgb)
    everything = np.concatenate([own.arrays.train_images, own.arrays.test_images])
    assert everything.shape == (160, 3, 28, 28) and "colour read as rgb" in own.lines[0]
    wanted = {image.tobytes() for image in np.ascontiguousarray(images(160).transpose(0, 3, 1, 2))}
    assert {np.ascontiguousarray(image).tobytes() for image in everything} == wanted


def test_a_folder_of_pictures_in_colour(tmp_path: Path) -> None:
    for number, image in enumerate(images(40)):
        (tmp_path / str(number % 4)).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / str(number % 4) / f"{number}.png")
    Image.fromarray(images(1)[0, ..., 0]).save(tmp_path / "0" / "grey.png")
    own = read(tmp_path, color=Color.rgb)
    assert own.arrays.train_images.shape[1:] == (3, 28, 28)
    greys = [image for image in own.arrays.train_images if (image[0] == image[1]).all()]
    assert len(greys) <= 1  # the picture without colours has the same in all three
    assert read(tmp_path).arrays.train_images.ndim == 3


def test_grey_is_as_it_was_and_another_run(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    grey, rgb = (resolved(RunConfig(data=read(path, color=color).config)) for color in Color)
    assert read(path).arrays.train_images.ndim == 3 and "colour read as grey" in read(path).lines[0]
    assert identity(grey) != identity(rgb) and resolved(rgb) == rgb
    assert weight_shapes(rgb)["c1.weight"] == (6, 3, 5, 5)


@pytest.mark.parametrize("color", Color, ids=str)
def test_sides_and_normalisation(tmp_path: Path, color: Color) -> None:
    config = read(save(tmp_path / "a.npz"), color=color).config
    data = load(config, 32, NOWHERE)
    run = RunConfig(data=config)
    train, _ = split(len(data.train_labels), make_plan(run, len(data.train_labels), 40).num_val, 0)
    found = normalised(data, run)
    inner = np.asarray(data.train_images)[train][..., 2:-2, 2:-2] / 255
    assert found.mean == pytest.approx(inner.mean()) and found.std == pytest.approx(inner.std())
    planes = np.asarray(data.train_images)
    if color is Color.rgb:
        assert (fit(planes, 20)[:, 1] == fit(planes[:, 1], 20)).all()


@pytest.mark.parametrize("model", [Model.lenet5, Model.lenet5_28], ids=str)
def test_both_engines_learn_the_same_from_colours(tmp_path: Path, model: Model) -> None:
    own = read(save(tmp_path / "a.npz"), color=Color.rgb).config
    config = RunConfig(data=own, batch_size=16, model=ModelConfig(name=model))
    data = normalised(load(own, 32 if model is Model.lenet5 else 28, NOWHERE), config)
    plan = make_plan(config, len(data.train_labels), len(data.test_labels))
    train, val = split(len(data.train_labels), plan.num_val, 0)
    order = epoch_order(train, 0, 0)[:96]
    learners = [engine.learner(plan, data, train, val) for engine in (CompiledEngine(), TorchEngine("cpu"))]
    for learner in learners:
        learner.train(Batches(order, np.full(6, 0.003)))
    for name, wanted in learners[1].weights().items():
        np.testing.assert_allclose(learners[0].weights()[name], wanted, atol=2e-5, err_msg=name)
    said = [learner.evaluate(Split.test) for learner in learners]
    np.testing.assert_allclose(said[0].logits, said[1].logits, atol=2e-3)
    network = Network(config, learners[0].weights(), data.mean, data.std)
    np.testing.assert_allclose(forward(network, data.test_images).logits, said[0].logits, atol=2e-3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected \(N, 3, "):
        forward(network, np.zeros((2, 32, 32), np.uint8))


def test_what_has_no_colours_says_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", images=images(20)[..., 0], labels=np.arange(20) % 4)
    with pytest.raises(DataError, match=r"which are no colour images; data\.color=grey takes them"):
        read(tmp_path / "grey.npz", color=Color.rgb)
    (tmp_path / "set/0").mkdir(parents=True)
    (tmp_path / "set/1").mkdir()
    for number, image in enumerate(images(8)[..., 0]):
        Image.fromarray(image).save(tmp_path / f"set/{number % 2}/{number}.png")
    with pytest.raises(DataError, match=r"no picture has colours; data\.color=grey"):
        read(tmp_path / "set", color=Color.rgb)
    np.savez(
        tmp_path / "both.npz",
        **{
            "x_train": images(20),
            "y_train": np.arange(20) % 4,
            "x_test": images(8)[..., 0],
            "y_test": np.arange(8) % 4,
        },
    )
    with pytest.raises(DataError, match="no colour images"):
        read(tmp_path / "both.npz", color=Color.rgb)
    with pytest.raises(ConfigError, match=r"data\.color=rgb: is a setting of data=file, not of mnist"):
        parse_config({"data": {"color": "rgb"}})


def test_the_commands_take_colour(
    run: Callable[..., tuple[int, str]],
    report: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lenet_ablate.predict.main import main

    path = save(tmp_path / "a.npz")
    words = ["data=file", f"data.path={path}", "data.color=rgb", "epochs=2", "study=colours", "batch_size=8"]
    status, text = run(*words, "plan=true", "sheet=sheet.png")
    assert status == 0, text
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
    status, text = run("-m", *words, "augment=none,affine", "pool=max,avg")
    assert status == 0, text
    assert report("outputs")[0] == 0
    capsys.readouterr()
    assert main(["--study", "colours", "--test", "4", "--show", str(tmp_path / "shown.png")]) == 0
    capsys.readouterr()
    Image.fromarray(images(1)[0]).save(tmp_path / "one.png")
    assert main(["one.png", "--study", "colours"]) != 0
    assert "was trained on colour images, pictures are read as grey; use --test" in capsys.readouterr().err
    assert main(["--study", "colours", "--page", str(tmp_path / "page.html")]) != 0
    assert not (tmp_path / "page.html").exists()


def test_each_plane_is_varied_alike(tmp_path: Path) -> None:
    own = read(save(tmp_path / "a.npz", count=80), color=Color.rgb).config
    config = RunConfig(data=own, batch_size=16)
    data = normalised(load(own, 32, NOWHERE), config)
    plan = make_plan(config, len(data.train_labels), len(data.test_labels))
    train, val = split(len(data.train_labels), plan.num_val, 0)
    maps = np.tile(np.array([1, 0.1, 1.5, -0.1, 1, -0.5], np.float32), (32, 1))
    learners = [engine.learner(plan, data, train, val) for engine in (CompiledEngine(), TorchEngine("cpu"))]
    for learner in learners:
        learner.train(Batches(epoch_order(train, 0, 0)[:32], np.full(2, 0.003), maps))
    for name, wanted in learners[1].weights().items():
        np.testing.assert_allclose(learners[0].weights()[name], wanted, atol=2e-5, err_msg=name)
