"""Runs on `data=file`: one and the same whatever form the data are in, and what they are normalised by."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import DataConfig, Options, RunConfig
from lenet_ablate.datasets.labels import load_test_images, load_test_labels
from lenet_ablate.datasets.load import load, normalised
from lenet_ablate.datasets.own.held_out import draw_stratified
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.datasets.splits import split
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.sweep.preview import show_data

Run = Callable[..., tuple[int, str]]
NOWHERE = Path("no-such-folder")
RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (60, 28, 28)).astype(np.uint8), np.arange(60) % 10


def config(path: str | Path, **more: object) -> RunConfig:
    data = DataConfig(DataSet.file, str(path), None, None, None, train_fraction=0.8, seed=0, **more)  # type: ignore[arg-type]
    return RunConfig(data=data)


def save(path: Path, scale: float = 1) -> Path:
    images = X if scale == 1 else (X * scale).astype(np.float32)
    np.savez(path, x_train=images[:50], y_train=Y[:50], x_test=images[50:], y_test=Y[50:])
    return path


def test_content_names_a_run_and_not_path_or_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.npz")
    save(tmp_path / "b.npz", 1 / 255)
    (tmp_path / "link.npz").symlink_to("a.npz")
    (tmp_path / "in").mkdir()
    places = ["a.npz", tmp_path / "a.npz", "in/../a.npz", "b.npz", "link.npz"]
    found = [resolved(config(place)) for place in places]
    assert len({identity(one) for one in found}) == 1
    assert found[0] == found[1] == found[2] == resolved(found[0])
    assert identity(found[0]) != identity(config("a.npz"))
    other = resolved(config("a.npz", transpose=True))
    assert identity(other) != identity(found[0])


def test_changed_content_is_another_run_and_the_old_one_is_not_trained_on_it(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    before = resolved(config(path))
    save(path, 0.5)
    assert identity(resolved(config(path))) != identity(before)
    with pytest.raises(DataError, match=r"a\.npz: is not what it was: SHA-256"):
        load(before.data, 32, NOWHERE)


def test_identities_of_before_are_the_same() -> None:
    """What a data set of one's own was named by before there was more to say of it."""
    data = {"mean": None, "name": "npz", "path": "a.npz", "std": None, "val_size": None}
    settings = {f"data.{key}": value for key, value in data.items()}
    text = json.dumps({"settings": settings, "version": 1}, separators=(",", ":"))
    assert identity(parse_config({"data": data})[0]) == hashlib.sha256(text.encode()).hexdigest()


def test_mean_and_std_are_of_the_training_split_before_the_border(tmp_path: Path) -> None:
    run = dataclasses.replace(resolved(config(save(tmp_path / "a.npz"))), seed=3)
    whole = load(run.data, 32, NOWHERE)
    assert (whole.mean, whole.std) == pytest.approx(((X[:50] / 255).mean(), (X[:50] / 255).std()))
    own = normalised(whole, run)
    trained_on, held = split(50, 4, 3)
    assert len(held) == round(50 / 12)
    assert (own.mean, own.std) == pytest.approx(((X[trained_on] / 255).mean(), (X[trained_on] / 255).std()))
    assert own.train_images is whole.train_images
    given = dataclasses.replace(run, data=dataclasses.replace(run.data, mean=0.5, std=0.25))
    assert (normalised(load(given.data, 32, NOWHERE), given).mean, normalised(whole, given).std) == (0.5, 0.25)


def test_the_report_finds_labels_and_images(tmp_path: Path) -> None:
    run = resolved(config(save(tmp_path / "a.npz"), transpose=True))
    np.testing.assert_array_equal(load_test_labels(run.data, NOWHERE), Y[50:])
    np.testing.assert_array_equal(load_test_images(run.data, NOWHERE), X[50:].swapaxes(1, 2))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8, 0.9])
def test_a_drawn_test_split_has_the_share_of_each_class_and_leaves_one(fraction: float) -> None:
    labels = np.repeat(np.arange(4), [1, 2, 10, 101])
    chosen = draw_stratified(labels, fraction, 0)
    for label, count in enumerate([1, 2, 10, 101]):
        drawn = int(chosen[labels == label].sum())
        assert drawn == min(max(round((1 - fraction) * count), 1), count - 1)
    assert (chosen == draw_stratified(labels, fraction, 0)).all()
    assert (chosen != draw_stratified(labels, fraction, 1)).any()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": {"name": "file"}}, "data=file: needs data.path=a file or folder"),
        ({"data": {"range": 255}}, "data.range=255: is for data=file, idx and npz, not for mnist"),
        ({"data": {"transpose": True}}, "data.transpose=True: is a setting of data=file, not of mnist"),
        ({"data": {"name": "file", "path": "a", "noise": 0.1}}, "data.noise=0.1: is a setting of data=playground"),
        ({"data": {"name": "file", "path": "a", "classes": ["a"]}}, "data.classes=[a]: must name at least two classes"),
        ({"data": {"name": "file", "path": "a", "range": -1}}, "data.range=-1: must be a number above 0"),
        ({"data": {"name": "file", "path": "a", "sha256": "abc"}}, "data.sha256=abc: must be 64 digits"),
        ({"sheet": "a.png"}, "sheet=a.png: is drawn with plan=true"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(settings)
    assert words in str(caught.value)


def test_a_plan_shows_counts_classes_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=np.array(["cat", "dog"])[Y % 2])
    run = resolved(config(tmp_path / "a.npz"))
    show_data(Sweep((Job(run),), Options(plan=True, sheet=str(tmp_path / "a.png")), "lenet-ablate"))
    out, err = capsys.readouterr()
    how = "48 training and 12 test images of 28×28; values 0..255; classes 0 to 1 are cat, dog; test images drawn"
    assert how in err
    assert [" ".join(line.split()) for line in out.splitlines()[1:5]] == [
        "class training test",
        "0 cat 24 6",
        "1 dog 24 6",
        "all 48 12",
    ]
    with Image.open(tmp_path / "a.png") as sheet:
        pixels = np.asarray(sheet)
    chosen = draw_stratified(Y % 2, 0.8, 0)
    for row, label in enumerate((0, 1)):
        first = X[np.flatnonzero(~chosen & (label == Y % 2))[0]]
        top = 18 + row * (56 + 4 + 14)
        np.testing.assert_array_equal(pixels[top : top + 56 : 2, 4 : 4 + 56 : 2], first)


def test_data_that_cannot_be_read_are_told_before_anything_is_made(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X * 0.01, y=Y)
    status, text = run("data=file", "data.path=a.npz")
    assert status == 1
    assert "full ink at 2.55 (data.range=2.55), or faint images in 0..255 (data.range=255)?" in text
    assert "Traceback" not in text
    assert not (tmp_path / "outputs").exists()
