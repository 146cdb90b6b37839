"""What a run keeps beside its record where asked to: weights of earlier epochs, losses of groups of batches."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.numpy

from lenet_ablate.config.choices import Keep
from lenet_ablate.config.settings import Options
from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.files import MissingFileError, digest_file, read_file
from lenet_ablate.records.flushing import flush_path
from lenet_ablate.records.record import EpochRow, Weights

BEST, NEXT_BEST = "best.safetensors", "best.next.safetensors"
EPOCHS = "epochs"
BATCH_LOSSES = "batch_losses.csv"
COLUMNS = ("epoch", "batch", "loss")
MAX_LOSSES_BYTES, MAX_WEIGHTS_BYTES = 1 << 30, 16 << 30


@dataclass
class Snapshots:
    """The keepsakes of one run in training.

    They are on the disk before a checkpoint names them, and a resumed run takes them only as the checkpoint knows them.
    The best weights are replaced once the checkpoint behind them is written: until then the last one still holds.

    Attributes:
        folder: The run's folder.
        options: What is asked for.
        losses: Rows of batch_losses.csv so far: epoch, number of the group's last batch, mean loss of the group's
            batches in nats.
        digests: SHA-256 by name of what is kept of the epochs so far.
        has_next: Whether new best weights wait for their place.
    """

    folder: Path
    options: Options
    losses: list[tuple[int, int, float]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    has_next: bool = False

    def keep(self, rows: Sequence[EpochRow], batch_losses: Sequence[float], weights: Weights) -> list[float]:
        """Keep what is asked for of the epoch that the last row tells of; returns its groups' mean losses."""
        row = rows[-1]
        if self.options.checkpoint is Keep.every:
            (self.folder / EPOCHS).mkdir(exist_ok=True)
            name = epoch_file(row)
            self.digests[name] = write_bytes(self.folder / name, safetensors.numpy.save(dict(weights)))
            flush_path(self.folder / EPOCHS)
        elif self.options.checkpoint is Keep.best and _is_best(rows):
            self.digests[BEST] = write_bytes(self.folder / NEXT_BEST, safetensors.numpy.save(dict(weights)))
            self.has_next = True
        every = self.options.log_every
        means: list[float] = []
        if every:
            ends = range(every, len(batch_losses) + 1, every)
            means = [sum(batch_losses[end - every : end]) / every for end in ends]
            self.losses += [(row.epoch, end, mean) for end, mean in zip(ends, means, strict=True)]
            self.digests[BATCH_LOSSES] = write_bytes(self.folder / BATCH_LOSSES, _table(self.losses))
        flush_path(self.folder)
        return means

    def settle(self) -> None:
        """Put the best weights in their place: the checkpoint that knows them is written, or none is needed."""
        if self.has_next:
            (self.folder / NEXT_BEST).replace(self.folder / BEST)
            self.has_next = False

    def resume(self, rows: Sequence[EpochRow], kept: Mapping[str, str] | None) -> bool:
        """Whether what is asked for of these epochs is there and whole, so that the run can go on behind them.

        Args:
            rows: The epochs of the checkpoint.
            kept: What it says was kept; None where it does not say.
        """
        wanted = kept_files(rows, self.options)
        if kept is None:
            return not wanted
        if any(name not in kept for name in wanted):
            return False
        self.digests = {name: kept[name] for name in wanted}
        try:
            return all(self._is_whole(name, rows) for name in wanted)
        except RecordError:
            return False

    def _is_whole(self, name: str, rows: Sequence[EpochRow]) -> bool:
        wanted = self.digests[name]
        if name == BATCH_LOSSES:  # may have grown by an epoch since the checkpoint
            self.losses = [row for row in _read(read_file(self.folder, name, MAX_LOSSES_BYTES)) if row[0] <= len(rows)]
            content = _table(self.losses)
            is_same = hashlib.sha256(content).hexdigest() == wanted
            return is_same and write_bytes(self.folder / name, content) == wanted
        if name == BEST and _digest(self.folder, BEST) != wanted:
            self.has_next = _digest(self.folder, NEXT_BEST) == wanted
            self.settle()
        return _digest(self.folder, name) == wanted

    def begin(self) -> None:
        """Remove what an earlier training of the run left and this one will write again."""
        self.losses, self.digests, self.has_next = [], {}, False
        (self.folder / NEXT_BEST).unlink(missing_ok=True)
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


def _read(content: bytes) -> Iterator[tuple[int, int, float]]:
    """The rows of a batch_losses.csv.

    Raises:
        RecordError: It is none.
    """
    try:
        for line in content.decode("ascii").splitlines()[1:]:
            epoch, batch, loss = line.split(",")
            yield int(epoch), int(batch), float(loss)
    except ValueError:
        raise RecordError(f"{BATCH_LOSSES} is no table") from None


def _digest(folder: Path, name: str) -> str:
    """SHA-256 of a file; empty where there is none."""
    try:
        return digest_file(folder, name, MAX_WEIGHTS_BYTES)
    except MissingFileError:
        return ""
