"""`logger=tensorboard`: event files in each run's own folder, so that one TensorBoard shows a whole study.

A resumed run's event files are written anew from its epochs so far, so that no step stands in them twice.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams.metadata import NULL_TENSOR, SESSION_END_INFO_TAG, create_summary_metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from lenet_ablate.datasets.base import Images
from lenet_ablate.errors import DataError, RecordError
from lenet_ablate.loggers.base import LoggedRun, epoch_ends
from lenet_ablate.loggers.pictures import example_sheets
from lenet_ablate.records.arrays import read_predictions
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.files import read_file
from lenet_ablate.records.record import COLUMNS, EpochRow, State
from lenet_ablate.records.rows import settings_row
from lenet_ablate.studies.jobs import SweepResult

FOLDER = "tensorboard"
GRAPH = "events.out.tfevents.0000000000.graph"  # sorts, and so is read, before the epochs
WHOLE = "whole"  # names the metrics.csv that the event files show, once they are complete

_STATUS = {State.done: api_pb2.STATUS_SUCCESS, State.diverged: api_pb2.STATUS_SUCCESS}


class TensorBoardLogger:
    """Logs every run into its folder's `tensorboard/`; see `loggers.base.SweepLogger`."""

    name = "tensorboard"

    def open(self) -> None:
        """Nothing is shared by the runs."""

    def has(self, run: LoggedRun) -> bool:
        """Whether the event files show the run's metrics.csv to its end."""
        try:
            return read_file(run.folder / FOLDER, WHOLE, 1000) == run.metrics_digest().encode()
        except RecordError:
            return False

    def begin(self, run: LoggedRun) -> TensorBoardRun:
        """The log of one run."""
        return TensorBoardRun(run)

    def end(self, result: SweepResult) -> None:
        """Nothing is shared by the runs."""


class TensorBoardRun:
    """One run's event files; see `loggers.base.RunLogger`."""

    def __init__(self, run: LoggedRun) -> None:
        self._run, self._folder = run, run.folder / FOLDER
        self._writer: RecordWriter | None = None
        self._num_logged = 0

    def log(self, rows: Sequence[EpochRow]) -> None:
        """Write the scalars of new epochs."""
        with self._closed_on_failure():
            self._write(rows, epoch_ends(rows, time.time()))

    def end(self, state: State, rows: Sequence[EpochRow]) -> None:
        """Write the rest, a finished run's example images and how it ended."""
        with self._closed_on_failure():
            ended = self._run.ended_at() if state.is_finished else time.time()
            self._write(rows, epoch_ends(rows, ended))
            if state is State.done:
                self._write_examples(rows[-1].epoch, ended)
            self._add(Event(wall_time=ended, summary=Summary(value=[_session_end(state, ended)])))
        self._close()
        if state.is_finished:
            write_bytes(self._folder / WHOLE, self._run.metrics_digest().encode(), flush=False)

    def _write(self, rows: Sequence[EpochRow], ends: Sequence[float]) -> None:
        if self._writer is None:
            self._open(ends[0] - rows[0].seconds if rows else time.time())
        for row, end in list(zip(rows, ends, strict=True))[self._num_logged :]:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(row).items()]
            self._add(Event(wall_time=end, step=row.epoch, summary=Summary(value=values)))
        self._num_logged = len(rows)
        assert self._writer is not None
        self._writer.flush()

    def _open(self, started: float) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for stale in (self._folder / WHOLE, *self._folder.glob("events.out.tfevents.*")):
            if stale.name != GRAPH:
                stale.unlink(missing_ok=True)
        if not (self._folder / GRAPH).exists():
            from lenet_ablate.engines.pytorch.graph import write_graph  # PyTorch takes 2 s, even if it does not train

            write_graph(self._run.config, self._folder / GRAPH)
        # Not TensorBoard's EventFileWriter, whose thread prints a traceback where the disk is full.
        self._writer = RecordWriter((self._folder / f"events.out.tfevents.{time.time():010.0f}.epochs").open("wb"))
        self._add(Event(wall_time=started, file_version="brain.Event:2"))
        # Makes a TensorBoard that has the page open forget the files removed above.
        self._add(Event(wall_time=started, session_log=SessionLog(status=SessionLog.START)))
        self._add(Event(wall_time=started, summary=hparams_pb(hparams(self._run), self._run.identity[:8], started)))

    def _write_examples(self, epoch: int, ended: float) -> None:
        with contextlib.suppress(DataError):  # a run outlives its data
            data = self._run.dataset()
            if data.test_images.dtype != np.uint8 or data.test_images.ndim != 3:  # neither points nor colours
                return
            images = cast(Images, data.test_images)
            said = read_predictions(self._run.folder, len(images))
            for name, picture in example_sheets(images, data.test_labels, said.digits, said.probabilities).items():
                image = Summary.Image(
                    height=picture.height, width=picture.width, colorspace=1, encoded_image_string=picture.png
                )
                value = Summary.Value(tag=f"examples/{name}", image=image)
                self._add(Event(wall_time=ended, step=epoch, summary=Summary(value=[value])))

    def _add(self, event: Event) -> None:
        assert self._writer is not None
        self._writer.write(event.SerializeToString())

    @contextlib.contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                self._close()
            raise

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def scalars(row: EpochRow) -> dict[str, float]:
    """An epoch's figures by tag: `loss/train_running`, `accuracy/test`, `lr`, `seconds`, …; those evaluated."""
    values = {_tag(name): getattr(row, name) for name in COLUMNS if name not in ("epoch", "step")}
    return {tag: float(value) for tag, value in values.items() if value is not None}


def _tag(column: str) -> str:
    split, _, rest = column.partition("_")
    metric, _, kind = rest.partition("_")
    return f"{metric}/{split}" + (f"_{kind}" if kind else "") if metric else column


def hparams(run: LoggedRun) -> Mapping[str, bool | float | str]:
    """The settings in the types that TensorBoard knows; those that the network or rule lacks are left out."""
    settings = {key: value for key, value in settings_row(run.config).items() if value is not None}
    return {key: value if isinstance(value, (bool, int, float)) else str(value) for key, value in settings.items()}


def _session_end(state: State, ended: float) -> Summary.Value:
    info = plugin_data_pb2.SessionEndInfo(status=_STATUS.get(state, api_pb2.STATUS_FAILURE), end_time_secs=ended)
    metadata = create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=info))
    return Summary.Value(tag=SESSION_END_INFO_TAG, metadata=metadata, tensor=NULL_TENSOR)
