"""More epochs: a run that begins where a finished one of the same settings and fewer epochs has ended."""

from __future__ import annotations

import dataclasses
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lenet_ablate.config.plan import RunPlan, learning_rates, run_name
from lenet_ablate.config.settings import Options
from lenet_ablate.engines.base import Engine
from lenet_ablate.records.arrays import has_memory, read_memory, read_weights
from lenet_ablate.records.checkpoint import Checkpoint, make_stamp, write_checkpoint
from lenet_ablate.records.read import RunRecord, most_bytes, read_finished
from lenet_ablate.records.record import MODEL, OPTIMIZER, EpochRow, State, lacks_train_loss
from lenet_ablate.records.snapshots import kept_files

_EPOCHS = re.compile(r"_e([0-9]+)_s[0-9]+-[0-9a-f]{8}")


@dataclass(frozen=True)
class Shorter:
    """A finished run with fewer epochs than one that is to be trained.

    Attributes:
        record: What it left.
        obstacle: Why the longer one cannot go on from its end, in a few words; empty where it can.
    """

    record: RunRecord
    obstacle: str = ""


def epochs_in(study: Path) -> tuple[int, ...]:
    """The numbers of epochs in the names of a study's runs, the largest first."""
    try:
        names = [path.name for path in study.iterdir()]
    except OSError:
        return ()
    found = {int(match[1]) for name in names if (match := _EPOCHS.search(name))}
    return tuple(sorted(found, reverse=True))


def find_shorter(
    study: Path, plan: RunPlan, options: Options, engine: Engine, epochs: tuple[int, ...]
) -> Shorter | None:
    """The longest finished run with fewer epochs; None where there is none.

    Args:
        study: The study's folder.
        plan: The run that is to be trained.
        options: What it records.
        engine: What trains it.
        epochs: What `epochs_in` found.
    """
    for number in (number for number in epochs if number < plan.config.epochs):
        config = dataclasses.replace(plan.config, epochs=number)
        record = read_finished(study / run_name(config), config)
        if record is not None and record.state is State.done and len(record.rows) == number:
            return Shorter(record, _obstacle(record, plan, options, engine))
    return None


def begin(shorter: Shorter, folder: Path, plan: RunPlan, options: Options) -> None:
    """Put into a new run's folder what it needs to go on from a shorter run's end.

    Args:
        shorter: A run without an obstacle.
        folder: The new run's; it must not be there yet.
        plan: The new run's.
        options: What it records.

    Raises:
        RecordError: A file of the shorter run cannot be read.
        OSError: The folder cannot be written.
    """
    record, most = shorter.record, most_bytes(plan.config)
    weights = read_weights(record.folder, MODEL, most)
    state = {f"weights/{name}": array for name, array in weights.items()}
    has_own_file = OPTIMIZER in record.files  # as an earlier version wrote it
    state |= read_weights(record.folder, OPTIMIZER, most) if has_own_file else read_memory(record.folder, most)
    kept = {name: record.files[name] for name in kept_files(record.rows, options)}
    for name in kept:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.folder / name, folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    origin = record.result.provenance
    where = str(origin.engine), str(origin.device), origin.card or ""
    stamp = make_stamp(plan.identity, *where, str(origin.data_sha256))
    rows = tuple(_without_last_words(row, options) for row in record.rows)
    steps, spent = len(rows) * plan.steps_per_epoch, record.result.wall_seconds or 0.0
    write_checkpoint(folder, Checkpoint(stamp, steps, 0.0, spent, rows, np.zeros(0, np.float32), state, kept))


def _obstacle(record: RunRecord, plan: RunPlan, options: Options, engine: Engine) -> str:
    steps, origin = len(record.rows) * plan.steps_per_epoch, record.result.provenance
    shorter = dataclasses.replace(plan, config=record.config or plan.config)
    if not np.array_equal(learning_rates(shorter, 0, steps), learning_rates(plan, 0, steps)):
        return "its learning rates depend on the number of epochs"
    if (origin.engine, origin.device, origin.card or "") != (engine.name, engine.device, engine.card):
        return f"it was trained with {origin.engine} on {origin.card or origin.device}"
    if OPTIMIZER not in record.files and not has_memory(record.folder):
        return "it has not kept its optimizer's state"
    if lacks_train_loss(record.rows, options.train_loss_every):
        return f"it has no training losses for train_loss_every={options.train_loss_every}"
    missing = sorted(set(kept_files(record.rows, options)) - set(record.files))
    if missing:
        return f"it has no {missing[0]}"
    return "" if options.log_every in (0, record.result.log_every) else "its batch losses are of other groups"


def _without_last_words(row: EpochRow, options: Options) -> EpochRow:
    """An epoch as a run has it that goes on: only the last one is always judged on the training split."""
    every = options.train_loss_every
    return row if every and row.epoch % every == 0 else dataclasses.replace(row, train_loss=None)
