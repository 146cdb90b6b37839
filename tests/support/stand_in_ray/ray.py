"""A stand-in for Ray with one node of two CPUs, whose tasks run in threads of this process."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import Any

CALLS: list[tuple[str, Any]] = []
_pool = concurrent.futures.ThreadPoolExecutor(2)


def init(**asked: Any) -> None:
    CALLS.append(("init", asked))
    if os.environ.get("STAND_IN_RAY") == "gone":
        raise ConnectionError("no such cluster\nat all")


def nodes() -> list[dict[str, Any]]:
    return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]


def remote(**asked: Any) -> Callable[[Callable[..., Any]], Any]:
    CALLS.append(("remote", asked))

    class Remote:
        def __init__(self, function: Callable[..., Any]) -> None:
            self._function = function

        def remote(self, *arguments: Any) -> concurrent.futures.Future[Any]:
            return _pool.submit(self._function, *arguments)

    return Remote


def wait(tasks: Sequence[Any], num_returns: int, timeout: float, fetch_local: bool) -> tuple[list[Any], list[Any]]:
    done, left = concurrent.futures.wait(tasks, timeout)
    return list(done), list(left)


def cancel(task: Any, force: bool) -> None:
    CALLS.append(("cancel", force))
    task.cancel()


def shutdown() -> None:
    CALLS.append(("shutdown", None))
