"""What a run will do, worked out before it starts: pure functions from configuration to identity and steps."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from lenet_ablate.config.activations import Coded, Nonlinearity, OwnActivation
from lenet_ablate.config.choices import Activation, DataSet, Model, Optimizer
from lenet_ablate.config.schedules import Schedule
from lenet_ablate.config.settings import DataConfig, ModelConfig, OptimizerConfig, RunConfig, to_mapping
from lenet_ablate.errors import ConfigError

if TYPE_CHECKING:  # settings are read without NumPy
    import numpy as np
    import numpy.typing as npt

IDENTITY_VERSION = 1
_WHERE_AND_HOW = ("path", "range", "transpose")  # data are stored; settled once their digest is known
_FIELDS = tuple(RunConfig.__dataclass_fields__)
_IDENTITY, _NAME = " identity", " run_name"  # no setting is called so
DEFAULT_VAL_FRACTION = 1 / 12  # MNIST's 5,000 of 60,000


@dataclass(frozen=True)
class RunPlan:
    """One training, fully determined.

    Attributes:
        name: Name of the run's folder: readable settings, then the identity's first 8 digits.
        identity: SHA-256 of the settings, 64 hex digits.
        config: The settings.
        num_train: Images trained on in each epoch.
        num_val: Images set aside for choices; 0 where there is no validation split.
        num_test: Test images.
    """

    name: str
    identity: str
    config: RunConfig
    num_train: int
    num_val: int
    num_test: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer updates per epoch; the last batch may be smaller."""
        return -(-self.num_train // self.config.batch_size)

    @property
    def total_steps(self) -> int:
        """Optimizer updates of the whole run."""
        return self.steps_per_epoch * self.config.epochs


def make_plan(config: RunConfig, num_images: int, num_test: int) -> RunPlan:
    """The plan of a run on a training set of `num_images` images before the split.

    Raises:
        ConfigError: The validation split leaves nothing to train on, or not as much as asked for.
    """
    held = num_val(config.data, num_images)
    if held >= num_images:
        raise ConfigError(f"data.val_size={held}: must be below the {num_images} training images")
    num_train = num_images - held if config.data.train_size is None else config.data.train_size
    if num_train > num_images - held:
        left = f"{num_images - held} images left of {num_images} after validation"
        raise ConfigError(f"data.train_size={num_train}: must be at most the {left}")
    return RunPlan(run_name(config), identity(config), config, num_train, held, num_test)


def num_val(data: DataConfig, num_images: int) -> int:
    """How many of the images before the split are set aside for validation; may be more than there are."""
    return round(num_images * DEFAULT_VAL_FRACTION) if data.val_size is None else data.val_size


def identity(config: RunConfig) -> str:
    """SHA-256 (64 hex digits) of the settings that differ from their neutral value.

    Settings at their neutral value are left out, so a setting added later changes no identity. A schedule's name
    is left out too: `lr=step` and the same schedule written inline are one. Data whose digest is known are that
    digest, wherever and in whatever form they are stored; own code is its digest and the function's name.
    """
    return _kept_with(config, _IDENTITY, _identity)


def _kept_with(config: RunConfig, name: str, make: Callable[[RunConfig], str]) -> str:
    """What follows from settings that never change: kept with them, as `functools.cached_property` does."""
    known: str | None = config.__dict__.get(name)
    if known is None:
        known = config.__dict__[name] = make(config)
    return known


def _identity(config: RunConfig) -> str:
    settings: dict[str, Any] = {}
    for name in _FIELDS:
        settings |= _told(name, getattr(config, name))
    settings.pop("lr.name", None)
    if config.data.sha256 is not None:
        for key in _WHERE_AND_HOW:
            settings.pop(f"data.{key}", None)
    for key, group in (("model", config.model), ("optimizer", config.optimizer), ("activation", config.activation)):
        if not isinstance(group, Activation) and group.sha256 is not None:  # wherever the code lies
            settings[f"{key}.factory"] = factory_name(group)
    text = json.dumps({"version": IDENTITY_VERSION, "settings": settings}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def variant_id(config: RunConfig) -> str:
    """First 8 digits of the identity without the seed: shared by the replicates of a variant."""
    return _first_digits(dataclasses.replace(config, seed=0))


@functools.lru_cache(maxsize=256)
def _first_digits(config: RunConfig) -> str:
    return identity(config)[:8]


def run_name(config: RunConfig) -> str:
    """Folder name of a run: short, readable, safe on every file system, unique through its last 8 digits."""
    return _kept_with(config, _NAME, _run_name)


def _run_name(config: RunConfig) -> str:
    parts = [
        _words(config.model) if config.model.name is not Model.lenet5 else "",
        config.data.name.value if config.data.name is not DataSet.mnist else "",
        config.pool.value,
        _words(config.activation),
        _words(config.optimizer),
        f"lr{config.lr.formula if isinstance(config.lr, Schedule) else lr_label(config.lr)}",
        f"bs{config.batch_size}",
        f"e{config.epochs}",
        f"s{config.seed}",
    ]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(part for part in parts if part))
    return f"{readable[:80]}-{identity(config)[:8]}"


def factory_name(group: ModelConfig | OptimizerConfig | OwnActivation) -> str:
    """The function or class of own code, `wide` of `nets.py:wide`; empty for what is none."""
    return (group.factory or "").rpartition(":")[2]


def _words(group: ModelConfig | OptimizerConfig | Nonlinearity) -> str:
    if isinstance(group, Activation) or group.name not in (Model.own, Optimizer.own, Coded.own):
        return str(group.value if isinstance(group, Activation) else group.name.value)
    return "-".join([factory_name(group), *(f"{name}{value}" for name, value in (group.args or {}).items())])


def lr_label(lr: float | Schedule) -> str:
    """The learning rate as a level of a factor: a number or a schedule's name."""
    return lr.name if isinstance(lr, Schedule) else f"{lr:g}"


def learning_rates(plan: RunPlan, first: int, last: int) -> npt.NDArray[np.float64]:
    """Learning rate of each update first, …, last-1 of the run, (last-first,) float64; updates count from 0."""
    import numpy as np

    from lenet_ablate.config.rates import scheduled_rates

    lr = plan.config.lr
    if not isinstance(lr, Schedule):
        return np.full(last - first, lr)
    return scheduled_rates(lr, np.arange(first, last), plan.steps_per_epoch, plan.total_steps)


@functools.cache
def _neutral(name: str) -> dict[str, Any]:
    return _flat(name, getattr(RunConfig(), name))


@functools.lru_cache(maxsize=4096)
def _told(name: str, value: Any) -> dict[str, Any]:
    """What a setting, or group of them, adds to the identity; thousands of runs share most of it."""
    neutral = _neutral(name)
    return {key: each for key, each in _flat(name, value).items() if neutral.get(key) != each}


def _flat(name: str, value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value):
        return {f"{name}.{key}": each for key, each in to_mapping(value).items()}
    return {name: value.value if isinstance(value, Enum) else value}
