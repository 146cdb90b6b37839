"""From raw values to a typed configuration, with a sentence for everything that is wrong.

Sentences start with the setting as it was typed, say what is allowed and, where it can be guessed, what was meant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

from lenet_ablate.config.choices import Augment, Color, DataSet, EarlyStop, Model, Optimizer, Pool, StopSplit
from lenet_ablate.config.classes import class_checks
from lenet_ablate.config.hints import unknown_key
from lenet_ablate.config.learning_rate import parse_lr
from lenet_ablate.config.own_code import own_code_checks
from lenet_ablate.config.owned import AUGMENT_SETTINGS, EARLY_STOP_SETTINGS, OPTIMIZER_SETTINGS, owners
from lenet_ablate.config.settings import (
    OptimizerConfig,
    Options,
    RunConfig,
    iter_settings,
    to_mapping,
)
from lenet_ablate.errors import ConfigError

_SETTINGS = dict(iter_settings())
_T = TypeVar("_T")
_PLAYGROUND_ONLY = ("noise", "train_fraction", "features", "seed")
_FILE_ONLY = ("transpose", "sha256")
_DRAWN = ("train_fraction", "seed")  # a test set of the playground's, and of a file that has none
_PATHS = {
    DataSet.file: "a file or folder with the data; docs/data.md lists the forms",
    DataSet.idx: "a folder with the four IDX files",
    DataSet.npz: "an .npz file",
}


def check_value(key: str, value: object, schedules: Mapping[str, object] | None = None) -> str | None:
    """What is wrong with a setting's value, as the rest of a sentence; None where it is legal.

    `value` is the raw value as YAML gives it; `schedules` are the named learning-rate schedules for `lr`.
    """
    setting = _SETTINGS[key]
    try:
        if key == "lr":
            parse_lr(value, schedules or {})
        else:
            setting.metadata["check"](value)
    except ValueError as error:
        guess = None if key == "lr" else setting.metadata["check"].suggest(value)
        if guess is not None:
            return f"{error}; did you mean {key}={guess}?"
        usual = setting.default.value if isinstance(setting.default, Enum) else setting.default
        is_word = key != "lr" and "." not in key and not isinstance(value, Mapping)
        has_one_default = is_word and usual is not None  # a group's depend on the choice
        return f"{error}; the default is {str(usual).lower()}" if has_one_default else str(error)
    return None


def parse_config(values: Mapping[str, Any]) -> tuple[RunConfig, Options]:
    """The typed configuration behind a composed mapping.

    Args:
        values: Nested mapping as composed from conf/ and the command line, or read from a run's `config.yaml`;
            what is missing takes its default. `lr_schedules` names the schedules that `lr` may refer to.

    Raises:
        ConfigError: One line or two for every problem found, all of them at once.
    """
    problems: list[str] = []
    rest = {key: value for key, value in values.items() if key != "lr_schedules"}
    schedules = values.get("lr_schedules") or {}
    if not isinstance(schedules, Mapping):
        raise ConfigError(f"lr_schedules={schedules}: must be a mapping from names to schedules")
    own = {f.name for f in dataclasses.fields(RunConfig)}
    run = _parse(RunConfig, {k: v for k, v in rest.items() if k in own}, "", schedules, problems)
    options = _parse(Options, {k: v for k, v in rest.items() if k not in own}, "", schedules, problems)
    problems += [] if problems else cross_checks(run)
    if not problems and options.sheet is not None and not options.plan:
        problems.append(f"sheet={options.sheet}: is drawn with plan=true, which trains nothing")
    if problems:
        raise ConfigError("\n".join(problems))
    return run, options


def _parse(
    kind: type[_T], values: Mapping[str, Any], prefix: str, schedules: Mapping[str, Any], problems: list[str]
) -> _T:
    known = {f.name: f for f in dataclasses.fields(cast(Any, kind))}
    parsed: dict[str, Any] = {}
    for name, value in values.items():
        key = prefix + name
        if name not in known:
            problems.append(f"{key}={value}: {unknown_key(key)}")
        elif name == "lr" or "check" in known[name].metadata:
            problem = check_value(key, value, schedules)
            if problem:
                is_own = key == "activation" and isinstance(value, Mapping)
                problems.append(f"{key}={value.get('name') if is_own else _show(value)}: {problem}")
            else:
                parsed[name] = parse_lr(value, schedules) if name == "lr" else known[name].metadata["check"](value)
        elif isinstance(value, Mapping):
            parsed[name] = _parse(type(cast(Any, known[name].default_factory)()), value, f"{key}.", schedules, problems)
        else:
            problems.append(f"{key}={_show(value)}: must be a mapping; see conf/{name}/")
    return kind(**parsed)


def _show(value: object) -> str:
    return "null" if value is None else str(value)


def parse_alone(values: Mapping[str, Any]) -> RunConfig:
    """The run that some of its settings make beside the defaults; how they go together is not looked at.

    Raises:
        ConfigError: One of them is not legal.
    """
    problems: list[str] = []
    run = _parse(RunConfig, values, "", {}, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    return run


def cross_checks(run: RunConfig) -> list[str]:
    """What is wrong with how settings go together that are legal each, a sentence each; empty if nothing is."""
    data = run.data
    problems = _optimizer_checks(run.optimizer)
    problems += _model_checks(run) + own_code_checks(run) + _early_stop_checks(run) + _augment_checks(run)
    if data.name.is_own and data.path is None:
        what = _PATHS[data.name]
        problems.append(f"data={data.name.value}: needs data.path={what}")
    elif not data.name.is_own and data.path is not None:
        problems.append(f"data.path={data.path}: is for data=file, data=idx and data=npz; MNIST is read from data_dir")
    if data.range is not None and not data.name.is_own:
        problems.append(f"data.range={data.range:g}: is for data=file, idx and npz, not for {data.name.value}")
    problems += [
        f"data.{key}={_show(to_mapping(data)[key])}: is a setting of data=file, not of {data.name.value}"
        for key in _FILE_ONLY
        if getattr(data, key) is not None and data.name is not DataSet.file
    ]
    if data.color is not Color.grey and data.name is not DataSet.file:
        problems.append(f"data.color={data.color.value}: is a setting of data=file, not of {data.name.value}")
    problems += class_checks(data)
    return problems + _playground_checks(run)


def _playground_checks(run: RunConfig) -> list[str]:
    data, name, plain = run.data, run.data.name.value, to_mapping(run.data)
    given = {key: plain[key] for key in _PLAYGROUND_ONLY if plain[key] is not None}
    if data.name is DataSet.file:
        given = {key: value for key, value in given.items() if key not in _DRAWN}
    if not data.name.is_playground:
        return [f"data.{key}={value}: is a setting of data=playground/…, not of {name}" for key, value in given.items()]
    problems = [
        f"data.{key}=null: {name} needs a value; see conf/data/{name}.yaml"
        for key in _PLAYGROUND_ONLY
        if key not in given
    ]
    if run.model.name is not Model.mlp:
        problems.append(f"data={name}: its points are not images; it needs model=mlp")
    pixels = {"mean": None, "std": None, "normalize": "standard", "resize": "pad"}
    problems += [
        f"data.{key}={plain[key]}: is about pixels; the points of {name} are taken as they are; leave it out"
        for key, usual in pixels.items()
        if plain[key] != usual
    ]
    features = data.features or ()
    if data.features is not None and not 0 < len(set(features)) == len(features):
        shown = ",".join(feature.value for feature in features)
        problems.append(f"data.features=[{shown}]: must name at least one feature, and each once")
    return problems


def _optimizer_checks(optimizer: OptimizerConfig) -> list[str]:
    rule, own = optimizer.name.value, OPTIMIZER_SETTINGS[optimizer.name]
    foreign = [
        f"optimizer.{name}={_show(getattr(optimizer, name))}: is a setting of "
        f"{' and '.join(choice.value for choice in choices)}, not of {rule}"
        for name, choices in owners(OPTIMIZER_SETTINGS).items()
        if name not in own and getattr(optimizer, name) is not None
    ]
    if optimizer.nesterov and optimizer.name is not Optimizer.sgd:
        foreign.append(f"optimizer.nesterov=true: is a setting of sgd, not of {rule}")
    elif optimizer.nesterov and not optimizer.momentum:
        foreign.append("optimizer.nesterov=true: needs a momentum above 0")
    return foreign or [
        f"optimizer.{name}=null: {rule} needs a value; see conf/optimizer/{rule}.yaml"
        for name in own
        if getattr(optimizer, name) is None
    ]


def _model_checks(run: RunConfig) -> list[str]:
    model, name = run.model, run.model.name
    is_lenet, is_mlp = name in (Model.lenet5, Model.lenet5_28), name is Model.mlp
    problems = []
    if model.c5 is None and is_lenet:
        problems.append(f"model.c5=null: {name.value} needs linear or conv")
    if model.c5 is not None and not is_lenet:
        problems.append(f"model.c5={model.c5.value}: is a setting of lenet5 and lenet5_28, not of {name.value}")
    if model.hidden is None and is_mlp:
        problems.append("model.hidden=null: mlp needs a list, such as [300,100]; see conf/model/mlp.yaml")
    if model.hidden is not None and not is_mlp:
        problems.append(f"model.hidden={list(model.hidden)}: is a setting of mlp, not of {name.value}")
    if run.pool is not Pool.max and is_mlp:
        problems.append(f"pool={run.pool.value}: mlp has no pooling; leave pool out")
    return problems


def _early_stop_checks(run: RunConfig) -> list[str]:
    rule, name = run.early_stop, run.early_stop.name.value
    problems = _own_settings("early_stop", rule, EARLY_STOP_SETTINGS)
    if rule.name is not EarlyStop.off and rule.split is StopSplit.val and run.data.val_size == 0:
        problems.append(f"early_stop={name}: needs a validation split (data.val_size) or early_stop.split=test")
    return problems


def _augment_checks(run: RunConfig) -> list[str]:
    name = run.augment.name
    if run.data.name.is_playground and name is not Augment.none:
        return [f"augment={name.value}: varies images; {run.data.name.value} has points"]
    return _own_settings("augment", run.augment, AUGMENT_SETTINGS)


def _own_settings(group: str, config: Any, settings: Mapping[Any, Sequence[str]]) -> list[str]:
    """What is wrong where each choice of a group needs settings of its own and has none of the others'."""
    name, own = config.name.value, settings[config.name]
    problems = []
    for key in owners(settings):
        value = getattr(config, key)
        if value is not None and key not in own:
            problems.append(f"{group}.{key}={value}: {group}={name} has no such setting")
        elif value is None and key in own:
            problems.append(f"{group}.{key}=null: {group}={name} needs a value; see conf/{group}/{name}.yaml")
    return problems
