"""docs/data.md is true: every line of Python in it writes what its row says, and that is read."""

from __future__ import annotations

import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lenet_ablate.config.choices import DataSet
from lenet_ablate.config.settings import DataConfig
from lenet_ablate.datasets.own.read import read_own

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(.+?)` \| `(.+)` \|$", PAGE, re.MULTILINE)
X = np.random.default_rng(0).integers(0, 256, (70, 28, 28)).astype(np.uint8)
X[:, 0, 0], X[:, -1, -1] = 0, 255
Y = np.arange(70) % 10


def cv(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def names() -> dict[str, Any]:
    import h5py
    import scipy.io
    import sklearn.datasets
    import torch

    own = {"x_train": X[:50], "y_train": Y[:50], "x_test": X[50:], "y_test": Y[50:], "cv": cv, "Image": Image}
    libraries = {"np": np, "pd": pd, "os": os, "shutil": shutil, "h5py": h5py, "torch": torch}
    return own | libraries | {"scipy": scipy, "sklearn": sklearn}


@pytest.mark.parametrize(("form", "place", "line"), ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_line_of_the_page_writes_what_is_read(
    form: str, place: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("arrays", "idx", "hub"):
        Path(folder).mkdir()
    if "zip" in form:
        exec(next(line for _, where, line in ROWS if where == "pictures"), names())
    exec(line, names())
    arrays = read_own(DataConfig(DataSet.file, place, train_fraction=0.8, seed=0)).arrays
    parts = (arrays.train_images, arrays.train_labels), (arrays.test_images, arrays.test_labels)
    found = [sorted((x.tobytes(), int(y)) for x, y in zip(*part, strict=True)) for part in parts]
    wanted = [
        sorted((x.tobytes(), int(y)) for x, y in zip(X[rows], Y[rows], strict=True))
        for rows in (np.s_[:50], np.s_[50:])
    ]
    if place in ("whole.npz", "set.parquet"):
        assert sorted(found[0] + found[1]) == wanted[0]
    else:
        assert found == wanted


def test_the_page_has_every_form() -> None:
    forms = PAGE.partition("## Forms")[2].partition("\n## ")[0]
    assert len(ROWS) == forms.count("\n| ") - 1 >= 13
