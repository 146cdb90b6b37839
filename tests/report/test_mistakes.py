"""What single test digits tell: errors over other digits, confusion, predicted noise, and where labels come from."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.choices import DataSet, Pool
from lenet_ablate.config.settings import DataConfig, RunConfig
from lenet_ablate.datasets.digits import load_digits
from lenet_ablate.datasets.labels import load_test_labels
from lenet_ablate.errors import DataError
from lenet_ablate.records.record import PREDICTIONS
from lenet_ablate.report.analysis.analyse import analyse
from lenet_ablate.report.analysis.mistakes import confusion_frame, digit_errors
from lenet_ablate.report.study.collect import collect
from lenet_ablate.report.study.criteria import Criteria, EpochRule, Metric
from lenet_ablate.report.study.predictions import StudyPredictions, read_predictions
from lenet_ablate.report.study.study import Study
from support.report_designs import record_of, study_of
from support.report_runs import plan_of, rows_of, write_run

Array = np.ndarray[Any, Any]
ONE_PAIR = np.array([0]), np.array([1])


def test_standard_errors_are_those_of_the_two_way_layout() -> None:
    correct = (np.random.default_rng(0).random((3, 4, 50)) < 0.9).astype(float)
    digits, total = digit_errors(correct, *np.triu_indices(3, 1))
    for pair, (a, b) in enumerate(itertools.combinations(range(3), 2)):
        d = correct[a] - correct[b]
        by_seed, by_digit = d.mean(axis=1), d.mean(axis=0)
        se_seed, se_digits = by_seed.std(ddof=1) / math.sqrt(4), by_digit.std(ddof=1) / math.sqrt(50)
        rest = d - by_seed[:, None] - by_digit + d.mean()
        residual = (rest**2).sum() / (3 * 49)
        assert digits[pair] == pytest.approx(se_digits)
        expected = se_seed**2 + se_digits**2 - residual / 200
        assert total[pair] ** 2 == pytest.approx(max(expected, residual / 200))
    assert np.isnan(digit_errors(correct[:, :1], *ONE_PAIR)[1]).all()


@pytest.mark.parametrize(("differing", "seeds_alone_suffice"), [(0.0, True), (0.3, False)])
def test_only_both_uncertainties_cover_other_seeds_and_digits(differing: float, seeds_alone_suffice: bool) -> None:
    """Where arms differ on some of the hard digits, other seeds alone understate how far a difference varies."""
    random = np.random.default_rng(5)
    num_digits, num_seeds, repeats = 2000, 5, 400
    differences, seed_variance, total_variance = [], [], []
    for _ in range(repeats):
        is_hard = random.random(num_digits) < 0.04
        wrong = np.where(is_hard, 0.4, 0.0)
        other = np.where(
            is_hard & (random.random(num_digits) < differing), random.choice((0.0, 0.8), num_digits), wrong
        )
        correct = np.array([random.random((num_seeds, num_digits)) >= chance for chance in (wrong, other)], float)
        by_seed = (correct[0] - correct[1]).mean(axis=1)
        differences.append(by_seed.mean())
        seed_variance.append(by_seed.var(ddof=1) / num_seeds)
        total_variance.append(digit_errors(correct, *ONE_PAIR)[1][0] ** 2)
    true = np.var(differences)
    assert np.mean(total_variance) == pytest.approx(true, rel=0.2)
    assert (np.mean(seed_variance) > 0.8 * true) == seeds_alone_suffice


# --- a study with predictions ------------------------------------------------------------------------------------


def predicted_study(error: float = 0.02, num_seeds: int = 4, **changes: Any) -> tuple[Study, StudyPredictions]:
    """Two pools whose networks err independently at each of 2,000 digits with the same probability."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 10, 2000).astype(np.uint8)
    records, predicted = [], {}
    for pool, seed in itertools.product(Pool, range(num_seeds)):
        config = RunConfig(pool=pool, seed=seed, epochs=1)
        digits = np.where(random.random(2000) < error, (labels + 1) % 10, labels).astype(np.uint8)
        predicted[plan_of(config).name] = digits
        accuracy = float((digits == labels).mean())
        records.append(record_of(config, accuracy, val=accuracy - (pool is Pool.avg) / 100))
    study = study_of(records, **changes)
    return study, StudyPredictions(predicted, dict.fromkeys(predicted, labels))


def test_pairs_know_how_far_they_carry_over() -> None:
    study, predictions = predicted_study()
    (pair,) = analyse(study, predictions).factors[0].pairs.to_dict("records")
    assert 0 < pair["se_digits"] < 0.01 and pair["se_total"] > 0 and math.isnan(pair["p_mcnemar"])
    for criteria in (Criteria(metric=Metric.val_accuracy), Criteria(epoch=EpochRule.best_val)):
        study, predictions = predicted_study(criteria=criteria)
        assert (
            analyse(study, predictions).factors[0].pairs["se_digits"].isna().all()
        )  # predictions are the last epoch's


def test_two_single_runs_are_compared_by_mcnemar() -> None:
    study, predictions = predicted_study(num_seeds=1)
    (factor,) = analyse(study, predictions).factors
    wrong = [digits != predictions.labels[run] for run, digits in predictions.predicted.items()]
    only = [int((wrong[0] & ~wrong[1]).sum()), int((wrong[1] & ~wrong[0]).sum())]
    expected = min(1.0, 2 * sum(math.comb(sum(only), k) for k in range(min(only) + 1)) / 2 ** sum(only))
    assert factor.pairs["p_mcnemar"].item() == pytest.approx(expected)
    assert f"McNemar's p={expected:#.2g}." in factor.verdicts[0].sentence
    assert not factor.levels["is_best"].any()


