"""From the command line's words to the runs of a sweep, and those runs on a launcher that is not ours."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from hydra_plugins.lenet_ablate._compose import compose_points
from lenet_ablate.config import Options
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.errors import ConfigError
from lenet_ablate.finished import find_finished
from lenet_ablate.jobs import Ended, Job, Sweep, SweepResult
from lenet_ablate.loggers.logbook import Logbook
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.parse import parse_config
from lenet_ablate.plan import identity
from lenet_ablate.progress import say
from lenet_ablate.records import State
from lenet_ablate.runs import read_run
from lenet_ablate.summary import closing, opening
from lenet_ablate.sweep import write_plan

MAX_RUNS = 10_000
TELL_FROM = 500  # points whose composition takes more than two seconds


@dataclass(frozen=True)
class Grid:
    """A full grid: every combination of one word per axis.

    Attributes:
        axes: Each key's words, e.g. `{"lr": ["lr=0.01", "lr=0.001"]}`.
    """

    axes: Mapping[str, Sequence[str]]

    @property
    def points(self) -> list[tuple[str, ...]]:
        """The words of each point; the last axis varies fastest."""
        return list(product(*self.axes.values()))

    @property
    def factors(self) -> dict[str, list[str]]:
        """The levels of each key that has several, as they were typed."""
        return {key: [word.partition("=")[2] for word in words] for key, words in self.axes.items() if len(words) > 1}


def expand_grid(params: Mapping[str, Any], words: Sequence[str], loader: ConfigLoader | None = None) -> Grid:
    """The grid that a sweep's words span; a key of `words` replaces the same key of `params`.

    Raises:
        ConfigError: The grid is empty or larger than MAX_RUNS.
    """
    parser = OverridesParser.create(config_loader=loader)
    axes: dict[str, list[str]] = {}
    for override in parser.parse_overrides([f"{key}={value}" for key, value in params.items()] + list(words)):
        axes[override.get_key_element()] = _axis(override)
    if math.prod(map(len, axes.values())) > MAX_RUNS:
        raise ConfigError(f"{' '.join(words)}: more than {MAX_RUNS:,} runs; split the sweep")
    return Grid(axes)


def _axis(override: Override) -> list[str]:
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    try:
        values = list(islice(override.sweep_string_iterator(), MAX_RUNS + 1))
    except ValueError as error:
        raise ConfigError(f"{override.input_line}: {error}") from None
    if not values:
        raise ConfigError(f"{override.input_line}: is swept over no value at all")
    return [f"{key}={value}" for value in values]


def make_sweep(loader: ConfigLoader, master: DictConfig, grid: Grid, command: str) -> Sweep:
    """The validated runs of a grid, each once.

    Raises:
        ConfigError: With every problem of every point.
    """
    problems: dict[str, None] = {}
    jobs: dict[str, Job] = {}
    carried: dict[Options, None] = {}
    if len(grid.points) >= TELL_FROM:
        say(f"checking {len(grid.points):,} runs")
    for point in compose_points(loader, master, grid.points):
        try:
            config, options = parse_config(point.settings)
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
            continue
        carried[options] = None
        jobs.setdefault(identity(config), Job(config, point.overrides, point.hydra_files))
    option_names = Options.__dataclass_fields__
    problems |= {
        f"{key}={','.join(levels)}: cannot be swept, since it changes no result; give one value": None
        for key, levels in grid.factors.items()
        if key in option_names
    }
    if problems:
        raise ConfigError("\n".join(problems))
    sources = master.hydra.runtime.config_sources
    flags = [word for s in sources if s.provider == "command-line" for word in ("--config-dir", s.path)]
    return Sweep(tuple(jobs.values()), next(iter(carried)), command, grid.factors, tuple(flags))


def run_elsewhere(sweep: Sweep, launcher: Launcher) -> SweepResult:
    """Run a sweep on any other launcher of Hydra's and judge it by what the runs left on disk."""
    started = time.monotonic()
    logger = make_logger(sweep)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    finished = {job: record for job in sweep.jobs if (record := find_finished(sweep, job, data))}
    todo = [job for job in sweep.jobs if job not in finished]
    say(opening(sweep, len(todo)))
    write_plan(sweep)
    if logger:
        logger.open()
    if todo:
        launcher.launch([job.overrides for job in todo], initial_job_idx=0)
    logbook = Logbook(logger, lambda line: say(line, sys.stderr))
    logbook.add_all(sweep, finished, data, lambda: False)
    ended = tuple(_judge(sweep, job) for job in todo)
    result = SweepResult(len(sweep.jobs), len(finished), ended, time.monotonic() - started)
    logbook.end(result)
    if todo:
        say(closing(sweep, result))
    return result


def _judge(sweep: Sweep, job: Job) -> Ended:
    record = read_run(sweep.folder(job))
    seconds = float(record.result.get("wall_seconds", 0.0))
    if record.state.is_finished:
        return Ended(job, record.folder, record.state, seconds)
    return Ended(job, record.folder, State.failed, seconds, record.error or f"the job ended as {record.state.value}")
