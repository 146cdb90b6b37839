from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lenet_ablate.config.choices import Pool
from lenet_ablate.config.schedules import StepDecay
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.record import State
from lenet_ablate.runs.main import main
from support.report_runs import rows_of, write_run, write_study, write_sweep

Call = Callable[..., tuple[int, str, str]]
STEP = StepDecay("step", 0.01, 0.1, 10)


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    rate = config.lr if isinstance(config.lr, float) else 0.5
    return 1 / epoch, 0.9 + (config.pool is Pool.avg) * 0.05 + rate / 100 + config.seed / 1000


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two studies: one of every state and three rates, one of two seeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    folder = tmp_path / "outputs"
    configs = [RunConfig(lr=lr, pool=pool, epochs=3) for lr in (0.1, 0.01, STEP) for pool in Pool]
    write_study(folder / "ablation", configs, figures)
    write_run(
        folder / "ablation", RunConfig(lr=0.2, epochs=3), rows_of(RunConfig(), figures, 1), State.failed, "=broke"
    )
    write_run(folder / "ablation", RunConfig(lr=0.3, epochs=3), rows_of(RunConfig(), figures, 2), State.interrupted)
    write_sweep(folder / "ablation", [*configs, RunConfig(lr=0.4, epochs=3)])
    write_study(folder / "seeds", [RunConfig(epochs=3, seed=seed) for seed in (0, 1)], figures)
    return folder


@pytest.fixture
def lenet_runs(capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls `lenet-runs` with some words; gives exit status, output and errors."""

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        out, err = capsys.readouterr()
        return status, out, err

    return call
