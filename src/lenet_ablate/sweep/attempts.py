"""One run of a sweep, from its claim to how it ended; a failure becomes data."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import Options
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.engines.select import engine_key
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.loggers.logbook import Logbook, logged_run
from lenet_ablate.records.beside import settle
from lenet_ablate.records.metrics import read_metrics
from lenet_ablate.records.record import EpochRow, State
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.finished import find_finished
from lenet_ablate.studies.jobs import Ended, Job, Sweep
from lenet_ablate.studies.longer import begin, epochs_in, find_shorter
from lenet_ablate.studies.recording import training_place
from lenet_ablate.sweep.progress import Progress
from lenet_ablate.sweep.trainer import Engines, Trainer, Watch


class Attempts:
    """Attempts runs of one sweep; used by all of its workers.

    Args:
        sweep: What the runs belong to.
        data: Where their data sets come from.
        engines: What trains each network.
        progress: Told how far each run is.
        logbook: Gets a copy of each run's record.
    """

    def __init__(
        self, sweep: Sweep, data: DatasetCache, engines: Engines, progress: Progress, logbook: Logbook
    ) -> None:
        self._sweep, self._data, self._engines = sweep, data, engines
        self._progress, self._logbook = progress, logbook
        self._epochs = epochs_in(sweep.study)

    def attempt(self, job: Job, plan: RunPlan, trainer: Trainer, *, is_last: bool = True) -> Ended:
        """Train a claimed run, or find it done meanwhile; whatever goes wrong is told in what is returned.

        Args:
            job: The run.
            plan: Its plan.
            trainer: What trains it.
            is_last: Whether a failure is final; else its images are still to come.
        """
        started, folder = time.monotonic(), self._sweep.folder(job)
        place = folder
        counted = _Counted(self._progress)
        state, record, caught = State.failed, None, None
        rows: Sequence[EpochRow] = ()
        logged = logged_run(self._sweep, job, self._data)
        log = self._logbook.begin(logged)
        watch = Watch(counted.advance, counted.credit, log.log, self._progress.tell)
        try:
            settle(folder)
            record = find_finished(self._sweep, job, self._data)  # another sweep may have trained it meanwhile
            if not record:
                place, options = training_place(self._sweep, job)
                if not os.path.lexists(place):
                    self._begin(job, plan, place, options)
            state = record.state if record else trainer.train(job, plan, watch)
            place = folder if state.is_finished else place
            rows = read_metrics(place)
        except BaseException as error:  # in a worker thread no signal raises: it comes from the run itself
            state, caught = State.failed, error
        if record:
            self._logbook.add(logged, state, rows)
        else:
            log.end(state, rows)
        can_change = not isinstance(caught, (ConfigError, DataError))
        if state is State.failed and can_change and not is_last:
            self._progress.credit(-counted.images)
        elif state is not State.interrupted:
            self._progress.credit(plan.num_train * plan.config.epochs - counted.images)
        return Ended(
            job,
            place,
            state,
            time.monotonic() - started,
            error_line(caught, place) if caught else "",
            rows[-1] if rows else None,
            is_ours=record is None,
            can_change=can_change,
        )

    def _begin(self, job: Job, plan: RunPlan, folder: Path, options: Options) -> None:
        """Let a new run go on from the end of a shorter one, or say why it cannot."""
        engine = self._engines[engine_key(job.config)]
        shorter = find_shorter(self._sweep.study, plan, options, engine, self._epochs)
        if shorter is None:
            return
        name = shorter.record.folder.name
        if shorter.obstacle:
            how = f"starts anew, not from the end of {name}: {shorter.obstacle}"
        else:
            begin(shorter, folder, plan, options)
            how = f"goes on from the end of {name}"
        self._progress.tell(f"{self._sweep.label(job)}: {how}")


class _Counted:
    """The images of one attempt that progress knows of."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self.images = progress, 0

    def advance(self, images: int, loss: float) -> None:
        self.images += images
        self._progress.advance(images, loss)

    def credit(self, images: int) -> None:
        self.images += images
        self._progress.credit(images)
