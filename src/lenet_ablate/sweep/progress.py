"""One progress display for a whole sweep: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self, TextIO

from tqdm import tqdm

from lenet_ablate.records.record import State
from lenet_ablate.rendering.console import say

PLAIN_SECONDS = 30.0
DRAW_SECONDS = 0.1
"""Between two pictures of the bar: a hundred runs side by side tell of hundreds of slices in a second."""


class Progress:
    """Counts images trained on and runs ended; all methods may be called from any thread.

    Args:
        num_images: Images that all runs together will train on.
        num_runs: Runs to train.
        bar: Makes a bar that is shown wherever that may be; None: tqdm's, on a terminal.
    """

    def __init__(self, num_images: int, num_runs: int, bar: Callable[..., tqdm[None]] | None = None) -> None:
        self._lock = threading.RLock()
        self._num_runs, self._num_images = num_runs, num_images
        self._ended = dict.fromkeys(State, 0)
        self._images = self._credited = self._undrawn = 0
        self._loss = math.nan
        self._started = self._told = self._drawn = time.monotonic()
        self._columns = 0
        self._bar: tqdm[None] | None = None
        if bar or (sys.stderr is not None and sys.stderr.isatty()):
            self._bar = (bar or tqdm)(
                total=num_images,
                unit="img",
                unit_scale=True,
                smoothing=0.05,
                dynamic_ncols=True,
            )
            self._refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock, self._forgiving():
            if self._bar is not None:
                self._bar.n += self._undrawn
                self._bar.close()

    def advance(self, images: int, loss: float) -> None:
        """A run trained on so many images and its loss is this."""
        with self._lock, self._forgiving():
            self._images += images
            self._loss = loss
            if self._bar is not None:
                self._undrawn += images
                if time.monotonic() - self._drawn > DRAW_SECONDS:
                    self._refresh()
            elif time.monotonic() - self._told > PLAIN_SECONDS:
                self._told = time.monotonic()
                say(self._plain(), sys.stderr)

    def credit(self, images: int) -> None:
        """So many images need no training, or no more; they say nothing of the speed."""
        with self._lock:
            self._images += images
            self._credited += images
            if self._bar is not None:
                self._bar.initial += images
                self._bar.n += images
                self._bar.last_print_n += images

    def end_run(self, state: State, line: str) -> None:
        """A run ended; `line`, if there is one, is printed above the bar."""
        with self._lock:
            self._ended[state] += 1
            if line:
                self._above_bar(f"[{sum(self._ended.values())}/{self._num_runs}] {line}", sys.stdout)
            else:
                self._refresh()

    def tell(self, line: str) -> None:
        """Print a line without disturbing the bar."""
        with self._lock:
            self._above_bar(line, sys.stderr)

    def _above_bar(self, line: str, stream: TextIO) -> None:
        if self._bar is None:
            say(line, stream)
            return
        with self._forgiving():
            self._bar.clear()
            say(line, stream)
            self._refresh()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # the terminal was closed, or cannot spell what is drawn
            self._bar = None

    def _refresh(self) -> None:
        if self._bar is not None:
            self._fit()
            self._bar.bar_format, counts = layout(self._columns, self._done, self._num_runs, self._ended[State.failed])
            self._bar.set_description_str(counts, refresh=False)
            self._bar.set_postfix_str(self._loss_text(), refresh=False)
            images, self._undrawn, self._drawn = self._undrawn, 0, time.monotonic()
            if not self._bar.update(images):  # which draws now and then, and says so
                self._bar.refresh()

    def _fit(self) -> None:
        """Take note of the terminal's size; what a wider line has been wrapped to is cleared in its last row alone."""
        assert self._bar is not None
        columns = _columns(self._bar.fp)
        if columns < self._columns:
            self._bar.fp.write("\r\x1b[J")
            self._bar.sp = self._bar.status_printer(self._bar.fp)  # the old one pads to the old width
        self._columns = columns

    @property
    def _done(self) -> int:
        return sum(count for state, count in self._ended.items() if state.is_finished)

    def _counts(self) -> str:
        return f"{self._done}/{self._num_runs} runs done, {self._ended[State.failed]} failed"

    def _loss_text(self) -> str:
        return "" if math.isnan(self._loss) else f"loss {self._loss:.4f}"

    def _plain(self) -> str:
        trained, left = self._images - self._credited, self._num_images - self._images
        seconds = (time.monotonic() - self._started) * left / max(trained, 1)
        share = self._images / self._num_images
        return f"{self._counts()}, {share:.0%}, {self._loss_text()}, about {format_seconds(seconds)} left"


def layout(columns: int, done: int, num_runs: int, failed: int) -> tuple[str, str]:
    """What a bar has room for: tqdm's format of it, and the text in front of it.

    Args:
        columns: Of the terminal.
        done: Runs with a result.
        num_runs: Runs to train.
        failed: Runs that failed.
    """
    trouble = f", {failed} failed" if failed else ""
    if columns >= 100:
        return "{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left, {rate_fmt}{postfix}", (
            f"{done}/{num_runs} runs done, {failed} failed"
        )
    if columns >= 76:
        return (
            "{desc} {percentage:3.0f}%|{bar}| {remaining} left, {rate_fmt}{postfix}",
            f"{done}/{num_runs} runs{trouble}",
        )
    if columns >= 56:
        return "{desc} {percentage:3.0f}%|{bar}| {remaining} left{postfix}", f"{done}/{num_runs} runs{trouble}"
    return "{desc} {percentage:3.0f}% {remaining}{postfix}", f"{done}/{num_runs}{trouble}"


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def format_seconds(seconds: float) -> str:
    """A duration for people: `3.2 s`, `4 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
