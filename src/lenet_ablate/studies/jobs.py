"""A sweep as data: what was asked for and how it ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lenet_ablate.config.home import expand_home
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.settings import Options, RunConfig
from lenet_ablate.config.text_words import key_of
from lenet_ablate.records.record import EpochRow, State


@dataclass(frozen=True)
class Job:
    """One run that the user asked for.

    Attributes:
        config: Its settings.
        overrides: The words on the command line that stand for it alone.
        hydra_files: Makes the content of its `.hydra/` by file name, given its folder, once it is needed; nothing where
            runs have none, as is usual: what it would hold stands in the sweep's plan and in its `multirun.yaml`.
    """

    config: RunConfig
    overrides: tuple[str, ...] = ()
    hydra_files: Callable[[Path], Mapping[str, bytes]] = lambda folder: {}


@dataclass(frozen=True)
class Sweep:
    """The runs of one command, no two alike.

    Attributes:
        jobs: The runs in the order in which they were asked for.
        options: How they are carried out.
        command: The command as it was typed.
        factors: The levels of each setting that was varied, as they were typed.
        flags: Flags that a run needs beside its own words to be the same run.
        experiments: Names of the ready-made sweeps that it carries out.
        references: Published figures that come with these; see `config.experiments.Experiment`.
        hydra: Makes what Hydra's own sweeper leaves as `multirun.yaml`; None where Hydra does not compose the sweep.
        is_planned: Whether it is a part of a sweep whose plan stands in the study already.
    """

    jobs: tuple[Job, ...]
    options: Options
    command: str
    factors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    references: tuple[Mapping[str, Any], ...] = ()
    hydra: Callable[[], bytes] | None = None
    is_planned: bool = False

    @cached_property
    def study(self) -> Path:
        """The folder that the runs share; raises ConfigError where it begins with a home that nobody knows."""
        return expand_home(self.options.output_dir) / self.options.study

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name the set of runs, their order, and the experiments that they come from."""
        told = "".join([*(identity(job.config) for job in self.jobs), *self.experiments])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def folder(self, job: Job) -> Path:
        """The folder of one run."""
        return self.study / run_name(job.config)

    def label(self, job: Job) -> str:
        """What tells a run from the sweep's others, as it was typed; its name where nothing varies."""
        varied = [word for word in job.overrides if key_of(word) in self.factors]
        return " ".join(f"{key_of(word)}={word.partition('=')[2]}" for word in varied) or run_name(job.config)


@dataclass(frozen=True)
class Ended:
    """How one run of the sweep ended.

    Attributes:
        job: The run.
        folder: Its folder.
        state: How it ended.
        seconds: Time that this sweep spent on it.
        error: What went wrong, in one line; empty where nothing did.
        last: Its last epoch; None where it has none.
        is_ours: Whether this sweep trained it; another one may have finished it meanwhile.
        can_change: Whether a failed run may do better at another try; bad input stays as it is.
    """

    job: Job
    folder: Path
    state: State
    seconds: float
    error: str = ""
    last: EpochRow | None = None
    is_ours: bool = True
    can_change: bool = True


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended.

    Attributes:
        total: Runs asked for.
        skipped: Runs that were finished before.
        ended: Runs that this sweep trained or waited for.
        seconds: Wall time.
        stop_status: Exit status behind the signal that stopped the sweep; 0 where none did.
        is_cut_short: Whether it was to end at its first failure, and did.
        elsewhere: Runs that were left to other copies of the command, which are at them.
    """

    total: int
    skipped: int
    ended: tuple[Ended, ...]
    seconds: float
    stop_status: int = 0
    is_cut_short: bool = False
    elsewhere: int = 0

    def select(self, state: State) -> list[Ended]:
        """The runs that ended in a state."""
        return [ended for ended in self.ended if ended.state is state]

    @property
    def exit_status(self) -> int:
        """The process's exit status: a signal's, else 1 after a failure, else 0."""
        return self.stop_status or int(bool(self.select(State.failed) or self.unfinished))

    @property
    def unfinished(self) -> int:
        """Runs without an end of any kind: interrupted or never begun."""
        ended = len(self.ended) - len(self.select(State.interrupted))
        return self.total - self.skipped - ended - self.elsewhere
