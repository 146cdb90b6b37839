"""Images per second of training: many runs on the card, and beside them one of torch there and compiled on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from workbench import finish, learner, make_engine, plan, random_data, side_by_side, size, slice_of

from lenet_ablate.engines.base import Engine, Split

SLICE_IMAGES = 2048


def rate(engine: Engine, runs: int, batch_size: int) -> float:
    """Images per second of so many runs at once, after two rounds that do not count."""
    plans = [plan(batch_size=batch_size, seed=seed) for seed in range(runs)]
    learners = [learner(engine, each) for each in plans]
    one = slice_of(plans[0], max(1, min(SLICE_IMAGES, size().images) // batch_size))
    took = min(side_by_side([lambda each=each: each.train(one) for each in learners]) for _ in range(2))
    repeats = max(1, int(size().seconds / took))
    took = side_by_side([lambda each=each: [each.train(one) for _ in range(repeats)] for each in learners])
    return runs * repeats * len(one.indices) / took


def evaluation_rate(engine: Engine) -> float:
    """Images per second of judging, one run after another has begun."""
    judged = learner(engine, plan())
    judged.evaluate(Split.test)
    started = time.perf_counter()
    judged.evaluate(Split.test)
    return len(random_data().test_labels) / (time.perf_counter() - started)


def compiled() -> Engine:
    from lenet_ablate.engines.compiled.engine import CompiledEngine

    return CompiledEngine()


def torch() -> Engine:
    from lenet_ablate.engines.pytorch.engine import TorchEngine

    return TorchEngine("cuda")


if __name__ == "__main__":
    found, errors = dict[str, Any](), dict[str, str]()
    cuda = make_engine()

    def note(name: str, work: Callable[[], float]) -> None:
        """Measure; what fails leaves the others."""
        try:
            found[name] = round(work())
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"[:200]

    for batch_size in size().batch_sizes:
        for runs in size().runs:
            if runs <= cuda.side_by_side:
                note(f"cuda, batch {batch_size}, {runs}", lambda runs=runs, b=batch_size: rate(cuda, runs, b))
    note("cuda, evaluation, 1", lambda: evaluation_rate(cuda))
    for batch_size in size().batch_sizes:
        note(f"torch on cuda, batch {batch_size}, 1", lambda b=batch_size: rate(torch(), 1, b))
    for batch_size in size().batch_sizes:
        note(
            f"compiled, batch {batch_size}, every core",
            lambda b=batch_size: rate(compiled(), compiled().side_by_side, b),
        )
    finish({**found, "errors": errors})
