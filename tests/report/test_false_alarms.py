"""How often verdicts are wrong: a few sweeps of each kind; `benchmarks/verdicts.py` simulates thousands."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"
SWEEPS = 40
GROUPS = ("equal", "unequal", "image", "collapsing", "unbalanced", "failures", "lucky", "looks", "margin", "meeting")


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("verdicts_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # as it is for a script
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.mark.parametrize("group", [*GROUPS, "identical", "power"])
def test_verdicts_are_wrong_no_more_often_than_they_say(benchmark: Any, group: str) -> None:
    row = next(row for name, row in benchmark.ROWS.items() if name.startswith(group))
    random = np.random.default_rng(1)
    hits = sum(row.simulate(random) for _ in range(SWEEPS))
    # As many as chance lets a row have once in a thousand times that is just as good as it must be.
    assert stats.binom.ppf(0.001, SWEEPS, row.least) <= hits <= stats.binom.ppf(0.999, SWEEPS, row.most)


def test_what_is_missed_is_marked_in_the_table(benchmark: Any) -> None:
    name = next(name for name in benchmark.ROWS if name.startswith("equal"))
    assert "**missed**" in benchmark.table({name: 200}, 2000) and "**missed**" not in benchmark.table({name: 90}, 2000)
