"""What the copies of one command know of each other: where each begins, and what failed in another one."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

from lenet_ablate.errors import RecordError
from lenet_ablate.records.record import State
from lenet_ablate.records.status import LAUNCH, read_status

T = TypeVar("T")


def own_share_first(entries: Sequence[tuple[int, T]], share: str | None) -> list[T]:
    """A copy's own share, then the others' from a place on that is another one in each copy, so that they seldom meet.

    Args:
        entries: What there is to do, each with its number, which is the same in every copy: of four, the first copy's
            share is 0, 4, 8, …
        share: Place and number of the copies, as `0/4`; None: all of it is this copy's.
    """
    if share is None:
        return [entry for _, entry in entries]
    place, count = map(int, share.split("/"))
    place %= count
    own = [entry for number, entry in entries if number % count == place]
    rest = [entry for number, entry in entries if number % count != place]
    cut = len(rest) * place // count
    return [*own, *rest[cut:], *rest[:cut]]


def this_launch() -> tuple[str, ...]:
    """The launch that this process belongs to, if it belongs to one; see `records.status.LAUNCH`."""
    return tuple(filter(None, [os.environ.get(LAUNCH)]))


def failure_in(launches: Collection[str], folder: Path) -> str:
    """Why a run failed in one of these launches, in one line; empty where it did not."""
    if not launches:
        return ""
    try:
        status = read_status(folder)
    except RecordError:
        return ""
    failed = status.state is State.failed and status.launch in launches
    return (status.error or "no reason is known") if failed else ""
