from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from lenet_ablate.config import checks
from lenet_ablate.config.choices import Activation, Pool
from lenet_ablate.config.learning_rate import parse_lr
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.schedules import Cosine, OneCycle, Piecewise, Schedule, StepDecay, Warmup
from lenet_ablate.config.settings import RunConfig, iter_settings, setting_keys, to_mapping
from lenet_ablate.errors import ConfigError

SCHEDULES = {"step": {"initial": 0.01, "gamma": 0.1, "every": 10}}


def problem(**values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config({"lr_schedules": SCHEDULES, **values})
    return str(caught.value)


def test_a_config_survives_the_way_through_yaml() -> None:
    config, _ = parse_config({"lr": "step", "pool": "avg", "activation": "tanh", "seed": 3, "lr_schedules": SCHEDULES})
    again, _ = parse_config(yaml.safe_load(yaml.safe_dump(to_mapping(config))))
    assert again == config
    assert (again.pool, again.activation, again.seed) == (Pool.avg, Activation.tanh, 3)


def test_own_statistics_are_kept_as_null() -> None:
    config, _ = parse_config({"data": {"name": "digits", "mean": None, "std": None}})
    assert parse_config(to_mapping(config))[0].data.mean is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": 0}, ["batch_size=0", "whole number from 1", "default is 64"]),
        ({"batch_size": True}, ["batch_size=True", "whole number"]),
        ({"batch_size": 32.0}, ["whole number", "did you mean batch_size=32?"]),
        ({"lr": -1}, ["lr=-1", "above 0", "did you mean lr=1?"]),
        ({"lr": 0}, ["lr=0", "above 0"]),
        ({"lr": float("nan")}, ["lr=nan", "above 0"]),
        ({"lr": float("inf")}, ["lr=inf", "at most 10"]),
        ({"lr": "stepp"}, ["lr=stepp", "(step)", "did you mean lr=step?"]),
        ({"lr": {"initial": 0.1, "gama": 0.5}}, ["there is no 'gama'", "did you mean 'gamma'?"]),
        ({"lr": {"initial": 0.1, "every": 0}}, ["every=0", "from 1"]),
        ({"lr": True}, ["lr=True"]),
        ({"lr": None}, ["lr=null"]),
        ({"lr": [0.1]}, ["lr=[0.1]"]),
        ({"pool": "mux"}, ["pool=mux", "max, avg", "did you mean pool=max?"]),
        ({"pool": 3}, ["pool=3", "max, avg"]),
        ({"seed": 1.5}, ["seed=1.5", "whole number from 0", "did you mean seed=2?"]),
        ({"seed": -1}, ["seed=-1", "did you mean seed=1?"]),
        ({"study": "a/b"}, ["study=a/b", "did you mean study=a-b?"]),
        ({"study": "report"}, ["study=report"]),
        ({"study": ".."}, ["study=.."]),
        ({"study": "-x"}, ["study=-x", "did you mean study=x?"]),
        ({"study": "sweeps"}, ["study=sweeps"]),
        ({"study": None}, ["study=null", "the default is ablation"]),
        ({"study": "x" * 65}, ["1 to 64"]),
        ({"poool": "max"}, ["poool", "did you mean 'pool'?"]),
        ({"optimizer": {"name": "sgd", "momentum": 1.0}}, ["optimizer.momentum=1.0"]),
        ({"optimizer": {"name": "sgd", "momentun": 0.9}}, ["momentun", "did you mean 'optimizer.momentum'?"]),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, ["optimizer.momentum=0.9", "setting of sgd"]),
        ({"optimizer": {"name": "sgd", "betas": [0.9, 0.99]}}, ["setting of adam"]),
        ({"optimizer": {"name": "adam", "betas": [0.9]}}, ["list of two"]),
        ({"optimizer": "sgd"}, ["must be a mapping"]),
        ({"data": {"name": "npz"}}, ["needs data.path="]),
        ({"data": {"name": "mnist", "path": "x"}}, ["data.path=x"]),
        ({"data": {"name": "mnist", "val_size": -1}}, ["data.val_size=-1"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values: dict[str, Any], words: list[str]) -> None:
    text = problem(**values)
    assert all(word in text for word in words), text
    assert len(text.splitlines()) <= 2


def test_all_problems_are_told_at_once() -> None:
    text = problem(batch_size=0, pool="mux", epochs="many")
    assert [line.partition("=")[0] for line in text.splitlines()] == ["batch_size", "pool", "epochs"]


@pytest.mark.parametrize("value", ["a", "A-b_c.d", "3", 3, "x" * 64])
def test_study_names(value: str | int) -> None:
    assert parse_config({"study": value})[1].study == str(value)


def test_lr_takes_numbers_names_and_inline_schedules() -> None:
    assert parse_lr(1, SCHEDULES) == 1.0
    assert parse_lr("step", SCHEDULES) == StepDecay("step", 0.01, 0.1, 10)
    inline = parse_lr({"initial": 0.1, "gamma": 0.5, "every": 5}, SCHEDULES)
    assert inline == StepDecay("0.1x0.5every5", 0.1, 0.5, 5)


@pytest.mark.parametrize(
    ("inline", "schedule"),
    [
        ({"initial": 0.1}, StepDecay("0.1x0.1every10", 0.1)),
        ({"initial": 0.1, "warmup": 2}, Warmup("0.1warmup2", 0.1, 2)),
        ({"initial": 0.1, "final": 0, "warmup": 2}, Cosine("0.1cosine0warmup2", 0.1, 0.0, 2)),
        ({"max_lr": 1}, OneCycle("onecycle1", 1.0)),
        ({"rates": [0.1, 0.01], "epochs": [1, 2]}, Piecewise("0.1x1-0.01x2", (0.1, 0.01), (1, 2))),
    ],
)
def test_a_schedule_is_known_by_its_keys_and_goes_round(inline: dict[str, object], schedule: Schedule) -> None:
    assert parse_lr(inline, {}) == schedule
    config = RunConfig(lr=schedule)
    assert parse_config(to_mapping(config))[0] == config


@pytest.mark.parametrize(
    ("inline", "text"),
    [
        ({"initial": 0.1, "gama": 0.5}, "did you mean 'gamma'"),
        ({"max_lr": 0.1, "every": 2}, "no 'max_lr' beside every"),
        ({"rates": [0.1], "epochs": [1, 2]}, "lists of the same length"),
        ({"rates": [], "epochs": []}, "lists of the same length"),
        ({"rates": [0], "epochs": [1]}, "above 0"),
        ({"initial": 0.1, "warmup": 0}, "whole number from 1"),
        ({"final": -1}, "from 0 to 10"),
    ],
)
def test_wrong_schedules(inline: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_lr(inline, {})


def test_an_inline_schedule_takes_the_name_of_its_equal() -> None:
    assert parse_lr({"initial": 0.01, "gamma": 0.1, "every": 10}, SCHEDULES) == parse_lr("step", SCHEDULES)


def test_every_setting_has_a_help_text_of_its_own() -> None:
    texts = [field.metadata["help"] for key, field in iter_settings() if not key.endswith(".name")]
    assert all(texts)
    assert len(set(texts)) == len(texts)


def test_every_default_is_legal() -> None:
    config, options = parse_config({})
    assert config == RunConfig()
    assert parse_config({**to_mapping(config), **to_mapping(options)}) == (config, options)


def test_setting_keys_know_groups_and_their_settings() -> None:
    assert {"pool", "optimizer", "optimizer.momentum", "lr_schedules", "study"} <= set(setting_keys())


def test_closest_ignores_case_and_far_words() -> None:
    assert checks.closest("LR", ["lr", "pool"]) == "lr"
    assert checks.closest("zebra", ["lr", "pool"]) is None


def test_allowed_is_part_of_every_message() -> None:
    for key, field in iter_settings():
        if key in ("lr", "data.path", "data_dir", "output_dir"):
            continue
        with pytest.raises(ValueError, match=re.escape(field.metadata["check"].allowed)):
            field.metadata["check"](object())
