from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.sweep import signals

Run = Callable[..., tuple[int, str]]

LONGEST = (
    "test_readme.py",
    "engines/test_compiled.py",
    "cli/test_cli.py",
    "predict/test_page.py",
    "api/test_callables.py",
    "report/test_report.py",
    "sweep/test_isolated.py",
    "config/test_experiments.py",
    "records/test_locks.py",
    "report/test_fingerprint.py",
    "environments/test_folders.py",
    "environments/test_spelling.py",
    "predict/test_export.py",
    "report/test_gallery.py",
    "rendering/test_console.py",
    "records/test_claims.py",
    "engines/test_models.py",
    "cli/test_search.py",
    "report/test_comparable.py",
    "cli/test_slurm.py",
    "environments/test_drawing.py",
    "report/test_drawing.py",
)
"""The files that take more than ten seconds, the longest first: begun last, one would be waited for by all others."""

# A shell starts its background jobs with SIGINT ignored, and so would be every process that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    assert all(file.is_file() for file in places), "LONGEST names files that are gone"
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(autouse=True)
def handlers_of_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs in this process leaves its handlers, one of which ends the process: here they go again."""
    known = [getattr(signal, name) for name in signals.EXIT_STATUS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in known}
    monkeypatch.setattr(signals, "_process", None)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def mnist_data_dir() -> Path:
    """The data folder with the genuine MNIST files; skips where this machine has none."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LENET_ABLATE_DATA") or beside)
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip("needs the real MNIST: set LENET_ABLATE_DATA to the data folder that holds MNIST/raw/")
    return folder


@pytest.fixture
def idx_files() -> dict[str, bytes]:
    """A tiny data set, 12 training and 7 test images of 6×6 pixels, as the content of four IDX files."""
    rng = np.random.default_rng(0)
    files = {}
    for part, number in (("train", 12), ("t10k", 7)):
        pixels = rng.integers(0, 256, (number, 6, 6), np.uint8)
        header = bytes([0, 0, 8, 3]) + np.array(pixels.shape, ">u4").tobytes()
        files[f"{part}-images-idx3-ubyte"] = header + pixels.tobytes()
        labels = (np.arange(number) % 10).astype(np.uint8)
        files[f"{part}-labels-idx1-ubyte"] = (
            bytes([0, 0, 8, 1]) + np.array([number], ">u4").tobytes() + labels.tobytes()
        )
    return files


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Calls `lenet-ablate` with some words; gives exit status and output."""
    from lenet_ablate.cli import main as cli

    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["lenet-ablate", *words])
        try:
            cli.main()
            status: object = 0
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        return (status, out + err) if isinstance(status, int) else (1, f"{out}{err}{status}")

    return call


@pytest.fixture
def report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `lenet-report` with some words beside outputs/, without drawing; gives exit status, output and errors."""
    from lenet_ablate.report.main import main
    from support.figure_studies import undrawn

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lenet_ablate.report.figures.drawing.draw_image", undrawn)
    monkeypatch.setattr("lenet_ablate.report.figures.processes.MAX_HELPERS", 0)

    def call(*words: str) -> tuple[int, str, str]:
        status = main(words)
        out, err = capsys.readouterr()
        return status, out, err

    return call
