"""How fast engines train LeNet-5 on this machine: measured once, and kept with what it depends on."""

from __future__ import annotations

import contextlib
import json
import platform
import time

import numpy as np

from lenet_ablate import __version__
from lenet_ablate.config.home import cache_home
from lenet_ablate.config.plan import make_plan
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.engines.base import Batches, Engine
from lenet_ablate.errors import RecordError
from lenet_ablate.records.atomic import write_bytes
from lenet_ablate.records.files import read_json

FILE = "engines.json"
MEASURING_SECONDS = 0.3
NUM_IMAGES, NUM_TEST, SIDE = 4096, 64, 32


def images_per_second(engine: Engine, num_runs: int) -> float:
    """Images that so many runs of the default network train on in a second, as far as they fit side by side.

    One run is measured, and the others are taken to be as fast: a thread block has a multiprocessor of its own and a
    run on the CPU a core.

    Args:
        engine: What trains them.
        num_runs: At least 1.

    Raises:
        EngineError: The engine cannot train it.
    """
    where = f"{engine.name} on {engine.card or platform.machine()}, {engine.side_by_side} side by side"
    key = f"{where}, {platform.node()}, {__version__}"
    known = _read()
    if key not in known:
        known[key] = _measure(engine)
        _write(known)
    return known[key] * min(num_runs, engine.side_by_side)


def _measure(engine: Engine) -> float:
    """Images per second of one run."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (NUM_IMAGES, SIDE, SIDE), np.uint8)
    labels = random.integers(0, 10, NUM_IMAGES).astype(np.uint8)
    dataset = Dataset(images, labels, images[:NUM_TEST], labels[:NUM_TEST], 0.1307, 0.3081)
    order = np.arange(NUM_IMAGES, dtype=np.int32)
    plan = make_plan(RunConfig(), 60_000, 10_000)
    learner, size = engine.learner(plan, dataset, order, order[:1]), plan.config.batch_size
    steps, begun = 1, time.perf_counter()
    while True:
        batches = Batches(np.resize(order, steps * size), np.full(steps, 1e-3))
        started = time.perf_counter()
        learner.train(batches)
        seconds = time.perf_counter() - started
        # Each round is twice as long as the one before, so the next would end after three times what is spent.
        if 3 * (time.perf_counter() - begun) > MEASURING_SECONDS:
            return steps * size / seconds
        steps *= 2


def _read() -> dict[str, float]:
    try:
        kept = read_json(cache_home(), FILE, 1 << 20, 10_000)
        return {str(key): float(rate) for key, rate in kept.items() if rate > 0}
    except (OSError, RecordError, ValueError, TypeError, AttributeError):
        return {}


def _write(rates: dict[str, float]) -> None:
    with contextlib.suppress(OSError, RecordError):  # it is measured again next time
        cache_home().mkdir(parents=True, exist_ok=True)
        write_bytes(cache_home() / FILE, json.dumps(rates, indent=1).encode(), flush=False)
