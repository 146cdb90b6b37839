"""The learning rate as a setting: a number, the name of a schedule, or an inline schedule."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lenet_ablate.config.checks import closest
from lenet_ablate.config.schedules import KINDS, LEARNING_RATE, Schedule, StepDecay, schedule_keys


def parse_lr(value: object, schedules: Mapping[str, object]) -> float | Schedule:
    """The learning rate that `lr=…` stands for.

    Args:
        value: A number, the name of a schedule, or the mapping of an inline one.
        schedules: Named schedules, each a mapping with the keys of one of `schedules.KINDS`.

    Raises:
        ValueError: With the rest of a sentence that says what is allowed.
    """
    names = ", ".join(sorted(schedules))
    allowed = f"must be {LEARNING_RATE.allowed}, a schedule ({names}), or like {{initial:0.1,gamma:0.5,every:5}}"
    if isinstance(value, str):
        if value not in schedules:
            guess = closest(value, schedules)
            raise ValueError(allowed + (f"; did you mean lr={guess}?" if guess else ""))
        return _parse_schedule(schedules[value], value)
    if isinstance(value, Mapping):
        inline = _parse_schedule(value, "")
        for name, known in schedules.items():
            if dataclasses.replace(_parse_schedule(known, ""), name=inline.name) == inline:
                return dataclasses.replace(inline, name=name)
        return inline
    try:
        return LEARNING_RATE(value)
    except ValueError:
        guess_value = LEARNING_RATE.suggest(value)
        raise ValueError(allowed + (f"; did you mean lr={guess_value:g}?" if guess_value is not None else "")) from None


def _parse_schedule(raw: object, name: str) -> Schedule:
    if not isinstance(raw, Mapping):
        raise ValueError(f"must be a mapping with {', '.join(schedule_keys(StepDecay))}")
    given = {str(key): value for key, value in raw.items() if key != "name"}
    kind = next((kind for kind in KINDS if given.keys() <= schedule_keys(kind).keys()), None)
    if kind is None:
        raise ValueError(_unknown_schedule(given))
    values: dict[str, Any] = {}
    for key, field in schedule_keys(kind).items():
        if key in given:
            try:
                values[key] = field.metadata["check"](given[key])
            except ValueError as error:
                raise ValueError(f"{key}={given[key]} {error}") from None
    schedule = kind(**values)
    return dataclasses.replace(schedule, name=name or str(raw.get("name") or "") or schedule.formula)


def _unknown_schedule(given: Mapping[str, object]) -> str:
    likely = max(KINDS, key=lambda kind: len(given.keys() & schedule_keys(kind).keys()))
    wrong = next(key for key in given if key not in schedule_keys(likely))
    guess = closest(wrong, schedule_keys(likely))
    meant = f"; did you mean '{guess}'?" if guess else ""
    kinds = "; ".join(f"{kind.__name__}: {', '.join(schedule_keys(kind))}" for kind in KINDS)
    beside = f" beside {', '.join(key for key in given if key != wrong)}" if len(given) > 1 else ""
    return f"is no schedule: there is no '{wrong}'{beside}{meant} (schedules have {kinds})"
