"""The grids of a command: one, or one for each experiment that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from hydra_plugins.lenet_ablate._axes import Grid, expand_grid, value
from lenet_ablate.config.choices import Protocol
from lenet_ablate.config.experiments import Experiment, read_experiment, word
from lenet_ablate.config.grid_words import parse_grid_words
from lenet_ablate.errors import ConfigError


def expand_experiments(
    params: Mapping[str, Any],
    words: Mapping[str, Any],
    arguments: Sequence[str],
    loader: ConfigLoader | None,
    master: DictConfig,
) -> tuple[list[Grid], list[Experiment]]:
    """The grids that a command stands for, and the experiments that they come from.

    Args:
        params: Values that hold unless others are given.
        words: What the grid words say; see `grid_words`.
        arguments: The other words that were typed; they take the place of an experiment's.
        loader: Hydra's.
        master: The configuration that the sweep was started with; tells the folders of experiments.

    Raises:
        ConfigError: An experiment cannot be read, or a grid is empty or wrong.
    """
    asked = parse_grid_words(words)
    typed = Grid({}, asked.zips, asked.exclude, asked.design)
    if not asked.experiments:
        grid = expand_grid(params, arguments, loader, grid=typed)
        _check_exclusions(asked.exclude, [grid])
        return [grid], []
    folders = [Path(s.path) for s in master.hydra.runtime.config_sources if s.schema == "file"]
    experiments = [read_experiment(name, folders) for name in asked.experiments]
    # Several share the usual study, one has a study of its own name.
    study = {"study": word(experiments[0].name)} if len(experiments) == 1 else {}
    with_document = asked.protocol is Protocol.document
    grids = [
        expand_grid({**params, **study, **own}, arguments, loader, one, typed)
        for one in experiments
        for own in one.params(with_document)
    ]
    _check_exclusions(asked.exclude, grids)
    return grids, experiments


def _check_exclusions(exclusions: Sequence[Mapping[str, str]], grids: Sequence[Grid]) -> None:
    """An exclusion that can meet no run is a slip of the pen.

    Raises:
        ConfigError: A value that is to be left out is none of the sweep's.
    """
    for key, wanted in (item for entry in exclusions for item in entry.items()):
        there = list(dict.fromkeys(value(word) for grid in grids for word in grid.axes.get(key, ())))
        if wanted not in there:
            told = f"{key} is {', '.join(there)}" if there else f"{key} does not vary"
            raise ConfigError(f"exclude={{{key}:{wanted}}}: leaves out no run; {told}")
