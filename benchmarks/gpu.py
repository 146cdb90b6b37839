"""Checks the cuda engine on this machine's GPU and measures it: one command, under eight minutes, one JSON line.

usage: python benchmarks/gpu.py [--quick]

In this order: what the card and the compiled kernels are; whether the kernel agrees with float64 on the CPU; images per
second of 1, 8, 36, 108 and 128 runs at once, of torch on the card and of the compiled engine on the CPU; a sweep of 108
runs from the command line, 30 epochs of MNIST; a sweep that is killed and resumed, which must end with the same bytes;
and Compute Sanitizer, where it is installed. Reads the real MNIST from $LENET_ABLATE_DATA (else data/); without it,
random bytes of the same shape. What fails is named in `errors`; then the exit status is 1. Without a GPU it is 2.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lenet_ablate.config.choices import Activation, Optimizer, Pool
from lenet_ablate.config.plan import RunPlan, make_plan
from lenet_ablate.config.settings import OptimizerConfig, RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.datasets.splits import epoch_order, split
from lenet_ablate.engines.base import Batches, Engine, Learner, Split
from lenet_ablate.engines.select import num_cuda_devices
from lenet_ablate.errors import LenetAblateError

SECONDS = 450  # nothing new is begun afterwards
NUM_IMAGES, NUM_TEST, NUM_VAL, SIDE = 60_000, 10_000, 5_000, 32
ADAM = OptimizerConfig(betas=(0.9, 0.999), eps=1e-8)
SGD = OptimizerConfig(name=Optimizer.sgd, momentum=0.9, nesterov=True, weight_decay=1e-4)
GRID = [
    "pool=max,avg",
    "activation=relu,tanh,sigmoid",
    "lr=0.01,0.001,step",
    "optimizer=adam,sgd",
    "batch_size=32,64,128",
]
RATES = (1, 8, 36, 108, 128)


def random_data() -> Dataset:
    """Bytes of MNIST's shape whose classes can be learned: a bright row tells them."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, NUM_IMAGES).astype(np.uint8)
    images = random.integers(0, 128, (NUM_IMAGES, SIDE, SIDE), np.uint8)
    images[np.arange(NUM_IMAGES), 2 + 3 * labels.astype(int)] += 100
    return Dataset(images, labels, images[:NUM_TEST], labels[:NUM_TEST], 0.1307, 0.3081)


class Bench:
    """The parts and what they found.

    Args:
        engine: The cuda engine.
        quick: Whether a tenth of everything is enough.
    """

    def __init__(self, engine: Engine, quick: bool) -> None:
        self.engine, self.quick, self.data = engine, quick, random_data()
        self.found: dict[str, Any] = {"card": engine.card, "side_by_side": engine.side_by_side, "quick": quick}
        self.errors: dict[str, str] = {}
        self._ends = time.monotonic() + SECONDS

    def part(self, name: str, work: Callable[[], Any]) -> None:
        if time.monotonic() > self._ends:
            self.errors[name] = "no time left"
            return
        started = time.monotonic()
        try:
            self.found[name] = work()
            print(f"{name}, {time.monotonic() - started:.1f} s: {self.found[name]}", file=sys.stderr, flush=True)
        except Exception as error:
            self.errors[name] = f"{type(error).__name__}: {error}"[:300]
            traceback.print_exc(file=sys.stderr)

    def plan(self, **settings: Any) -> RunPlan:
        return make_plan(RunConfig(**settings), NUM_IMAGES, NUM_TEST)

    def learner(self, engine: Engine, plan: RunPlan) -> Learner:
        return engine.learner(plan, self.data, *split(NUM_IMAGES, NUM_VAL, plan.config.seed))

    def slice(self, plan: RunPlan, steps: int) -> Batches:
        order = epoch_order(split(NUM_IMAGES, NUM_VAL, plan.config.seed)[0], plan.config.seed, 0)
        return Batches(np.resize(order, steps * plan.config.batch_size), np.full(steps, 1e-3))


def machine(bench: Bench) -> dict[str, Any]:
    """What it runs on, and registers and spills as the driver has them."""
    from lenet_ablate.engines.cuda.driver import CudaDevice, call
    from lenet_ablate.engines.cuda.kind import make_kind

    device = CudaDevice()
    found: dict[str, Any] = {"python": platform.python_version(), "processor": platform.processor()}
    found |= {"multiprocessors": device.multiprocessors, "shared_bytes": device.shared_bytes}
    for pool, activation in itertools.product(Pool, Activation):
        kind = make_kind(RunConfig(pool=pool, activation=activation), device.shared_bytes)
        started = time.perf_counter()
        program = device.program(kind)
        seconds = time.perf_counter() - started
        attribute = device._driver.CUfunction_attribute
        registers, spilled = (
            call(device._driver.cuFuncGetAttribute, which, program["train_run"])
            for which in (attribute.CU_FUNC_ATTRIBUTE_NUM_REGS, attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)
        )
        found[f"{pool.value} {activation.value}"] = {
            **{"registers": registers, "local_bytes": spilled, "images": kind.images, "compile_seconds": seconds}
        }
    return found


