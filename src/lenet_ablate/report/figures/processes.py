"""Processes beside this one that draw; none where the system has no semaphores or memory for them."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lenet_ablate.records.cores import num_usable_cores

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

T = TypeVar("T")

FIGURES_PER_HELPER, MAX_HELPERS = 8, 3  # a helper takes about a second to start, and 200 MB
# Figures of a large report take more memory than loky allows a process before it restarts it, with a warning.
HELPER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1", "LOKY_MAX_MEMORY_LEAK_SIZE": "1e9"}
SELDOM = (20_000, 20, 20)  # a twentieth of the time less than at Python's 700, for 50 MB


@dataclass(frozen=True)
class Helpers:
    """Processes that are being made ready.

    Attributes:
        pool: Where they take work from; None where there are none.
        ready: Whether each is ready.
    """

    pool: Executor | None = None
    ready: tuple[Future[bool], ...] = ()


NONE = Helpers()


@contextlib.contextmanager
def started(num_figures: int) -> Iterator[Helpers]:
    """Helpers for so many figures, until this block ends; it goes on at once, while they become ready."""
    count = min(num_usable_cores() - 1, MAX_HELPERS, num_figures // FIGURES_PER_HELPER)
    if count <= 0:
        yield NONE
        return
    pool: Executor | None = None
    with contextlib.suppress(ImportError, OSError, NotImplementedError), _safe_path():
        from loky import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=count, env=HELPER_ENVIRONMENT)
    try:
        yield Helpers(pool, tuple(_make_all_ready(pool, count)) if pool else ())
    finally:
        if pool:
            pool.shutdown(kill_workers=True)  # type: ignore[call-arg]  # loky's own


def then(pool: Executor, work: Callable[[], T], take: Callable[[T | None], None]) -> None:
    """Have a helper do something and take its result, or None where it was lost or failed."""
    try:
        future = pool.submit(work)
    except Exception:  # what is wrong with the system is no matter of the figures: they are drawn here
        take(None)
        return
    when_done(future, take)


def when_done(future: Future[T], take: Callable[[T | None], None]) -> None:
    """Take what a helper has made, or None where it was lost or failed."""
    future.add_done_callback(lambda done: take(None if done.cancelled() or done.exception() else done.result()))


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for rings of unused objects, which figures are full of, less often than Python does."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _make_all_ready(pool: Executor, count: int) -> Iterator[Future[bool]]:
    with contextlib.suppress(Exception):  # as above
        for _ in range(count):
            yield pool.submit(_make_ready)


def _make_ready() -> bool:
    with Path(os.devnull).open("w") as nowhere:  # whatever a library prints
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    gc.set_threshold(*SELDOM)
    from lenet_ablate.rendering.plotting import import_matplotlib

    import_matplotlib()
    import lenet_ablate.report.figures.gallery  # noqa: F401

    return True


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
