"""What a run keeps beside its record where asked to: weights of earlier epochs, losses of groups of batches."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.numpy

from lenet_ablate.config.choices import Keep
from lenet_ablate.config.settings import Options
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.record import EpochRow, Weights

BEST = "best.safetensors"
EPOCHS = "epochs"
BATCH_LOSSES = "batch_losses.csv"
COLUMNS = ("epoch", "batch", "loss")


@dataclass
class Snapshots:
    """The keepsakes of one run in training.

    Attributes:
        folder: The run's folder.
        options: What is asked for.
        losses: Rows of batch_losses.csv so far: epoch, number of the group's last batch, mean loss of the group's
            batches in nats.
    """

    folder: Path
    options: Options
    losses: list[tuple[int, int, float]] = field(default_factory=list)

    def keep(self, rows: Sequence[EpochRow], batch_losses: Sequence[float], weights: Weights) -> list[float]:
        """Keep what is asked for of the epoch that the last row tells of; returns its groups' mean losses."""
        row = rows[-1]
        if self.options.checkpoint is Keep.every:
            (self.folder / EPOCHS).mkdir(exist_ok=True)
            write_bytes(self.folder / epoch_file(row), safetensors.numpy.save(dict(weights)), flush=False)
        elif self.options.checkpoint is Keep.best and _is_best(rows):
            write_bytes(self.folder / BEST, safetensors.numpy.save(dict(weights)), flush=False)
        every = self.options.log_every
        if not every:
            return []
        ends = range(every, len(batch_losses) + 1, every)
        means = [sum(batch_losses[end - every : end]) / every for end in ends]
        self.losses += [(row.epoch, end, mean) for end, mean in zip(ends, means, strict=True)]
        write_bytes(self.folder / BATCH_LOSSES, _table(self.losses), flush=False)
        return means

    def resume(self, rows: Sequence[EpochRow]) -> bool:
        """Whether what is asked for of these epochs is there, so that the run can go on behind them."""
        if any(not (self.folder / name).is_file() for name in kept_files(rows, self.options)):
            return False
        if self.options.log_every and rows:
            self.losses = [loss for loss in _read(self.folder / BATCH_LOSSES) if loss[0] <= len(rows)]
            batches = rows[0].step
            groups = batches // self.options.log_every
            ends = [end for epoch, end, _ in self.losses if epoch == 1]
            return len(self.losses) == groups * len(rows) and ends == [
                self.options.log_every * (i + 1) for i in range(groups)
            ]
        return True

    def begin(self) -> None:
        """Remove what an earlier training of the run left and this one will write again."""
        if self.options.checkpoint is Keep.every:
            for path in (self.folder / EPOCHS).glob("*.safetensors"):
                path.unlink()


def epoch_file(row: EpochRow) -> str:
    """`epochs/007-0.98710.safetensors`: epoch and validation accuracy, or test accuracy where there is no split."""
    accuracy = row.test_accuracy if row.val_accuracy is None else row.val_accuracy
    return f"{EPOCHS}/{row.epoch:03}-{accuracy or 0.0:.5f}.safetensors"


def kept_files(rows: Sequence[EpochRow], options: Options) -> list[str]:
    """The files, within the run's folder, that a run with these epochs has where these options are asked for."""
    judged = [row for row in rows if row.test_accuracy is not None]
    files = [epoch_file(row) for row in judged] if options.checkpoint is Keep.every else []
    files += [BEST] if options.checkpoint is Keep.best and judged else []
    return files + ([BATCH_LOSSES] if options.log_every and judged else [])


def _is_best(rows: Sequence[EpochRow]) -> bool:
    def figure(row: EpochRow) -> float:
        return (row.test_accuracy if row.val_accuracy is None else row.val_accuracy) or 0.0

    return len(rows) == 1 or figure(rows[-1]) > max(map(figure, rows[:-1]))


def _table(losses: Sequence[tuple[int, int, float]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((epoch, batch, repr(loss)) for epoch, batch, loss in losses)
    return text.getvalue().encode()


def _read(path: Path) -> list[tuple[int, int, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(int(line["epoch"]), int(line["batch"]), float(line["loss"])) for line in csv.DictReader(file)]
