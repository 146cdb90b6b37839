"""Frames hold text as Python objects, as pandas' own strings or in Arrow's memory, by what else is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lenet_ablate.config.settings import RunConfig
from lenet_ablate.records.frames import read_epochs, read_runs
from lenet_ablate.report.figures.curve_data import TRAIN_LOSS, variant_curves
from lenet_ablate.report.study.collect import collect
from lenet_ablate.report.study.lookup import look_up
from support.report_runs import write_study

Report = Callable[..., tuple[int, str, str]]


def figures(config: RunConfig, epoch: int) -> tuple[float, float]:
    return 0.5 / epoch, 0.9 + config.seed / 1000


def text_dtypes() -> list[Any]:
    found: list[Any] = [object, pd.StringDtype("python", na_value=float("nan")), pd.StringDtype("python")]
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return found
    return [*found, pd.StringDtype("pyarrow", na_value=float("nan")), pd.StringDtype("pyarrow")]


@pytest.mark.parametrize("dtype", text_dtypes(), ids=repr)
def test_numbers_are_looked_up_by_text_of_every_dtype_and_by_none_at_all(dtype: Any) -> None:
    counts = pd.Series([3, 4], index=pd.Index(["a", "b"], dtype=dtype))
    found = look_up(pd.Series(["b", "a", "c"], index=[7, 8, 9], dtype=dtype), counts) // 2
    assert found.iloc[:2].tolist() == [2, 1] and found.isna().tolist() == [False, False, True]
    assert found.index.tolist() == [7, 8, 9]
    nothing = look_up(pd.Series([], dtype=dtype), counts)
    assert (nothing // 2).dtype == float and nothing.empty
    assert look_up(pd.Series(["a"], dtype=dtype), counts.iloc[:0].astype("Int64")).isna().all()


@pytest.mark.parametrize("dtype", text_dtypes(), ids=repr)
def test_curves_without_any_drop_are_drawn_from_text_of_every_dtype(dtype: Any, tmp_path: Path) -> None:
    write_study(tmp_path / "s", [RunConfig(epochs=3, seed=seed) for seed in (0, 1)], figures)
    (study,) = collect(tmp_path)
    epochs = study.epochs.astype({"run": dtype, "split": dtype, "metric": dtype})
    curves = variant_curves(epochs, study.design.astype({"run": dtype, "variant": dtype}), TRAIN_LOSS, {})
    assert curves.drops.empty and curves.means["mean"].tolist() == pytest.approx([0.5, 0.25, 0.5 / 3])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is Unicode")
def test_folders_whose_names_are_not_unicode_are_reported(report: Report, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    configs = [RunConfig(epochs=1, batch_size=size, seed=seed) for size in (32, 64) for seed in (0, 1)]
    folders = write_study(tmp_path / "outputs" / name, configs, figures)
    folders[0].rename(folders[0].with_name(f"{folders[0].name}{name}"))
    write_study(tmp_path / "outputs" / "other", configs[:2], figures)
    status, _, err = report()
    assert status == 0, err
    assert set(read_runs("outputs").study) == {r"caf\udce9", "other"}
    assert len(set(read_epochs("outputs").run)) == 5  # four, and the one that was renamed
    assert (tmp_path / "outputs" / "report" / r"caf\udce9" / "index.html").is_file()
