"""The learning rate of each update, worked out from a schedule and the number of steps."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from lenet_ablate.config.schedules import Cosine, OneCycle, Piecewise, Schedule, StepDecay, Warmup

Rates = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


@functools.singledispatch
def scheduled_rates(schedule: Schedule, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    """The learning rate of each of some updates, (len(steps),) float64.

    Args:
        schedule: How it changes.
        steps: Numbers of the updates, 0..total_steps-1.
        steps_per_epoch: Updates per epoch, at least 1.
        total_steps: Updates of the whole run.
    """
    raise TypeError(f"no rates for {type(schedule).__name__}")


@scheduled_rates.register
def _(schedule: StepDecay, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    epochs, places = np.unique(steps // steps_per_epoch, return_inverse=True)
    # Divided where possible, since 0.01 / 10 is the float 0.001 and 0.01 * 0.1 is not.
    return np.array([_decay(schedule, int(epoch) // schedule.every) for epoch in epochs])[places]


def _decay(schedule: StepDecay, times: int) -> float:
    inverse = 1 / schedule.gamma
    try:
        whole = inverse.is_integer()
        return schedule.initial / inverse**times if whole else schedule.initial * schedule.gamma**times
    except OverflowError:
        return 0.0


@scheduled_rates.register
def _(schedule: Warmup, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    return schedule.initial * np.minimum((steps + 1) / (schedule.warmup * steps_per_epoch), 1.0)


@scheduled_rates.register
def _(schedule: Cosine, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    rise = schedule.warmup * steps_per_epoch
    fallen = np.clip((steps - rise) / max(total_steps - rise, 1), 0.0, 1.0)
    falling = schedule.final + (schedule.initial - schedule.final) * (1 + np.cos(np.pi * fallen)) / 2
    return np.where(steps < rise, schedule.initial * (steps + 1) / max(rise, 1), falling)


@scheduled_rates.register
def _(schedule: OneCycle, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    first = schedule.max_lr / schedule.div_factor
    last = first / schedule.final_div_factor
    top, end = schedule.pct_start * total_steps - 1, total_steps - 1
    up = np.clip(steps / top, 0.0, 1.0) if top > 0 else np.ones(len(steps))
    down = np.clip((steps - top) / (end - top), 0.0, 1.0)
    rising, falling = _anneal(first, schedule.max_lr, up), _anneal(schedule.max_lr, last, down)
    return np.where(steps <= top, rising, falling)


def _anneal(begin: float, end: float, done: Rates) -> Rates:
    return end + (begin - end) * (1 + np.cos(np.pi * done)) / 2


@scheduled_rates.register
def _(schedule: Piecewise, steps: Steps, steps_per_epoch: int, total_steps: int) -> Rates:
    ends = np.cumsum(schedule.epochs)
    piece = np.searchsorted(ends, steps // steps_per_epoch, side="right")
    return np.array(schedule.rates)[np.minimum(piece, len(ends) - 1)]
