"""What is drawn against epochs or steps: a curve per level or variant, with its seeds, from the frames of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from lenet_ablate.records.record import State
from lenet_ablate.report.figures.style import LineStyle
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.factors import REPLICATE
from lenet_ablate.report.study.lookup import look_up

MAX_GHOSTS, MAX_DROPS = 12, 8
MIN_SEEDS_FOR_BAND = 5  # below it the interval is more than 1.24 SD wide on each side and says less than the seeds


@dataclass(frozen=True)
class Quantity:
    """What a curve is of.

    Attributes:
        split: Of which split it is.
        metric: The metric in the study's epochs that it is made from.
        title: What it is called.
        label: What stands at its axis.
        is_error: Whether it is the error in percent, made from an accuracy; then seeds are averaged as in the
            tables. Else it is a loss in nats per image, and averages are geometric, as a log axis shows them.
    """

    split: str
    metric: str
    title: str
    label: str
    is_error: bool


TRAIN_LOSS = Quantity(
    "train", "loss_running", "Training loss", "training loss, mean over the epoch's batches (nats, log scale)", False
)
TEST_ERROR = Quantity("test", "accuracy", "Test error", "test error (%, log scale)", True)
VAL_ERROR = Quantity("val", "accuracy", "Validation error", "validation error (%, log scale)", True)


@dataclass(frozen=True)
class Curves:
    """Curves, ready to draw; values in nats or percent.

    Attributes:
        quantity: What they are of.
        against: What they are drawn against, "epoch" or "step"; `x` in the frames.
        names: What the curves are called, in the order in which they are shown; some may have no data.
        means: Columns name, epoch, x, mean, low, high: mean over the seeds and the 95 % t-interval of this mean,
            missing with fewer than five seeds. The curve ends where the first of its runs does.
        seeds: Columns name, seed, epoch, x, value: each seed's average over the curve's runs.
        diverged: Columns name, run, epoch, x, value: single runs that diverged.
        drops: Columns name, x, mean: points of the mean curve after which the learning rate falls.
        styles: The style of each curve by name.
    """

    quantity: Quantity
    against: str
    names: tuple[str, ...]
    means: pd.DataFrame
    seeds: pd.DataFrame
    diverged: pd.DataFrame
    drops: pd.DataFrame
    styles: Mapping[str, LineStyle]

    @property
    def has_ghosts(self) -> bool:
        """Whether each curve is shown before the others in grey: more than a dozen would be a grey field."""
        return 1 < len(self.names) <= MAX_GHOSTS

    @property
    def has_band(self) -> bool:
        """Whether any interval is there to be drawn."""
        return bool(self.means["low"].notna().any())

    def only(self, names: Sequence[str]) -> Curves:
        """The curves of these names."""
        frames = {key: getattr(self, key) for key in ("means", "seeds", "diverged", "drops")}
        own = {key: frame[frame["name"].isin(names)] for key, frame in frames.items()}
        return replace(self, names=tuple(names), **own)


def factor_curves(
    epochs: pd.DataFrame,
    comparison: Comparison,
    quantity: Quantity,
    styles: Mapping[str, LineStyle],
    against: str = "epoch",
) -> Curves:
    """A curve per level: the mean over the runs that are compared, and the level's diverged runs one by one.

    Args:
        epochs: See `study.Study.epochs`; needs a column step where curves are drawn against steps.
        comparison: The runs of each level.
        quantity: What is drawn.
        styles: By label.
        against: "epoch" or "step".
    """
    key, planned = comparison.factor.key, comparison.planned
    diverged = planned[planned["status"] == State.diverged.value]
    named = (_named(comparison.runs, key), _named(diverged, key))
    return _curves(epochs, named, tuple(comparison.factor.labels), quantity, styles, against)


def variant_curves(
    epochs: pd.DataFrame, design: pd.DataFrame, quantity: Quantity, styles: Mapping[str, LineStyle]
) -> Curves:
    """A curve per variant that has a finished run: the mean over its seeds, every seed, and the diverged runs."""
    diverged = design["status"] == State.diverged.value
    shown = design[design["is_usable"] | diverged]
    names = tuple(str(name) for name in shown["variant"].unique())
    named = (_named(design[design["is_usable"]], "variant"), _named(design[diverged], "variant"))
    return _curves(epochs, named, names, quantity, styles, "epoch")


def _curves(
    epochs: pd.DataFrame,
    named: tuple[pd.DataFrame, pd.DataFrame],
    names: tuple[str, ...],
    quantity: Quantity,
    styles: Mapping[str, LineStyle],
    against: str,
) -> Curves:
    values = _values(epochs, quantity, against)
    used, diverged = (runs.merge(values, on="run") for runs in named)
    seeds = _per_seed(_common_epochs(used), quantity)
    means = _over_seeds(seeds, quantity)
    drops = means.merge(_drops(epochs, named[0]), on=["name", "epoch"])
    diverged = diverged[["name", "run", "epoch", "x", "value"]]
    return Curves(quantity, against, names, means, seeds, diverged, drops[["name", "x", "mean"]], styles)


def _values(epochs: pd.DataFrame, quantity: Quantity, against: str) -> pd.DataFrame:
    """Columns run, epoch, x, value; an infinite value has no place on an axis and counts as missing."""
    rows = epochs[(epochs["split"] == quantity.split) & (epochs["metric"] == quantity.metric)]
    value = 100 * (1 - rows["value"]) if quantity.is_error else rows["value"]
    finite = value.where(np.isfinite(value) & (value >= 0))
    return rows[["run", "epoch"]].assign(x=rows[against].astype(float), value=finite)


def _named(design: pd.DataFrame, key: str) -> pd.DataFrame:
    return design[["run", REPLICATE]].assign(name=design[key].astype(str))


def _common_epochs(values: pd.DataFrame) -> pd.DataFrame:
    """The epochs that all runs of a curve reach: a mean over fewer and fewer runs would be another quantity."""
    last = values.groupby(["name", "run"])["epoch"].max().groupby(level="name").min()
    return values[values["epoch"] <= look_up(values["name"], last)]


def _per_seed(values: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    scaled = values.assign(value=_scaled(values["value"], quantity))
    per_seed = scaled.groupby(["name", REPLICATE, "epoch"])[["x", "value"]].mean().reset_index()
    return per_seed.assign(value=_unscaled(per_seed["value"], quantity))


def _over_seeds(seeds: pd.DataFrame, quantity: Quantity) -> pd.DataFrame:
    """Mean and t-interval over the seeds, in the logarithm for a loss: the interval then never reaches below 0."""
    scaled = seeds.assign(value=_scaled(seeds["value"], quantity)).groupby(["name", "epoch"])
    found = scaled.agg(x=("x", "mean"), mean=("value", "mean"), sd=("value", "std"), n=("value", "count")).reset_index()
    enough = found["n"] >= MIN_SEEDS_FOR_BAND
    half = stats.t.ppf(0.975, found["n"].clip(2) - 1) * found["sd"] / np.sqrt(found["n"].clip(1))
    bounds = {side: _unscaled((found["mean"] + sign * half).where(enough), quantity) for side, sign in _SIDES}
    mean = _unscaled(found["mean"], quantity)
    return found[["name", "epoch", "x"]].assign(mean=mean, **bounds)


_SIDES = (("low", -1), ("high", 1))


def _scaled(values: pd.Series[float], quantity: Quantity) -> pd.Series[float]:
    if quantity.is_error:
        return values
    with np.errstate(divide="ignore"):  # a loss that underflowed to 0 makes its mean 0
        return pd.Series(np.log10(values.to_numpy(dtype=float)), index=values.index)


def _unscaled(values: pd.Series[float], quantity: Quantity) -> pd.Series[float]:
    return values.astype(float) if quantity.is_error else 10.0 ** values.astype(float)


def _drops(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Columns name, epoch: the last epoch before the learning rate falls, where it does in all runs of a curve.

    A rate that falls all the time, as by a cosine, has no steps to show.
    """
    rates = epochs[(epochs["split"] == "train") & (epochs["metric"] == "lr")]
    rates = rates[["run", "epoch", "value"]].merge(runs, on="run").sort_values(["run", "epoch"])
    falls = rates[rates.groupby("run")["value"].shift(-1) < rates["value"]]
    count = falls.groupby(["name", "epoch"])["run"].nunique().rename("falling").reset_index()
    common = count[count["falling"] == look_up(count["name"], runs.groupby("name")["run"].nunique())]
    num_drops, num_epochs = common.groupby("name")["epoch"].transform("size"), rates.groupby("name")["epoch"].max()
    few = num_drops <= (look_up(common["name"], num_epochs) // 2).clip(upper=MAX_DROPS)
    return common.loc[few, ["name", "epoch"]]
