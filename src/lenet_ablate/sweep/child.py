"""A worker process: trains the runs that it is told to, one after the other, until the sweep that started it is gone.

It reads orders from its standard input and answers on its standard output; see `sweep.wire`. The claim on a run stays
with the sweep. So when the sweep dies, which closes the input, this process ends at once, too.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import traceback
from typing import Any

from lenet_ablate.config.plan import identity
from lenet_ablate.datasets.cache import DatasetCache
from lenet_ablate.datasets.load import data_folder
from lenet_ablate.engines.base import Engine
from lenet_ablate.engines.select import engine_key, make_engine
from lenet_ablate.errors import ConfigError, DataError
from lenet_ablate.rendering.failures import error_line
from lenet_ablate.studies.finished import dataset_of, plan_of
from lenet_ablate.studies.recording import training_place
from lenet_ablate.sweep import wire
from lenet_ablate.sweep.signals import EXIT_STATUS
from lenet_ablate.sweep.trainer import LocalTrainer, Watch, record_failure


class Child:
    """What is kept from run to run.

    Args:
        orders: Descriptor that messages are read from.
        answers: Descriptor that messages are written to.
    """

    def __init__(self, orders: int, answers: int) -> None:
        self._orders, self._answers = orders, answers
        self._waiting: queue.SimpleQueue[wire.Order] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._data: dict[str | None, DatasetCache] = {}
        self._engines: dict[Any, Engine] = {}

    def serve(self) -> None:
        """Train what comes; never returns."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._answer(wire.READY)
        while True:
            self._carry_out(self._waiting.get())

    def _listen(self) -> None:
        try:
            with os.fdopen(self._orders, "rb") as lines:
                for line in lines:
                    kind, content = wire.decode(line)
                    if kind == wire.STOP:
                        self._stop.set()
                    else:
                        self._waiting.put(wire.decode_order(content))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)  # in the middle of a run, too: another sweep may claim it from now on

    def _carry_out(self, order: wire.Order) -> None:
        job, sweep = order.job, order.sweep
        try:
            data = self._data.setdefault(sweep.options.data_dir, DatasetCache(data_folder(sweep.options.data_dir)))
            plan = plan_of(job.config, data)
            dataset_of(job.config, data)
            engine = self._engine(order)
        except BaseException as error:
            record_failure(
                training_place(sweep, job)[0], identity(job.config), error_line(error), traceback.format_exc()
            )
            return self._fail(error, order)
        trainer = LocalTrainer(sweep, data, {engine_key(job.config): engine}, self._stop.is_set, order.run_timeout)
        watch = Watch(
            on_progress=lambda images, loss: self._answer(wire.PROGRESS, [images, loss]),
            on_resume=lambda images: self._answer(wire.RESUMES, images),
            on_epochs=lambda rows: self._answer(wire.EPOCHS, wire.encode_rows(rows)),
            tell=lambda line: self._answer(wire.TELL, line),
        )
        self._answer(wire.STARTS)
        try:
            state = trainer.train(job, plan, watch)
        except BaseException as error:
            return self._fail(error, order)
        self._answer(wire.ENDED, state.value)

    def _engine(self, order: wire.Order) -> Engine:
        key = order.options.engine, order.options.device
        if key not in self._engines:
            self._engines[key] = make_engine(order.options)
        return self._engines[key]

    def _fail(self, error: BaseException, order: wire.Order) -> None:
        can_change = not isinstance(error, (ConfigError, DataError))
        self._answer(wire.FAILED, [error_line(error, order.sweep.folder(order.job)), can_change])

    def _answer(self, kind: str, content: Any = None) -> None:
        left = memoryview(wire.encode(kind, content))
        while left:
            left = left[os.write(self._answers, left) :]


def main() -> None:
    """Serve the sweep at the other end of standard input and output."""
    # A terminal or a scheduler signals every process of a job; the sweep alone decides what follows from it.
    for name in EXIT_STATUS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    orders, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what libraries print is no message
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    Child(orders, answers).serve()


if __name__ == "__main__":
    main()
