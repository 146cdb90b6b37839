from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lenet_ablate.records.archive import archive_run
from lenet_ablate.sweep import costs, forecast
from lenet_ablate.sweep.forecast import _makespan

Run = Callable[..., tuple[int, str]]
WORDS = ("data=digits", "epochs=2", "lr=0.01,0.001", "pool=max,avg")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(costs, "cache_home", lambda: tmp_path / "cache")


def test_a_plan_writes_nothing_but_its_measurement(run: Run, tmp_path: Path) -> None:
    status, out = run(*WORDS, "plan=true")
    assert status == 0
    assert "4 runs in outputs/ablation: 4 to train" in out
    assert re.findall(r"trains   (.*),", out) == [
        f"lr={lr} pool={pool}" for lr in ("0.01", "0.001") for pool in ("max", "avg")
    ]
    assert "with compiled on cpu" in out and "by a short measurement" in out
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_what_is_done_is_told_and_tells_how_fast(run: Run) -> None:
    run("data=digits", "epochs=2", "lr=0.01")
    out = run(*WORDS, "plan=true")[1]
    assert "4 runs in outputs/ablation: 1 already done, 3 to train" in out
    assert out.count("done     lr=0.01 pool=max") == 1
    assert out.count("trains  ") == 3
    assert "from past runs" in out
    run(*WORDS)
    out = run(*WORDS, "plan=true")[1]
    assert "all done already" in out and "about" not in out


def test_an_archived_run_is_told_to_be_brought_back(run: Run) -> None:
    run("data=digits", "epochs=2", "lr=0.01")
    (folder,) = Path("outputs/ablation").glob("digits_*")
    archive_run(folder)
    out = run(*WORDS, "plan=true")[1]
    assert "1 already done, 3 to train" in out and out.count("trains  ") == 3
    assert "  archived lr=0.01 pool=max: brought back when the sweep begins\n" in out
    assert "1 of these runs brought back" in run("data=digits", "epochs=2", "lr=0.01")[1]


def test_a_long_plan_is_cut(run: Run) -> None:
    out = run("data=digits", "seed=range(60)", "plan=true")[1]
    assert out.count("trains  ") == forecast.MAX_LINES
    assert "… 20 more" in out


def test_bad_words_are_told_before(run: Run) -> None:
    assert run("lr=-1", "plan=true")[0] == 1
    assert "must be true or false" in run("plan=treu")[1]


def test_runs_side_by_side_take_as_long_as_the_busiest_worker() -> None:
    assert _makespan([3.0, 3.0, 2.0, 2.0, 2.0], 2) == 7.0
    assert _makespan([5.0, 1.0], 2) == 5.0
    assert _makespan([1.0, 2.0, 3.0], 1) == 6.0
