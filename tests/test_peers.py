"""The table of peers says what was measured, and its contestants train what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
MACHINE = {"processor": "P", "cores": 2, "python": "3.11"}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The driver and the table, which are programs and no package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks/peers"))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import peers
    import table

    yield peers, table
    for name in ("peers", "table"):
        del sys.modules[name]


def row(contestant: str, way: str, *trainings: tuple[list[float], float]) -> str:
    found = [
        {"epoch_seconds": times, "test_accuracy": reached, "versions": {"torch": "1"}} for times, reached in trainings
    ]
    return json.dumps({"contestant": contestant, "way": way, "trainings": found, **MACHINE}) + "\n"


def test_the_table_leaves_the_first_epoch_out_and_shares_what_ran_side_by_side(
    modules: tuple[ModuleType, ModuleType], tmp_path: Path
) -> None:
    _, table = modules
    file = tmp_path / "peers.jsonl"
    failed = json.dumps(
        {"contestant": "jax", "way": "one", "failed": "pip: no", "processor": "P", "cores": 2, "python": "3.11"}
    )
    file.write_text(
        row("ablate", "one", ([9, 1, 3, 2], 0.98))
        + row("ablate", "side", ([9, 1, 3, 2], 0.98), ([9, 4, 4, 4], 0.99))
        + row("recipe", "one", ([90, 10, 10, 10], 0.98))
        + failed
    )
    lines = table.markdown(file).splitlines()
    assert lines[2:5] == [
        "| JAX `jit` and Optax | pip: no | | | |",
        "| PyTorch: DataLoader and torchvision's transforms | 10.0 | – | – | 98.00 % |",
        "| lenet-ablate | 2.00 | – | 1.50 | 98.00–99.00 % |",
    ]
    assert "Medians of 3 epochs after a first one; accuracy after 4" in lines[-1]


def test_what_is_published_was_measured_of_contestants_and_long_enough(modules: tuple[ModuleType, ModuleType]) -> None:
    peers, table = modules
    assert set(table.WHAT) == set(peers.CONTESTANTS)
    assert set(peers.ENVIRONMENTS) == {each.environment for each in peers.CONTESTANTS.values()}
    kept = [json.loads(line) for line in peers.RESULTS.read_text().splitlines()]
    assert {"recipe", "memory", "ablate"} <= {each["contestant"] for each in kept} <= set(table.WHAT)
    assert all(each["way"] in peers.WAYS for each in kept)
    for each in kept:
        assert all(len(training["epoch_seconds"]) >= 4 for training in each.get("trainings", []))


def test_one_that_fails_is_told_with_its_reason_and_measured_again_in_its_place(
    modules: tuple[ModuleType, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    peers, _ = modules
    monkeypatch.setattr(peers, "RESULTS", tmp_path / "kept/peers.jsonl")
    monkeypatch.setattr(peers, "PROGRAMS", tmp_path)
    monkeypatch.setattr(peers, "environment", lambda name, cache: Path(sys.executable))
    monkeypatch.setattr(sys, "argv", ["peers.py", "jax", "memory", "--way", "one"])
    (tmp_path / "jax_optax.py").write_text("raise SystemExit('no such device')")
    (tmp_path / "pytorch_memory.py").write_text("import os; print('{\"cores\":', len(os.sched_getaffinity(0)), '}')")
    peers.main()
    (tmp_path / "jax_optax.py").write_text("print('{}')")
    first = [json.loads(line) for line in peers.RESULTS.read_text().splitlines()]
    assert [each["contestant"] for each in first] == ["memory", "jax"], "in the contestants' order"
    assert first[0]["trainings"] == [{"cores": 1}] and first[1]["failed"] == "no such device"
    monkeypatch.setattr(sys, "argv", ["peers.py", "jax", "--way", "one"])
    peers.main()
    again = [json.loads(line) for line in peers.RESULTS.read_text().splitlines()]
    assert again[0] == first[0] and len(again) == 2 and again[1]["trainings"] == [{}]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of MNIST's shape that are easily told apart: one bright row, which is the label's."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 1280), ("t10k", 100)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        images[np.arange(count), 4 + 2 * labels] = 255
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (raw / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("program", ["pytorch_recipe.py", "pytorch_memory.py"])
def test_a_contestant_of_this_environment_learns(program: str, data: Path) -> None:
    words = [sys.executable, ROOT / "benchmarks/peers" / program, "--data", data, "--epochs", "3"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found["epoch_seconds"]) == 3 and found["test_accuracy"] > 0.9 and "torch" in found["versions"]
