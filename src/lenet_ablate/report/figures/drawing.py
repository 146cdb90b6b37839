"""From figures that could be drawn to their bytes: in this process, and in helpers beside it where there are many."""

from __future__ import annotations

import contextlib
import queue
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lenet_ablate.report.figures.image import MAX_SVG, Image, few_colours
from lenet_ablate.report.figures.picture import Draw
from lenet_ablate.report.figures.processes import NONE, Helpers, then, when_done
from lenet_ablate.report.figures.style import figure_files

if TYPE_CHECKING:
    from concurrent.futures import Executor

Key = tuple[str, str]
Watch = Callable[[Iterable[Key]], Iterable[Key]]

SHOWN = ("svg", "png")  # by a page, the first that there is


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
        files["png"] = few_colours(figure_files(picture.figure, ("png",))["png"])
    narrow = figure_files(picture.narrow, ("svg",))["svg"] if picture.narrow else b""
    width, height = map(float, picture.figure.get_size_inches())
    return Image(name, picture.title, picture.alt, picture.caption, files, (width, height), kept, narrow)


def draw_all(
    pictures: Mapping[Key, Draw],
    formats: Sequence[str],
    watch: Watch = lambda keys: keys,
    helpers: Helpers = NONE,
) -> dict[Key, Image]:
    """Draw figures side by side; the same bytes whoever draws them.

    A helper that is lost costs time alone: what it had is drawn here.

    Args:
        pictures: How to draw each, by whose it is and its name.
        formats: The kinds of file asked for.
        watch: Wraps an iteration over the keys that goes on as figures are done, to show progress.
        helpers: Who draws beside this process.
    """
    # The sheets of all variants come last and take longest: begun first, they are not waited for at the end.
    work = _Work(pictures, formats, deque(reversed(list(pictures))), queue.SimpleQueue())
    images: dict[Key, Image] = {}
    for ready in helpers.ready:
        when_done(ready, partial(_begin, helpers, work))
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


def _begin(helpers: Helpers, work: _Work, is_ready: bool | None) -> None:
    if helpers.pool and is_ready:
        _draw_next(helpers.pool, work)


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

    then(pool, partial(draw_image, key[1], work.pictures[key], work.formats), take)
