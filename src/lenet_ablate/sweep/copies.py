"""What the copies of one command know of each other: what failed in another one."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from lenet_ablate.errors import RecordError
from lenet_ablate.records.record import State
from lenet_ablate.records.status import LAUNCH, read_status


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
