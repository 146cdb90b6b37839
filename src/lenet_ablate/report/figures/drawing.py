"""From figures that could be drawn to their bytes: in this process, and in helpers beside it where there are many."""

from __future__ import annotations

import contextlib
import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lenet_ablate.records.cores import num_usable_cores
from lenet_ablate.report.figures.image import MAX_SVG, Image
from lenet_ablate.report.figures.picture import Draw
from lenet_ablate.report.figures.style import figure_files

if TYPE_CHECKING:
    from concurrent.futures import Executor

Key = tuple[str, str]
Watch = Callable[[Iterable[Key]], Iterable[Key]]
T = TypeVar("T")

SHOWN = ("svg", "png")  # by a page, the first that there is
FIGURES_PER_HELPER, MAX_HELPERS = 8, 3  # a helper takes about a second to start, and 200 MB
HELPER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}


def draw_image(name: str, draw: Draw, formats: Sequence[str]) -> Image:
    """Draw a figure.

    Args:
        name: Its files' name without ending.
        draw: How it is drawn.
        formats: The kinds of file asked for; of a picture that has none of these, what the page shows is written.
    """
    picture = draw()
    shown = next(kind for kind in SHOWN if kind in picture.kinds)
    kept = tuple(kind for kind in picture.kinds if kind in formats) or (shown,)
    files = figure_files(picture.figure, tuple(dict.fromkeys((shown, *kept))))
    if "png" not in files and len(files[shown]) > MAX_SVG:
        files |= figure_files(picture.figure, ("png",))
    width, height = map(float, picture.figure.get_size_inches())
    return Image(name, picture.title, picture.alt, picture.caption, files, (width, height), kept)


def draw_all(
    pictures: Mapping[Key, Draw], formats: Sequence[str], watch: Watch = lambda keys: keys
) -> dict[Key, Image]:
    """Draw figures side by side; the same bytes whoever draws them.

    A helper that cannot be started, or is lost, costs time alone: what it had is drawn here.

    Args:
        pictures: How to draw each, by whose it is and its name.
        formats: The kinds of file asked for.
        watch: Wraps an iteration over the keys that goes on as figures are done, to show progress.
    """
    # The sheets of all variants come last and take longest: begun first, they are not waited for at the end.
    work = _Work(pictures, formats, deque(reversed(list(pictures))), queue.SimpleQueue())
    images: dict[Key, Image] = {}
    with _helpers(min(num_usable_cores() - 1, MAX_HELPERS, len(pictures) // FIGURES_PER_HELPER)) as start:
        start(work)
        for _ in watch(list(pictures)):
            key, image = _next(work)
            images[key] = image or draw_image(key[1], pictures[key], formats)
    return {key: images[key] for key in pictures}


@dataclass(frozen=True)
class _Work:
    """What is drawn, by this process and its helpers alike.

    Attributes:
        pictures: How to draw each figure.
        formats: The kinds of file asked for.
        waiting: The figures that nobody is at.
        done: What the helpers have drawn; None where one was lost.
    """

    pictures: Mapping[Key, Draw]
    formats: Sequence[str]
    waiting: deque[Key]
    done: queue.SimpleQueue[tuple[Key, Image | None]]


def _next(work: _Work) -> tuple[Key, Image | None]:
    """A figure that a helper has drawn or lost, else one that nobody is at."""
    with contextlib.suppress(queue.Empty):
        return work.done.get_nowait()
    with contextlib.suppress(IndexError):
        return work.waiting.popleft(), None
    return work.done.get()


@contextlib.contextmanager
def _helpers(count: int) -> Iterator[Callable[[_Work], None]]:
    """Processes that draw until this block ends; none where the system has no semaphores or memory for them."""
    pool: Executor | None = None
    if count > 0:
        with contextlib.suppress(ImportError, OSError, NotImplementedError), _safe_path():
            from loky import ProcessPoolExecutor

            pool = ProcessPoolExecutor(max_workers=count, env=HELPER_ENVIRONMENT)

    def start(work: _Work) -> None:
        # Ready first, so that what waits is not kept waiting for a helper's start.
        if pool:
            drawing = partial(_draw_next, pool, work)
            for _ in range(count):
                _then(pool, _make_ready, lambda is_ready: drawing() if is_ready else None)

    try:
        yield start
    finally:
        if pool:
            pool.shutdown(kill_workers=True)  # type: ignore[call-arg]  # loky's own


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Children started within look for no modules in the working folder, which may hold a random.py or the like."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _draw_next(pool: Executor, work: _Work) -> None:
    """Have a helper that is free draw one waiting figure after the other."""
    try:
        key = work.waiting.popleft()
    except IndexError:
        return

    def take(image: Image | None) -> None:
        work.done.put((key, image))
        if image:
            _draw_next(pool, work)

    _then(pool, partial(draw_image, key[1], work.pictures[key], work.formats), take)


def _then(pool: Executor, work: Callable[[], T], take: Callable[[T | None], None]) -> None:
    """Have a helper do something and take its result, or None where it was lost or failed."""
    try:
        future = pool.submit(work)
    except Exception:  # what is wrong with the system is no matter of the figures: they are drawn here
        take(None)
        return
    future.add_done_callback(lambda done: take(None if done.cancelled() or done.exception() else done.result()))


def _make_ready() -> bool:
    from lenet_ablate.rendering.plotting import import_matplotlib

    with Path(os.devnull).open("w") as nowhere:  # whatever a library prints
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    import_matplotlib()
    return True
