"""How many physical cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")


def num_usable_cores() -> int:
    """Physical cores that CPU affinity and the cgroup's quota leave to this process, at least 1.

    Two hyperthreads of a core share its arithmetic units, so they count once. Where the system does not tell
    (macOS, Windows) every logical core counts.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = len({_siblings(cpu) for cpu in usable})
    return max(1, math.ceil(min(cores, _quota())))


def _siblings(cpu: int) -> str:
    try:
        return (_TOPOLOGY / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii").strip()
    except OSError:
        return str(cpu)


def _quota() -> float:
    """CPUs that the cgroup (version 2) grants; infinite where it sets no limit."""
    try:
        limit, period = (_CGROUP / "cpu.max").read_text(encoding="ascii").split()
        return math.inf if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        return math.inf
