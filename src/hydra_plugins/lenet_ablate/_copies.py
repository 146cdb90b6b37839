"""The copies of a command that a launcher starts: what they are called with, and in which environment."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from enum import Enum

from hydra_plugins.lenet_ablate._carried import variable_of
from lenet_ablate.config.clusters import LOCAL_ALONE
from lenet_ablate.config.supervision import PREFIX, Supervision
from lenet_ablate.config.text_words import key_of
from lenet_ablate.studies.jobs import Sweep

PYTHON = ("-P", "-m")
"""The working folder may hold files that are called like modules of the standard library."""
_LEFT_OUT = ("hydra/launcher", "report")


def arguments_of(sweep: Sweep, supervision: Supervision, workers: int | None) -> list[str]:
    """What each copy is called with, but for its share.

    Args:
        sweep: Whose command it is a copy of.
        supervision: How it looks after its runs.
        workers: Runs side by side in it, where the user does not say.
    """
    typed = shlex.split(sweep.command)[1:]
    kept = [word for word in typed if key_of(word) not in _LEFT_OUT and not word.startswith(PREFIX)]
    return [*kept, "report=false", "hydra/launcher=local", *_words(supervision, workers)]


def share_word(place: int | str, count: int | str) -> str:
    """The word that tells a copy its share."""
    return f"{PREFIX}share={place}/{count}"


def environment_of(sweep: Sweep) -> dict[str, str]:
    """What a copy finds in its environment beside what is there anyway."""
    return variable_of(sweep.command)


def interpreter() -> str:
    """The Python that runs this, and on every machine the copies."""
    return sys.executable


def copy_command(arguments: Sequence[str]) -> list[str]:
    """The command that is a copy, given its arguments."""
    return [interpreter(), *PYTHON, "lenet_ablate", *arguments]


def num_copies(most: int, runs: int, workers: int | None) -> int:
    """How many copies there is work for."""
    return max(1, min(most, -(-runs // max(1, workers or 1))))


def _words(supervision: Supervision, workers: int | None) -> list[str]:
    given = dataclasses.replace(supervision, workers=supervision.workers or workers)
    words = []
    for setting in dataclasses.fields(given):
        value = getattr(given, setting.name)
        if value != setting.default and setting.name not in LOCAL_ALONE:
            plain = value.value if isinstance(value, Enum) else str(value).lower() if isinstance(value, bool) else value
            words.append(f"{PREFIX}{setting.name}={plain}")
    return words
