"""Standard output and standard error that take any text, and that no reader's leaving makes fail."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

SPELLING = "lenet-ablate"
"""The error handler that spells a character which an encoding lacks."""
_SPELLINGS = {"±": "+-", "−": "-", "–": "-", "—": "-", "×": "x", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "█": "#"}
_SPELLINGS |= {"²": "^2", "°": " degrees", "’": "'", "‘": "'", "“": '"', "”": '"', "·": ".", "≈": "~", "µ": "u"}


def with_safe_streams(command: Callable[[], int | None]) -> int:
    """Run a command so that no character and no lost reader makes a `print` raise, in whatever thread.

    Returns:
        Its exit status; 1 in place of 0 where standard output took no more for another reason than that its reader
        left, as on a full disk: what it printed would be cut off without a word.

    Raises:
        SystemExit: The command ended so; a text is printed, and the status is then 1.
    """
    _fill_missing()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_safe(stream, number) for number, stream in enumerate(before, 1))
    ended = None
    try:
        try:
            status = command() or 0
        except SystemExit as stop:  # its text is printed here, since the interpreter would do so on the bare stream
            ended, status = stop, _exit_status(stop)
        lost = _lost(sys.stdout)
        if lost is not None and not isinstance(lost, BrokenPipeError):
            print(f"standard output cannot be written: {lost.strerror}", file=sys.stderr)
            status = status or 1
    finally:
        _lost(sys.stderr)
        sys.stdout, sys.stderr = before
    if ended is not None:
        raise SystemExit(status)
    return status


def _fill_missing() -> None:
    """Let standard input, output and error lead nowhere where they are closed, before a file takes their number."""
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)


def _exit_status(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return int(stop.code or 0)
    print(stop.code, file=sys.stderr)
    return 1


def _lost(stream: Any) -> OSError | None:
    """Why a stream takes no more, once all of it is written; None where it does, and where nobody knows."""
    stream.flush()
    return getattr(getattr(stream, "buffer", None), "lost", None)


def _safe(stream: Any, number: int) -> Any:
    """The stream itself where it is nobody's but a test's or notebook's; in place of one that is closed, the void."""
    if stream is None or stream.closed:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if stream is not (sys.__stdout__, sys.__stderr__)[number - 1]:
        stream.reconfigure(errors=SPELLING)
        return stream
    stream.flush()
    return io.TextIOWrapper(
        _Forgiving(getattr(stream.buffer, "raw", stream.buffer)),
        stream.encoding,
        SPELLING,
        None,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Forgiving(io.BufferedWriter):
    """Writes until that fails; what comes then is dropped."""

    def __init__(self, raw: Any) -> None:
        self._forgiving = _ForgivingRaw(raw)
        super().__init__(self._forgiving)

    @property
    def lost(self) -> OSError | None:
        """Why writing failed; None while it has not."""
        return self._forgiving.lost


class _ForgivingRaw(io.RawIOBase):
    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.lost: OSError | None = None

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            while self.lost is None:
                written: int | None = self._raw.write(data)
                if written is not None:
                    return written
                select.select([], [self._raw], [])  # another program that shares the terminal made it non-blocking
        except OSError as error:
            self.lost = error
        return len(data)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SPELLINGS.get(char) or _escaped(char) for char in lacking), error.end


def _escaped(char: str) -> str:
    # A byte that is no Unicode, in a file name or an argument, is told from a letter that is only lacking here.
    return f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else "?"


codecs.register_error(SPELLING, _spell)
