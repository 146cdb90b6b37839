"""Which points a sweep has: from words and experiments to combinations of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep

from lenet_ablate.config.choices import Design
from lenet_ablate.config.experiments import Experiment
from lenet_ablate.config.grid_words import is_added
from lenet_ablate.errors import ConfigError

MAX_RUNS = 1_000_000
REPLICATE = "seed"


@dataclass(frozen=True)
class Grid:
    """Combinations of one word per axis.

    Attributes:
        axes: Each key's words, e.g. `{"lr": ["lr=0.01", "lr=0.001"]}`.
        zips: Groups of keys whose words advance together.
        exclude: Combinations of values, as typed, that are left out.
        design: All combinations, or those that differ from the first in one key alone; each with every seed.
    """

    axes: Mapping[str, Sequence[str]]
    zips: Sequence[Sequence[str]] = ()
    exclude: Sequence[Mapping[str, str]] = ()
    design: Design = Design.full

    @property
    def points(self) -> list[tuple[str, ...]]:
        """The words of each point, in the order of the axes; the last axis varies fastest.

        Raises:
            ConfigError: Zipped keys do not fit, or there are no points, or more than MAX_RUNS.
        """
        points = list(islice(self._points(), MAX_RUNS + 1))
        if len(points) > MAX_RUNS:
            raise ConfigError(f"more than {MAX_RUNS:,} runs; split the sweep")
        if not points:
            raise ConfigError("every run is excluded")
        return points

    @property
    def factors(self) -> dict[str, list[str]]:
        """The levels of each key that has several, as they were typed."""
        return {key: [value(word) for word in words] for key, words in self.axes.items() if len(words) > 1}

    def _points(self) -> Iterator[tuple[str, ...]]:
        dimensions = self._dimensions()
        order = list(self.axes)
        for steps in self._steps(dimensions):
            chosen = {
                key: self.axes[key][step if len(self.axes[key]) > 1 else 0]
                for (keys, _), step in zip(dimensions, steps, strict=True)
                for key in keys
            }
            if not any(_matches(chosen, entry) for entry in self.exclude):
                yield tuple(chosen[key] for key in order)

    def _dimensions(self) -> list[tuple[tuple[str, ...], int]]:
        """Keys that advance together, and how many steps they have."""
        zipped: dict[str, tuple[str, ...]] = {}
        for group in self.zips:
            missing = [key for key in group if key not in self.axes]
            sizes = {len(self.axes[key]) for key in group if key in self.axes}
            if missing:
                raise ConfigError(f"zip=[{','.join(group)}]: {', '.join(missing)} has no values to advance through")
            if len(sizes) > 1:
                raise ConfigError(f"zip=[{','.join(group)}]: must have the same number of values each")
            zipped |= dict.fromkeys(group, tuple(group))
        groups = dict.fromkeys(zipped.get(key, (key,)) for key in self.axes)
        return [(keys, len(self.axes[keys[0]])) for keys in groups]

    def _steps(self, dimensions: Sequence[tuple[tuple[str, ...], int]]) -> Iterator[tuple[int, ...]]:
        """Which step of each dimension a point takes."""
        if self.design is Design.full:
            yield from product(*(range(size) for _, size in dimensions))
            return
        is_free = [keys == (REPLICATE,) for keys, _ in dimensions]
        replicates = [range(size) if free else range(1) for (_, size), free in zip(dimensions, is_free, strict=True)]
        moves = [(None, 0)] + [
            (place, step) for place, (_, size) in enumerate(dimensions) for step in range(1, size) if not is_free[place]
        ]
        for moved, to in moves:
            for steps in product(*replicates):
                yield tuple(to if place == moved else step for place, step in enumerate(steps))


def expand_grid(
    params: Mapping[str, Any],
    words: Sequence[str],
    loader: ConfigLoader | None = None,
    experiment: Experiment | None = None,
    grid: Grid | None = None,
) -> Grid:
    """The grid that a sweep's words span; a key of `words` replaces the same key of `params`.

    Args:
        params: Values by key.
        words: What was typed.
        loader: Looks up what `glob(*)` stands for.
        experiment: Its zips and exclusions hold too.
        grid: Zips, exclusions and the design that were typed.

    Raises:
        ConfigError: An axis has no value.
    """
    parser = OverridesParser.create(config_loader=loader)
    axes: dict[str, list[str]] = {}
    for override in parser.parse_overrides([f"{key}={value}" for key, value in params.items()] + list(words)):
        axes[_key(override)] = _axis(override)
    typed = grid or Grid({})
    zips, exclude = list(typed.zips), list(typed.exclude)
    if experiment:
        # A zip holds where all of its settings vary: in another grid, or by a word that was typed, one may not.
        zips += [group for group in experiment.zips if all(len(axes.get(key, ())) > 1 for key in group)]
        exclude += experiment.exclude
    return Grid(axes, zips, exclude, typed.design)


def value(word: str) -> str:
    """What stands behind a word's `=`."""
    return word.partition("=")[2]


def _matches(chosen: Mapping[str, str], entry: Mapping[str, str]) -> bool:
    return all(key in chosen and value(chosen[key]) == wanted for key, wanted in entry.items())


def _key(override: Override) -> str:
    """The setting as it is called elsewhere; a plus is kept where Hydra alone needs to know of it."""
    return override.key_or_group if is_added(override.key_or_group) else override.get_key_element()


def _axis(override: Override) -> list[str]:
    key = f"++{override.key_or_group}" if is_added(override.key_or_group) else override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    try:
        values = list(islice(override.sweep_string_iterator(), MAX_RUNS + 1))
    except ValueError as error:
        raise ConfigError(f"{override.input_line}: {error}") from None
    if not values:
        raise ConfigError(f"{override.input_line}: is swept over no value at all")
    if isinstance(override.value(), RangeSweep):
        values = [_without_noise(text) for text in values]
    return [f"{key}={value}" for value in values]


def _without_noise(number: str) -> str:
    """A number of a range without what adding up floats left behind it: 0.30000000000000004 is 0.3."""
    return f"{float(number):.12g}" if len(number) > 12 else number
