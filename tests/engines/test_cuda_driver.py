"""`driver.py` and cuda-bindings with a driver that is the CPU (`support/fake_cuda.cpp`), in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.block_on_cpu import build

SUPPORT = Path(__file__).parents[1] / "support"

TRAINS = """
import ctypes, gc, json, threading, time
import numpy as np
from engines.test_compiled import batches_of
from engines.test_cuda import start
from lenet_ablate.datasets.splits import split
from lenet_ablate.engines.base import Split
from lenet_ablate.engines.cuda import driver
from lenet_ablate.engines.cuda.engine import CudaEngine
from support.block_on_cpu import SIZES, build
from support.tiny import NUM_IMAGES, NUM_VAL, tiny_dataset, tiny_plan

# In place of machine code the path of the same source as C++.
driver.load_or_build = lambda kind, capability, about: str(build(kind.source + SIZES)).encode() + b"\\0"
fake = ctypes.CDLL("libcuda.so.1")
engine, plan = CudaEngine(), tiny_plan(lr=0.003)
found = {"card": engine.card, "side_by_side": engine.side_by_side}
batches = batches_of(plan, 3)
mine = engine.learner(plan, tiny_dataset(), *split(NUM_IMAGES, NUM_VAL, 0))
other = start(plan)
found["losses"] = np.array_equal(mine.train(batches), other.train(batches))
found["judged"] = mine.evaluate(Split.val).loss == other.evaluate(Split.val).loss
state = mine.state()
found["state"] = all(np.array_equal(array, state[name]) for name, array in other.state().items())
second = engine.learner(plan, tiny_dataset(), *split(NUM_IMAGES, NUM_VAL, 0))
second.load_state(state)
found["resumed"] = np.array_equal(second.train(batches), mine.train(batches))
errors = []
def work():
    try:
        learner = engine.learner(plan, tiny_dataset(), *split(NUM_IMAGES, NUM_VAL, 0))
        learner.train(batches)
        learner.evaluate(Split.val)
    except BaseException as error:
        errors.append(repr(error))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
found["errors"] = errors
held = fake.fake_cuda_left()
del mine, second, threads
gc.collect()
found["lent on"] = fake.fake_cuda_left() == held
del engine
gc.collect()
found["left"] = fake.fake_cuda_left()
print(json.dumps(found))
"""

WAITS = """
import threading, time
from lenet_ablate.engines.cuda.driver import CudaDevice
device = CudaDevice()
stream, turns = device.open_stream(), 0
work = threading.Thread(target=stream.wait)
work.start()
while work.is_alive():
    time.sleep(0.005)
    turns += 1
print(turns)
"""


@pytest.fixture
def fake_driver(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that finds it."""
    pytest.importorskip("cuda.bindings.driver", reason="needs cuda-bindings")
    library = build((SUPPORT / "fake_cuda.cpp").read_text(encoding="utf-8"), "-ldl")
    (tmp_path / "libcuda.so.1").symlink_to(library)
    paths = [str(tmp_path), os.environ.get("LD_LIBRARY_PATH", "")]
    found = {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, paths))}
    return {**found, "PYTHONPATH": os.pathsep.join([str(SUPPORT.parent), *filter(None, sys.path)])}


def run(script: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_card_trains_as_the_cpu_does_and_gives_everything_back(fake_driver: dict[str, str]) -> None:
    found = json.loads(run(TRAINS, fake_driver))
    assert found == {
        "card": "Fake card",
        "side_by_side": 3,
        "losses": True,
        "judged": True,
        "state": True,
        "resumed": True,
        "errors": [],
        "lent on": True,
        "left": 0,
    }


def test_waiting_for_a_card_lets_other_threads_run(fake_driver: dict[str, str]) -> None:
    assert int(run(WAITS, {**fake_driver, "FAKE_CUDA_WAIT_MS": "500"})) > 10


def test_a_driver_that_is_older_than_the_compiler_is_told(fake_driver: dict[str, str]) -> None:
    script = "from lenet_ablate.engines.cuda import driver, nvrtc\n"
    script += "driver.load_or_build, nvrtc._version = lambda *_: b'', lambda: '13.0'\n"
    script += "try: from lenet_ablate.engines.cuda.engine import CudaEngine; CudaEngine()\n"
    script += "except Exception as error: print(type(error).__name__, error)"
    told = run(script, {**fake_driver, "FAKE_CUDA_VERSION": "12080"})
    assert told == (
        "EngineError engine=cuda: cuModuleLoadData: CUDA_ERROR_INVALID_IMAGE; the driver knows CUDA 12.8, and NVRTC is "
        "of 13.0: a newer driver helps, or pip install 'cuda-toolkit[nvrtc]==12.8.*'"
    )


def test_a_block_has_as_many_threads_as_its_source_says() -> None:
    from lenet_ablate.engines.cuda.driver import THREADS
    from lenet_ablate.engines.cuda.kind import block_source

    assert f"THREADS = {THREADS}," in block_source()


def test_what_a_driver_refuses_is_told_in_one_line(fake_driver: dict[str, str]) -> None:
    script = "from lenet_ablate.engines.cuda.driver import CudaDevice, call; d = CudaDevice(); e = d._driver\n"
    script += "try: call(e.cuMemFree, 12345)\nexcept Exception as error: print(type(error).__name__, error)"
    assert run(script, fake_driver) == "EngineError engine=cuda: cuMemFree: CUDA_ERROR_INVALID_VALUE"