def test_confusion_counts_the_runs_of_the_best_variant() -> None:
    study, predictions = predicted_study()
    found = analyse(study, predictions)
    assert found.best_variant == "pool=max"
    confusion = found.confusion
    assert len(confusion) == 100 and set(confusion["n_runs"]) == {4} and confusion["count"].sum() == 8000
    mistaken = confusion[(confusion["true"] != confusion["predicted"]) & (confusion["count"] > 0)]
    assert len(mistaken) == 10 and (mistaken["predicted"] == (mistaken["true"] + 1) % 10).all()
    assert confusion_frame(["unknown"], predictions).empty


def test_noise_of_independent_errors_is_what_single_digits_predict() -> None:
    study, predictions = predicted_study(num_seeds=30)
    noise = analyse(study, predictions).noise
    assert list(noise["variant"]) == ["pool=max", "pool=avg"] and list(noise["seeds"]) == [30, 30]
    independent = math.sqrt(0.02 * 0.98 / 2000)
    assert noise["sd_predicted"].to_numpy() == pytest.approx([independent] * 2, rel=0.03)
    assert noise["sd"].to_numpy() == pytest.approx([independent] * 2, rel=0.3)
    assert noise["sd_floor"].to_numpy() == pytest.approx([math.sqrt(0.02 / 20_000)] * 2, rel=0.03)
    assert noise["ratio"].to_numpy() == pytest.approx((noise["sd"] / noise["sd_floor"]).to_numpy())
    assert analyse(study).noise["sd_predicted"].isna().all()
    single, _ = predicted_study(num_seeds=1)
    assert analyse(single).noise.empty


# --- labels ------------------------------------------------------------------------------------------------------


def digits_run(study: Path, seed: int, predicted: Array, accuracy: float) -> None:
    config = RunConfig(seed=seed, epochs=1, data=DataConfig(DataSet.digits, val_size=200))
    folder = write_run(study, config, rows_of(config, lambda config, epoch: (0.1, accuracy)))
    np.savez(folder / PREDICTIONS, digits=predicted, probabilities=np.ones(len(predicted), np.float16))
    status = json.loads((folder / "status.json").read_text())
    status["files"][PREDICTIONS] = hashlib.sha256((folder / PREDICTIONS).read_bytes()).hexdigest()
    (folder / "status.json").write_text(json.dumps(status))


def test_labels_count_only_where_they_give_the_recorded_accuracy(tmp_path: Path) -> None:
    labels = load_digits().test_labels
    wrong = labels.copy()
    wrong[:36] = (wrong[:36] + 1) % 10
    digits_run(tmp_path / "s", 0, wrong, 0.9)
    digits_run(tmp_path / "s", 1, labels, 1.0)
    (study,) = collect(tmp_path / "s")
    predictions = read_predictions(study, tmp_path)
    assert len(predictions.predicted) == len(predictions.labels) == 2 and predictions.missing == ""
    digits_run(tmp_path / "s", 2, labels, 0.95)
    (study,) = collect(tmp_path / "s")
    predictions = read_predictions(study, tmp_path)
    assert len(predictions.predicted) == 3 and not predictions.labels
    assert predictions.missing == "those of data=digits do not give the runs' own test accuracy"
    assert analyse(study, predictions).warnings[-1].startswith("Test labels are not at hand (those of data=digits")


def test_without_the_data_labels_are_missing_and_nothing_is_downloaded(tmp_path: Path) -> None:
    config = RunConfig(epochs=1)
    write_run(tmp_path / "s", config, rows_of(config, lambda config, epoch: (0.1, 0.9)))
    (study,) = collect(tmp_path / "s")
    predictions = read_predictions(study, tmp_path / "data")
    assert predictions.predicted and not predictions.labels and "has no t10k-labels-idx1-ubyte" in predictions.missing
    assert not (tmp_path / "data").exists()
    (tmp_path / "s" / plan_of(config).name / PREDICTIONS).write_bytes(b"torn")
    assert read_predictions(study, tmp_path / "data").predicted == {}


def test_test_labels_of_each_kind_of_data(tmp_path: Path, idx_files: dict[str, bytes]) -> None:
    for folder in (tmp_path / "plain", tmp_path / "MNIST" / "raw"):
        folder.mkdir(parents=True)
        (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_files["t10k-labels-idx1-ubyte"])
    expected = list(range(7))
    assert list(load_test_labels(DataConfig(), tmp_path)) == expected
    for path in (tmp_path, tmp_path / "plain"):
        assert list(load_test_labels(DataConfig(DataSet.idx, str(path)), tmp_path / "none")) == expected
    np.savez(tmp_path / "own.npz", y_test=np.arange(7))
    assert list(load_test_labels(DataConfig(DataSet.npz, str(tmp_path / "own.npz")), tmp_path)) == expected
    assert list(load_test_labels(DataConfig(DataSet.digits), tmp_path)) == list(load_digits().test_labels)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_unreadable_npz_labels_are_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="has no readable y_test"):
        load_test_labels(DataConfig(DataSet.npz, str(path)), tmp_path)


@pytest.mark.parametrize("labels", [np.zeros((2, 2), int), np.zeros(3), np.array([1000])])
def test_wrong_npz_labels_are_told(tmp_path: Path, labels: Array) -> None:
    np.savez(tmp_path / "own.npz", y_test=labels)
    with pytest.raises(DataError, match=r"y_test|label 1000"):
        load_test_labels(DataConfig(DataSet.npz, str(tmp_path / "own.npz")), tmp_path)


def test_the_real_labels_are_found(mnist_data_dir: Path) -> None:
    labels = load_test_labels(DataConfig(), mnist_data_dir)
    assert labels.shape == (10_000,) and (labels == 1).sum() == 1135
