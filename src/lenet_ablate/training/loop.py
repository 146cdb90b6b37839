"""The one training loop: a plan, a data set and an engine become a run's record.

The learner works in slices of about 0.2 s, between which signals are seen, progress is shown and checkpoints are
written. How a run is sliced changes nothing in its result: order and learning rates depend on the step alone.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from lenet_ablate.config.choices import Keep
from lenet_ablate.config.plan import RunPlan, learning_rates
from lenet_ablate.config.settings import Options
from lenet_ablate.datasets.augment import Transforms, draw_transforms
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import Indices, epoch_order, split
from lenet_ablate.engines.base import Batches, Engine, Evaluation, Learner, Split
from lenet_ablate.predict.calibration import CALIBRATION
from lenet_ablate.records.checkpoint import Checkpoint, make_stamp, write_checkpoint
from lenet_ablate.records.record import EpochRow, Predictions, State, lacks_train_loss
from lenet_ablate.records.snapshots import Snapshots
from lenet_ablate.records.write import Unsigned, sign, write_metrics, write_record, write_status
from lenet_ablate.training.calibrate import calibrate
from lenet_ablate.training.early_stop import is_settled
from lenet_ablate.training.losses import diverged, mean_loss
from lenet_ablate.training.result import make_result
from lenet_ablate.training.resume import usable_checkpoint
from lenet_ablate.training.run_log import NEWS

SLICE_SECONDS = 0.2
CHECKPOINT_SECONDS = 20.0  # heartbeats come with them: far below `records.read.STALE_SECONDS`

OnProgress = Callable[[int, float], None]
"""Called after each slice with the number of images trained on and the slice's last loss."""

OnEpochs = Callable[[Sequence[EpochRow]], None]
"""Called with all finished epochs when the run begins or resumes, and each time that more of them are saved."""


@dataclass(frozen=True)
class RunContext:
    """What a run needs besides its plan; nothing here changes its result.

    Attributes:
        folder: The run's folder.
        options: What is to be kept and evaluated beside.
        provenance: Goes into result.json.
        should_stop: Asked between slices; true ends the run as interrupted, to be resumed.
        on_progress: Told of every slice.
        on_resume: Told how many images were trained on before.
        log: The run's own log.
        on_epochs: Told of the finished epochs.
        sign: Has the run called finished, now or with others, once its files are on the disk.
        checkpoint_seconds: Least time between the ends of two epochs that are saved; 0: every one is.
        slice_seconds: How long a slice shall take where that is more than `SLICE_SECONDS`.
    """

    folder: Path
    options: Options
    provenance: Mapping[str, Any]
    should_stop: Callable[[], bool]
    on_progress: OnProgress
    on_resume: Callable[[int], None]
    log: logging.Logger
    on_epochs: OnEpochs = lambda rows: None
    sign: Callable[[Unsigned], None] = sign
    checkpoint_seconds: float = 0.0
    slice_seconds: float = 0.0


@dataclass
class _Position:
    """How far a run is; the only thing that changes while it trains."""

    steps_done: int = 0
    rows: list[EpochRow] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    wall_seconds: float = 0.0
    steps_per_second: float = 0.0
    saved_at: float = field(default_factory=time.monotonic)

    def spend(self, started: float) -> None:
        """Count the time since `started` to the epoch and to the run."""
        self.seconds += time.perf_counter() - started
        self.wall_seconds += time.perf_counter() - started


@dataclass(frozen=True)
class _Judged:
    """What was found of an epoch's weights; nothing where the loss was not finite before."""

    val: Evaluation | None = None
    test: Evaluation | None = None


