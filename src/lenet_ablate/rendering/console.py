"""Printing that costs nothing but the line: no stream that is closed, full or cannot spell a character ends a run."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


def say(line: str, stream: TextIO | None = None, end: str = "\n") -> None:
    """Print a line at once to standard output or another stream; may be called from any thread and never raises.

    Characters that the stream cannot spell become question marks. A stream that fails is given up: what is printed
    to it later goes nowhere.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:  # a process without standard output
        return
    try:
        try:
            print(line, file=stream, end=end, flush=True)
        except UnicodeError:  # a stream that no command has made safe
            print(_spelled(line, stream), file=stream, end=end, flush=True)
    except (OSError, ValueError):  # the reader left, the disk behind it is full, the stream is closed
        _silence(stream)


def warn(line: str) -> None:
    """Print a line to standard error; see `say`."""
    say(line, sys.stderr)


def _spelled(line: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None) or "ascii"
    with contextlib.suppress(LookupError):
        return line.encode(encoding, "replace").decode(encoding)
    return line.encode("ascii", "replace").decode()


def _silence(stream: TextIO) -> None:
    # Python flushes once more at exit and would complain then.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
