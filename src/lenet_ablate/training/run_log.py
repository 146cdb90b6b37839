"""A run's log, kept in memory until there is something to say that its record does not: most runs leave none."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lenet_ablate.records.record import LOG
from lenet_ablate.rendering.failures import error_line

MOST_HELD = 2000
NEWS = {"is_news": True}
"""`extra` of a message that is worth a file: the run was interrupted, or goes on. Warnings and errors always are."""


class RunLog(logging.FileHandler):
    """A run's log file; where it cannot be written, that is told once and the run goes on without."""

    level_of_news = logging.WARNING

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._path: Path | None = path
        self._tell = tell
        self._held: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message with those before it, once one is news."""
        if self.stream is None and record.levelno < self.level_of_news and not hasattr(record, "is_news"):
            self._held = [*self._held[1 - MOST_HELD :], record]
            return
        held, self._held = self._held, []
        for each in (*held, record):
            try:
                super().emit(each)
            except OSError as error:
                self._give_up(error)

    def handleError(self, record: logging.LogRecord) -> None:
        """Give the file up."""
        self._give_up(sys.exception())

    def close(self) -> None:
        """Close the file, whatever of it can still be written."""
        try:
            super().close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: BaseException | None) -> None:
        if self._path is not None and error is not None:
            path, self._path = self._path, None
            self._tell(f"warning: {error_line(error, path)}; the run goes on, its log ends here")


@contextlib.contextmanager
def run_log(folder: Path, tell: Callable[[str], None]) -> Iterator[logging.Logger]:
    """A logger of the run's own; not registered, so that a sweep of thousands leaves none behind."""
    log = logging.Logger(folder.name, logging.INFO)
    handler = RunLog(folder / LOG, tell)
    log.addHandler(handler)
    try:
        yield log
    except BaseException:
        log.exception("failed")
        raise
    finally:
        handler.close()
