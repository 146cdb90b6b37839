"""Python's values as words of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lenet_ablate.api.words import to_words
from lenet_ablate.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.01}, ["lr=0.01"]),
        ({"lr": [0.01, 1e-4]}, ["lr=0.01,0.0001"]),
        ({"lr": [0.1, "step", {"initial": 0.1, "gamma": 0.5}]}, ["lr=0.1,step,{initial:0.1,gamma:0.5}"]),
        ({"seed": range(3)}, ["seed=0,1,2"]),
        ({"seed": np.arange(2)}, ["seed=0,1"]),
        ({"seed": pd.Series([4, 5])}, ["seed=4,5"]),
        ({"lr": np.float32(0.5)}, ["lr=0.5"]),
        ({"pool": ("max", "avg")}, ["pool=max,avg"]),
        ({"pool": "max,avg"}, ["pool=max,avg"]),
        ({"optimizer__betas": [0.8, 0.9]}, ["optimizer.betas=[0.8,0.9]"]),
        ({"optimizer.betas": [[0.8, 0.9], (0.9, 0.99)]}, ["optimizer.betas=[0.8,0.9],[0.9,0.99]"]),
        ({"model__hidden": []}, ["model.hidden=[]"]),
        ({"data__val_size": None, "plan": True}, ["data.val_size=null", "plan=true"]),
        ({"study": "2024_01_05", "output_dir": Path("a b")}, ["study='2024_01_05'", "output_dir='a b'"]),
        ({"data_dir": "a,b"}, ["data_dir='a,b'"]),
        ({"experiment": ["pooling", "tiny"]}, ["experiment=pooling,tiny"]),
        (
            {"zip": ["lr", "seed"], "exclude": [{"lr": 0.1, "pool": "avg"}]},
            ["zip=[lr,seed]", "exclude=[{lr:0.1,pool:avg}]"],
        ),
        ({"workers": 2, "on_error": "stop"}, ["hydra.launcher.workers=2", "hydra.launcher.on_error=stop"]),
    ],
)
def test_values_become_words(settings: dict[str, Any], words: list[str]) -> None:
    assert to_words((), settings) == words


@pytest.mark.parametrize("settings", [{"lr": []}, {"lr": object()}, {"seed": {1, 2}}, {"lr": iter([0.1])}])
def test_what_is_no_value_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        to_words((), settings)


def test_typed_words_are_taken_as_they_are() -> None:
    assert to_words(["pool=max,avg"], {"seed": 1}) == ["pool=max,avg", "seed=1"]
    with pytest.raises(ConfigError, match="is not like 'pool=max,avg'"):
        to_words(["pool"], {})
