"""Training loss per epoch, averaged over the same runs and in the same order as the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lenet_ablate.records import State
from lenet_ablate.report.cells import Comparison
from lenet_ablate.report.factors import REPLICATE

MAX_GHOSTS = 12


@dataclass(frozen=True)
class Curves:
    """Loss curves, ready to draw.

    Attributes:
        names: What the curves are called, in the order in which they are shown; some may have no data.
        means: Columns name, epoch, mean, low, high: mean, smallest and largest of the seeds' losses in nats per
            image. A seed's loss is its average over the curve's runs; the curve ends where the first of them does.
        strands: Columns name, run, epoch, loss, diverged: single runs, to be drawn thin.
        band: Whether low and high are to be drawn, since there are several seeds and their strands are not drawn.
    """

    names: tuple[str, ...]
    means: pd.DataFrame
    strands: pd.DataFrame
    band: bool = False

    @property
    def has_ghosts(self) -> bool:
        """Whether each curve is shown before the others in grey: more than a dozen would be a grey field."""
        return 1 < len(self.names) <= MAX_GHOSTS

    def only(self, names: Sequence[str]) -> Curves:
        """The curves of these names."""
        means, strands = (frame[frame["name"].isin(names)] for frame in (self.means, self.strands))
        return Curves(tuple(names), means, strands, self.band)


def factor_curves(epochs: pd.DataFrame, comparison: Comparison) -> Curves:
    """A curve per level: the mean over the runs in the level's table row, and its diverged runs one by one."""
    key = comparison.factor.key
    loss = _losses(epochs)
    used = _common_epochs(_named(comparison.runs, key).merge(loss, on="run"))
    planned = comparison.planned
    diverged = _named(planned[planned["status"] == State.diverged.value], key).merge(loss, on="run")
    band = comparison.runs[REPLICATE].nunique() > 1
    return Curves(tuple(comparison.factor.labels), _means(used), _strands(diverged), band)


def variant_curves(epochs: pd.DataFrame, design: pd.DataFrame) -> Curves:
    """A curve per variant that has a finished run: the mean over its seeds, and every finished run one by one."""
    usable = _named(design[design["is_usable"]], "variant")
    finished = _named(design[design["is_usable"] | (design["status"] == State.diverged.value)], "variant")
    loss = _losses(epochs)
    names = tuple(str(name) for name in finished["name"].unique())
    return Curves(names, _means(usable.merge(loss, on="run")), _strands(finished.merge(loss, on="run")))


def _common_epochs(losses: pd.DataFrame) -> pd.DataFrame:
    """The epochs that all runs of a curve reach: a mean over fewer and fewer runs would be another quantity."""
    last = losses.groupby(["name", "run"], observed=True)["epoch"].max().groupby(level="name", observed=True).min()
    return losses[losses["epoch"] <= losses["name"].map(last).astype(float)]


def _losses(epochs: pd.DataFrame) -> pd.DataFrame:
    """Columns run, epoch, loss. A loss of 0 has no place on a log axis and is left out, as is an infinite one."""
    rows = epochs[(epochs["split"] == "train") & (epochs["metric"] == "loss_running")]
    loss = rows[["run", "epoch", "value"]].rename(columns={"value": "loss"})
    return loss.assign(loss=loss["loss"].where((loss["loss"] > 0) & (loss["loss"] < float("inf"))))


def _named(design: pd.DataFrame, key: str) -> pd.DataFrame:
    return design[["run", REPLICATE, "status"]].assign(name=design[key].astype(str))


def _means(losses: pd.DataFrame) -> pd.DataFrame:
    per_seed = losses.groupby(["name", REPLICATE, "epoch"])["loss"].mean()
    by_epoch = per_seed.groupby(["name", "epoch"])
    return by_epoch.agg(["mean", "min", "max"]).reset_index().rename(columns={"min": "low", "max": "high"})


def _strands(losses: pd.DataFrame) -> pd.DataFrame:
    diverged = losses["status"] == State.diverged.value
    return losses.assign(diverged=diverged)[["name", "run", "epoch", "loss", "diverged"]]
