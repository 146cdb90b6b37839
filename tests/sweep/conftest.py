from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lenet_ablate.config.settings import Options
from lenet_ablate.studies.jobs import Job, Sweep
from support.tiny import tiny_config, tiny_dataset


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    data = tiny_dataset()
    path = tmp_path / "tiny.npz"
    np.savez(
        path, x_train=data.train_images, y_train=data.train_labels, x_test=data.test_images, y_test=data.test_labels
    )
    return path


@pytest.fixture
def make_sweep(tmp_path: Path, npz: Path) -> Callable[..., Sweep]:
    def make(*changes: dict[str, Any], **options: Any) -> Sweep:
        base = tiny_config(epochs=1)
        base = dataclasses.replace(base, data=dataclasses.replace(base.data, path=str(npz)))
        jobs = tuple(
            Job(dataclasses.replace(base, **change), tuple(f"{k}={v}" for k, v in change.items())) for change in changes
        )
        return Sweep(jobs, Options(output_dir=str(tmp_path / "out"), **options), "lenet-ablate -m typed")

    return make
