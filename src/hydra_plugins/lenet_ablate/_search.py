"""A search: Optuna chooses points, batch by batch; the study's runs are what is known of them.

Whatever happens, Optuna's own record follows the runs': a trial that nobody told the end of is told it by the next
command, from its runs, which are trained first where need be. Several copies of the command may search together.
"""

from __future__ import annotations

import dataclasses
import hashlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.lenet_ablate._axes import REPLICATE
from hydra_plugins.lenet_ablate._grid import make_sweep, run_on_hydras
from hydra_plugins.lenet_ablate._search_storage import open_study
from hydra_plugins.lenet_ablate._space import Between, Space, label
from hydra_plugins.lenet_ablate.local_launcher import LocalLauncher
from lenet_ablate.config.choices import Sampler, SearchMetric
from lenet_ablate.config.plan import identity, run_name
from lenet_ablate.config.search import SearchSettings
from lenet_ablate.errors import ConfigError
from lenet_ablate.records.atomic import make_folder
from lenet_ablate.records.claims import claims_in
from lenet_ablate.records.cores import num_usable_cores
from lenet_ablate.records.locks import LOCKS, held
from lenet_ablate.records.plans import SWEEPS
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say
from lenet_ablate.studies.jobs import Job, Sweep, SweepResult
from lenet_ablate.sweep.messages import search_closing
from lenet_ablate.sweep.quiet import QuietProgress, warnings_alone
from lenet_ablate.sweep.run import run_sweep, write_plan

STARTUP_TRIALS = 10
"""Points that are drawn at random before the sampler learns from them, however many are to follow."""
PLAN = "plan"


