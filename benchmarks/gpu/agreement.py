"""Greatest norm-wise error of the weights after ten steps against float64 on the CPU; beside it the compiled engine's.

Then as many steps in float64 on the card itself, which rounding cannot excuse: they must be within 1e-9.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import Any

from workbench import distance, finish, learner, make_engine, plan, random_data, size, slice_of, splits

from lenet_ablate.config.choices import Optimizer
from lenet_ablate.config.plan import RunPlan
from lenet_ablate.config.settings import OptimizerConfig
from lenet_ablate.engines.base import Batches
from lenet_ablate.engines.compiled.kernels import load_kernels
from lenet_ablate.engines.compiled.learner import CompiledLearner
from lenet_ablate.engines.cuda.device import Reserve
from lenet_ablate.engines.cuda.driver import CudaDevice
from lenet_ablate.engines.cuda.engine import keep_data
from lenet_ablate.engines.cuda.kind import make_kind
from lenet_ablate.engines.cuda.learner import CudaLearner

RULES = {
    "adam": OptimizerConfig(betas=(0.9, 0.999), eps=1e-8),
    "sgd": OptimizerConfig(name=Optimizer.sgd, momentum=0.9, nesterov=True, weight_decay=1e-4),
}
STEPS, BATCH = 10, 20
EXACT = 1e-9


def on_cpu(run: RunPlan, batches: Batches, number: Any) -> dict[str, Any]:
    """The compiled engine's weights."""
    found = CompiledLearner(load_kernels(number), run, random_data(), *splits(0), number)
    found.train(batches)
    return found.weights()


def compile_exact(device: CudaDevice) -> None:
    """Compile the kinds of float64 while the compiled engine is; what fails is told by who wants it."""
    with contextlib.suppress(Exception):
        for pool, activation in size().kinds:
            device.program(make_kind(plan(pool=pool, activation=activation).config, device.shared_bytes, "float64"))


if __name__ == "__main__":
    engine, device = make_engine(), CudaDevice()
    threading.Thread(target=compile_exact, args=(device,), daemon=True).start()
    reserve, data = Reserve(device), keep_data(random_data(), device)
    ours, theirs, exact, errors = {}, {}, {}, {}
    for (pool, activation), (name, rule) in itertools.product(size().kinds, RULES.items()):
        key = f"{pool.value} {activation.value} {name}"
        run = plan(pool=pool, activation=activation, optimizer=rule, batch_size=BATCH)
        batches = slice_of(run, STEPS)
        wanted = on_cpu(run, batches, "float64")
        theirs[key] = distance(on_cpu(run, batches, "float32"), wanted)
        try:
            mine = learner(engine, run)
            mine.train(batches)
            ours[key] = distance(mine.weights(), wanted)
            double = CudaLearner(reserve, run, random_data(), data, *splits(0), "float64")
            double.train(batches)
            exact[key] = distance(double.weights(), wanted)
        except Exception as error:
            errors[key] = f"{type(error).__name__}: {error}"[:200]
            continue
        # float32 itself may be further away where Adam's first steps are signs
        if not ours[key] <= max(1e-5, 3 * theirs[key]) or not exact[key] <= EXACT:
            errors[key] = f"{ours[key]:.1e} from float64, in float64 {exact[key]:.1e}; compiled {theirs[key]:.1e}"
    greatest = {name: max(of.values(), default=None) for name, of in (("cuda", ours), ("cuda in float64", exact))}
    finish({**greatest, "compiled": max(theirs.values()), "kinds": len(theirs), "errors": errors})
