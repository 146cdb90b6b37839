"""A run's own code: what its settings say of it, which of them it asks for, and its digest in the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from lenet_ablate.config.choices import Activation, Init, Model, OutputActivation, Pool
from lenet_ablate.config.settings import ModelConfig, RunConfig
from lenet_ablate.config.signature import Parameters
from lenet_ablate.config.source import Source, read_source
from lenet_ablate.config.text_words import key_of
from lenet_ablate.errors import ConfigError

OFFERED = ("pool", "activation", "num_classes", "input_shape")
"""What a factory of networks is given where it has an argument of the name."""
FOLDER = "own"
"""Within a run's folder, where its code is copied to."""
_KEY = "model.factory"


def own_code_checks(run: RunConfig) -> list[str]:
    """What is wrong with the settings of own code, a sentence each, without a look at the code."""
    model = run.model
    if model.name is not Model.own:
        given = {"factory": model.factory, "args": model.args, "sha256": model.sha256}
        return [
            f"model.{key}: is a setting of own, not of {model.name.value}"
            for key, value in given.items()
            if value is not None
        ]
    problems = []
    if model.factory is None:
        problems.append("model=own: needs model.factory=FILE.py:NAME; docs/own.md shows one")
    if model.output_activation is not OutputActivation.none:
        problems.append(f"model.output_activation={model.output_activation.value}: own networks give logits")
    if run.init is not Init.default:
        problems.append(f"init={run.init.value}: is for the networks here; an own one draws its weights itself")
    return problems + [f"model.args.{name}: is given by {_giver(name)}" for name in model.args or () if name in OFFERED]


def _giver(name: str) -> str:
    return f"{name}=…" if name in ("pool", "activation") else "the data set"


def with_source(run: RunConfig) -> RunConfig:
    """The settings with the digest of their own code, its file by its absolute path; those of other runs as they are.

    Raises:
        ConfigError: The code cannot be read, is not what the settings say, or does not take what it is given.
    """
    if run.model.name is not Model.own or run.model.factory is None:
        return run
    source = read_source(run.model.factory, _KEY)
    _check_digest(run.model, source)
    if source.parameters is not None:
        check_call(run, source, source.parameters)
    model = dataclasses.replace(run.model, factory=f"{source.file}:{source.name}", sha256=source.sha256)
    return dataclasses.replace(run, model=model)


def source_of(model: ModelConfig) -> Source:
    """The code of an own network, as it was when its settings were made.

    Raises:
        ConfigError: It cannot be read, or is not the same any more.
    """
    assert model.factory is not None
    source = read_source(model.factory, _KEY)
    _check_digest(model, source)
    return source


def copied_files(run: RunConfig) -> dict[str, bytes]:
    """The content of a run's own code by path within the run's folder; empty where it has none.

    Raises:
        ConfigError: It cannot be read, or is not the same any more.
    """
    if run.model.name is not Model.own:
        return {}
    return {f"{FOLDER}/{name}": content for name, content in source_of(run.model).files.items()}


def has_own_code(run: RunConfig) -> bool:
    """Whether a run runs code of the user's."""
    return run.model.name is Model.own


def named_alone(run: RunConfig, words: Iterable[str]) -> RunConfig:
    """The run as it is, once its code was named by the user: no file of settings has code run.

    Args:
        run: The run.
        words: What was typed.

    Raises:
        ConfigError: The code is named by a file alone.
    """
    if has_own_code(run) and run.model.factory is not None and not any(key_of(word) == _KEY for word in words):
        raise ConfigError(f"{_KEY}={run.model.factory}: stands in a file; code is run where you name it: type it too")
    return run


def _check_digest(model: ModelConfig, source: Source) -> None:
    if model.sha256 not in (None, source.sha256):
        raise ConfigError(
            f"{_KEY}={model.factory}: is not what it was: SHA-256 {source.sha256[:8]}…, not {str(model.sha256)[:8]}…; "
            "the same command again trains it as another network"
        )


def check_call(run: RunConfig, source: Source, parameters: Parameters) -> None:
    """Refuse arguments that the code does not take, and settings that it does not ask for.

    Raises:
        ConfigError: With a line for each.
    """
    given = [*(run.model.args or ()), *(name for name in OFFERED if name in parameters.names)]
    problems = [f"{_KEY}={source.title}: {problem}" for problem in parameters.problems(given)]
    varied = {"pool": (run.pool, Pool.max), "activation": (run.activation, Activation.relu)}
    problems += [
        f"{key}={value.value}: {source.title} has no argument '{key}'; leave {key} out"
        for key, (value, usual) in varied.items()
        if value is not usual and key not in parameters.names
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def asked_for(factory: str) -> Collection[str]:
    """Which of the settings in OFFERED a factory has an argument for; all of them where its text does not tell.

    Raises:
        ConfigError: The code cannot be read.
    """
    parameters = read_source(factory, _KEY).parameters
    return OFFERED if parameters is None else [name for name in OFFERED if name in parameters.names]
