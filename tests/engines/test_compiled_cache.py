from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lenet_ablate.engines.compiled import kernels
from lenet_ablate.errors import EngineError

TRAIN = """
import hashlib, sys
import numpy as np
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.datasets.base import Dataset
from lenet_ablate.engines.base import Batches, Split
from lenet_ablate.engines.compiled.engine import CompiledEngine
from lenet_ablate.config.plan import make_plan
random = np.random.default_rng(0)
images, labels = random.integers(0, 256, (200, 32, 32), np.uint8), random.integers(0, 10, 200).astype(np.uint8)
indices, data = np.arange(200, dtype=np.int32), Dataset(images, labels, images, labels, 0.1, 0.3)
learner = CompiledEngine().learner(make_plan(RunConfig(), 6000, 200), data, indices, indices)
losses = learner.train(Batches(np.tile(indices, 16), np.full(50, 0.001)))
state = b"".join(array.tobytes() for array in [losses, *learner.state().values()])
print(hashlib.sha256(state).hexdigest(), learner.evaluate(Split.test).loss)
print(sorted({"torch", "torchvision"} & set(sys.modules)))
"""


def run(script: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, kernels.CACHE_VARIABLE: str(cache)}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_the_first_process_gives_the_bits_of_the_second(tmp_path: Path) -> None:
    first, second = run(TRAIN, tmp_path), run(TRAIN, tmp_path)
    assert "compiling the engine for this machine, once" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert first.stdout.rstrip().endswith("[]")


def test_nothing_is_compiled_in_this_process() -> None:
    for entry in vars(kernels.load_kernels()).values():
        assert (sum(entry.stats.cache_hits.values()), sum(entry.stats.cache_misses.values())) == (1, 0)
        with pytest.raises(TypeError, match="No matching definition"):
            entry(*[np.zeros(3)] * entry.__code__.co_argcount)


def test_without_a_cache_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernels, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(kernels, "_compile_in_child", lambda dtype: None)
    with pytest.raises(EngineError, match="does not keep the compiled code"):
        kernels.load_kernels.__wrapped__("float32")


def test_a_folder_that_cannot_be_written_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(kernels.CACHE_VARIABLE, str(tmp_path / "file"))
    folder = kernels.cache_folder.__wrapped__()
    assert folder.is_dir()
    assert kernels.CACHE_VARIABLE in capsys.readouterr().err
    folder.rmdir()
