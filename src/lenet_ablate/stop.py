"""Signals that ask a sweep to stop: the handler only sets a flag, the runs save themselves between two slices."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

EXIT_STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 75}
"""Exit status behind each signal; 75 (EX_TEMPFAIL of sysexits.h) asks a cluster's scheduler to run the job again."""


class Stop:
    """Whether, and by which signal, the sweep was asked to stop."""

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._asked = threading.Event()

    def ask(self, signal_name: str) -> None:
        """Ask all runs to save and end."""
        self.signal_name = self.signal_name or signal_name
        self._asked.set()

    def is_asked(self) -> bool:
        """Whether runs should save and end now."""
        return self._asked.is_set()

    @property
    def exit_status(self) -> int:
        """The process's exit status, 0 where nobody asked."""
        return EXIT_STATUS[self.signal_name] if self.signal_name else 0


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A `Stop` that SIGINT, SIGTERM and SIGUSR1 set; a second Ctrl-C ends the process at once.

    Off the main thread, where Python allows no handlers, nothing sets it.
    """
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_asked() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.ask(signal.Signals(number).name)

    known = [getattr(signal, name) for name in EXIT_STATUS if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        known = []
    before = {number: signal.signal(number, handle) for number in known}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
