"""What a logger is told, and the protocol that every one keeps."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.records.files import digest_file
from lenet_ablate.records.metrics import MAX_BYTES
from lenet_ablate.records.record import METRICS, EpochRow, State
from lenet_ablate.studies.jobs import SweepResult


@dataclass(frozen=True)
class LoggedRun:
    """A run as its logger sees it.

    Attributes:
        folder: Its folder.
        config: Its settings.
        identity: SHA-256 of the settings.
        dataset: Gives its data set; raises DataError where that is gone.
    """

    folder: Path
    config: RunConfig
    identity: str
    dataset: Callable[[], Dataset]

    def metrics_digest(self) -> str:
        """SHA-256 of its metrics.csv: a log that names it shows these epochs and no earlier attempt's."""
        return digest_file(self.folder, METRICS, MAX_BYTES)

    def ended_at(self) -> float:
        """When a finished run ended, in seconds since 1970."""
        return (self.folder / METRICS).stat().st_mtime


class RunLogger(Protocol):
    """The log of one run; used by one thread."""

    def log(self, rows: Sequence[EpochRow]) -> None:
        """Write what is new among all epochs so far; the first call begins or continues the log."""

    def end(self, state: State, rows: Sequence[EpochRow]) -> None:
        """Write the rest and close the log; a finished run's record lies in its folder by now."""


class SweepLogger(Protocol):
    """Makes the logs of a sweep's runs; used by all of its workers."""

    name: str
    """As in `logger=…`."""

    def open(self) -> None:
        """Make ready, before the first run begins; raises ConfigError where that fails."""

    def has(self, run: LoggedRun) -> bool:
        """Whether a finished run's log is there and whole."""

    def begin(self, run: LoggedRun) -> RunLogger:
        """The log of one run; nothing is written before its first epochs are told."""

    def end(self, result: SweepResult) -> None:
        """The sweep has ended."""


def epoch_ends(rows: Sequence[EpochRow], last: float) -> list[float]:
    """When each epoch ended, in seconds since 1970, if the last one ended at `last` and none was interrupted."""
    behind = list(itertools.accumulate((row.seconds for row in reversed(rows)), initial=0.0))[: len(rows)]
    return [last - seconds for seconds in reversed(behind)]


def reason(error: Exception) -> str:
    """Why a logger failed, in one line and without the password that an address may hold."""
    first = next(iter(str(error).splitlines()), "")
    return re.sub(r"//[^/@\s]*@", "//", f"{type(error).__name__}: {first}" if first else type(error).__name__)
