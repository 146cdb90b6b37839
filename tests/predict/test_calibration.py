"""Temperature, calibration error and margin against what they are defined to be."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from scipy import optimize, special

from lenet_ablate.config.plan import make_plan
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.forward import Network, forward
from lenet_ablate.engines.pytorch.engine import TorchEngine, TorchLearner
from lenet_ablate.errors import RecordError
from lenet_ablate.predict import calibration as module
from lenet_ablate.predict.calibration import (
    CALIBRATION,
    calibrate,
    expected_calibration_error,
    fit_temperature,
    read_calibration,
    softmax,
    to_json,
    top_margins,
)
from lenet_ablate.records.record import MODEL, State
from support.tiny import NUM_IMAGES, NUM_TEST, NUM_VAL, tiny_config, tiny_dataset, tiny_plan, train_tiny


def honest(count: int, sharpness: float = 1.0) -> tuple[Any, Any]:
    """Logits whose softmax at temperature `sharpness` is the truth, and labels drawn from it."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (count, 10))
    chances = special.softmax(logits, axis=1)
    labels = (chances.cumsum(axis=1) < random.random((count, 1))).sum(axis=1).clip(0, 9).astype(np.uint8)
    return (logits * sharpness).astype(np.float32), labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.7])
def test_the_temperature_that_was_put_in_comes_out(sharpness: float) -> None:
    logits, labels = honest(20_000, sharpness)
    assert abs(fit_temperature(logits, labels) / sharpness - 1) < 0.03


def test_the_temperature_has_the_least_loss() -> None:
    logits, labels = honest(500, 2.0)

    def loss(temperature: float) -> float:
        logs = special.log_softmax(logits.astype(float) / temperature, axis=1)
        return float(-logs[np.arange(len(labels)), labels].mean())

    best = optimize.brute(lambda t: loss(float(np.squeeze(t))), [(0.5, 5)], Ns=200, finish=None)
    assert loss(fit_temperature(logits, labels)) <= loss(float(best)) + 1e-9


def test_calibration_error_of_known_cases() -> None:
    probabilities = np.full((10, 10), 0.2 / 9)
    probabilities[:, 3] = 0.8
    labels = np.array([3] * 5 + [4] * 5)
    assert abs(expected_calibration_error(probabilities, labels) - 0.3) < 1e-12
    logits, labels = honest(50_000)
    assert expected_calibration_error(softmax(logits), labels) < 0.01
    assert expected_calibration_error(softmax(3 * logits), labels) > 0.1


def test_no_answer_of_a_weak_network_is_sure_that_is_not_ten_times_as_likely_as_the_next() -> None:
    logits, labels = honest(2000)
    assert calibrate(logits, labels).margin == pytest.approx(np.log(10), abs=0.01)


def test_calibrated_probabilities_err_less_and_the_margin_lets_the_wanted_share_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MIN_MARGIN", 0.0)
    logits, labels = honest(4000, 2.5)
    found = calibrate(logits, labels, passed=0.9)
    assert found.ece < 0.5 * found.ece_before
    margins = top_margins(logits / found.temperature)
    is_right = logits.argmax(axis=1) == labels
    assert abs((margins[is_right] >= found.margin).mean() - 0.9) < 0.01


def test_softmax_and_margins() -> None:
    logits = np.array([[1000.0, 999, *[0] * 8], [0.0, 0, *[-5] * 8]])
    np.testing.assert_allclose(softmax(logits), special.softmax(logits, axis=1), atol=1e-12)
    assert top_margins(logits).tolist() == [1, 0]


def test_all_wrong_or_all_right_still_gives_a_calibration() -> None:
    logits = np.eye(10, dtype=np.float32) * 5
    right = calibrate(logits, np.arange(10, dtype=np.uint8))
    assert right.temperature >= module.TEMPERATURES[0] and np.isfinite(right.margin)
    wrong = calibrate(logits, np.roll(np.arange(10, dtype=np.uint8), 1))
    assert wrong.temperature <= module.TEMPERATURES[1] and wrong.margin >= 0
    for bad in (logits[:0], logits * np.float32(np.nan)):
        with pytest.raises(ValueError, match="calibration needs"):
            calibrate(bad, np.zeros(len(bad), np.uint8))


def test_a_run_is_calibrated_on_its_validation_images(tmp_path: Path) -> None:
    """The engine and the NumPy forward pass say the same of the images that were held out."""
    plan, dataset = tiny_plan(), tiny_dataset()
    train_tiny(tmp_path, plan)
    found = read_calibration(tmp_path)
    assert found is not None and found.num_images == plan.num_val and found.mean == dataset.mean
    network = Network(plan.config, safetensors.numpy.load_file(tmp_path / MODEL), dataset.mean, dataset.std)
    _, val = split(plan.num_train + plan.num_val, plan.num_val, plan.config.seed)
    expected = calibrate(forward(network, dataset.train_images[val]).logits, dataset.train_labels[val])
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-3)
    assert (found.margin, found.ece_before) == pytest.approx((expected.margin, expected.ece_before), abs=1e-3)
    assert not (tmp_path / CALIBRATION).exists()  # it goes with the weights, and is signed with them


def test_without_validation_images_or_finite_logits_there_is_none(tmp_path: Path) -> None:
    whole = tiny_config()
    data = dataclasses.replace(whole.data, val_size=0)
    plan = make_plan(dataclasses.replace(whole, data=data), NUM_IMAGES, NUM_TEST)
    train_tiny(tmp_path / "a", plan)
    assert read_calibration(tmp_path / "a") is None

    class Wild(TorchEngine):
        def learner(self, *args: Any) -> TorchLearner:
            learner = super().learner(*args)
            evaluate = learner.evaluate
            infinite = np.full((NUM_VAL, 10), -np.inf, np.float32)
            learner.evaluate = lambda part: dataclasses.replace(evaluate(part), logits=infinite)  # type: ignore[method-assign]
            return learner

    (tmp_path / "b").mkdir()
    (tmp_path / "b" / CALIBRATION).write_bytes(b"of an earlier training")
    assert train_tiny(tmp_path / "b", tiny_plan(), engine=Wild("cpu")) is State.done
    assert read_calibration(tmp_path / "b") is None


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"format": 1}', b'{"format": 2}', b'{"format": 1, "temperature": "x"}', b"\xff", b"null"],
)
def test_a_damaged_file_is_said(text: bytes, tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_bytes(text)
    with pytest.raises(RecordError, match=CALIBRATION):
        read_calibration(tmp_path)


def test_values_out_of_range_are_refused(tmp_path: Path) -> None:
    logits, labels = honest(100)
    found = calibrate(logits, labels)
    (tmp_path / CALIBRATION).write_text(to_json(found))
    assert read_calibration(tmp_path) == found
    (tmp_path / CALIBRATION).write_text(to_json(found).replace('"temperature": ', '"temperature": 1000'))
    with pytest.raises(RecordError, match="temperature must be a number from"):
        read_calibration(tmp_path)