def agreement(bench: Bench) -> dict[str, float]:
    """Greatest norm-wise error of the weights after ten steps against float64 on the CPU; beside it the compiled's."""
    from lenet_ablate.engines.compiled.kernels import load_kernels
    from lenet_ablate.engines.compiled.learner import CompiledLearner

    ours, theirs = {}, {}
    for pool, activation, (name, rule) in itertools.product(Pool, Activation, {"adam": ADAM, "sgd": SGD}.items()):
        plan = bench.plan(pool=pool, activation=activation, optimizer=rule, batch_size=20)
        batches, weights = bench.slice(plan, 10), {}
        parts = bench.data, *split(NUM_IMAGES, NUM_VAL, 0)
        for kind in ("float64", "float32"):
            learner = CompiledLearner(load_kernels(kind), plan, *parts, kind)
            learner.train(batches)
            weights[kind] = learner.weights()
        mine = bench.learner(bench.engine, plan)
        mine.train(batches)
        key = f"{pool.value} {activation.value} {name}"
        ours[key] = distance(mine.weights(), weights["float64"])
        theirs[key] = distance(weights["float32"], weights["float64"])
    for key, error in ours.items():
        if error > max(1e-5, 3 * theirs[key]):  # float32 itself may be further away where Adam's first steps are signs
            raise AssertionError(f"{key}: {error:.1e} from float64, compiled {theirs[key]:.1e}")
    return {"cuda": max(ours.values()), "compiled": max(theirs.values())}


def distance(found: dict[str, Any], wanted: dict[str, Any]) -> float:
    """Greatest norm-wise error of any layer."""
    return max(float(np.linalg.norm(found[name] - wanted[name]) / np.linalg.norm(wanted[name])) for name in wanted)


def company(bench: Bench) -> str:
    """A run's bits must not depend on those beside it, and a run that diverges must not harm them."""
    plan = bench.plan()
    batches = bench.slice(plan, 50)
    alone = bench.learner(bench.engine, plan)
    alone.train(batches)
    many = [bench.learner(bench.engine, plan) for _ in range(min(16, bench.engine.side_by_side))]
    wild = dataclasses.replace(batches, learning_rates=np.full(50, 1e30))
    side_by_side([lambda each=each, i=i: each.train(wild if i % 4 == 3 else batches) for i, each in enumerate(many)])
    for number, learner in enumerate(many):
        is_same = distance(learner.weights(), alone.weights()) == 0.0
        if is_same != (number % 4 != 3):
            raise AssertionError(f"run {number} of {len(many)} is {'not ' * (not is_same)}the same as alone")
    return "the same bits"


def side_by_side(work: list[Callable[[], Any]]) -> float:
    """Seconds of all, each in a thread."""
    errors: list[BaseException] = []

    def guarded(task: Callable[[], Any]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in work]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started


