"""Training a claimed run in this process: its folder, its log, and a record of whatever went wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lenet_ablate.config.own_code import copied_files
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import Options
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.base import Engine
from lenet_ablate.engines.select import EngineKey, engine_key
from lenet_ablate.errors import RunError
from lenet_ablate.records.atomic import make_folder, remove_leftovers, write_bytes
from lenet_ablate.records.beside import take_place
from lenet_ablate.records.provenance import describe_environment
from lenet_ablate.records.record import STATUS, EpochRow, State
from lenet_ablate.records.signing import Signatures
from lenet_ablate.records.write import Unsigned, sign, write_config, write_status
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.finished import clear_folder, dataset_of
from lenet_ablate.studies.jobs import Job, Sweep
from lenet_ablate.studies.recording import training_place
from lenet_ablate.training.loop import RunContext, train_run
from lenet_ablate.training.run_log import NEWS, run_log

Engines = Mapping[EngineKey, Engine]
QUICK_SECONDS = 0.3
"""After a run of less, the next one does not say that it is running, until it has taken longer."""
SHORT_SECONDS = 1.0
"""A run of less is called finished together with others: what a kill could cost then is soon made up for."""


@dataclass(frozen=True)
class Watch:
    """Who wants to know how a run goes; all may be called from any thread.

    Attributes:
        on_progress: Told of every slice: images trained on, and the last loss.
        on_resume: Told how many images were trained on before.
        on_epochs: Told of the finished epochs.
        tell: Prints a line.
    """

    on_progress: Callable[[int, float], None]
    on_resume: Callable[[int], None]
    on_epochs: Callable[[Sequence[EpochRow]], None]
    tell: Callable[[str], None]


class Trainer(Protocol):
    """Trains one run after the other; used by one thread."""

    def train(self, job: Job, plan: RunPlan, watch: Watch) -> State:
        """Train a claimed run to its end; whatever is raised is its failure, which stands in its folder by then."""

    def close(self) -> None:
        """Let go of what was kept from run to run."""


class LocalTrainer:
    """Trains in this process.

    Args:
        sweep: What the runs belong to.
        data: Where their data sets come from.
        engines: What trains each network.
        should_stop: Asked between slices of training.
        run_timeout: Seconds after which a run is stopped and counts as failed; None: never.
        checkpoint_seconds: See `RunContext`.
        slice_seconds: See `RunContext`.
        signatures: Where short runs wait to be called finished; None where each is at once.
    """

    def __init__(
        self,
        sweep: Sweep,
        data: DatasetCache,
        engines: Engines,
        should_stop: Callable[[], bool],
        run_timeout: float | None = None,
        checkpoint_seconds: float = 0.0,
        slice_seconds: float = 0.0,
        signatures: Signatures | None = None,
    ) -> None:
        self._sweep, self._data, self._engines = sweep, data, engines
        self._should_stop, self._run_timeout = should_stop, run_timeout
        self._checkpoint_seconds, self._slice_seconds = checkpoint_seconds, slice_seconds
        self._signatures = signatures
        self._was_short = False

    def train(self, job: Job, plan: RunPlan, watch: Watch) -> State:
        """See `Trainer`.

        Raises:
            RunError: It took longer than it may; it saved itself, so that another try goes on from there.
        """
        own = self._sweep.folder(job)
        folder, options = training_place(self._sweep, job)
        if folder == own and (told := clear_folder(self._sweep, job)):
            watch.tell(told)
        try:
            _prepare_folder(folder, job.hydra_files(own), plan)
            is_told = not (self._was_short and folder == own) or os.path.lexists(folder / STATUS)
            if is_told:
                write_status(folder, State.running, plan.identity)
            watch = watch if is_told else _telling(watch, folder, plan)
            with run_log(folder, watch.tell) as log:
                state = self._train(job, plan, watch, folder, options, log)
        except BaseException as error:  # a library that calls sys.exit costs its run, too
            record_failure(folder, plan.identity, error_line(error, folder), traceback.format_exc())
            raise
        if folder != own and state.is_finished:
            take_place(own)
        return state

    def close(self) -> None:
        """Nothing is kept."""

    def _train(
        self, job: Job, plan: RunPlan, watch: Watch, folder: Path, options: Options, log: logging.Logger
    ) -> State:
        dataset, engine = dataset_of(job.config, self._data), self._engines[engine_key(job.config)]
        started = time.monotonic()

        def is_late() -> bool:
            return self._run_timeout is not None and time.monotonic() - started > self._run_timeout

        def sign_soon(run: Unsigned) -> None:
            is_short = time.monotonic() - started < SHORT_SECONDS and folder == self._sweep.folder(job)
            (self._signatures.add if self._signatures and is_short else sign)(run)

        context = RunContext(
            folder=folder,
            options=options,
            provenance=self._provenance(dataset, engine),
            should_stop=lambda: self._should_stop() or is_late(),
            on_progress=watch.on_progress,
            on_resume=watch.on_resume,
            log=log,
            on_epochs=watch.on_epochs,
            sign=sign_soon,
            checkpoint_seconds=self._checkpoint_seconds,
            slice_seconds=self._slice_seconds,
        )
        state = train_run(plan, dataset, engine, context)
        self._was_short = self._signatures is not None and time.monotonic() - started < QUICK_SECONDS
        if state is State.interrupted:
            if not self._should_stop():
                raise late(self._run_timeout)
            write_status(folder, state, plan.identity)
            log.info("interrupted; the same command resumes", extra=NEWS)
        return state

    def _provenance(self, dataset: Dataset, engine: Engine) -> dict[str, object]:
        return {
            **describe_environment(),
            "engine": engine.name,
            "device": engine.device,
            "card": engine.card or None,
            "threads": engine.threads,
            "data_sha256": dataset.sha256,
            "command": self._sweep.command,
        }


def _telling(watch: Watch, folder: Path, plan: RunPlan) -> Watch:
    """The same watch over a run that says that it is running only once that takes longer than the last one took.

    What replaces a file that is on the disk may wait for it, longer than such a run takes.
    """
    until, is_told = time.monotonic() + QUICK_SECONDS, False

    def on_progress(images: int, loss: float) -> None:
        nonlocal is_told
        if not is_told and time.monotonic() > until:
            is_told = True
            write_status(folder, State.running, plan.identity)
        watch.on_progress(images, loss)

    return dataclasses.replace(watch, on_progress=on_progress)


def late(run_timeout: float | None) -> RunError:
    """What a run failed of that took too long."""
    return RunError(f"took longer than hydra.launcher.run_timeout={run_timeout:g} seconds")


def record_failure(folder: Path, identity: str, error: str, details: str) -> None:
    """Say in a run's folder why it failed, as far as anything can be written there.

    Args:
        folder: The run's folder.
        identity: SHA-256 of its settings.
        error: The reason in one line.
        details: What helps to find the cause: a traceback, or the last words of a process.
    """
    with contextlib.suppress(Exception):
        write_status(folder, State.failed, identity, error=error, traceback=details)


def _prepare_folder(folder: Path, hydra_files: Mapping[str, bytes], plan: RunPlan) -> None:
    if not make_folder(folder):
        for each in (folder, folder / ".hydra", folder / "epochs"):
            remove_leftovers(each, is_ours_alone=True)
    for name, content in {
        **{f".hydra/{name}": data for name, data in hydra_files.items()},
        **copied_files(plan.config),
    }.items():
        make_folder((folder / name).parent)
        write_bytes(folder / name, content, flush=False)
    write_config(folder, plan.config)