class Search:
    """Tries points until there are as many as were asked for.

    Attributes:
        sweep: The runs that the space's ends stand for; tells the study and how its runs are carried out.

    Raises:
        ConfigError: A value at an end of the space is not legal, or there is nothing to choose by.
    """

    def __init__(
        self,
        space: Space,
        settings: SearchSettings,
        loader: ConfigLoader,
        master: DictConfig,
        launcher: Launcher,
        command: str,
    ) -> None:
        self._space, self._settings = space, settings
        self._loader, self._master, self._launcher, self._command = loader, master, launcher, command
        self._jobs: dict[int, tuple[Job, ...]] = {}
        self._asked: set[int] = set()
        self._failed: set[frozenset[tuple[str, Any]]] = set()
        self._begun = 0
        self.sweep = self._make([self._space.grid(point) for point in _ends(space)])
        if self.sweep.options.plan or self.sweep.options.repair:
            raise ConfigError("hydra/sweeper=optuna: plan=true and repair=true work with hydra/sweeper=ablation")
        if any(job.config.data.val_size == 0 for job in self.sweep.jobs):
            raise ConfigError("hydra/sweeper=optuna: needs a validation split to choose by; data.val_size is 0")
        told = [*space.describe(), settings.metric.value]
        self._name = f"search-{hashlib.sha256(repr(told).encode()).hexdigest()[:8]}"
        is_loss = settings.metric is SearchMetric.val_loss
        make_folder(self.sweep.study)
        self._study = open_study(self.sweep, self._name, settings.storage, "minimize" if is_loss else "maximize")

    def run(self) -> int:
        """Search; returns the exit status."""
        failed: list[str] = []
        count, over = self._settings.n_trials, ", ".join(self._space.axes)
        say(f"search {self._name} in {self.sweep.study}: {count} trials over {over}")
        status = 0
        self._begun = len(self._trials())
        while batch := self._next_batch():
            batch = [trial for trial in batch if not self._has_failed_before(trial)]
            if not batch:
                continue
            result = self._train(batch)
            failed += [f"{self.sweep.label(ended.job)}: {ended.error}" for ended in result.select(State.failed)]
            ends = [self._tell_end(trial) for trial in batch]
            if result.stop_status or result.is_cut_short or not any(ends):
                status = result.exit_status
                break
        self._close(failed, status)
        return status or int(bool(failed))

    def _next_batch(self) -> list[FrozenTrial]:
        """The trials to go on with: those that a killed search left, else new ones, else those that others are at."""
        locks = self.sweep.study / LOCKS
        make_folder(locks)
        size = self._batch_size()
        with held(locks / "search.lock"):
            self._drop_half_chosen()
            trials = self._trials()
            running = [trial for trial in trials if trial.state is TrialState.RUNNING]
            if left := [trial for trial in running if self._is_left(trial)]:
                return left[:size]
            counted = sum(trial.state is not TrialState.FAIL for trial in trials)
            # Those that failed are replaced, but not for ever, and not where nothing else is known than failures.
            most = 2 * self._settings.n_trials if counted else self._begun + self._settings.n_trials
            missing = min(size, self._settings.n_trials - counted, most - len(trials))
            if missing <= 0:
                return running
            self._study.sampler = self._sampler(len(trials))
            distributions = {key: _distribution(axis) for key, axis in self._space.axes.items()}
            numbers = {self._study.ask(distributions).number for _ in range(missing)}
            self._asked |= numbers
            return [trial for trial in self._trials() if trial.number in numbers]

    def _drop_half_chosen(self) -> None:
        """Give up trials whose search was killed while their points were chosen."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.params.keys() != self._space.axes.keys():
                self._study.tell(trial.number, state=TrialState.FAIL)

    def _batch_size(self) -> int:
        seeds = len(self._space.fixed.get(REPLICATE, ("",)))
        workers: int = getattr(self._launcher, "workers", None) or num_usable_cores()
        return self._settings.n_jobs or max(1, -(-workers // seeds))

    def _sampler(self, number: int) -> Any:
        """A sampler that chooses the same again from the same number of trials on, so that a killed search goes on."""
        seed = (self._settings.seed * 1_000_003 + number) % 2**31
        if self._settings.sampler is Sampler.random:
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)

    def _trials(self) -> list[FrozenTrial]:
        """All that have a point, in the order in which they were chosen."""
        trials: list[FrozenTrial] = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial.params.keys() == self._space.axes.keys()]

    def _is_left(self, trial: FrozenTrial) -> bool:
        """Whether nobody is at any of a trial's runs."""
        with claims_in(self.sweep.study) as claims:
            for job in self._jobs_of(trial):
                with claims.claim(run_name(job.config)) as is_free:
                    if not is_free:
                        return False
        return True

    def _jobs_of(self, trial: FrozenTrial) -> tuple[Job, ...]:
        if trial.number not in self._jobs:
            self._jobs[trial.number] = self._make([self._space.grid(trial.params)]).jobs
        return self._jobs[trial.number]

    def _make(self, grids: Sequence[Any]) -> Sweep:
        made = make_sweep(self._loader, self._master, grids, self._command, varied=self._space.axes)
        factors = dict.fromkeys(self._space.axes, ("…",)) | {REPLICATE: self._space.fixed.get(REPLICATE, ())}
        return dataclasses.replace(made, factors=factors, is_planned=True)

    def _train(self, batch: Sequence[FrozenTrial]) -> SweepResult:
        self._write_plan()
        jobs = {identity(job.config): job for trial in batch for job in self._jobs_of(trial)}
        sweep = dataclasses.replace(self.sweep, jobs=tuple(jobs.values()))
        launcher: Any = self._launcher
        if isinstance(launcher, LocalLauncher):
            return run_sweep(
                sweep,
                launcher.workers,
                supervision=launcher.supervision,
                is_whole=False,
                make_progress=QuietProgress,
                tell=warnings_alone,
            )
        return run_on_hydras(sweep, launcher)

    def _write_plan(self) -> None:
        """Write the plan of all trials so far, in place of the one of fewer."""
        trials = self._trials()
        jobs = {identity(job.config): job for trial in trials for job in self._jobs_of(trial)}
        factors: dict[str, dict[str, None]] = {}
        for words in (self._space.words(trial.params) for trial in trials):
            for key, word in words.items():
                factors.setdefault(key, {})[word.partition("=")[2]] = None
        several = {key: list(levels) for key, levels in factors.items() if len(levels) > 1}
        seeds = [word.partition("=")[2] for word in self._space.fixed.get(REPLICATE, ())]
        several |= {REPLICATE: seeds} if len(seeds) > 1 else {}
        whole = dataclasses.replace(self.sweep, jobs=tuple(jobs.values()), factors=several, is_planned=False)
        before = self._study.user_attrs.get(PLAN)
        write_plan(whole)
        if before != whole.digest:
            self._study.set_user_attr(PLAN, whole.digest)
            for path in (self.sweep.study / SWEEPS).glob(f"{before}.*"):
                path.unlink(missing_ok=True)

    def _tell_end(self, trial: FrozenTrial) -> bool:
        """Tell Optuna and the user how a trial ended; returns whether it has."""
        records = [read_run(self.sweep.folder(job)) for job in self._jobs_of(trial)]
        states, named = {record.state for record in records}, label(self._space.words(trial.params))
        head = f"{self._counter(trial)} {named}"
        if State.failed in states or State.unreadable in states:
            self._failed.add(frozenset(trial.params.items()))
            self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            say(f"{head}: FAILED, {next((record.error for record in records if record.error), 'see its log')}")
        elif State.diverged in states:
            self._study.tell(trial.number, state=TrialState.PRUNED, skip_if_finished=True)
            say(f"{head}: DIVERGED, pruned")
        elif states == {State.done}:
            found = statistics.fmean(getattr(r.result.final, self._settings.metric.value) for r in records)
            self._study.tell(trial.number, found, skip_if_finished=True)
            best = self._study.best_trial.number == trial.number
            say(f"{head}: {shown(self._settings.metric, found)}{', the best so far' if best else ''}")
        else:
            return False
        return True

    def _counter(self, trial: FrozenTrial) -> str:
        """Which trial it is of how many; an earlier command may have asked for more, and failed ones are replaced."""
        return f"[{trial.number + 1}/{max(self._settings.n_trials, len(self._trials()))}]"

    def _has_failed_before(self, trial: FrozenTrial) -> bool:
        """Whether this command has seen a trial of the same point fail; then this one counts as failed, too."""
        if trial.number not in self._asked or frozenset(trial.params.items()) not in self._failed:
            return False
        self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        say(f"{self._counter(trial)} {label(self._space.words(trial.params))}: failed before, not tried again")
        return True

    def _close(self, failed: Sequence[str], status: int) -> None:
        for line in dict.fromkeys(failed):
            say(f"failed: {line}")
        trials = self._trials()
        if not any(trial.state is TrialState.COMPLETE for trial in trials):
            every = "; every one failed" if trials and all(trial.state is TrialState.FAIL for trial in trials) else ""
            say(f"no trial has a result yet{every}; the same command goes on")
            return
        best = self._study.best_trial
        counts = {
            "trials": len(trials),
            "pruned": sum(trial.state is TrialState.PRUNED for trial in trials),
            "failed": sum(trial.state is TrialState.FAIL for trial in trials),
            "unfinished": sum(trial.state is TrialState.RUNNING for trial in trials),
        }
        words = [word for key in self._space.axes for word in [self._space.words(best.params)[key]]]
        fixed = [word for levels in self._space.fixed.values() for word in levels]
        value = shown(self._settings.metric, best.value or 0.0)
        say(search_closing(self.sweep, counts, value, words, fixed, status))


def shown(metric: SearchMetric, value: float) -> str:
    """A figure for people."""
    return f"validation loss {value:.4f}" if metric is SearchMetric.val_loss else f"validation accuracy {value:.2%}"


def _distribution(axis: Sequence[str] | Between) -> Any:
    if not isinstance(axis, Between):
        return optuna.distributions.CategoricalDistribution(list(axis))
    if axis.is_whole:
        return optuna.distributions.IntDistribution(
            int(axis.low), int(axis.high), log=axis.log, step=int(axis.step or 1)
        )
    return optuna.distributions.FloatDistribution(float(axis.low), float(axis.high), log=axis.log, step=axis.step)


def _ends(space: Space) -> list[Mapping[str, Any]]:
    """Points that have every word, and both ends of all numbers, so that what is wrong is told before the first run."""
    levels = {key: (axis.low, axis.high) if isinstance(axis, Between) else axis for key, axis in space.axes.items()}
    most = max(map(len, levels.values()))
    return [{key: of[min(number, len(of) - 1)] for key, of in levels.items()} for number in range(most)]
