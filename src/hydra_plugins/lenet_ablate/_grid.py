"""From the command line's words to the runs of a sweep, and those runs on a launcher that is not ours."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.lenet_ablate._axes import Grid
from hydra_plugins.lenet_ablate._carried import word_of
from hydra_plugins.lenet_ablate._compose import Composer, Point
from hydra_plugins.lenet_ablate._conditional import applicable, left_out_line
from hydra_plugins.lenet_ablate._interpolations import hydra_node
from lenet_ablate.config.experiments import Experiment
from lenet_ablate.config.own_code import named_alone
from lenet_ablate.config.plan import identity
from lenet_ablate.config.remembered import parse_point
from lenet_ablate.config.settings import Options
from lenet_ablate.config.supervision import PREFIX
from lenet_ablate.config.text_words import key_of, unquote_word
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.datasets.resolve import resolved
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.loggers.logbook import Logbook
from lenet_ablate.loggers.select import make_logger
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.finished import split_finished
from lenet_ablate.studies.jobs import Ended, Job, Sweep, SweepResult
from lenet_ablate.sweep.messages import closing, opening
from lenet_ablate.sweep.run import write_plan

TELL_FROM = 500  # points whose composition takes more than two seconds


def make_sweep(
    loader: ConfigLoader,
    master: DictConfig,
    grids: Sequence[Grid],
    command: str,
    experiments: Sequence[Experiment] = (),
    varied: Collection[str] = (),
) -> Sweep:
    """The validated runs of some grids, each once; `varied` are keys that vary beyond these grids.

    Raises:
        ConfigError: With every problem of every point.
    """
    problems: dict[str, None] = {}
    jobs: dict[str, Job] = {}
    carried: dict[Options, None] = {}
    points = [point for grid in grids for point in grid.points]
    factors: dict[str, list[str]] = {}
    for key, levels in (item for grid in grids for item in grid.factors.items()):
        factors[key] = list(dict.fromkeys([*factors.get(key, ()), *levels]))
    if len(points) >= TELL_FROM:
        say(f"checking {len(points):,} runs")
    typed: Any = OmegaConf.to_container(master.hydra.overrides.task)
    has_folder = master.hydra.output_subdir is not None
    for point in _compose(loader, master, points, {*factors, *varied}):
        try:
            config, options = parse_point(point.settings)
        except ConfigError as error:
            problems |= dict.fromkeys(str(error).splitlines())
            continue
        carried[options] = None
        try:
            config = resolved(named_alone(config, typed))
        except (ConfigError, DataError) as error:
            problems |= dict.fromkeys(str(error).splitlines())
            continue
        files = {"hydra_files": point.hydra_files} if has_folder else {}
        jobs.setdefault(identity(config), Job(config, point.overrides, **files))
    option_names = Options.__dataclass_fields__
    swept = [unquote_word(f"{key}={','.join(levels)}") for key, levels in factors.items() if key in option_names]
    problems |= {f"{word}: cannot be swept, since it changes no result; give one value": None for word in swept}
    if problems:
        raise ConfigError("\n".join(problems))
    sources = master.hydra.runtime.config_sources
    flags = [word for s in sources if s.provider == "command-line" for word in ("--config-dir", s.path)]
    flags += [word for word in master.hydra.overrides.hydra if word.startswith((PREFIX, "hydra/launcher="))]
    if len(carried) > 1:
        raise ConfigError(_differing(list(carried)))
    return Sweep(
        tuple(jobs.values()),
        next(iter(carried)),
        command,
        factors,
        tuple(flags),
        tuple(experiment.name for experiment in experiments),
        tuple(reference for experiment in experiments for reference in experiment.references),
        lambda: OmegaConf.to_yaml(master).encode(errors="surrogateescape"),
    )


def _compose(
    loader: ConfigLoader, master: DictConfig, points: Sequence[Sequence[str]], varied: Collection[str]
) -> Iterator[Point]:
    """The points, each without settings that its choice of a group does not have; says what was left out."""
    told: set[str] = set()
    with hydra_node(master):
        composer = Composer(loader, master)
        for words in points:
            point = composer.compose(words)
            fewer = applicable(point.overrides, point.settings, set(varied))
            if fewer != point.overrides:
                for key in (key_of(word) for word in words if word not in fewer):
                    if key not in told:
                        told.add(key)
                        say(left_out_line(key))
                point = composer.compose(fewer)
            yield point


def _differing(carried: Sequence[Options]) -> str:
    keys = [f.name for f in dataclasses.fields(Options) if len({getattr(options, f.name) for options in carried}) > 1]
    return f"the experiments ask for different values of {', '.join(keys)}; give one on the command line"


def run_on_hydras(sweep: Sweep, launcher: Launcher) -> SweepResult:
    """Run a sweep on a launcher of Hydra's own and judge it by what the runs left on disk."""
    if sweep.options.repair:
        raise ConfigError("repair=true: works with hydra/launcher=local alone")
    started = time.monotonic()
    logger = make_logger(sweep)
    data = DatasetCache(data_folder(sweep.options.data_dir))
    todo, finished, records = split_finished(sweep, data, keeps_records=logger is not None)
    say(opening(sweep, len(todo)))
    write_plan(sweep)
    if logger:
        logger.open()
    if todo:
        _launch(launcher, [[*job.overrides, word_of(sweep.command)] for job in todo])
    logbook = Logbook(logger, lambda line: say(line, sys.stderr))
    logbook.add_all(sweep, records, data, lambda: False)
    ended = tuple(_judge(sweep, job) for job in todo)
    result = SweepResult(len(sweep.jobs), len(finished), ended, time.monotonic() - started)
    logbook.end(result)
    if todo:
        say(closing(sweep, result))
    return result


def _launch(launcher: Launcher, jobs: Sequence[Sequence[str]]) -> None:
    """Have a launcher run jobs; whatever it raises is told, and what the runs left on disk is judged all the same."""
    try:
        launcher.launch(jobs, initial_job_idx=0)
    except Exception as error:  # a worker that was killed, a file where a folder belongs, a job that failed
        say(f"the launcher ended early: {error_line(error)}", sys.stderr)


def _judge(sweep: Sweep, job: Job) -> Ended:
    record = read_run(sweep.folder(job))
    seconds = record.result.wall_seconds or 0.0
    if record.state.is_finished:
        return Ended(job, record.folder, record.state, seconds)
    return Ended(job, record.folder, State.failed, seconds, record.error or f"the job ended as {record.state.value}")
