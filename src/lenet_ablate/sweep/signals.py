"""Signals that ask a sweep to stop: the handler only sets a flag, the runs save themselves between two slices."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

EXIT_STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGUSR1": 75}
"""Exit status behind each signal; 75 (EX_TEMPFAIL of sysexits.h) asks a cluster's scheduler to run the job again."""


class Stop:
    """Whether, and by which signal, the sweep was asked to stop."""

    # One plain attribute: a handler may interrupt another handler, and a lock would then be waited for in vain.
    signal_name: str | None = None

    def ask(self, signal_name: str) -> None:
        """Ask all runs to save and end."""
        self.signal_name = self.signal_name or signal_name

    def is_asked(self) -> bool:
        """Whether runs should save and end now."""
        return self.signal_name is not None

    @property
    def exit_status(self) -> int:
        """The process's exit status, 0 where nobody asked."""
        return EXIT_STATUS[self.signal_name] if self.signal_name else 0


_early = Stop()
"""What came before there was anything to stop."""


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A `Stop` that SIGINT, SIGTERM, SIGHUP and SIGUSR1 set; a second Ctrl-C ends the process at once.

    Off the main thread, where Python allows no handlers, nothing sets it.
    """
    stop = Stop()
    if _early.signal_name:
        stop.ask(_early.signal_name)

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_asked() and number == signal.SIGINT:
            # Unwinding would tear down the interpreter under threads that compute outside it.
            os.write(2, b"\nstopped at once; the same command resumes from the last checkpoints\n")
            os._exit(EXIT_STATUS["SIGINT"])
        stop.ask(signal.Signals(number).name)

    on_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handle) for number in _known_signals()} if on_main else {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_signals() -> None:
    """Let every such signal end the process with its exit status while there is nothing to save yet.

    Ending is an exception, and Python drops one that is raised in a callback, of which there are many while modules
    are imported. So the signal is kept too, and `stop_on_signals` knows of it.
    """
    global _early
    _early = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        _early.ask(name)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(EXIT_STATUS[name])

    for number in _known_signals():
        signal.signal(number, handle)


def _known_signals() -> list[signal.Signals]:
    # What the parent ignores stays ignored: a program under nohup goes on when its terminal closes.
    present = [getattr(signal, name) for name in EXIT_STATUS if hasattr(signal, name)]
    return [number for number in present if signal.getsignal(number) is not signal.SIG_IGN]
