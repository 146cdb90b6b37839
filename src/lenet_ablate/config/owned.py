"""Settings that only some choices of a group have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from lenet_ablate.config.choices import Augment, EarlyStop, Optimizer

_Choice = TypeVar("_Choice")

# What each update rule needs; every other one of these settings is null for it.
OPTIMIZER_SETTINGS = {
    Optimizer.adam: ("betas", "eps"),
    Optimizer.adamw: ("betas", "eps"),
    Optimizer.sgd: ("momentum",),
    Optimizer.rmsprop: ("alpha", "eps", "momentum"),
    Optimizer.own: (),
}


AUGMENT_SETTINGS: dict[Augment, tuple[str, ...]] = {
    Augment.none: (),
    Augment.shift: ("shift",),
    Augment.rotate: ("degrees",),
    Augment.affine: ("shift", "degrees", "scale", "shear"),
    Augment.flip: ("flip",),
}
EARLY_STOP_SETTINGS: dict[EarlyStop, tuple[str, ...]] = {
    EarlyStop.off: (),
    EarlyStop.patience: ("patience", "min_delta"),
    EarlyStop.delta: ("min_delta",),
}


def owners(settings: Mapping[_Choice, Sequence[str]]) -> dict[str, list[_Choice]]:
    """Each setting that a group's choices have of their own, with those that have it."""
    names = dict.fromkeys(name for own in settings.values() for name in own)
    return {name: [choice for choice, own in settings.items() if name in own] for name in names}
