"""Where each of several copies of one command begins, so that they seldom want the same run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from lenet_ablate.errors import ConfigError

T = TypeVar("T")

COPY_VARIABLE = "LENET_ABLATE_COPY"
_SCHEDULERS = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)
"""Variables with a process's place and the number of processes: of SLURM's arrays and steps, Open MPI, MPICH."""


def share_told(environment: Mapping[str, str] = os.environ) -> str | None:
    """Which of several copies this process is, as `2/8`, from $LENET_ABLATE_COPY or a scheduler; None: nobody says.

    The first copy is 0 or 1, as the scheduler counts: 8/8 is the place of 0/8.

    Raises:
        ConfigError: $LENET_ABLATE_COPY is none of that form.
    """
    told = environment.get(COPY_VARIABLE)
    if told:
        if not re.fullmatch(r"\d{1,6}/[1-9]\d{0,5}", told) or _is_beyond(told):
            raise ConfigError(f"{COPY_VARIABLE}={told}: must be like 2/8, the third of eight copies, from 0/8 on")
        return told
    for place, count in _SCHEDULERS:
        share = f"{environment.get(place, '')}/{environment.get(count, '')}"
        if re.fullmatch(r"\d{1,6}/[1-9]\d{0,5}", share) and not share.endswith("/1"):
            return share
    return None


def _is_beyond(share: str) -> bool:
    place, _, count = share.partition("/")
    return int(place) > int(count)


def in_turn(entries: Sequence[tuple[int, T]], share: str | None, start: int = 0) -> list[T]:
    """A copy's own share, then the others', from another place on in each copy.

    Args:
        entries: What there is to do, each with its number, which is the same in every copy: of four, the first copy's
            share is 0, 4, 8, …
        share: Place and number of the copies, as `0/4`; None: unknown.
        start: Where a copy that does not know its place begins.
    """
    if share is None:
        cut = start % max(1, len(entries))
        return [entry for _, entry in [*entries[cut:], *entries[:cut]]]
    place, count = map(int, share.split("/"))
    place %= count
    own = [entry for number, entry in entries if number % count == place]
    rest = [entry for number, entry in entries if number % count != place]
    cut = len(rest) * place // count
    return [*own, *rest[cut:], *rest[:cut]]
