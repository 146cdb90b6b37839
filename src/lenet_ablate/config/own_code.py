"""A run's own code: what its settings say of it, which of them it asks for, and its digest in the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from typing import Any

from lenet_ablate.config.activations import OwnActivation
from lenet_ablate.config.choices import Activation, Init, Model, Optimizer, OutputActivation, Pool
from lenet_ablate.config.settings import ModelConfig, OptimizerConfig, RunConfig
from lenet_ablate.config.signature import Parameters
from lenet_ablate.config.source import Source, read_source
from lenet_ablate.config.text_words import key_of
from lenet_ablate.errors import ConfigError

OFFERED = ("pool", "activation", "num_classes", "input_shape")
"""What a factory of networks is given where it has an argument of the name."""
CODED = ("model", "optimizer", "activation")
"""Groups whose choice may be own code."""
CLOSURE = "its step() needs a closure that computes the loss again, which is not given here, as to L-BFGS"
"""What is wrong with an optimizer of such steps."""
FOLDER = "own"
"""Within a run's folder, where its code is copied to."""
Part = ModelConfig | OptimizerConfig | OwnActivation
"""A group of settings whose choice may be own code."""


def own_parts(run: RunConfig) -> dict[str, Part]:
    """The parts of a run that are code of the user's, by their group's key; empty for most runs."""
    parts: dict[str, Part] = {"model": run.model} if run.model.name is Model.own else {}
    parts |= {"optimizer": run.optimizer} if run.optimizer.name is Optimizer.own else {}
    return parts | ({"activation": run.activation} if isinstance(run.activation, OwnActivation) else {})


def network_parts(run: RunConfig) -> dict[str, Part]:
    """The parts of own code that a trained run's network is computed with: its optimizer is needed no more."""
    return {key: part for key, part in own_parts(run).items() if key != "optimizer"}


def has_own_network(run: RunConfig) -> bool:
    """Whether code of the user's computes a run's network, or its nonlinearity, which NumPy and pages cannot."""
    return bool(network_parts(run))


def own_code_checks(run: RunConfig) -> list[str]:
    """What is wrong with the settings of own code, a sentence each, without a look at the code."""
    own, problems = own_parts(run), []
    groups: dict[str, Part] = {"model": run.model, "optimizer": run.optimizer, **own}
    for key, part in groups.items():
        given = {"factory": part.factory, "args": part.args, "sha256": part.sha256}
        if key not in own:
            problems += [
                f"{key}.{name}: is a setting of own, not of {part.name.value}"
                for name, value in given.items()
                if value is not None
            ]
        elif part.factory is None:
            problems.append(f"{key}=own: needs {key}.factory=FILE.py:NAME; docs/own.md shows one")
    problems += _optimizer_checks(run.optimizer) if "optimizer" in own else []
    return problems + (_network_checks(run) if "model" in own else [])


def _optimizer_checks(optimizer: OptimizerConfig) -> list[str]:
    problems = ["optimizer.args.lr: is given by lr=…"] if "lr" in (optimizer.args or ()) else []
    if optimizer.weight_decay:
        shown = f"weight_decay={optimizer.weight_decay:g}"
        problems.append(f"optimizer.{shown}: is not for own ones; where it is an argument, optimizer.args.{shown}")
    return problems


def _network_checks(run: RunConfig) -> list[str]:
    model, problems = run.model, []
    if model.output_activation is not OutputActivation.none:
        problems.append(f"model.output_activation={model.output_activation.value}: own networks give logits")
    if run.init is not Init.default:
        problems.append(f"init={run.init.value}: is for the networks here; an own one draws its weights itself")
    return problems + [f"model.args.{name}: is given by {_giver(name)}" for name in model.args or () if name in OFFERED]


def _giver(name: str) -> str:
    return f"{name}=…" if name in ("pool", "activation") else "the data set"


def with_source(run: RunConfig) -> RunConfig:
    """The settings with the digests of their own code, its files by absolute paths; those of other runs as they are.

    Raises:
        ConfigError: The code cannot be read, is not what the settings say, or does not take what it is given.
    """
    for group, part in own_parts(run).items():
        if part.factory is None:
            continue
        source = source_of(part)
        if source.needs_closure and group == "optimizer":
            raise ConfigError(f"{_key(part)}={source.title}: {CLOSURE}")
        if source.parameters is not None:
            _CHECKS[group](run, source, source.parameters)
        found: Any = dataclasses.replace(part, factory=f"{source.file}:{source.name}", sha256=source.sha256)
        run = dataclasses.replace(run, **{group: found})
    return run


