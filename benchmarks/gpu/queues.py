"""How many kernels of one thread block the card runs at once, by the time of many beside the time of one.

Three ways, to tell what stands in the way if not all do: as learners do it, each in a thread with its copies and waits
(`learners`); the same kernels without copies, all queued by one thread (`kernels`); and each with an event behind it,
by which learners wait (`events`). A ratio of 1.0 is all at once; CUDA has at most 32 queues to a card, and kernels that
share one may wait for one another.
"""

from __future__ import annotations

import os
import time
from typing import Any

from workbench import finish, learner, make_engine, plan, side_by_side, size, slice_of

from lenet_ablate.engines.base import Learner
from lenet_ablate.engines.cuda.driver import call


class Again:
    """A learner's last launch, to be made again."""

    def __init__(self, made: Learner, batches: Any) -> None:
        self._learner, self._batches, self._launch = made, batches, ()
        self.stream = made._stream
        launch = self.stream.launch
        self.stream.launch = self._note
        self._queue = launch
        made.train(batches)
        self.stream.launch = launch

    def _note(self, *launch: Any) -> None:
        self._launch = launch
        self._queue(*launch)

    def train(self) -> None:
        self._learner.train(self._batches)

    def queue(self) -> None:
        self._queue(*self._launch)

    def record(self) -> None:
        call(self.stream._driver.cuEventRecord, self.stream._event, self.stream._stream)


def seconds(many: list[Again], how: str) -> float:
    """Of one round of all."""
    if how == "learners":
        return side_by_side([each.train for each in many])
    started = time.perf_counter()
    for each in many:
        each.queue()
        if how == "events":
            each.record()
    for each in many:
        each.stream.wait()
    return time.perf_counter() - started


if __name__ == "__main__":
    engine, run = make_engine(), plan(batch_size=64)
    counts = [runs for runs in sorted({1, *size().runs, 32, 64}) if runs <= engine.side_by_side]
    batches = slice_of(run, size().steps)
    many = [Again(learner(engine, run), batches) for _ in range(counts[-1])]
    found: dict[str, Any] = {"connections": os.environ.get("CUDA_DEVICE_MAX_CONNECTIONS")}
    for how in ("learners", "kernels", "events"):
        times = {runs: min(seconds(many[:runs], how) for _ in range(3)) for runs in counts}
        found[f"{how}, ms of 1"] = round(1000 * times[1], 2)
        found[f"{how}, times that of 1"] = {str(runs): round(took / times[1], 2) for runs, took in times.items()}
    finish(found)