def train_run(plan: RunPlan, dataset: Dataset, engine: Engine, context: RunContext) -> State:
    """Train one run to its end, from its checkpoint if it has one, and write its record.

    Returns:
        `done`, `diverged` (a loss was NaN or infinite: a result) or `interrupted`.
    """
    data, seed = plan.config.data, plan.config.seed
    train, val = split(len(dataset.train_labels), plan.num_val, seed, data.train_size)
    learner = engine.learner(plan, dataset, train, val)
    stamp = make_stamp(plan.identity, engine.name, engine.device, engine.card, dataset.sha256)
    snapshots = Snapshots(context.folder, context.options)
    (context.folder / CALIBRATION).unlink(missing_ok=True)  # of an earlier training
    at = _resume(plan, learner, stamp, snapshots, context)
    context.on_epochs(at.rows)
    judged = _Judged()
    while not _is_over(plan, at.rows):
        order = epoch_order(train, seed, len(at.rows), data.shuffle)
        transforms = draw_transforms(plan.config.augment, len(order), seed, len(at.rows))
        if not _train_epoch(plan, order, transforms, learner, stamp, at, snapshots, context):
            _save(learner, stamp, at, snapshots, context)
            return State.interrupted
        started = time.perf_counter()
        row, judged = _evaluate_epoch(plan, learner, at, context)
        at.spend(started)
        at.rows.append(dataclasses.replace(row, seconds=round(at.seconds, 3)))
        _log_row(at.rows[-1], plan, context.log)
        if diverged(row):
            return _finish(plan, learner, None, at, snapshots, context)
        if context.options.checkpoint is not Keep.last or context.options.log_every:
            _log_losses(at, snapshots.keep(at.rows, at.losses, learner.weights()), context)
        at.losses, at.seconds = [], 0.0
        is_due = time.monotonic() - at.saved_at >= context.checkpoint_seconds
        if is_due and not _is_over(plan, at.rows):
            _save(learner, stamp, at, snapshots, context)
            context.on_epochs(at.rows)
    calibration = calibrate(plan, learner, dataset, (train, val), judged.val, context.log)
    return _finish(plan, learner, judged.test, at, snapshots, context, calibration)


def _is_over(plan: RunPlan, rows: Sequence[EpochRow]) -> bool:
    return len(rows) >= plan.config.epochs or is_settled(rows, plan.config.early_stop)


def _resume(
    plan: RunPlan, learner: Learner, stamp: Mapping[str, str], snapshots: Snapshots, context: RunContext
) -> _Position:
    checkpoint = usable_checkpoint(context.folder, stamp, plan, learner.state())
    wanted = context.options.train_loss_every
    if (
        checkpoint is None
        or lacks_train_loss(checkpoint.rows, wanted)
        or not snapshots.resume(checkpoint.rows, checkpoint.kept)
    ):
        snapshots.begin()
        context.log.info("starts: %d epochs of %d steps", plan.config.epochs, plan.steps_per_epoch)
        return _Position()
    if checkpoint.rows:
        write_metrics(context.folder, checkpoint.rows)  # may have been torn, or tell of an epoch more
    learner.load_state(checkpoint.state)
    context.log.info("resumes after step %d of %d", checkpoint.steps_done, plan.total_steps, extra=NEWS)
    context.on_resume(_images_seen(plan, checkpoint.steps_done))
    return _Position(
        checkpoint.steps_done,
        list(checkpoint.rows),
        checkpoint.losses.tolist(),
        checkpoint.seconds,
        checkpoint.wall_seconds,
    )


def _train_epoch(
    plan: RunPlan,
    order: Indices,
    transforms: Transforms | None,
    learner: Learner,
    stamp: Mapping[str, str],
    at: _Position,
    snapshots: Snapshots,
    context: RunContext,
) -> bool:
    """Train the rest of the epoch under way; False where it was stopped before its end, True also when it diverged."""
    first = len(at.rows) * plan.steps_per_epoch
    slice_seconds = max(SLICE_SECONDS, context.slice_seconds)
    while at.steps_done < first + plan.steps_per_epoch:
        if context.should_stop():
            return False
        started = time.perf_counter()
        steps = min(max(1, int(at.steps_per_second * slice_seconds)), first + plan.steps_per_epoch - at.steps_done)
        begin = (at.steps_done - first) * plan.config.batch_size
        taken = slice(begin, begin + steps * plan.config.batch_size)
        indices, rates = order[taken], learning_rates(plan, at.steps_done, at.steps_done + steps)
        losses = learner.train(Batches(indices, rates, None if transforms is None else transforms[taken]))
        at.spend(started)
        at.steps_per_second = steps / max(time.perf_counter() - started, 1e-9)
        broken = np.flatnonzero(~np.isfinite(losses))
        kept = losses[: broken[0] + 1] if broken.size else losses
        at.losses += kept.tolist()
        at.steps_done += len(kept)
        context.on_progress(len(indices), float(kept[-1]))
        if broken.size:
            return True
        if time.monotonic() - at.saved_at > CHECKPOINT_SECONDS:
            _save(learner, stamp, at, snapshots, context)
    return True


