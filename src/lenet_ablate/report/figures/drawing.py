"""From figures that could be drawn to their bytes: in this process, and in helpers beside it where there are many."""

from __future__ import annotations

import contextlib
import os
import pickle  # nosec B403 # between this process and its own children alone
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from lenet_ablate.rendering.children import package_folders
from lenet_ablate.report.figures.image import MAX_SVG, Image
from lenet_ablate.report.figures.picture import Draw
from lenet_ablate.report.figures.style import figure_files

Key = tuple[str, str]
Watch = Callable[[Iterable[Key]], Iterable[Key]]

SHOWN = ("svg", "png")  # by a page, the first that there is
FIGURES_PER_HELPER, MAX_HELPERS = 8, 3  # a helper takes about a second to start, and 200 MB
COMMAND = ("-P", "-m", "lenet_ablate.report.figures.helper")


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
    waiting = deque(reversed(list(pictures)))
    done: queue.SimpleQueue[tuple[Key, Image | None]] = queue.SimpleQueue()
    count = min(_num_cores() - 1, MAX_HELPERS, len(pictures) // FIGURES_PER_HELPER)
    images: dict[Key, Image] = {}
    with contextlib.ExitStack() as stack:
        content = pickle.dumps((dict(pictures), tuple(formats)), pickle.HIGHEST_PROTOCOL) if count > 0 else b""
        for _ in range(count):
            _start_helper(stack, content, waiting, done)
        for _ in watch(list(pictures)):
            key, image = _next(waiting, done)
            images[key] = image or draw_image(key[1], pictures[key], formats)
    return {key: images[key] for key in pictures}


def _next(waiting: deque[Key], done: queue.SimpleQueue[tuple[Key, Image | None]]) -> tuple[Key, Image | None]:
    """A figure that a helper has drawn or lost, else one that nobody is at."""
    with contextlib.suppress(queue.Empty):
        return done.get_nowait()
    with contextlib.suppress(IndexError):
        return waiting.popleft(), None
    return done.get()


def _start_helper(
    stack: contextlib.ExitStack,
    content: bytes,
    waiting: deque[Key],
    done: queue.SimpleQueue[tuple[Key, Image | None]],
) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(package_folders(sys.path)), "OMP_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return
    stack.callback(_end, process)
    threading.Thread(target=_feed, args=(process, content, waiting, done), daemon=True).start()


def _feed(
    process: subprocess.Popen[bytes],
    content: bytes,
    waiting: deque[Key],
    done: queue.SimpleQueue[tuple[Key, Image | None]],
) -> None:
    """Have a helper draw one waiting figure after the other; ends with the helper."""
    assert process.stdin and process.stdout
    try:
        process.stdin.write(content)
        process.stdin.flush()
        pickle.load(process.stdout)  # nosec B301 # it is ready, so that what waits is not kept waiting for its start
    except Exception:  # a helper that does not come to be
        return
    while True:
        try:
            key = waiting.popleft()
        except IndexError:
            return
        try:
            pickle.dump(key, process.stdin)
            process.stdin.flush()
            image = pickle.load(process.stdout)  # nosec B301
        except Exception:  # the helper is gone
            done.put((key, None))
            return
        done.put((key, image))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError, ValueError):
            stream.close() if stream else None


def _num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
