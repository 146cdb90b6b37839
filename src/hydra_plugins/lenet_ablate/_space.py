"""The space that a search looks through, from the words that were typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep

from hydra_plugins.lenet_ablate._axes import REPLICATE, Grid, expand_grid, value
from lenet_ablate.errors import ConfigError

LOG = "log"


@dataclass(frozen=True)
class Between:
    """Numbers from low to high, both included.

    Attributes:
        low: The least.
        high: The greatest.
        step: Between two neighbours; None: any number.
        log: Whether factors count alike, not differences.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of them are whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


@dataclass(frozen=True)
class Space:
    """What varies in a search and what does not.

    Attributes:
        axes: For each key that is searched, its words or its numbers.
        fixed: For each other key its word; of the seed all words, since a point is judged by the mean over them.
    """

    axes: Mapping[str, Sequence[str] | Between]
    fixed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def describe(self) -> list[str]:
        """What makes this search another one than others, a line for each key."""
        fixed = [str(words) for key, words in self.fixed.items() if key != "claim"]  # which changes no result
        return [*(f"{key}: {axis}" for key, axis in self.axes.items()), *fixed]

    def words(self, point: Mapping[str, Any]) -> dict[str, str]:
        """A point's words by key, from Optuna's parameters."""
        return {
            key: str(point[key]) if isinstance(axis, Sequence) else f"{key}={_shown(point[key])}"
            for key, axis in self.axes.items()
        }

    def grid(self, point: Mapping[str, Any]) -> Grid:
        """A point's runs: one for each seed."""
        return Grid({**self.fixed, **{key: [word] for key, word in self.words(point).items()}})


def read_space(words: Sequence[str], params: Mapping[str, Any], loader: ConfigLoader) -> Space:
    """The space that words span: intervals, ranges and lists of values are searched, except seeds.

    Raises:
        ConfigError: Nothing is to be searched, or an interval is none.
    """
    intervals: dict[str, Between] = {}
    others = []
    for word, override in zip(
        words, OverridesParser.create(config_loader=loader).parse_overrides(list(words)), strict=True
    ):
        between = _between(override)
        if between is None or override.key_or_group == REPLICATE:
            others.append(word)
        else:
            intervals[override.key_or_group] = between
    axes = expand_grid(params, others, loader).axes
    searched = {key: levels for key, levels in axes.items() if len(levels) > 1 and key != REPLICATE}
    space = Space({**intervals, **searched}, {key: levels for key, levels in axes.items() if key not in searched})
    if not space.axes:
        example = "'lr=tag(log,interval(0.0001,0.1))' batch_size=16,32,64"
        raise ConfigError(f"hydra/sweeper=optuna: nothing to search; give intervals or several values: {example}")
    return space


def _between(override: Override) -> Between | None:
    if override.is_interval_sweep():
        sweep: Any = override.value()
        low, high, log = sweep.start, sweep.end, LOG in sweep.tags
        if low is None or high is None or not low < high or (log and low <= 0):
            wanted = "must begin below its end" + (", above 0 with the tag log" if log else "")
            raise ConfigError(f"{override.input_line}: {wanted}")
        return Between(low, high, log=log)
    if override.is_range_sweep():
        numbers: RangeSweep = override.value()  # type: ignore[assignment]
        listed = [float(text) for text in override.sweep_string_iterator()]
        if len(listed) < 2:
            return None
        kind = int if all(number.is_integer() for number in (*listed, float(numbers.step))) else float
        return Between(kind(min(listed)), kind(max(listed)), kind(abs(numbers.step)))
    return None


def _shown(number: float) -> str:
    """Four digits, which no run notices and which keep names short."""
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def label(words: Mapping[str, str]) -> str:
    """A point for people."""
    return " ".join(f"{key}={value(word)}" for key, word in words.items())