def rate(bench: Bench, engine: Engine, runs: int, batch_size: int) -> float:
    """Images per second of so many runs at once, over about two seconds after a first slice."""
    plans = [bench.plan(batch_size=batch_size, seed=seed) for seed in range(runs)]
    learners = [bench.learner(engine, plan) for plan in plans]
    one = bench.slice(plans[0], max(1, 2048 // batch_size))
    seconds = side_by_side([lambda each=each: each.train(one) for each in learners])
    seconds = min(seconds, side_by_side([lambda each=each: each.train(one) for each in learners]))
    repeats = max(1, int((0.2 if bench.quick else 2.0) / seconds))
    took = side_by_side([lambda each=each: [each.train(one) for _ in range(repeats)] for each in learners])
    return runs * repeats * len(one.indices) / took


def rates(bench: Bench) -> dict[str, float]:
    """By engine, batch size and number of runs."""
    from lenet_ablate.engines.compiled.engine import CompiledEngine
    from lenet_ablate.engines.pytorch.engine import TorchEngine

    found = {}
    for batch_size in (64,) if bench.quick else (32, 64, 128):
        for runs in RATES:
            if runs <= bench.engine.side_by_side:
                found[f"cuda, batch {batch_size}, {runs}"] = rate(bench, bench.engine, runs, batch_size)
        compiled = CompiledEngine()
        found[f"compiled, batch {batch_size}, {compiled.side_by_side}"] = rate(
            bench, compiled, compiled.side_by_side, batch_size
        )
        found[f"torch on cuda, batch {batch_size}, 1"] = rate(bench, TorchEngine("cuda"), 1, batch_size)
    learner, started = bench.learner(bench.engine, bench.plan()), time.perf_counter()
    learner.evaluate(Split.test)
    found["evaluation, images/s of 1"] = NUM_TEST / (time.perf_counter() - started)
    return {key: round(value) for key, value in found.items()}


def data_words(folder: Path) -> list[str]:
    """Settings of the real MNIST where it is, else of bytes of its shape, which are written."""
    if (Path(os.environ.get("LENET_ABLATE_DATA") or "data") / "MNIST/raw").is_dir():
        return ["data=mnist"]
    path, data = folder / "random.npz", random_data()
    cut = slice(2, -2)
    images = {"x_train": data.train_images[:, cut, cut], "x_test": data.test_images[:, cut, cut]}
    np.savez(path, y_train=data.train_labels, y_test=data.test_labels, **images)
    return ["data=npz", f"data.path={path}"]


def command(words: list[str], folder: Path, study: str) -> list[str]:
    return [
        *(sys.executable, "-m", "lenet_ablate", "-m", "engine=cuda"),
        *words,
        f"output_dir={folder}",
        f"study={study}",
    ]


def sweep(bench: Bench) -> dict[str, float]:
    """The grid of 108 runs end to end, and what of it is not on the card: the same sweep of one epoch."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        words, found = [*GRID, *data_words(folder)], {}
        for epochs in (1,) if bench.quick else (1, 30):
            started = time.perf_counter()
            subprocess.run(command([*words, f"epochs={epochs}"], folder, f"e{epochs}"), check=True, stdout=sys.stderr)
            found[f"{epochs} epochs, s"] = time.perf_counter() - started
        results = [json.loads(path.read_text()) for path in folder.glob(f"e{epochs}/*/result.json")]
        found["runs"] = len(results)
        found["best test accuracy"] = max(result["final"]["test_accuracy"] or 0.0 for result in results)
        return found


def kill_and_resume(bench: Bench) -> str:
    """A sweep that gets SIGKILL, then SIGINT, then its end: the same weights as one that was left alone."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        words = [*data_words(folder), "seed=range(4)", "epochs=6"]
        subprocess.run(command(words, folder, "whole"), check=True, stdout=sys.stderr)
        for which, seconds in ((signal.SIGKILL, 8), (signal.SIGINT, 8)):
            with subprocess.Popen(command(words, folder, "pieces"), stdout=sys.stderr) as process:
                time.sleep(seconds)
                process.send_signal(which)
                process.wait(timeout=60)
        subprocess.run(command(words, folder, "pieces"), check=True, stdout=sys.stderr)
        for path in (folder / "whole").glob("*/model.safetensors"):
            if path.read_bytes() != (folder / "pieces" / path.parent.name / path.name).read_bytes():
                raise AssertionError(f"{path.parent.name}: other weights than without a stop")
    return "the same bytes"


def sanitize() -> str:
    """Compute Sanitizer on a few steps: memory that is not its own, races in shared memory."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return "not installed"
    told = []
    for which in ("memcheck", "racecheck"):
        words = [tool, "--tool", which, "--error-exitcode", "7", sys.executable, __file__, "--few-steps"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"{which}: {done.stdout[-300:]}")
        told.append(which)
    return f"nothing found by {' and '.join(told)}"


def few_steps(engine: Engine) -> None:
    """What Compute Sanitizer looks at."""
    bench = Bench(engine, quick=True)
    plan = bench.plan(batch_size=20)
    learner = bench.learner(engine, plan)
    learner.train(bench.slice(plan, 2))
    learner.weights()


def main() -> int:
    """Measure, and print the JSON line."""
    if not num_cuda_devices():
        print("benchmarks/gpu.py: this machine shows no CUDA device, so nothing is measured")
        return 2
    from lenet_ablate.engines.cuda.engine import CudaEngine

    try:
        engine = CudaEngine()
    except LenetAblateError as error:
        print(json.dumps({"errors": {"engine": str(error)}}))
        return 1
    if "--few-steps" in sys.argv[1:]:
        few_steps(engine)
        return 0
    bench = Bench(engine, "--quick" in sys.argv[1:])
    bench.part("machine", lambda: machine(bench))
    bench.part("error to float64", lambda: agreement(bench))
    bench.part("company", lambda: company(bench))
    bench.part("images per second", lambda: rates(bench))
    bench.part("sweep", lambda: sweep(bench))
    bench.part("kill and resume", lambda: kill_and_resume(bench))
    bench.part("Compute Sanitizer", sanitize)
    print(json.dumps({**bench.found, "errors": bench.errors}))
    return 1 if bench.errors else 0


if __name__ == "__main__":
    sys.exit(main())
