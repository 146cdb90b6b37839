"""What of a run's folder must agree with its status.json, whoever reads it."""

from __future__ import annotations

import re
from pathlib import Path

from lenet_ablate.config.plan import identity
from lenet_ablate.config.settings import RunConfig
from lenet_ablate.errors import RecordError
from lenet_ablate.records.record import CONFIG, STATUS
from lenet_ablate.records.status import RunStatus, missing_files

RUN_NAME = re.compile(r"[A-Za-z0-9._-]+_bs[0-9]+_e[0-9]+_s[0-9]+-([0-9a-f]{8})")


def check_name(folder: Path, status: RunStatus) -> None:
    """Refuses a status that is about another run than the folder's name.

    Raises:
        RecordError: It is.
    """
    named = RUN_NAME.fullmatch(folder.name)
    if named and named[1] != status.identity[:8]:
        raise RecordError(f"{STATUS} is about another run than the folder's name")


def check_identity(config: RunConfig, status: RunStatus) -> None:
    """Refuses settings that are not those that a status is about.

    Raises:
        RecordError: They are others.
    """
    if identity(config) != status.identity:
        raise RecordError(f"{CONFIG} has other settings than those that {STATUS} is about")


def check_signed(status: RunStatus) -> None:
    """Refuses the status of a finished run that does not name every file which such a run has.

    Raises:
        RecordError: One is missing.
    """
    if lacking := missing_files(status):
        raise RecordError(f"{STATUS} names no {lacking[0]}, though the run is said to be finished")


def check_digest(name: str, found: str, signed: str) -> None:
    """Refuses a file whose SHA-256 is not the one that was signed.

    Raises:
        RecordError: It differs.
    """
    if found != signed:
        raise RecordError(f"{name} is damaged: it differs from the SHA-256 in {STATUS}")
