"""What runs record beside their result, and the finished run that is trained again for more of it."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

from lenet_ablate.config.choices import Keep
from lenet_ablate.config.settings import Options
from lenet_ablate.records.beside import beside
from lenet_ablate.records.read import RunRecord, read_finished
from lenet_ablate.records.record import State, lacks_train_loss
from lenet_ablate.records.snapshots import BEST, kept_files
from lenet_ablate.studies.jobs import Job, Sweep

_BY_AMOUNT = (Keep.last, Keep.best, Keep.every)


def lacking(record: RunRecord, options: Options) -> str:
    """What a finished run lacks of what is to be recorded, in a few words; empty where it lacks nothing."""
    # The epoch in which a run diverged has no such loss to give.
    rows = record.rows[:-1] if record.state is State.diverged else record.rows
    if lacks_train_loss(rows, options.train_loss_every):
        return f"it has no training losses for train_loss_every={options.train_loss_every}"
    kept = _kept(record)
    wanted = dataclasses.replace(options, checkpoint=max(options.checkpoint, kept, key=_BY_AMOUNT.index))
    missing = sorted(set(kept_files(rows, wanted)) - set(record.files))
    if missing:
        return f"it has no {missing[0]}"
    if options.log_every not in (0, record.result.log_every):
        return f"it has no batch losses for log_every={options.log_every}"
    return ""


def training_place(sweep: Sweep, job: Job) -> tuple[Path, Options]:
    """The folder that a run is trained in, and what it records.

    That is its own folder and what is asked for, unless it has a result: that one stays until the new one is whole, and
    what it has is recorded again.
    """
    folder = sweep.folder(job)
    record = read_finished(folder, job.config) if os.path.lexists(folder) else None
    return (folder, sweep.options) if record is None else (beside(folder), add_up(sweep.options, record))


def add_up(options: Options, record: RunRecord) -> Options:
    """The options with what a finished run has recorded already; of two different `log_every` the one asked for."""
    every = [row.epoch for row in record.rows[:-1] if row.train_loss is not None]
    return dataclasses.replace(
        options,
        checkpoint=max(options.checkpoint, _kept(record), key=_BY_AMOUNT.index),
        train_loss_every=math.gcd(options.train_loss_every, *every),
        log_every=options.log_every or record.result.log_every,
    )


def _kept(record: RunRecord) -> Keep:
    every = set(kept_files(record.rows, Options(checkpoint=Keep.every)))
    if every and every <= record.files.keys():
        return Keep.every
    return Keep.best if BEST in record.files else Keep.last
