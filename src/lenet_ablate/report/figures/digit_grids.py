"""Pictures of test images: those that all runs, some runs or no run take for another class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet_ablate.datasets.base import class_name
from lenet_ablate.report.figures.style import FAINT, PNG_DPI, SMALLEST, house_style
from lenet_ablate.report.figures.text import cut, height_of, listed, short, wrap

MAX_DIGITS, COLUMNS = 40, 8
TITLE_HEIGHT, GAP = 20.0, 9.0  # of a cell, points
NAME_WIDTH = 24.0  # of a class, points

# Test images whose given label got fewer than three of five votes, computed from mturk/mnist_mturk.json of
# github.com/cleanlab/label-errors (Northcutt et al. 2021, "Pervasive Label Errors in Test Sets").
DISPUTED = frozenset(
    (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
)  # fmt: skip


class Which(Enum):
    """The digits that a grid shows."""

    wrong_always = "wrong_always"
    wrong_sometimes = "wrong_sometimes"
    right = "right"


@dataclass(frozen=True)
class TestDigits:
    """The test images and what the runs of one variant say of them.

    Attributes:
        images: (N, H, W) uint8, 0 is background; in colour (N, 3, H, W).
        labels: (N,) the true classes.
        predictions: (R, N) the predicted classes, one row per run.
        probabilities: (R, N) the probability of the predicted class, 0..1.
        names: What the classes are called; None: their numbers.
    """

    __test__ = False  # it is no test case

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer]
    predictions: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.floating]
    names: Sequence[str] | None = None

    def called(self, number: int) -> str:
        """What a class is called."""
        return short(class_name(self.names, number))


@dataclass(frozen=True)
class Pick:
    """One digit of a grid: its place in the test set, the answer shown and its mean probability."""

    index: int
    answer: int
    probability: float
    num_wrong: int


def pick(digits: TestDigits, which: Which) -> tuple[list[Pick], int]:
    """The digits of a grid, at most 40, and how many there are in all.

    Wrong ones begin with the most confident answer (the most frequent wrong one, its probability averaged over the
    runs that give it); of those that only some runs get wrong, the ones most often wrong come first. Right ones
    begin with the least confident.
    """
    wrong = digits.predictions != digits.labels
    count = wrong.sum(axis=0)
    num_runs = len(digits.predictions)
    chosen = {
        Which.wrong_always: count == num_runs,
        Which.wrong_sometimes: (count > 0) & (count < num_runs),
        Which.right: count == 0,
    }[which]
    picks = []
    for index in np.flatnonzero(chosen):
        answers = digits.predictions[:, index]
        told = answers[wrong[:, index]] if count[index] else answers
        answer = int(np.bincount(told).argmax())
        sure = float(digits.probabilities[answers == answer, index].astype(float).mean())
        picks.append(Pick(int(index), answer, sure, int(count[index])))
    sign = 1 if which is Which.right else -1
    picks.sort(key=lambda digit: (-digit.num_wrong, sign * digit.probability, digit.index))
    return picks[:MAX_DIGITS], len(picks)


def digits_figure(digits: TestDigits, picks: Sequence[Pick], title: str, note: str, on_mnist: bool) -> Figure:
    """The picked digits with number, true class, answer and its probability: `#445 true 6 → 0 (0.93)`.

    Args:
        digits: Where the images are.
        picks: See `pick`; at least one.
        title: Stands above.
        note: Stands below.
        on_mnist: Whether they are MNIST's test digits, of which some labels are disputed (†).
    """
    side = digits.images.shape[-1]
    scale = max(1, round(150 / side))  # pixels of the file per pixel of a digit: whole, so that all look alike
    cell = side * scale * 72 / PNG_DPI
    columns = min(COLUMNS, len(picks))
    rows = -(-len(picks) // columns)
    width = max(columns * cell + (columns + 1) * GAP, 220.0)
    above, below = wrap(title, width / 1.12 - 8, 8.5), wrap(note, width - 12, SMALLEST, 4)
    top, bottom = height_of(above, 8.5) + 6, height_of(below, SMALLEST) + 4
    height = top + rows * (cell + TITLE_HEIGHT + 3) + bottom
    with house_style():
        figure = Figure(figsize=(width / 72, height / 72))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        ax.text(GAP, 4, above, va="top", fontsize=8.5, fontweight="bold")
        ax.text(GAP, height - 4, below, va="bottom", fontsize=SMALLEST, color=FAINT)
        for place, digit in enumerate(picks):
            left = GAP + (place % columns) * (cell + GAP)
            upper = top + (place // columns) * (cell + TITLE_HEIGHT + 3)
            ax.text(left, upper + TITLE_HEIGHT - 1, _words(digits, digit, on_mnist), va="bottom", fontsize=SMALLEST)
            where = (left, left + cell, upper + TITLE_HEIGHT + cell, upper + TITLE_HEIGHT)
            ax.imshow(_shown(digits.images[digit.index]), cmap="gray_r", vmin=0, interpolation="nearest", extent=where)
            ax.add_patch(
                Rectangle((left, upper + TITLE_HEIGHT), cell, cell, fill=False, edgecolor=FAINT, linewidth=0.4)
            )
        ax.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return figure


def digits_alt(digits: TestDigits, picks: Sequence[Pick], total: int, which: Which) -> str:
    """In words: how many digits there are, and of each its number, true class and answer."""
    runs = len(digits.predictions)
    kind = {
        Which.wrong_always: f"classified wrongly in all {runs} runs",
        Which.wrong_sometimes: f"classified wrongly in some of {runs} runs",
        Which.right: f"classified correctly in all {runs} runs",
    }[which]
    true = [digits.called(digits.labels[d.index]) for d in picks]
    told = [
        f"number {d.index}, a {name} taken for {digits.called(d.answer)} ({d.probability:.2f})"
        for d, name in zip(picks, true, strict=True)
    ]
    if which is Which.right:
        told = [f"number {d.index}, a {digits.called(d.answer)} ({d.probability:.2f})" for d in picks]
    shown = f"{len(picks)} of {total:,}" if total > len(picks) else f"{total}"
    return f"{shown} test images {kind}: {listed(told)}."


def _words(digits: TestDigits, digit: Pick, on_mnist: bool) -> str:
    mark = " †" if on_mnist and digit.index in DISPUTED else ""
    true, answer = digits.called(digits.labels[digit.index]), digits.called(digit.answer)
    runs = len(digits.predictions)
    often = f"  {digit.num_wrong}/{runs}" if 0 < digit.num_wrong < runs else ""
    if digits.names:  # which need the room
        words = [cut(word, NAME_WIDTH, SMALLEST) for word in ([true, answer] if digit.num_wrong else [true])]
        return f"#{digit.index}{often} ({digit.probability:.2f})\n{' → '.join(words)}"
    taken = f" → {answer}" if digit.num_wrong else ""
    return f"#{digit.index}{mark}{often}\ntrue {true}{taken} ({digit.probability:.2f})"


def _shown(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As matplotlib takes it: (H, W), or (H, W, 3)."""
    return image if image.ndim == 2 else np.moveaxis(image, 0, 2)
