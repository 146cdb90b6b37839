"""Whether `lenet-predict` loses digits of a page without a word: simulated pages of several digits.

    python benchmarks/pages.py outputs/ablation/<run> --pages 40

Every row takes test digits of MNIST, writes pages with them and asks the run. `lost silently`: fewer signs than digits,
nothing told as left out, and the answer is sure. Nothing here is trained on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulated.pages import KINDS, Hand

from lenet_ablate.predict.pictures import from_image
from lenet_ablate.predict.prediction import Certainty, Reading
from lenet_ablate.predict.predictor import Predictor


@dataclass(frozen=True)
class Score:
    """Of the digits of one page or of several how many there are, and what became of them."""

    digits: int = 0
    right: int = 0
    lost: int = 0
    sure_wrong: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--pages", type=int, default=40, metavar="N", help="of each kind")
    parser.add_argument("--only", default="", help="only kinds whose name contains this")
    options = parser.parse_args()
    from lenet_ablate.datasets.load import data_folder
    from lenet_ablate.datasets.mnist import load_mnist

    arrays = load_mnist(data_folder(os.environ.get("LENET_ABLATE_DATA")), print)
    hand = Hand(arrays.test_images.astype(np.uint8), arrays.test_labels)
    predictor, total = Predictor.load(options.run), Score()
    for name in (name for name in KINDS if options.only in name):
        score = Score()
        for page in range(options.pages):
            picture, rows = KINDS[name](hand, np.random.default_rng(page))
            score += judged(predictor.read_page(from_image(picture)), [digit for row in rows for digit in row])
        tell(name, score)
        total += score
    tell("all", total)


def judged(reading: Reading, digits: Sequence[int]) -> Score:
    """What became of the digits of a page."""
    signs = [found for found in reading.predictions if found.image is not None]
    sure = [found.digit for found in signs if found.verdict is Certainty.sure]
    lost = max(0, len(digits) - len(signs)) if reading.verdict is Certainty.sure else 0
    right = common([found.digit for found in signs], digits)
    return Score(len(digits), right, lost, len(sure) - common(sure, digits))


def common(one: Sequence[int | None], other: Sequence[int | None]) -> int:
    """Length of the longest common subsequence."""
    best = [0] * (len(other) + 1)
    for value in one:
        before = 0
        for place, there in enumerate(other, start=1):
            before, best[place] = best[place], before + 1 if value == there else max(best[place], best[place - 1])
    return best[-1]


def tell(name: str, score: Score) -> None:
    print(
        f"{name:24} right {score.right / max(1, score.digits):6.1%} of {score.digits:5}  lost silently {score.lost:2}"
        f"  sure and wrong {score.sure_wrong:2}",
        flush=True,
    )


if __name__ == "__main__":
    main()
