"""What scripts/results says of published figures: where they lie among ours, and what becomes of claims."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts/publishing"))

from pack import Packed
from published import claims, one_more, placed, rounding, side

from lenet_ablate.report.analysis.results import Code

OPEN, SMALLER = "not confirmed: undecided", "not confirmed: smaller, if any"


def study(codes: tuple[Code, float], levels: tuple[str, str] = ("max", "avg")) -> Packed:
    code, diff = codes
    pairs = pd.DataFrame(
        {
            **{"factor": ["pool"], "level_a": [levels[0]], "level_b": [levels[1]], "diff": [diff], "n_pairs": [5]},
            **{"ci_low": [diff - 0.001], "ci_high": [diff + 0.001], "verdict_code": [int(code)]},
            "p_corrected": [0.066],
        }
    )
    published: list[dict[str, Any]] = [
        {"factor": "pool", "level": "max", "test_accuracy": 0.9837},
        {"factor": "pool", "level": "avg", "test_accuracy": 0.9858},
    ]
    return Packed("pooling", "", published, [], [], pairs, {})


def test_one_further_run_falls_between_with_95_percent() -> None:
    draws = np.random.default_rng(0).normal(0.9, 0.01, (4000, 6))
    inside = [low <= row[5] <= high for row in draws for low, high in [one_more(list(row[:5]))]]
    assert 0.94 < np.mean(inside) < 0.96


@pytest.mark.parametrize(("figure", "half"), [(0.9837, 0.00005), (0.982, 0.0005), (0.99, 0.005)])
def test_a_figure_may_be_anything_that_is_rounded_to_it(figure: float, half: float) -> None:
    assert rounding(figure) == pytest.approx(half)


def test_a_rounded_figure_is_held_for_what_it_may_stand_for() -> None:
    ours = [0.986, 0.9861, 0.9862]
    assert [side(figure, ours) for figure in (0.99, 0.9858, 0.9901, 0.9)] == [0, 0, 1, -1]
    assert side(0.9837, ours) == -1
    assert (placed(0.98, [0.99]), placed(0.99, [0.98])) == tuple(
        f"1.00 pp {where} the one run here" for where in ("below", "above")
    )
    told = "below what one run gives (98.56 to 98.66 %; the 3 here gave 98.60 to 98.62 %)"
    assert placed(0.9837, ours) == told
    told = "not to be judged by runs that differ so much: the 2 here gave 10.00 to 90.00 %"
    assert placed(0.9, [0.1, 0.9]) == told


@pytest.mark.parametrize(
    ("codes", "found", "outcome"),
    [
        ((Code.better, -0.002), "+0.20 pp (95 % CI +0.10 to +0.30; corrected p=0.066), n=5", "holds"),
        ((Code.better, -0.004), "+0.40 pp (95 % CI +0.30 to +0.50; corrected p=0.066), n=5", "holds, by more"),
        ((Code.better, -0.0009), "+0.09 pp (95 % CI −0.01 to +0.19; corrected p=0.066), n=5", "holds, by less"),
        ((Code.better, 0.002), "−0.20 pp (95 % CI −0.30 to −0.10; corrected p=0.066), n=5", "the other way round"),
        ((Code.not_distinguishable, 0.0002), "−0.02 pp (95 % CI −0.12 to +0.08), n=5", SMALLER),
        ((Code.not_distinguishable, -0.002), "+0.20 pp (95 % CI +0.10 to +0.30; corrected p=0.066), n=5", OPEN),
        ((Code.practically_same, 0.0), "0.00 pp (95 % CI −0.10 to +0.10), n=5", "does not hold: the same"),
    ],
)
def test_what_becomes_of_a_claim(codes: tuple[Code, float], found: str, outcome: str) -> None:
    for levels, sign in ((("max", "avg"), 1), (("avg", "max"), -1)):
        ((claim, told, became),) = claims(study((codes[0], sign * codes[1]), levels))
        assert (claim, told, became) == ("pool=avg (98.58 %) is better than max (98.37 %)", found, outcome)
