"""What a job on another launcher is told of the sweep that it is part of, on its way through processes and machines."""

from __future__ import annotations

import base64
import binascii
import os

_VARIABLE = "LENET_ABLATE_SWEEP"
_PREFIX = "b64_"  # or digits alone would be read as a number


def word_of(command: str) -> str:
    """The word for Hydra that hands a job the command which its sweep was asked for with.

    Hydra sets such a variable in the job's own process, whichever launcher starts it. The command is encoded, since it
    may hold quotes and interpolations.
    """
    ((name, text),) = variable_of(command).items()
    return f"+hydra.job.env_set.{name}={text}"


def variable_of(command: str) -> dict[str, str]:
    """The variable that hands another process the command which its sweep was asked for with."""
    text = base64.urlsafe_b64encode(command.encode("utf-8", "surrogateescape")).decode().rstrip("=")
    return {_VARIABLE: f"{_PREFIX}{text}"}


def command_of_sweep() -> str | None:
    """That command, in a job whose sweep is planned; None in one that was started by itself or by another sweeper."""
    text = os.environ.get(_VARIABLE, "")
    if not text.startswith(_PREFIX):
        return None
    packed = text.removeprefix(_PREFIX)
    try:
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
