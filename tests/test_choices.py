"""Every choice has all of its parts: what a choice that was added still lacks is named, with the file where it goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from lenet_ablate.cli.help import help_text
from lenet_ablate.config.choices import Activation, Augment, DataSet, EarlyStop, Logger, Model, Optimizer, Pool
from lenet_ablate.config.owned import AUGMENT_SETTINGS, EARLY_STOP_SETTINGS, OPTIMIZER_SETTINGS
from lenet_ablate.config.rates import scheduled_rates
from lenet_ablate.config.schedules import KINDS, Schedule, schedule_keys
from lenet_ablate.datasets import load, playground
from lenet_ablate.engines import forward, networks
from lenet_ablate.engines.compiled import learner
from lenet_ablate.engines.cuda import kind, rule
from lenet_ablate.engines.pytorch import models, optimizers
from lenet_ablate.engines.pytorch.own import computing, make_network
from lenet_ablate.engines.pytorch.own_optimizer import make_own_memory

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "src/lenet_ablate/predict/page/network.mjs").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
LOGGERS = (ROOT / "docs/loggers.md").read_text(encoding="utf-8")
Part = Callable[[Any], bool]


def in_table(table: Mapping[Any, Any]) -> Part:
    return lambda choice: choice in table


def on_page(table: str) -> Part:
    """Whether an object of the page's script has a member of the choice's name."""
    (body,) = re.findall(rf"const {table} = {{(.*?)^}};", PAGE, re.DOTALL | re.MULTILINE)
    return lambda choice: choice.value in re.findall(r"^  (\w+):", body, re.MULTILINE)


def in_conf(group: str) -> Part:
    return lambda choice: (ROOT / f"conf/{group}/{choice.value}.yaml").is_file()


def in_text(text: Callable[[], str], line: str) -> Part:
    """Whether a line that begins so, with those that go on below it, has the choice's name."""

    def has(choice: Enum) -> bool:
        (found,) = re.findall(rf"^{line}.*(?:\n {{20,}}.*)*", text(), re.MULTILINE)
        return re.search(rf"(?<!\w){choice.value}(?!\w)", found) is not None

    return has


def told(group: str) -> dict[str, Part]:
    """What every choice of a group has for its reader."""
    return {
        f"conf file: conf/{group}/NAME.yaml": in_conf(group),
        "help: made of config/choices.py": in_text(help_text, rf"  {group} "),
        "docs/settings.md: scripts/update-readme": in_text(lambda: SETTINGS, rf"\| `{group}`"),
    }


PARTS: dict[type[Enum], dict[str, Part]] = {
    Activation: {
        "torch: engines/pytorch/models.py, ACTIVATIONS": in_table(models.ACTIVATIONS),
        "compiled: engines/compiled/learner.py, ACTIVATIONS": in_table(learner.ACTIVATIONS),
        "cuda: engines/cuda/kind.py, ACTIVATIONS": in_table(kind.ACTIVATIONS),
        "NumPy forward: engines/forward.py, ACTIVATIONS": in_table(forward.ACTIVATIONS),
        "page: predict/page/network.mjs, ACTIVATIONS": on_page("ACTIVATIONS"),
        **told("activation"),
    },
    Pool: {
        "torch: engines/pytorch/models.py, POOLS": in_table(models.POOLS),
        "compiled: engines/compiled/learner.py, POOLS": in_table(learner.POOLS),
        "cuda: engines/cuda/kind.py, POOLS": in_table(kind.POOLS),
        "NumPy forward: engines/forward.py, POOLS": in_table(forward.POOLS),
        "page: predict/page/network.mjs, POOLS": on_page("POOLS"),
        **told("pool"),
    },
    Optimizer: {
        "torch: engines/pytorch/optimizers.py, OPTIMIZERS": in_table(
            {**optimizers.OPTIMIZERS, Optimizer.own: make_own_memory}
        ),
        # The compiled engine refuses an own one.
        "compiled: engines/compiled/learner.py, OPTIMIZERS": in_table({**learner.OPTIMIZERS, Optimizer.own: None}),
        "compiled: engines/compiled/learner.py, MOMENTS": in_table({**learner.MOMENTS, Optimizer.own: None}),
        "cuda: engines/cuda/rule.py, OPTIMIZERS": in_table({**rule.OPTIMIZERS, Optimizer.own: None}),
        "cuda: engines/cuda/rule.py, MOMENTS": in_table({**rule.MOMENTS, Optimizer.own: None}),
        "settings: config/owned.py, OPTIMIZER_SETTINGS": in_table(OPTIMIZER_SETTINGS),
        **told("optimizer"),
    },
    Model: {
        "torch: engines/pytorch/models.py, NETWORKS": in_table({**models.NETWORKS, Model.own: make_network}),
        "layers: engines/networks.py, SIDES": in_table(networks.SIDES),
        "NumPy forward: engines/forward.py, POOLED": in_table({**forward.POOLED, Model.own: computing}),
        **told("model"),
    },
    DataSet: {
        "source: datasets/load.py, KEPT or OWN, or datasets/playground.py, GENERATORS": in_table(
            {**load.KEPT, **load.OWN, DataSet.file: load.normalised, **playground.GENERATORS}
        ),
        **told("data"),
    },
    Augment: {"settings: config/owned.py, AUGMENT_SETTINGS": in_table(AUGMENT_SETTINGS), **told("augment")},
    EarlyStop: {
        "settings: config/owned.py, EARLY_STOP_SETTINGS": in_table(EARLY_STOP_SETTINGS),
        **told("early_stop"),
    },
}


