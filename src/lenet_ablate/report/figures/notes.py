"""What a reader must know of a figure, in short phrases: protocol, what lines and marks are, over what is averaged.

What a figure cannot be read without (how many seeds, what marks and intervals are) is drawn in it as one line. All of
it makes the caption, which stands beside the figure and never in it: papers and pages set captions themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lenet_ablate.report.figures.text import listed, plural, short
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.criteria import Criteria, EpochRule, Metric
from lenet_ablate.report.study.study import Study

if TYPE_CHECKING:  # sentences need nothing that draws
    from lenet_ablate.report.figures.curve_data import Curves

_NAMES = {
    "lenet5": "LeNet-5",
    "lenet5_28": "LeNet-5 (28×28)",
    "cnn4": "CNN-4",
    "mlp": "MLP",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "kmnist49": "Kuzushiji-49",
    "qmnist": "QMNIST",
    "emnist_balanced": "EMNIST balanced",
    "emnist_letters": "EMNIST letters",
    "emnist_digits": "EMNIST digits",
}
_METRICS = {Metric.test_accuracy: "test accuracy", Metric.val_accuracy: "validation accuracy"}
JOINT = " · "
MAX_TOLD = 4  # levels of another factor


def protocol(fixed: Mapping[str, str]) -> str:
    """`LeNet-5 on MNIST, 30 epochs`: of model, data set and epochs those that do not vary."""
    model, data = (_pretty(fixed[key]) if key in fixed else "" for key in ("model", "data"))
    where = " on ".join(part for part in (model, data) if part)
    epochs = plural(int(fixed["epochs"]), "epoch") if fixed.get("epochs", "").isdigit() else ""
    return ", ".join(part for part in (where, epochs) if part)


def on_mnist(study: Study) -> bool:
    """Whether all runs of the study are judged on MNIST's own test set."""
    return study.fixed.get("data", "").split(" ")[0] == "mnist"


def outcome_words(criteria: Criteria) -> str:
    """What levels are compared by: `test accuracy`, with the epoch where it is not the last."""
    chosen = " at the epoch of best validation accuracy" if criteria.epoch is EpochRule.best_val else ""
    return _METRICS[criteria.metric] + chosen


def curves_note(study: Study, curves: Curves, averaged: str = "", ghosts: str = "", with_seeds: bool = False) -> str:
    """What line, band, tick and cross are in a figure of curves.

    Args:
        study: Whose runs they are.
        curves: What is drawn.
        averaged: The other factors over which each seed is averaged; may be empty.
        ghosts: What the grey lines are; empty where there are none.
        with_seeds: Whether seeds are drawn although there is a band.
    """
    counts = curves.seeds.groupby("name")["seed"].nunique()
    parts = [protocol(study.fixed), *_line_and_band(curves, with_seeds)]
    parts += [f"each {'seed' if counts.max() > 1 else 'line'} averaged over {averaged}"] if averaged else []
    parts += [f"grey: {ghosts}"] if ghosts else []
    parts += ["0 lies below the axis"] if (curves.means["mean"] <= 0).any() else []
    parts += ["vertical tick: the learning rate falls"] if len(curves.drops) else []
    parts += ["×: diverged"] if len(curves.diverged) else []
    return JOINT.join(part for part in parts if part)


def averaged_words(comparison: Comparison) -> str:
    """The other factors of which several levels enter: `pool (max, avg) and lr (12 levels)`; may be empty."""
    told = []
    for key in comparison.others:
        levels = comparison.runs[key].cat.remove_unused_categories().cat.categories
        few = len(levels) <= MAX_TOLD
        if len(levels) > 1:
            told.append(f"{key} ({', '.join(map(short, levels)) if few else f'{len(levels)} levels'})")
    return listed(told)


def curves_key(curves: Curves, with_seeds: bool = False) -> str:
    """The line drawn in a figure of curves: what line and band are, of how many seeds."""
    parts = _line_and_band(curves, with_seeds)
    return JOINT.join(parts + (["×: diverged"] if len(curves.diverged) else []))


def caption_of(*notes: str) -> str:
    """The notes' phrases as one sentence, each spelled as it is: a setting's name begins with no capital."""
    parts = [part for note in notes for part in note.split(JOINT) if part]
    return "; ".join(parts) + "." if parts else ""


def _line_and_band(curves: Curves, with_seeds: bool) -> list[str]:
    counts = curves.seeds.groupby("name")["seed"].nunique().tolist()
    if not counts or max(counts) == 1:
        return ["one seed"] if counts else []
    kind = "mean" if curves.quantity.is_error else "geometric mean"
    num = plural(max(counts), "seed") if min(counts) == max(counts) else f"{min(counts)} to {max(counts)} seeds"
    if with_seeds or not curves.has_band:
        return [f"thick: {kind} of {num}", "thin: the seeds"]
    on_log = "" if curves.quantity.is_error else ", computed on the log scale"
    return [f"line: {kind} of {num}", f"band: 95 % t-interval of the mean{on_log}"]


def _pretty(text: str) -> str:
    name, _, rest = text.partition(" ")
    return short(" ".join(part for part in (_NAMES.get(name, name), rest) if part))
