"""What the launchers for clusters ask their scheduler for: none of it changes a result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config.checks import Optional, Real, Several, Text, Whole, YesNo
from lenet_ablate.config.supervision import (
    Settings,
    Supervision,
    launcher_setting,
    parse_launcher,
    parse_supervision,
)
from lenet_ablate.errors import ConfigError

MAX_TASKS = 100_000
LOCAL_ALONE = ("on_error", "share")
"""What a task cannot be told: its failures stop no other one, and its share it is given."""
_NAME = Text(r"[A-Za-z0-9_.,@+-]{1,200}", "a name, or several with commas between them")
_TIME = Text(r"[0-9]{1,6}|([0-9]{1,4}-)?[0-9]{1,4}(:[0-9]{1,2}){0,2}", "minutes, or HH:MM:SS, or D-HH:MM:SS")
_MEMORY = Text(r"[0-9]{1,9}[KMGT]?", "like 4G")
_GPUS = Text(r"([A-Za-z0-9_.-]{1,60}:)?[0-9]{1,3}", "a number, or type and number like a100:1")
_OPTION = Text(r"-{1,2}[A-Za-z][A-Za-z0-9-]*([ =][^\s'\"\\]{1,500})?", "like --exclude=node7")
_LINE = Text(r"[^\n\r\0]{1,2000}", "one line of a shell")
_ADDRESS = Text(r"[A-Za-z0-9_.:/\[\]-]{1,300}", "like 10.0.0.1:6379, ray://host:10001 or auto")


@dataclass(frozen=True)
class SlurmSettings:
    """`hydra/launcher=slurm`: one job array, each task of which is a copy of the command."""

    max_tasks: int = launcher_setting(8, Whole(1, MAX_TASKS), "most tasks of the job array, each a copy of the command")
    partition: str | None = launcher_setting(None, Optional(_NAME), "partition; null: the cluster's usual one")
    account: str | None = launcher_setting(None, Optional(_NAME), "account that the time is charged to")
    time: str | None = launcher_setting(
        None, Optional(_TIME), "time limit of a task: minutes or HH:MM:SS; a task that reaches it goes on in a new turn"
    )
    cpus: int = launcher_setting(1, Whole(1, 1024), "CPUs of a task, and runs side by side in it where it has no GPU")
    memory: str | None = launcher_setting(None, Optional(_MEMORY), "memory of a task, like 4G")
    gpus: str | None = launcher_setting(None, Optional(_GPUS), "GPUs of a task: a number, or like a100:1")
    options: tuple[str, ...] = launcher_setting(
        (), Several(_OPTION, 50), "other options of sbatch: ['--exclude=node7']"
    )
    setup: tuple[str, ...] = launcher_setting(
        (), Several(_LINE, 50), "lines of shell that each task begins with: ['module load python']"
    )
    submit: bool = launcher_setting(True, YesNo(), "false: only write the script, and say how to submit it")


@dataclass(frozen=True)
class RaySettings:
    """`hydra/launcher=ray`: Ray tasks, each of which is a copy of the command."""

    address: str | None = launcher_setting(
        None, Optional(_ADDRESS), "of the cluster; null: $RAY_ADDRESS, else a Ray of its own on this machine"
    )
    max_tasks: int | None = launcher_setting(
        None, Optional(Whole(1, MAX_TASKS)), "most tasks, each a copy of the command; null: as many as fit at once"
    )
    num_cpus: float = launcher_setting(1, Real(0, 1024), "CPUs of a task, and runs side by side in it without GPUs")
    num_gpus: float = launcher_setting(0, Real(0, 64, with_low=True), "GPUs of a task; 0.25 lets four share one")


KINDS: Mapping[str, type[Any]] = {"local": Supervision, "slurm": SlurmSettings, "ray": RaySettings}
"""The launchers made here, by name, each with its settings."""


def launcher_fields(name: str) -> dict[str, dataclasses.Field[Any]]:
    """The settings that a launcher made here has: its own, and how each of its tasks looks after its runs."""
    own = {field.name: field for field in dataclasses.fields(KINDS[name])}
    shared = {field.name: field for field in dataclasses.fields(Supervision) if field.name not in LOCAL_ALONE}
    return own if name == "local" else own | shared


def parse_cluster(kind: type[Settings], values: Mapping[str, object]) -> tuple[Settings, Supervision]:
    """A launcher's own settings, and how each of its tasks looks after its runs.

    Raises:
        ConfigError: A value is not legal; with a line for each.
    """
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    problems: list[str] = []
    parts: list[Any] = []
    for parse, part in (
        (lambda part: parse_launcher(kind, part), {name: value for name, value in values.items() if name in names}),
        (parse_supervision, {name: value for name, value in values.items() if name not in names}),
    ):
        try:
            parts.append(parse(part))
        except ConfigError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError("\n".join(problems))
    return parts[0], parts[1]
