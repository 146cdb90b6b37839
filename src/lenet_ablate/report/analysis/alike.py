"""Why two levels trained alike, where that can be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lenet_ablate.config.rates import scheduled_rates
from lenet_ablate.config.schedules import Piecewise, Schedule, StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.report.study.comparison import Comparison
from lenet_ablate.report.study.factors import REPLICATE, Factor

MAX_EPOCHS = 10_000
UNKNOWN = "what tells them apart did not come into play"


def reasons(comparison: Comparison, configs: Mapping[str, RunConfig]) -> dict[frozenset[str], str]:
    """By two levels of a factor that trained alike: why, as half a sentence.

    Args:
        comparison: The levels.
        configs: A configuration of each variant, by variant_id; see `study.Study.configs`.
    """
    factor = comparison.factor
    found = {}
    kinds: dict[str, list[str]] = {}
    for label, other in comparison.alike.items():
        kinds.setdefault(other, [other]).append(label)
    values = _values(factor, configs) if kinds else {}
    for names in kinds.values():
        for number, one in enumerate(names):
            for other in names[number + 1 :]:
                found[frozenset((one, other))] = _reason(one, values.get(one), other, values.get(other))
    return found


def without_copies(
    design: pd.DataFrame, factors: Sequence[Factor], same: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """A design without the runs that another level's run, the same to the last bit, stands for.

    What is averaged over other settings, and how often runs fail, would else count these twice.

    Args:
        design: See `study.Study.design`.
        factors: All factors of the study.
        same: By a factor's key, its levels that another level stands for; see `comparison.Comparison.alike`.
    """
    for key, levels in same.items():
        rest = [factor.key for factor in factors if factor.key != key] + [REPLICATE]
        own, others = design[key].astype(str), pd.MultiIndex.from_frame(design[rest].astype(str))
        is_copy = np.zeros(len(design), bool)
        for label, other in levels.items():
            is_copy |= (own == label).to_numpy() & others.isin(others[(own == other).to_numpy()])
        design = design[~is_copy]
    return design


def _values(factor: Factor, configs: Mapping[str, RunConfig]) -> dict[str, object]:
    return {factor.label_of(config): factor.value_of(config) for config in configs.values()}


def _reason(one: str, first: object, other: str, second: object) -> str:
    rates = [_by_epoch(value) for value in (first, second)]
    if rates[0] is None or rates[1] is None:
        return UNKNOWN
    differing = np.flatnonzero(rates[0] != rates[1])
    if not len(differing) or not differing[0]:
        return UNKNOWN
    epoch = int(differing[0]) + 1
    changing = [
        name for name, own in zip((one, other), rates, strict=True) if own is not None and own[epoch - 1] != own[0]
    ]
    if len(changing) == 1:
        return f"{changing[0]}'s first change comes at epoch {epoch}"
    return f"their learning rates first differ at epoch {epoch}"


def _by_epoch(value: object) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """The learning rate of each epoch where it does not depend on how many there are; else None."""
    if isinstance(value, float | int):
        return np.full(MAX_EPOCHS, float(value))
    if isinstance(value, StepDecay | Piecewise):
        schedule: Schedule = value
        return scheduled_rates(schedule, np.arange(MAX_EPOCHS), 1, MAX_EPOCHS)
    return None
