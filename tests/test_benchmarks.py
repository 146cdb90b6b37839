"""The benchmarks still measure what they say; how fast that is, is theirs to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lenet_ablate.engines.select import num_cuda_devices

ROOT = Path(__file__).parents[1]


def test_the_overhead_is_that_of_a_sweep_that_trains_nothing(tmp_path: Path) -> None:
    script = [sys.executable, ROOT / "benchmarks/overhead.py", "2"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["runs"] == 2 and found["writes_per_run"] > 5 and found["ms_per_run"] > 0
    assert list(tmp_path.iterdir()) == []


def test_the_studies_that_reports_are_measured_on_are_whole(tmp_path: Path) -> None:
    code = f"import sys, pathlib; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import reports; "
    code += "reports.write_study(pathlib.Path('drawn'), 12); from lenet_ablate import read_runs; r = read_runs('.'); "
    code += "assert set(r.status) == {'done'} and len(r) == 12 and r.groupby(['lr', 'pool']).seed.nunique().eq(3).all()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_list_of_many_runs_is_measured(tmp_path: Path) -> None:
    script = [sys.executable, ROOT / "benchmarks/listing.py", "3", "--repeat", "1"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["runs"], found["n"]) == (3, 1) and 0 < found["wall_seconds_least"] <= found["wall_seconds"]
    assert list(tmp_path.iterdir()) == []


def test_the_simulation_keeps_within_what_arithmetic_allows() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import scaling
    finally:
        sys.path.pop(0)
    costs, quick = scaling.Costs(), scaling.Assumed(1e9, 0.0)
    alone = scaling.simulate(100, 60.0, 1, costs, quick)
    assert abs(alone.makespan - (costs.start_seconds + 100 * (costs.plan_seconds + costs.run_seconds + 60))) < 1e-3
    spread = scaling.simulate(100, 60.0, 30, costs, quick)
    assert 4 * 60 < spread.makespan < 4 * 60 + 3  # four waves, the last one of ten
    assert abs(spread.efficiency - 100 * 60 / (30 * spread.makespan)) < 1e-9
    slow = scaling.simulate(2000, 1.0, 1000, costs, scaling.Assumed(1000.0, 0.0))
    least = 2000 * (costs.begin_operations + costs.end_operations) / 1000  # all that the server can answer
    assert least <= slow.makespan < least + 5 and slow.busy > 0.9
    assert 5 < scaling.shortest(1000, costs, scaling.Assumed(5000.0)) < 20


def test_without_a_gpu_nothing_is_measured_on_one(tmp_path: Path) -> None:
    if num_cuda_devices():
        pytest.skip("this machine has a GPU")
    done = subprocess.run([sys.executable, ROOT / "benchmarks/gpu.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == "benchmarks/gpu.py: this machine shows no CUDA device, so nothing is measured\n"


def test_many_learners_are_those_of_a_sweep(tmp_path: Path) -> None:
    script = [sys.executable, ROOT / "benchmarks/learners.py", "3", "2", "0.5"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["runs"] == 3 and found["cpu_seconds"] > 0 and found["seconds"] > 0.5
    assert list(tmp_path.iterdir()) == []
