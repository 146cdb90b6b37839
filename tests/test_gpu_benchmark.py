"""`benchmarks/gpu.py` with a driver that is the CPU: every part does what it says, and one that fails does so alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.engines.cuda import nvrtc
from lenet_ablate.engines.cuda.kind import make_kind
from lenet_ablate.errors import EngineError
from support.block_on_cpu import HOPPER_BYTES, SIZES, build

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks/gpu.py"
KINDS = ((Pool.max, Activation.relu), (Pool.avg, Activation.gelu))
OLD = "12080"
SANITIZER = """#!/bin/sh
# compute-sanitizer --tool NAME --error-exitcode 7 PROGRAM …
[ "$2" = "$FAILS" ] && { echo "========= ERROR SUMMARY: 1 error"; exit 7; }
shift 4
exec "$@"
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process that finds a card, for which everything is compiled."""
    pytest.importorskip("cuda.bindings.driver", reason="needs cuda-bindings")
    try:
        nvrtc._nvrtc()
    except EngineError as error:
        pytest.skip(str(error))

    def compiled(kind: Any, capability: int) -> nvrtc.Built:
        return nvrtc.Built(str(build(kind.source + SIZES)).encode() + b"\0", "")

    monkeypatch.setattr(nvrtc, "build", compiled)
    for pool, activation in KINDS:
        for number in ("float32", "float64"):
            config = RunConfig(pool=pool, activation=activation)
            for driver in ("13000", OLD):  # NVRTC itself asks the driver, more than the stand-in knows
                nvrtc.load_or_build(make_kind(config, HOPPER_BYTES, number), 90, f"Fake card, driver {driver}")
    fake = build((ROOT / "tests/support/fake_cuda.cpp").read_text(encoding="utf-8"), "-ldl")
    (tmp_path / "libcuda.so.1").symlink_to(fake)
    tool = tmp_path / "compute-sanitizer"
    tool.write_text(SANITIZER, encoding="utf-8")
    tool.chmod(0o755)
    libraries = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("LD_LIBRARY_PATH", "")]))
    return {**os.environ, "LD_LIBRARY_PATH": libraries, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}


def rehearse(where: Path, environment: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    """Exit status and the JSON line."""
    command = [sys.executable, str(SCRIPT), "--rehearse", *words]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=500)
    assert done.stdout.count("\n") == 1, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.block
def test_every_part_works_with_a_stand_in_for_a_card(stand_in: dict[str, str], tmp_path: Path) -> None:
    status, found = rehearse(tmp_path, stand_in)
    assert found["errors"] == {}
    card = found["card"]
    assert (card["card"], card["multiprocessors"], card["capability"], card["driver"]) == ("Fake card", 3, 90, "13000")
    assert card["max relu"]["train_run registers"] == 168 and card["max relu"]["images"] == 8
    agreement = found["agreement"]
    assert agreement["errors"] == {} and agreement["cuda in float64"] < 1e-9 and agreement["cuda"] < 1e-5
    assert found["company"] == {"runs": 3, "steps": 2, "errors": {}}
    assert {"learners, times that of 1", "kernels, times that of 1", "events, times that of 1"} < set(found["queues"])
    rates = found["rates"]
    assert rates["cuda, batch 64, 1"] > 0 and rates["cuda, batch 64, 2"] > 0 and rates["cuda, evaluation, 1"] > 0
    assert rates["compiled, batch 64, every core"] > 0
    assert list(rates["errors"]) == ["torch on cuda, batch 64, 1"]  # which the stand-in is not made for
    assert status == 1
    sweep = found["sweep"]
    assert sweep["errors"] == {} and sweep["1 epochs"]["runs"] == 2 and sweep["1 epochs"]["epochs"] == 2
    assert found["resume"] == {"SIGKILL": "-9", "SIGINT": "130", "same bytes": 4, "errors": {}}
    checks = ("memcheck", "racecheck", "synccheck", "initcheck")
    assert found["sanitizer"]["errors"] == {} and set(checks) < set(found["sanitizer"])
    assert not list(tmp_path.glob("tmp*"))


@pytest.mark.block
def test_a_part_that_fails_is_told_and_the_others_go_on(stand_in: dict[str, str], tmp_path: Path) -> None:
    environment = {**stand_in, "FAILS": "racecheck"}
    status, found = rehearse(tmp_path, environment, "--only", "sanitizer", "card")
    assert status == 1 and "1 error" in found["sanitizer"]["errors"]["racecheck"]
    assert found["card"]["card"] == "Fake card"
    status, found = rehearse(tmp_path, {**stand_in, "FAKE_CUDA_VERSION": OLD}, "--only", "card", "company")
    assert status == 1 and set(found["errors"]) == {"card", "company"}
    assert "the driver knows CUDA 12.8" in found["errors"]["company"]