def _evaluate_epoch(plan: RunPlan, learner: Learner, at: _Position, context: RunContext) -> tuple[EpochRow, _Judged]:
    epoch = len(at.rows) + 1
    lr = float(learning_rates(plan, at.steps_done - 1, at.steps_done)[0])
    running = mean_loss(plan, at.losses)
    row = EpochRow(epoch, at.steps_done, lr, running, None, None, None, None, None, 0.0)
    if not math.isfinite(running):
        return row, _Judged()
    val = learner.evaluate(Split.val) if plan.num_val else None
    test = learner.evaluate(Split.test)
    row = dataclasses.replace(
        row,
        val_loss=val.loss if val else None,
        val_accuracy=val.accuracy if val else None,
        test_loss=test.loss,
        test_accuracy=test.accuracy,
    )
    every = context.options.train_loss_every
    if _is_over(plan, [*at.rows, row]) or (every > 0 and epoch % every == 0):
        row = dataclasses.replace(row, train_loss=learner.evaluate(Split.train).loss)
    return row, _Judged(val, test)


def _save(learner: Learner, stamp: Mapping[str, str], at: _Position, snapshots: Snapshots, context: RunContext) -> None:
    losses = np.array(at.losses, np.float32)
    rows = tuple(at.rows)
    state, kept = learner.state(), snapshots.digests
    checkpoint = Checkpoint(stamp, at.steps_done, at.seconds, at.wall_seconds, rows, losses, state, kept)
    if rows:
        write_metrics(context.folder, rows)
    write_checkpoint(context.folder, checkpoint)
    snapshots.settle()
    write_status(context.folder, State.running, stamp["identity"])
    at.saved_at = time.monotonic()


def _finish(
    plan: RunPlan,
    learner: Learner,
    test: Evaluation | None,
    at: _Position,
    snapshots: Snapshots,
    context: RunContext,
    calibration: str = "",
) -> State:
    """Write the record: `done` with the judgement of the test split, `diverged` where there is none."""
    state = State.done if test else State.diverged
    seconds = round(at.wall_seconds, 3)
    result = make_result(plan, at.rows, state, context.options, seconds, context.provenance, learner.num_parameters)
    predictions = Predictions(test.digits, test.probabilities) if test else None
    weights = learner.weights() if test else None
    snapshots.settle()
    memory = {name: array for name, array in learner.state().items() if not name.startswith("weights/")} if test else {}
    packed = safetensors.numpy.save(memory) if test else b""
    files = (weights, predictions, dict(snapshots.digests), calibration, packed)
    context.sign(write_record(context.folder, state, plan.config, at.rows, result, *files))
    context.log.info("%s after %d epochs, %.1f s", state.value, len(at.rows), at.wall_seconds)
    return state


def _log_row(row: EpochRow, plan: RunPlan, log: logging.Logger) -> None:
    if row.test_accuracy is None:
        log.warning("epoch %d/%d: the loss is not finite at step %d", row.epoch, plan.config.epochs, row.step)
    else:
        log.info(
            "epoch %d/%d: train_loss_running %.5f, test_accuracy %.4f, %.2f s",
            *(row.epoch, plan.config.epochs, row.train_loss_running, row.test_accuracy, row.seconds),
        )


def _log_losses(at: _Position, means: Sequence[float], context: RunContext) -> None:
    for group, mean in enumerate(means, start=1):
        context.log.info("[%d, %d] loss %.4f", len(at.rows), group * context.options.log_every, mean)


def _images_seen(plan: RunPlan, steps: int) -> int:
    return steps // plan.steps_per_epoch * plan.num_train + steps % plan.steps_per_epoch * plan.config.batch_size
