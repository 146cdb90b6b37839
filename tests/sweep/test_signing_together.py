"""Short runs of a sweep are called finished together, or fail together and are trained again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lenet_ablate.engines.pytorch.engine import TorchEngine
from lenet_ablate.errors import RecordError
from lenet_ablate.records import signing, write
from lenet_ablate.records.read import read_run
from lenet_ablate.records.record import State
from lenet_ablate.studies.jobs import Sweep
from lenet_ablate.sweep.run import run_sweep


def test_runs_that_cannot_be_signed_fail_and_the_next_sweep_trains_them(
    make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(files: object) -> None:
        raise RecordError("out/ablation: cannot be written: Input/output error")

    sweep = make_sweep(*({"seed": seed} for seed in range(3)))
    with monkeypatch.context() as patch:
        patch.setattr(write, "flush_runs", fail)
        result = run_sweep(sweep, 2, TorchEngine("cpu"))
    assert (len(result.select(State.failed)), result.exit_status) == (3, 1)
    out, err = capsys.readouterr()
    assert (
        out.count("FAILED, out/ablation: cannot be written: Input/output error") == 3 and "Traceback" not in out + err
    )
    assert all(read_run(sweep.folder(job)).state is State.failed for job in sweep.jobs)
    assert len(run_sweep(sweep, 2, TorchEngine("cpu")).select(State.done)) == 3
    assert run_sweep(sweep, 2, TorchEngine("cpu")).skipped == 3


def test_short_runs_are_signed_together(make_sweep: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    original = write.sign_all
    monkeypatch.setattr(signing, "sign_all", lambda runs: batches.append(len(runs)) or original(runs))
    monkeypatch.setattr(signing, "MOST_SECONDS", 60.0)
    sweep = make_sweep(*({"seed": seed} for seed in range(5)))
    assert len(run_sweep(sweep, 1, TorchEngine("cpu")).select(State.done)) == 5
    assert batches == [5]
