"""What a report is at, shown where it takes long and someone is there to see it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

AFTER_SECONDS = 2

_T = TypeVar("_T")


def watch(items: Iterable[_T], what: str, unit: str) -> Iterable[_T]:
    """The items, with a progress bar in a terminal after two seconds."""
    from tqdm import tqdm

    bar: Iterable[_T] = tqdm(items, desc=what, unit=unit, delay=AFTER_SECONDS, leave=False, disable=None)
    return bar


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say in a terminal what takes more than two seconds, and wipe it out again when it is done."""
    if not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(AFTER_SECONDS, _show, [f"{what} …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        _show("")


def _show(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # who is not there to see it misses nothing
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
