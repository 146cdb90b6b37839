"""One progress display for a whole sweep: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time

from tqdm import tqdm

from lenet_ablate.records import State

PLAIN_SECONDS = 30.0


class Progress:
    """Counts images trained on and runs ended; all methods may be called from any thread.

    Args:
        num_images: Images that all runs together will train on.
        num_runs: Runs to train.
    """

    def __init__(self, num_images: int, num_runs: int) -> None:
        self._lock = threading.RLock()
        self._num_runs, self._num_images = num_runs, num_images
        self._ended = dict.fromkeys(State, 0)
        self._images = self._credited = 0
        self._loss = math.nan
        self._started = self._told = time.monotonic()
        self._bar: tqdm[None] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=num_images,
                unit="img",
                unit_scale=True,
                smoothing=0.05,
                dynamic_ncols=True,
                bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left, {rate_fmt}{postfix}",
            )
            self._refresh()

    def advance(self, images: int, loss: float) -> None:
        """A run trained on so many images and its loss is this."""
        with self._lock:
            self._images += images
            self._loss = loss
            if self._bar is not None:
                self._bar.update(images)
                self._refresh()
            elif time.monotonic() - self._told > PLAIN_SECONDS:
                self._told = time.monotonic()
                print(self._plain(), file=sys.stderr, flush=True)

    def credit(self, images: int) -> None:
        """So many images were trained on before; they say nothing of the speed now."""
        with self._lock:
            self._images += images
            self._credited += images
            if self._bar is not None:
                self._bar.initial += images
                self._bar.n += images
                self._bar.last_print_n += images

    def end_run(self, state: State, line: str) -> None:
        """A run ended; `line` is printed above the bar."""
        with self._lock:
            self._ended[state] += 1
            text = f"[{sum(self._ended.values())}/{self._num_runs}] {line}"
            if self._bar is None:
                print(text, flush=True)
            else:
                self._bar.write(text, file=sys.stdout)
                self._refresh()

    def tell(self, line: str) -> None:
        """Print a line without disturbing the bar."""
        with self._lock:
            if self._bar is None:
                print(line, file=sys.stderr, flush=True)
            else:
                self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def _refresh(self) -> None:
        if self._bar is not None:
            self._bar.set_description_str(self._counts(), refresh=False)
            self._bar.set_postfix_str(self._loss_text())

    def _counts(self) -> str:
        done = sum(count for state, count in self._ended.items() if state.is_finished)
        return f"{done}/{self._num_runs} runs done, {self._ended[State.failed]} failed"

    def _loss_text(self) -> str:
        return "" if math.isnan(self._loss) else f"loss {self._loss:.4f}"

    def _plain(self) -> str:
        trained, left = self._images - self._credited, self._num_images - self._images
        seconds = (time.monotonic() - self._started) * left / max(trained, 1)
        share = self._images / self._num_images
        return f"{self._counts()}, {share:.0%}, {self._loss_text()}, about {format_seconds(seconds)} left"


def format_seconds(seconds: float) -> str:
    """A duration for people: `3.2 s`, `4 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
