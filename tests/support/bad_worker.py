"""A worker process in which runs with certain seeds do what no run should; the others train as ever."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from typing import Any

from lenet_ablate.records.record import State
from lenet_ablate.sweep import child, trainer

SEGFAULT, ABORT, KILLED, EXIT, SYSTEM_EXIT, MEMORY, DEEP, HANG, SLOW, ONCE = range(1, 11)
"""Seeds, and what they stand for."""

_train_run = trainer.train_run


def _do_bad(seed: int, folder: Any) -> None:
    marker = folder.parent / f"tried-{seed}"
    if seed == ONCE and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    deeds = {
        SEGFAULT: lambda: os.kill(os.getpid(), signal.SIGSEGV),
        ABORT: os.abort,
        KILLED: lambda: os.kill(os.getpid(), signal.SIGKILL),
        EXIT: lambda: os._exit(7),
        SYSTEM_EXIT: lambda: sys.exit(3),
        MEMORY: lambda: bytearray(2**62),
        DEEP: _deep,
        HANG: lambda: time.sleep(1000),
        SLOW: lambda: time.sleep(0.2),
    }
    if seed in deeds:
        deeds[seed]()


def _deep() -> None:
    _deep()


def train_run(plan: Any, dataset: Any, engine: Any, context: Any) -> State:
    def on_progress(images: int, loss: float) -> None:
        context.on_progress(images, loss)
        _do_bad(plan.config.seed, context.folder)

    return _train_run(plan, dataset, engine, dataclasses.replace(context, on_progress=on_progress))


if __name__ == "__main__":
    trainer.train_run = train_run
    child.main()
