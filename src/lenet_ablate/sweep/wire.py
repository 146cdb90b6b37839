"""What a sweep and its worker processes say to each other: JSON, one message a line, plain data only."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lenet_ablate.config import choices
from lenet_ablate.config.parse import parse_config
from lenet_ablate.config.settings import Options, RunConfig, to_mapping
from lenet_ablate.engines.base import Engine
from lenet_ablate.records.record import EpochRow
from lenet_ablate.studies.jobs import Job, Sweep

RUN, STOP = "run", "stop"
"""To a worker process: train this run; save yourself and end."""
READY, STARTS, PROGRESS, RESUMES, EPOCHS, TELL, ENDED, FAILED = (
    *("ready", "starts", "progress", "resumes", "epochs", "tell", "ended", "failed"),
)
"""From a worker process: it may be given runs; training begins; and how that goes."""


@dataclass(frozen=True)
class Order:
    """A run as a worker process gets it.

    Attributes:
        config: Its settings.
        options: How it is carried out; engine and device as the sweep chose them.
        command: The sweep's command.
        files: Content of its `.hydra/`.
        run_timeout: Seconds after which it is stopped; None: never.
    """

    config: RunConfig
    options: Options
    command: str
    files: Mapping[str, bytes]
    run_timeout: float | None

    @property
    def job(self) -> Job:
        """The run, as a sweep has it."""
        return Job(self.config, hydra_files=lambda folder: self.files)

    @property
    def sweep(self) -> Sweep:
        """A sweep of this run alone, in the same study."""
        return Sweep((self.job,), self.options, self.command)


def make_order(sweep: Sweep, job: Job, engine: Engine, run_timeout: float | None) -> Order:
    """A run of a sweep, to be trained in another process."""
    options = dataclasses.replace(
        sweep.options, engine=choices.Engine(engine.name), device=choices.Device(engine.device)
    )
    return Order(job.config, options, sweep.command, job.hydra_files(sweep.folder(job)), run_timeout)


def encode_order(order: Order) -> dict[str, Any]:
    """An order as plain data."""
    return {
        "settings": {**to_mapping(order.config), **to_mapping(order.options)},
        "command": order.command,
        "files": {name: content.decode("utf-8", "surrogateescape") for name, content in order.files.items()},
        "run_timeout": order.run_timeout,
    }


def decode_order(data: Mapping[str, Any]) -> Order:
    """The order behind what `encode_order` gave."""
    config, options = parse_config(data["settings"])
    files = {name: text.encode("utf-8", "surrogateescape") for name, text in data["files"].items()}
    return Order(config, options, data["command"], files, data["run_timeout"])


def encode_rows(rows: Sequence[EpochRow]) -> list[Any]:
    """Epochs as plain data."""
    return [dataclasses.astuple(row) for row in rows]


def decode_rows(data: Sequence[Any]) -> list[EpochRow]:
    """The epochs behind what `encode_rows` gave."""
    return [EpochRow(*row) for row in data]


def encode(kind: str, content: Any = None) -> bytes:
    """A message as one line."""
    return json.dumps([kind, content]).encode("ascii") + b"\n"


def decode(line: bytes) -> tuple[str, Any]:
    """Kind and content of a message.

    Raises:
        ValueError: The line is no message.
    """
    kind, content = json.loads(line)
    return str(kind), content