def source_of(part: Part) -> Source:
    """The code of an own network, optimizer or nonlinearity, as it was when its settings were made.

    Raises:
        ConfigError: It cannot be read, or is not the same any more.
    """
    assert part.factory is not None
    source = read_source(part.factory, _key(part))
    if part.sha256 not in (None, source.sha256):
        what = NOUNS[group_of(part)]
        raise ConfigError(
            f"{_key(part)}={part.factory}: is not what it was: SHA-256 {source.sha256[:8]}…, not "
            f"{str(part.sha256)[:8]}…; the same command again trains it as another {what}"
        )
    return source


def group_of(part: Part) -> str:
    """The key of the group that a part is."""
    if isinstance(part, OwnActivation):
        return "activation"
    return "model" if isinstance(part, ModelConfig) else "optimizer"


def _key(part: Part) -> str:
    return f"{group_of(part)}.factory"


NOUNS = {"model": "network", "optimizer": "optimizer", "activation": "nonlinearity"}


def copied_files(run: RunConfig) -> dict[str, bytes]:
    """The content of a run's own code by path within the run's folder; empty where it has none.

    Raises:
        ConfigError: It cannot be read, or is not the same any more.
    """
    copied: dict[str, bytes] = {}
    roots = []
    for group, part in own_parts(run).items():
        source = source_of(part)
        roots.append(source.root)
        # Files of two folders may be called the same, and each must find its own.
        folder = FOLDER if source.root == roots[0] else f"{FOLDER}/{group}"
        copied |= {f"{folder}/{name}": content for name, content in source.files.items()}
    return copied


def has_own_code(run: RunConfig) -> bool:
    """Whether a run runs code of the user's."""
    return bool(own_parts(run))


def named_alone(run: RunConfig, words: Iterable[str]) -> RunConfig:
    """The run as it is, once its code was named by the user: no file of settings has code run.

    Args:
        run: The run.
        words: What was typed.

    Raises:
        ConfigError: The code is named by a file alone.
    """
    for part in own_parts(run).values():
        if part.factory is not None and _key(part) not in {key_of(word) for word in words}:
            raise ConfigError(
                f"{_key(part)}={part.factory}: stands in a file; code is run where you name it: type it too"
            )
    return run


def check_call(run: RunConfig, source: Source, parameters: Parameters) -> None:
    """Refuse arguments that a network's code does not take, and settings that it does not ask for.

    Raises:
        ConfigError: With a line for each.
    """
    given = [*(run.model.args or ()), *(name for name in OFFERED if name in parameters.names)]
    problems = [f"{_key(run.model)}={source.title}: {problem}" for problem in parameters.problems(given)]
    activation = run.activation.name if isinstance(run.activation, OwnActivation) else run.activation
    varied = {"pool": (run.pool, Pool.max), "activation": (activation, Activation.relu)}
    problems += [
        f"{key}={value.value}: {source.title} has no argument '{key}'; leave {key} out"
        for key, (value, usual) in varied.items()
        if value is not usual and key not in parameters.names
    ]
    if problems:
        raise ConfigError("\n".join(problems))


def check_optimizer_call(run: RunConfig, source: Source, parameters: Parameters) -> None:
    """Refuse arguments that an optimizer's code does not take; the network's parameters are its first.

    Raises:
        ConfigError: With a line for each.
    """
    place = f"{_key(run.optimizer)}={source.title}"
    if not parameters.first and not parameters.takes_any:
        raise ConfigError(f"{place}: has no first argument for the network's parameters")
    if problems := parameters.without_first().problems(["lr", *(run.optimizer.args or ())]):
        raise ConfigError("\n".join(f"{place}: {problem}" for problem in problems))


def check_activation_call(run: RunConfig, source: Source, parameters: Parameters) -> None:
    """Refuse arguments that a nonlinearity's code does not take.

    Raises:
        ConfigError: With a line for each.
    """
    assert isinstance(run.activation, OwnActivation)
    given = list(run.activation.args or ())
    taken = parameters.without_first() if parameters.is_of_tensor(given) else parameters
    if problems := taken.problems(given):
        place = f"{_key(run.activation)}={source.title}"
        raise ConfigError("\n".join(f"{place}: {problem}" for problem in problems))


_CHECKS = {"model": check_call, "optimizer": check_optimizer_call, "activation": check_activation_call}


def asked_for(factory: str) -> Collection[str]:
    """Which of the settings in OFFERED a factory has an argument for; all of them where its text does not tell.

    Raises:
        ConfigError: The code cannot be read.
    """
    parameters = read_source(factory, "model.factory").parameters
    return OFFERED if parameters is None else [name for name in OFFERED if name in parameters.names]
