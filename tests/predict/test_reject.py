"""What is no digit: the score that is learned, its thresholds, what it is learned from, and its record."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.forward import forward
from lenet_ablate.engines.weights import draw_weights
from lenet_ablate.errors import RecordError
from lenet_ablate.predict import negatives, paper, reject
from lenet_ablate.predict.calibration import CALIBRATION, read_calibration, to_json
from lenet_ablate.predict.form import MNIST_FORM
from lenet_ablate.predict.negatives import LETTERS, MAKERS, make_negatives, printed_digits, varied
from lenet_ablate.predict.prediction import Certainty, Judged
from lenet_ablate.predict.predictor import Predictor
from lenet_ablate.predict.reject import Rejection, features_of, is_fitting, learn_from, with_thresholds
from lenet_ablate.predict.run_end import MIN_TRAINED, Trained, calibrate_run
from lenet_ablate.predict.trained import read_trained
from support.trained_runs import ALWAYS_SURE, DIGITS, REJECTING, write_run


def two_kinds(count: int = 300) -> tuple[Any, Any]:
    """Points on a ring and points within it: no plane parts them."""
    random = np.random.default_rng(0)
    turns = random.uniform(0, 2 * np.pi, count)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1) * random.uniform(1.8, 2.2, (count, 1))
    return ring, random.normal(0, 0.4, (count, 2))


def test_two_kinds_are_told_apart_that_no_plane_parts() -> None:
    ring, middle = two_kinds()
    learned = learn_from(ring, middle)

    def scores(points: Any) -> Any:
        return np.tanh(points @ learned.weights + learned.bias) @ learned.output + learned.offset

    assert (scores(ring) > 0).mean() > 0.97 and (scores(middle) < 0).mean() > 0.97
    again = learn_from(ring, middle)
    np.testing.assert_array_equal(learned.weights, again.weights)


def test_the_gradient_is_that_of_the_loss() -> None:
    ring, middle = two_kinds(20)
    rows = np.concatenate([ring, middle])
    signs, shares = np.repeat([1.0, -1.0], 20)[:, None], np.full((40, 1), 1 / 40)
    task = reject._Task(*(reject._chunks(part, 16) for part in (rows, signs, shares)))
    at = np.random.default_rng(1).normal(0, 0.5, 2 * reject.HIDDEN + 2 * reject.HIDDEN + 1)
    steps = 1e-2 * np.eye(len(at))  # the loss is of 32 bits
    wanted = [(task.loss(at + step)[0] - task.loss(at - step)[0]) / 2e-2 for step in steps]
    np.testing.assert_allclose(task.loss(at)[1], wanted, atol=2e-4)


def test_thresholds_call_as_few_digits_unsure_as_they_may() -> None:
    random = np.random.default_rng(2)
    scores, margins = random.normal(0, 1, 2000), random.uniform(0, 100, 2000)
    found = with_thresholds(dataclasses.replace(rejection(), clear=0.0), scores, margins, 2.0)
    refused = ((scores < found.not_sure) | (margins < 2.0)).mean()
    assert 0.9 * reject.NOT_SURE < refused <= reject.NOT_SURE
    assert (scores < found.no_digit).mean() <= reject.NO_DIGIT
    assert found.no_digit <= found.not_sure
    many = with_thresholds(found, scores, margins, 1e3)
    assert many.not_sure == many.no_digit == found.no_digit


def test_a_clear_answer_makes_up_for_a_low_score() -> None:
    scores, margins = np.repeat([0.0, 9.0], [100, 900]), np.repeat([3.0, 8.0], [60, 940])
    found = with_thresholds(dataclasses.replace(rejection(), clear=5.0), scores, margins, 2.3)
    judged = Judged(np.ones((3, 10)), np.array([3.0, 5.0, 80.0]), 2.3, np.zeros(3), 4.0, 5.0, -1.0)
    assert [verdict is Certainty.sure for verdict in judged.verdicts()] == [False, True, True]
    assert found.not_sure == 3.0  # 6 % have no more than that, which are too many to be called not sure
    assert with_thresholds(found, scores, np.where(np.arange(1000) < 20, 3.0, 8.0), 2.3).not_sure == 5.0


def rejection() -> Rejection:
    assert REJECTING.rejection is not None
    return REJECTING.rejection


def test_of_a_wide_layer_only_logits_and_image_are_read() -> None:
    units, logits, images = np.ones((3, 500), np.float32), np.ones((3, 10)), np.zeros((3, 32, 32), np.uint8)
    assert features_of(units, logits, images).shape == (3, 10 + 64)
    assert features_of(units[:, :84], logits, images).shape == (3, 84 + 10 + 64)
    for count, units_read, fits in ((74, 500, True), (158, 84, True), (94, 84, True), (84, 84, False), (74, 84, False)):
        assert is_fitting(dataclasses.replace(rejection(), weights=np.ones((count, 5))), 10, units_read) is fits


@pytest.mark.parametrize("size", [28, 32])
def test_the_image_is_read_by_the_mean_of_its_blocks(size: int) -> None:
    images, edge = np.zeros((1, size, size), np.uint8), (size - 24) // 2
    images[0, edge + 3 : edge + 6, edge + 21 : edge + 24] = 255  # the second row's last block
    images[0, edge, edge] = 90  # a ninth of the first
    read = features_of(np.ones((1, 0), np.float32), np.ones((1, 0)), images)[0]
    assert np.flatnonzero(read).tolist() == [0, 15]
    np.testing.assert_allclose(read[[0, 15]], [2 * 10 / 255, 2])


def test_what_an_earlier_version_learned_does_without_the_image() -> None:
    random = np.random.default_rng(3)
    units, logits = random.random((4, 84), np.float32), random.normal(0, 5, (4, 10))
    old = dataclasses.replace(rejection(), weights=rejection().weights[:94])
    seen = [old.scores(units, logits, np.full((4, 32, 32), level, np.uint8)) for level in (0, 255)]
    np.testing.assert_array_equal(*seen)
    wanted = np.tanh(np.concatenate([units, logits * 0.2], axis=1) @ old.weights + old.bias) @ old.output + old.offset
    np.testing.assert_allclose(seen[0], wanted)


def test_negatives_are_drawn_alike_from_the_same_numbers() -> None:
    digits = load_digits()
    images, labels = digits.train_images[:40].astype(np.uint8), digits.train_labels[:40]
    made = [make_negatives(images, labels, 3 * len(MAKERS), MNIST_FORM, np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*made)
    assert made[0].shape == (3 * len(MAKERS), 28, 28) and (made[0].max(axis=(1, 2)) > 100).all()
    assert len(np.unique(made[0], axis=0)) == len(made[0])
    assert varied(images[:3], MNIST_FORM, np.random.default_rng(7)).shape == (3, 28, 28)
    printed = printed_digits(20, MNIST_FORM, np.random.default_rng(7))
    assert printed.shape == (20, 28, 28) and (printed.max(axis=(1, 2)) > 100).all()


def test_without_fonts_letters_are_drawn_by_a_pen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(negatives, "_faces", tuple)
    digits = load_digits()
    images, labels = digits.train_images[:40].astype(np.uint8), digits.train_labels[:40]
    made = make_negatives(images, labels, len(MAKERS), MNIST_FORM, np.random.default_rng(7))
    assert made.shape == (len(MAKERS), 28, 28)
    assert printed_digits(20, MNIST_FORM, np.random.default_rng(7)).shape == (0, 28, 28)


def test_what_is_no_digit_holds_nothing_that_is_one_in_shape() -> None:
    assert not set("OIlo0123456789") & set(LETTERS)
    ones = np.zeros((1, 28, 28), np.uint8)
    sevens = np.zeros((1, 28, 28), np.uint8)
    ones[0, 4:24, 13:15] = sevens[0, 5, 8:20] = 255  # a fragment of a 1 would be one
    images, labels = np.concatenate([ones, ones, sevens]), np.array([1, 1, 7], np.uint8)
    for seed in range(10):
        cut = negatives.fragment(images, labels, np.random.default_rng(seed))
        assert cut.any() and np.ptp(np.nonzero(cut > 100)[0]) < 12


def test_a_bent_image_keeps_its_ink_where_nothing_bends_it() -> None:
    sheet = np.zeros((84, 84), np.uint8)
    sheet[30:60, 40:46] = 255
    random = np.random.default_rng(0)
    plain = paper.bent(sheet, np.eye(2), 0.0, random)
    assert plain.shape == (paper.BENT_SIDE, paper.BENT_SIDE)
    scale = paper.BENT_SIDE / (84 * paper.ROOM)
    rows, columns = np.nonzero(plain > 127)
    assert abs(np.ptp(rows) + 1 - 30 * scale) <= 1.5 and abs(np.ptp(columns) + 1 - 6 * scale) <= 1.5
    quarter = paper.bent(sheet, paper.rotation(np.pi / 2), 0.0, random)
    assert abs(np.ptp(np.nonzero(quarter > 127)[1]) + 1 - 30 * scale) <= 1.5
    assert (paper.bent(sheet, np.eye(2), 0.05, random) != plain).any()


@pytest.mark.parametrize(("pixels", "breadth"), [(-2, 4), (0, 6), (3, 9)])
def test_a_broader_pen_adds_so_many_pixels(pixels: int, breadth: int) -> None:
    sheet = np.zeros((84, 84), np.uint8)
    sheet[30:60, 40:46] = 255
    columns = np.flatnonzero(paper.broader(sheet, pixels).any(axis=0))
    assert len(columns) == breadth


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on scikit-learn's digits, calibrated at its end; its weights are as they were drawn."""
    folder = write_run(tmp_path_factory.mktemp("outputs") / "ablation", calibration=None)
    trained = read_trained(folder)
    from lenet_ablate.datasets.load import load

    dataset: Dataset = load(DIGITS, 32, folder)
    train, val = split(len(dataset.train_labels), 200, 0, None)
    logits = forward(trained.network, dataset.train_images[val]).logits  # type: ignore[arg-type]
    weights = draw_weights(RunConfig(data=DIGITS))
    config = dataclasses.replace(trained.config, epochs=MIN_TRAINED // len(train) + 1)
    found = calibrate_run(Trained(config, dataset, train, val, weights, logits))
    (folder / CALIBRATION).write_text(to_json(found))
    return folder


def test_a_short_run_learns_nothing_of_what_is_no_digit(learned: Path, tmp_path: Path) -> None:
    trained, digits = read_trained(learned), load_digits()
    images = np.zeros((len(digits.train_labels), 32, 32), np.uint8)
    dataset = Dataset(images, digits.train_labels, images[:10], digits.test_labels[:10], 0.0, 1.0)
    train, val = split(len(images), 200, 0, None)
    config = dataclasses.replace(trained.config, epochs=(MIN_TRAINED - 1) // len(train))
    logits = np.zeros((200, 10), np.float32)
    assert calibrate_run(Trained(config, dataset, train, val, {}, logits)).rejection is None


def test_a_run_learns_at_its_end_what_is_no_digit(learned: Path) -> None:
    calibration = read_calibration(learned)
    assert calibration is not None and calibration.rejection is not None
    assert 200 < calibration.rejection.num_negatives <= 3600
    assert calibration.rejection.weights.shape == (158, reject.HIDDEN)
    predictor = Predictor.load(learned)
    digits = load_digits().test_images[:100].astype(np.uint8)
    found = predictor.predict(digits)
    assert sum(each.verdict is Certainty.not_a_digit for each in found) <= 5
    assert all(each.score is not None for each in found)
    assert all((each.digit is None) == (each.verdict is Certainty.not_a_digit) for each in found)


def test_the_record_says_what_was_learned(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_text(to_json(REJECTING))
    assert to_json(read_calibration(tmp_path) or ALWAYS_SURE) == to_json(REJECTING)
    (tmp_path / CALIBRATION).write_text(to_json(ALWAYS_SURE))
    assert read_calibration(tmp_path) == ALWAYS_SURE and "rejection" not in json.loads(to_json(ALWAYS_SURE))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", []),
        ("weights", [1.0] * 7),
        ("weights", [1.0, "2"]),
        ("weights", [float("1e30")] * 790),
        ("weights", None),
        ("bias", [True] * 5),
        ("output", [1.0]),
        ("offset", "0"),
        ("not_sure", None),
        ("no_digit", 1.0),
        ("num_negatives", 0),
    ],
)
def test_a_damaged_record_is_one_sentence(name: str, value: Any, tmp_path: Path) -> None:
    content = json.loads(to_json(REJECTING))
    content["rejection"][name] = value
    (tmp_path / "calibration.json").write_text(json.dumps(content))
    with pytest.raises(RecordError) as caught:
        read_calibration(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_rejection_of_another_network_is_refused(tmp_path: Path) -> None:
    made = dataclasses.replace(rejection(), weights=np.ones((40, 5)))
    folder = write_run(tmp_path, calibration=dataclasses.replace(REJECTING, rejection=made))
    with pytest.raises(RecordError, match="does not fit the network"):
        read_trained(folder)
