"""Races between a block's threads, sought by ThreadSanitizer in `block.cu` as C++."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.engines.cuda.kind import Kind
from support.block_on_cpu import compiler

MAIN = Path(__file__).parents[1] / "support/races.cpp"
FLAGS = ("-std=c++17", "-O1", "-g", "-fsanitize=thread", "-pthread", "-Wno-unknown-pragmas")
TRIES = 8
FOUND = 66  # ThreadSanitizer's exit status
BARRIERS = (
    "forward_c1(s);",
    "forward_c3(s);",
    "backward_s4(s);",
    "backward_c3(s);",
    "backward_units(weights + WEIGHTS7, s.z7, UNITS6, CLASSES, s.d6);",
    "gradient_c1(s, sums1);",
)


def runs(source: str, folder: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """One after the other: ThreadSanitizer sees a race only while it remembers both accesses."""
    text, program = folder / "races.cpp", folder / "races"
    text.write_text(source + MAIN.read_text(encoding="utf-8"), encoding="utf-8")
    made = subprocess.run([compiler(), *FLAGS, "-o", str(program), str(text)], capture_output=True, text=True)
    if "cannot find" in made.stderr:
        pytest.skip("this compiler has no ThreadSanitizer")
    assert made.returncode == 0, made.stderr
    # Addresses are laid out at random in more bits than ThreadSanitizer of some versions can follow.
    for _ in range(TRIES):
        yield subprocess.run(["setarch", "-R", str(program)], capture_output=True, text=True, timeout=300)


def source(pool: Pool = Pool.max, activation: Activation = Activation.relu) -> str:
    return Kind(28, 10, pool, activation, False, 8).source


@pytest.mark.parametrize(("pool", "activation"), [(Pool.max, Activation.relu), (Pool.avg, Activation.gelu)])
def test_there_are_no_races(tmp_path: Path, pool: Pool, activation: Activation) -> None:
    for done in runs(source(pool, activation), tmp_path):
        assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr[:3000]


@pytest.mark.block
@pytest.mark.parametrize("behind", BARRIERS)
def test_a_barrier_that_is_missing_is_seen(tmp_path: Path, behind: str) -> None:
    right, text = f"  {behind}\n  barrier();\n", source()
    assert text.count(right) == 1
    broken = runs(text.replace(right, right.replace("  barrier();\n", "")), tmp_path)
    assert any(done.returncode == FOUND and "data race" in done.stderr for done in broken)