def lacking(choice: Enum) -> list[str]:
    return [part for part, is_there in PARTS[type(choice)].items() if not is_there(choice)]


@pytest.mark.parametrize("choice", [choice for kind in PARTS for choice in kind], ids=str)
def test_a_choice_has_all_of_its_parts(choice: Enum) -> None:
    missing = lacking(choice)
    assert not missing, f"{choice.value} lacks " + "; ".join(missing)


@pytest.mark.parametrize("kind", PARTS, ids=lambda kind: kind.__name__)
def test_a_choice_that_was_just_named_lacks_every_part(kind: type[Enum]) -> None:
    stranger = Enum(kind.__name__, {"fresh": "fresh"})["fresh"]  # type: ignore[misc]
    assert [part for part, is_there in PARTS[kind].items() if not is_there(stranger)] == list(PARTS[kind])


def all_subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from all_subclasses(below)


@pytest.mark.parametrize("kind", sorted(all_subclasses(Schedule), key=str), ids=lambda kind: kind.__name__)
def test_a_schedule_has_all_of_its_parts(kind: type[Schedule]) -> None:
    named = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))["lr_schedules"]
    parts = {
        "keys: config/schedules.py, KINDS": kind in KINDS,
        "rates: config/rates.py, scheduled_rates": kind in scheduled_rates.registry,
        "a name for it: conf/config.yaml, lr_schedules": any(
            given.keys() == schedule_keys(kind).keys() for given in named.values()
        ),
        "its formula and meaning": {"formula", "meaning"} <= vars(kind).keys(),
    }
    missing = [part for part, is_there in parts.items() if not is_there]
    assert not missing, f"{kind.__name__} lacks " + "; ".join(missing)


@pytest.mark.parametrize("logger", [logger for logger in Logger if logger is not Logger.none], ids=str)
def test_a_logger_has_all_of_its_parts(logger: Logger) -> None:
    select = (ROOT / "src/lenet_ablate/loggers/select.py").read_text(encoding="utf-8")
    parts = {
        f"its module: loggers/{logger.value}.py": (ROOT / f"src/lenet_ablate/loggers/{logger.value}.py").is_file(),
        "how it is made: loggers/select.py": f"Logger.{logger.value}" in select,
        "an extra of its library: pyproject.toml": f"\n{logger.value} = ["
        in (ROOT / "pyproject.toml").read_text("utf-8"),
        "docs/loggers.md": f"logger={logger.value}" in LOGGERS,
    }
    missing = [part for part, is_there in parts.items() if not is_there]
    assert not missing, f"{logger.value} lacks " + "; ".join(missing)
