"""Signals that ask a sweep to stop, and the exit status behind each, whatever is going on when it comes.

While runs train, a handler only sets a flag: they save themselves between two slices. Before and after that a signal
ends the process by an exception, which is all that Python offers, and which libraries swallow or turn into another
one: in callbacks, in finalisers, behind a bare `except`. So the signal is kept, too: the outermost frame asks for it
whatever arrived there (`leave_if_signalled`), runs that begin after it stop at once, and a process that does not get
there in time is ended where it stands.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

EXIT_STATUS = {
    "SIGINT": 130,
    "SIGTERM": 143,
    "SIGHUP": 129,
    "SIGUSR1": 75,
    "SIGUSR2": 75,
    "SIGXCPU": 75,
}
"""Exit status behind each signal; 75 (EX_TEMPFAIL of sysexits.h) asks a cluster's scheduler to run the job again."""
GRACE_SECONDS = 5.0
"""How long a process may take to tidy up where nothing needs saving."""


class Stop:
    """Whether, and why, the sweep was asked to stop."""

    # Plain attributes: a handler may interrupt another handler, and a lock would then be waited for in vain.
    signal_name: str | None = None
    is_after_failure: bool = False
    has_raised: bool = False

    def ask(self, signal_name: str) -> None:
        """Ask all runs to save and end; the first signal counts."""
        self.signal_name = self.signal_name or signal_name

    def ask_after_failure(self) -> None:
        """Ask all runs to save and end, since one has failed."""
        self.is_after_failure = True

    def is_asked(self) -> bool:
        """Whether runs should save and end now."""
        return self.signal_name is not None or self.is_after_failure

    @property
    def exit_status(self) -> int:
        """The exit status behind the signal that asked, 0 where none did."""
        return EXIT_STATUS[self.signal_name] if self.signal_name else 0


_process: Stop | None = None
"""What came to the process that runs the command; None in a program that only uses this package."""


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A `Stop` that every signal with an exit status sets; a second Ctrl-C ends the command's process at once.

    Off the main thread, where Python allows no handlers, nothing sets it.
    """
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.signal_name and number == signal.SIGINT:
            if _process is None:  # a notebook's kernel is not ours to end; its runs save themselves behind its back
                raise KeyboardInterrupt
            # Unwinding would tear down the interpreter under threads that compute outside it.
            os.write(2, b"\nstopped at once; the same command resumes from the last checkpoints\n")
            os._exit(EXIT_STATUS["SIGINT"])
        name = signal.Signals(number).name
        stop.ask(name)
        if _process is not None:
            _process.ask(name)

    on_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handle) for number in _known_signals()} if on_main else {}
    if _process is not None and _process.signal_name:  # it came before there was anything to stop
        stop.ask(_process.signal_name)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_on_signals() -> None:
    """Let every such signal end the process with its exit status while nothing needs saving."""
    global _process
    _process = asked = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        is_again = asked.signal_name is not None
        asked.ask(signal.Signals(number).name)
        if is_again and number == signal.SIGINT:
            os._exit(asked.exit_status)
        if not is_again:
            with contextlib.suppress(OSError):
                os.write(2, b"\ninterrupted\n" if number == signal.SIGINT else b"")
            # Not threading.Thread, whose locks may be held by the very frame that is interrupted.
            _thread.start_new_thread(_end_later, (asked,))
        if not asked.has_raised:
            asked.has_raised = True
            sys.unraisablehook = _quiet(sys.unraisablehook)
        sys.exit(asked.exit_status)

    for number in _known_signals():
        signal.signal(number, handle)


def _quiet(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """A hook for exceptions that Python drops: of what a handler raised in a finaliser nobody needs a traceback."""
    return lambda dropped: None if dropped.exc_type is SystemExit else hook(dropped)


def leave_if_signalled() -> None:
    """End the process with the status of the first signal since `exit_on_signals`; does nothing where none came."""
    if _process is None or not _process.signal_name:
        return
    if _process.has_raised:
        # A library that was interrupted while it was imported may crash where the interpreter takes it down.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(_process.exit_status)
    sys.exit(_process.exit_status)


def ignore_signals_at_exit() -> None:
    """From the end of the program on, ignore signals: all is done, and Python lets go of its handlers before it ends.

    To be called last, since what is registered last is called first.
    """
    atexit.register(_ignore_signals)


def _ignore_signals() -> None:
    for number in _known_signals():
        signal.signal(number, signal.SIG_IGN)


def _end_later(asked: Stop) -> None:
    time.sleep(GRACE_SECONDS)
    if _process is asked:
        os._exit(asked.exit_status)


def _known_signals() -> list[signal.Signals]:
    # What the parent ignores stays ignored: a program under nohup goes on when its terminal closes.
    present = [getattr(signal, name) for name in EXIT_STATUS if hasattr(signal, name)]
    return [number for number in present if signal.getsignal(number) is not signal.SIG_IGN]
