"""Learning rates that change during a run: what there is, with ranges; the numbers are worked out in `rates`.

A schedule is known by its keys: `{initial:0.1,gamma:0.5,every:5}` is a step decay, `{initial:0.1,final:0}` a cosine.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from lenet_ablate.config.checks import Check, Real, Several, Whole

LEARNING_RATE = Real(0, 10)
EPOCHS = Whole(1, 100_000)


def _value(default: Any, check: Check, text: str) -> Any:
    return field(default=default, metadata={"check": check, "help": text})


@dataclass(frozen=True)
class Schedule:
    """What all schedules have: a name that only calls them.

    Attributes:
        name: Its name in `lr_schedules`, or made from its values.
    """

    name: str = ""

    @property
    def formula(self) -> str:
        """What it does, whatever it is called, in characters that every file system takes."""
        raise NotImplementedError

    @property
    def meaning(self) -> str:
        """What it does, in words."""
        raise NotImplementedError


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Learning rate `initial · gamma^(e // every)` in epoch e = 0, 1, …"""

    initial: float = _value(0.01, LEARNING_RATE, "learning rate of the first epochs")
    gamma: float = _value(0.1, Real(0, 1), "factor at each step")
    every: int = _value(10, EPOCHS, "epochs between two steps")

    @property
    def formula(self) -> str:
        """As in `0.01x0.1every10`."""
        return f"{self.initial:g}x{self.gamma:g}every{self.every}"

    @property
    def meaning(self) -> str:
        """As in `0.01, ×0.1 every 10 epochs`."""
        return f"{self.initial:g}, ×{self.gamma:g} every {self.every} epochs"


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear rise to `initial` over the first `warmup` epochs, step by step, then constant."""

    initial: float = _value(0.001, LEARNING_RATE, "learning rate after the rise")
    warmup: int = _value(1, EPOCHS, "epochs of the rise")

    @property
    def formula(self) -> str:
        """As in `0.001warmup1`."""
        return f"{self.initial:g}warmup{self.warmup}"

    @property
    def meaning(self) -> str:
        """As in `0.001 after a linear rise over 1 epoch`."""
        return f"{self.initial:g} after a linear rise over {self.warmup} epoch{'s' if self.warmup > 1 else ''}"


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from `initial` to `final`, step by step, after `warmup` epochs of linear rise.

    Loshchilov and Hutter 2017, equation 5, without restarts. `torch.optim.lr_scheduler.CosineAnnealingLR` is the same
    where its `step()` is called after each batch; called once an epoch, as is usual, its rates stand still between.
    """

    initial: float = _value(0.01, LEARNING_RATE, "learning rate at the top")
    final: float = _value(0.0, Real(0, 10, with_low=True), "learning rate at the end")
    warmup: int = _value(0, Whole(0, 100_000), "epochs of linear rise before")

    @property
    def formula(self) -> str:
        """As in `0.01cosine0`."""
        return f"{self.initial:g}cosine{self.final:g}" + (f"warmup{self.warmup}" if self.warmup else "")

    @property
    def meaning(self) -> str:
        """As in `0.01 falling to 0 as half a cosine`."""
        rise = f", after a linear rise over {self.warmup} epoch{'s' if self.warmup > 1 else ''}" if self.warmup else ""
        return f"{self.initial:g} falling to {self.final:g} as half a cosine{rise}"


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up and down again in one cycle, step by step, as `torch.optim.lr_scheduler.OneCycleLR` (Smith and Topin 2019).

    The rates alone: that scheduler cycles momentum too unless it is told `cycle_momentum=False`; here momentum stays.
    """

    max_lr: float = _value(0.01, LEARNING_RATE, "learning rate at the top")
    pct_start: float = _value(0.3, Real(0, 1, with_high=False), "fraction of the steps spent rising")
    div_factor: float = _value(25.0, Real(1, 1e9, with_low=True), "the first rate is max_lr / div_factor")
    final_div_factor: float = _value(
        1e4, Real(1, 1e9, with_low=True), "the last rate is the first one / final_div_factor"
    )

    @property
    def formula(self) -> str:
        """As in `onecycle0.01`, with what is not as usual."""
        usual = type(self)()
        own = [
            f"{short}{getattr(self, key):g}"
            for short, key in (("up", "pct_start"), ("from", "div_factor"), ("to", "final_div_factor"))
            if getattr(self, key) != getattr(usual, key)
        ]
        return f"onecycle{self.max_lr:g}{''.join(own)}"

    @property
    def meaning(self) -> str:
        """As in `one cycle up to 0.01`."""
        return f"one cycle from {self.max_lr / self.div_factor:g} up to {self.max_lr:g} and down to almost 0"


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Learning rate `rates[i]` for `epochs[i]` epochs, one after the other; the last one goes on."""

    rates: tuple[float, ...] = _value((0.01,), Several(LEARNING_RATE, most=1000), "the learning rates")
    epochs: tuple[int, ...] = _value((1,), Several(EPOCHS, most=1000), "for how many epochs each")

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.epochs) or not self.rates:
            raise ValueError("rates and epochs must be lists of the same length, at least 1")

    @property
    def formula(self) -> str:
        """As in `0.05x2-0.02x3`."""
        return "-".join(f"{rate:g}x{epochs}" for rate, epochs in zip(self.rates, self.epochs, strict=True))

    @property
    def meaning(self) -> str:
        """As in `0.05 for 2 epochs, 0.02 for 3 epochs`."""
        return ", ".join(
            f"{rate:g} for {epochs} epoch{'s' if epochs > 1 else ''}"
            for rate, epochs in zip(self.rates, self.epochs, strict=True)
        )


# The first whose keys hold all those given is meant.
KINDS: tuple[type[Schedule], ...] = (StepDecay, Warmup, Cosine, OneCycle, Piecewise)


def schedule_keys(kind: type[Schedule]) -> dict[str, dataclasses.Field[Any]]:
    """The keys of a kind of schedule beside its name, with their fields."""
    return {f.name: f for f in dataclasses.fields(kind) if f.name != "name"}
