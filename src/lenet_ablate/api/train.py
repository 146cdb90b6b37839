"""`lenet_ablate.sweep(…)` and `lenet_ablate.train(…)`: what `lenet-ablate` does, from Python.

Both ways share folders and identities, so that what one has trained the other finds done.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lenet_ablate.api.progress import NotebookProgress, is_notebook
from lenet_ablate.api.run import Run
from lenet_ablate.api.words import to_words
from lenet_ablate.cli.overrides import check_grid_words, check_overrides, last_of_each, other_words
from lenet_ablate.config.folder import config_dir as own_config_dir
from lenet_ablate.config.plan import identity
from lenet_ablate.errors import ConfigError, RunError
from lenet_ablate.records.read import RunRecord, read_run
from lenet_ablate.records.record import STATUS, State
from lenet_ablate.rendering.console import warn
from lenet_ablate.rendering.failures import no_folder
from lenet_ablate.studies.jobs import Job, Sweep, SweepResult
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.signals import EXIT_STATUS

if TYPE_CHECKING:
    import pandas as pd

ConfigDir = str | os.PathLike[str] | None


def sweep(*words: str, config_dir: ConfigDir = None, **settings: Any) -> pd.DataFrame:
    """Train one run for every combination of the values given, and return a frame of these runs.

    Runs that are done already are not trained again. An interrupt (Ctrl-C, or the notebook's stop button) saves the
    runs that train and returns the frame as it stands; the same call goes on later.

    >>> lenet_ablate.sweep(lr=[0.01, 0.001], pool=["max", "avg"], seed=range(3), data="digits")
    >>> lenet_ablate.sweep(experiment="pooling", epochs=5)
    >>> lenet_ablate.sweep("optimizer=adam,sgd", optimizer__weight_decay=[0, 1e-4], workers=2)
    >>> lenet_ablate.sweep(model=nets.resnet, width=[8, 16], data="digits")

    Args:
        words: Settings as they are typed for the command, `"pool=max,avg"`.
        config_dir: A folder with more options for the groups, `DIR/optimizer/mine.yaml`.
        settings: Values by setting, several of them as a list, tuple, range, array or series; a dotted setting with two
            underscores, `optimizer__momentum`. Besides `experiment`, `design`, `protocol`, `zip` and `exclude`, and
            `workers`, `isolate`, `run_timeout`, `retries` and `on_error` of `hydra.launcher`. `model` and
            `optimizer` may be a function or class of a module: its file is named by `model.factory`, and settings that
            are no others but arguments of it are in `model.args`.

    Returns:
        One row per run in the order asked for, with the columns of `read_runs`; failed runs are among them.

    Raises:
        LenetAblateError: A setting is wrong, or the data, device or output folder cannot be used; nothing was trained.
    """
    from lenet_ablate.records.frames import runs_frame

    asked = _carry_out(to_words(words, settings), config_dir)
    return runs_frame([_record(asked, job) for job in asked.jobs])


def train(*words: str, config_dir: ConfigDir = None, **settings: Any) -> Run:
    """Train one run, or find it done, and return it; arguments as of `sweep`.

    >>> run = lenet_ablate.train(lr=0.01, data="digits", epochs=3)
    >>> run.plot()

    Raises:
        LenetAblateError: A setting is wrong, or the run failed.
    """
    asked = _carry_out(to_words(words, settings), config_dir, _check_single)
    (job,) = asked.jobs
    record = _record(asked, job)
    if record.state is State.failed:
        raise RunError(f"{record.folder}: {record.error}")
    return Run(record)


def _carry_out(words: list[str], config_dir: ConfigDir, check: Callable[[Sweep], None] = lambda asked: None) -> Sweep:
    """The sweep that some words ask for, trained as far as it goes."""
    from hydra_plugins.lenet_ablate._composed import compose_sweep
    from lenet_ablate.studies.finished import only_damaged
    from lenet_ablate.sweep.forecast import show_plan
    from lenet_ablate.sweep.run import report_sweep, run_sweep

    folders = [Path(config_dir)] if config_dir is not None else []
    words, told = last_of_each(words)
    _check(words, folders)
    for line in told:
        warn(line)
    flags = [word for folder in folders for word in ("--config-dir", str(folder))]
    asked, supervision = compose_sweep(words, shlex.join(["lenet-ablate", *flags, *words]), folders)
    check(asked)
    if asked.options.repair:
        asked = only_damaged(asked)
    if asked.options.plan:
        show_plan(asked, supervision.workers)
        return asked
    make_progress = NotebookProgress if is_notebook() else Progress
    # What follows is the caller's to say: what is returned leads on, no further command.
    result = run_sweep(asked, supervision.workers, None, supervision, is_whole=False, make_progress=make_progress)
    _leave_if_ended(result)
    if asked.options.report and not result.stop_status:
        report_sweep(asked)
    return asked


def _check(words: Sequence[str], config_dirs: Sequence[Path]) -> None:
    """Refuse what is wrong with the words, as the command does."""
    problems = [f"config_dir={folder}: {no_folder(folder)}" for folder in config_dirs if not folder.is_dir()]
    folders = [own_config_dir(), *config_dirs]
    problems = problems or [*check_grid_words(words, folders), *check_overrides(other_words(words), folders)]
    if problems:
        raise ConfigError("\n".join(problems))


def _check_single(asked: Sweep) -> None:
    if len(asked.jobs) != 1:
        raise ConfigError(f"train: trains one run, and these settings make {len(asked.jobs)}; see lenet_ablate.sweep")


def _leave_if_ended(result: SweepResult) -> None:
    """An interrupt is the user's, who goes on working; any other signal ends this process, as it would have."""
    if result.stop_status not in (0, EXIT_STATUS["SIGINT"]):
        raise SystemExit(result.stop_status)


def _record(asked: Sweep, job: Job) -> RunRecord:
    folder = asked.folder(job)
    if os.path.lexists(folder / STATUS):
        return read_run(folder)
    return RunRecord(folder, State.planned, identity(job.config), job.config)
