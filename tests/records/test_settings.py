"""config.yaml entry by entry gives what the whole gives."""

from __future__ import annotations

from typing import Any

import pytest

from lenet_ablate.config import remembered
from lenet_ablate.config.choices import C5, Activation, Model, Optimizer, Pool
from lenet_ablate.config.parse import cross_checks, parse_config
from lenet_ablate.config.schedules import Piecewise, StepDecay
from lenet_ablate.config.settings import DataConfig, ModelConfig, OptimizerConfig, RunConfig, to_mapping
from lenet_ablate.config.yaml_text import to_yaml
from lenet_ablate.errors import ConfigError, RecordError
from lenet_ablate.records import settings
from lenet_ablate.records.plain_yaml import parse_yaml

CONFIGS = [
    RunConfig(),
    RunConfig(lr=StepDecay("step", 0.01, 0.1, 10), pool=Pool.avg, activation=Activation.gelu, seed=2**32 - 1),
    RunConfig(lr=Piecewise("p", (0.1, 0.01), (1, 2)), optimizer=OptimizerConfig(Optimizer.sgd, momentum=0.9)),
    RunConfig(model=ModelConfig(Model.mlp, c5=None, hidden=(300, 100))),
    RunConfig(model=ModelConfig(c5=C5.linear), data=DataConfig(path=None, val_size=0, mean=0.5)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_both_ways_give_the_settings_that_were_written(config: RunConfig) -> None:
    content = to_yaml(to_mapping(config))
    assert settings._known_entries(content) == config
    assert settings.parse_settings(parse_yaml(content)) == config


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text + b"later: 1\n",
        lambda text: b"---\n" + text,
        lambda text: text.replace(b"lr: 0.001", b"lr: &a 0.001"),
        lambda text: text.replace(b"seed: 0", b'seed: "0\nlr: 1"'),
        lambda text: text.replace(b"batch_size: 64", b"batch_size: -64"),
        lambda text: text.replace(b"pool: max", b"pool: max\npool: avg"),
        lambda text: text.replace(b"hidden: null", b"hidden: [3]"),
        lambda text: text.replace(b"pool: max", b"pool:\n  max"),
        lambda text: text.rstrip(b"\n"),
        lambda text: text + b"# said\n",
        lambda text: b"",
        lambda text: b"{}",
    ],
    ids=range(12),
)
def test_whatever_is_odd_is_taken_as_the_whole_is(harm: object) -> None:
    content = harm(to_yaml(to_mapping(RunConfig())))  # type: ignore[operator]
    try:
        whole: object = settings.parse_settings(parse_yaml(content))
    except RecordError as error:
        whole = f"config.yaml {error}"
    try:
        found: object = settings.config_of(content)
    except RecordError as error:
        found = str(error)
    assert found == whole


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_plain_values_of_a_plan_give_the_settings_that_were_planned(config: RunConfig) -> None:
    assert settings.settings_of(to_mapping(config)) == config


@pytest.mark.parametrize("values", [{"batch_size": True}, {"pol": "max"}, {"pool": "avg", "model": {"name": "mlp"}}])
def test_a_plan_with_settings_that_are_none_is_refused_as_ever(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.settings_of(values)
    with pytest.raises(ConfigError) as whole:
        parse_config(values)
    assert str(caught.value) == str(whole.value)


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_no_other_setting_matters_to_what_goes_together(config: RunConfig) -> None:
    looked_at = set()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            looked_at.add(name)
            return getattr(config, name)

    assert cross_checks(Watched()) == []  # type: ignore[arg-type]
    assert looked_at <= set(remembered._TOGETHER)
