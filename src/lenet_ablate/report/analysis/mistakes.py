"""What single test digits tell: how far a difference would carry over to other digits, and which ones are mistaken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from lenet_ablate.report.analysis import statistics
from lenet_ablate.report.analysis.statistics import Array
from lenet_ablate.report.study.comparison import Grid, Places, Rectangle
from lenet_ablate.report.study.criteria import Criteria
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.predictions import StudyPredictions

MAX_WHOLE = 20  # classes; of more only the pairs that there are have rows
NO_CONFUSION = pd.DataFrame({name: pd.Series(dtype=int) for name in ("true", "predicted", "count", "n_runs")})


def digit_columns(
    grid: Grid, first: Places, second: Places, within: Rectangle, criteria: Criteria, predictions: StudyPredictions
) -> dict[str, Array]:
    """se_digits, se_total and p_mcnemar of pairs, (P,) each; missing where predictions or labels are not at hand.

    Args:
        grid: The runs of the levels.
        first: (P,) the place of each pair's first level.
        second: (P,) that of its second.
        within: The combinations and seeds that they share.
        criteria: By what levels are compared.
        predictions: Predictions and labels.
    """
    missing = np.full(len(first), np.nan)
    found = {"se_digits": missing, "se_total": missing, "p_mcnemar": missing}
    own, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    is_known = criteria.column == "test_accuracy" and bool(predictions.labels) and len(within.seeds)
    correct = _correct(grid, own, within, predictions) if is_known else None
    if correct is None:
        return found
    a, b = place[: len(first)], place[len(first) :]
    found["se_digits"], found["se_total"] = digit_errors(correct, a, b)
    if len(within.seeds) == len(within.combinations) == 1:
        found["p_mcnemar"] = np.array(
            [
                statistics.mcnemar_p(int((one > other).sum()), int((other > one).sum()))
                for one, other in zip(correct[a, 0], correct[b, 0], strict=True)
            ]
        )
    return found


def digit_errors(correct: Array, a: Places, b: Places) -> tuple[Array, Array]:
    """Standard errors of each pair's difference in accuracy over other test digits, and over other digits and seeds.

    With D[s, i] the difference in seed s on digit i, S seeds and N digits: SD over i of the mean over s, by √N; and
    the root of SE_seed² + SE_digits² − MS_res/(S·N), the random-effects variance of the grand mean in a two-way
    layout, where MS_res is the mean square of what seeds and digits do not explain. The second one is missing with
    one seed.

    Args:
        correct: (L, S, N) whether a level's network is right, 0..1; between where averaged over other factors.
        a: (P,) the place of each pair's first level.
        b: (P,) that of its second.
    """
    num_levels, num_seeds, num_digits = correct.shape

    def of_differences(products: Array) -> Array:
        """Sums of squared differences of each pair from the products of the levels."""
        squares = np.diag(products)
        return np.asarray(np.maximum(squares[a] + squares[b] - 2 * products[a, b], 0.0), dtype=float)

    centred = correct - correct.mean(axis=(1, 2), keepdims=True)
    by_digit, by_seed = centred.mean(axis=1), centred.mean(axis=2)
    digits_ss, seeds_ss = of_differences(by_digit @ by_digit.T), of_differences(by_seed @ by_seed.T)
    digits_variance = digits_ss / (num_digits - 1) / num_digits
    if num_seeds < 2:
        return np.sqrt(digits_variance), np.full(len(a), np.nan)
    flat = centred.reshape(num_levels, -1)
    residual_ss = of_differences(flat @ flat.T) - num_seeds * digits_ss - num_digits * seeds_ss
    residual = np.maximum(residual_ss, 0.0) / ((num_seeds - 1) * (num_digits - 1)) / (num_seeds * num_digits)
    total = seeds_ss / (num_seeds - 1) / num_seeds + digits_variance - residual
    return np.sqrt(digits_variance), np.sqrt(np.maximum(total, residual))


def confusion_frame(runs: Sequence[str], predictions: StudyPredictions) -> pd.DataFrame:
    """How often each digit was taken for which, over all of these runs; see `results.StudyAnalysis.confusion`."""
    known = [run for run in runs if run in predictions.labels]
    if not known:
        return NO_CONFUSION
    pairs = [(predictions.labels[run], predictions.predicted[run]) for run in known]
    num = max(int(some.max()) for pair in pairs for some in pair) + 1
    counts = np.zeros(num**2, np.int64)
    for labels, predicted in pairs:
        counts += np.bincount(labels.astype(np.int64) * num + predicted, minlength=num**2)
    codes = np.arange(num**2) if num <= MAX_WHOLE else np.flatnonzero(counts)
    true, taken_for = np.divmod(codes, num)
    return pd.DataFrame({"true": true, "predicted": taken_for, "count": counts[codes], "n_runs": len(known)})


def noise_frame(design: pd.DataFrame, num_test: pd.Series[float], predictions: StudyPredictions) -> pd.DataFrame:
    """How far seeds differ and how far they would by chance alone; see `results.StudyAnalysis.noise`.

    All of it is about the test accuracy after the last epoch. The predicted SD takes errors on different images as
    independent (Jordan 2023); p(1−p) is estimated without bias, with S/(S−1) for S seeds.

    Args:
        design: The usable runs.
        num_test: Test images by run.
        predictions: Predictions and labels.
    """
    rows = []
    for variant, runs in design.groupby("variant", sort=False, observed=True):
        seeds = runs[REPLICATE].nunique()
        if seeds < 2:
            continue
        accuracy = runs["test_accuracy"].to_numpy(float)
        sd = float(accuracy.std(ddof=1))
        images = float(num_test.reindex(runs["run"]).min())
        floor = float(statistics.noise_floor(1 - accuracy.mean(), images))
        predicted = _predicted_sd(runs["run"].tolist(), predictions)
        rows.append((variant, seeds, sd, floor, sd / floor if floor > 0 else np.nan, predicted))
    return pd.DataFrame(rows, columns=["variant", "seeds", "sd", "sd_floor", "ratio", "sd_predicted"])


def _predicted_sd(runs: Sequence[str], predictions: StudyPredictions) -> float:
    labels = [predictions.labels.get(run) for run in runs]
    first = labels[0]
    if first is None or any(found is not first for found in labels):
        return np.nan
    wrong = np.mean([predictions.predicted[run] != first for run in runs], axis=0)
    variance = (wrong * (1 - wrong)).sum() * len(runs) / (len(runs) - 1)
    return float(np.sqrt(variance) / len(first))


def _correct(
    grid: Grid, levels: Places, within: Rectangle, predictions: StudyPredictions
) -> npt.NDArray[np.float64] | None:
    """(L, S, N) whether the levels' networks are right, averaged over other factors; None where not known."""
    names = grid.runs["run"].to_numpy(object)[grid.place[np.ix_(levels, within.combinations, within.seeds)]]
    first = predictions.labels.get(names.flat[0])
    if first is None or any(predictions.labels.get(name) is not first for name in names.flat):
        return None
    correct = np.zeros((len(levels), len(within.seeds), len(first)))
    for (level, _, seed), name in np.ndenumerate(names):
        correct[level, seed] += predictions.predicted[name] == first
    return correct / len(within.combinations)
