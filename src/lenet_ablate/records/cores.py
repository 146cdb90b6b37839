"""How many physical cores this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")
_MAX_DEPTH = 64  # of nested groups


def num_usable_cores() -> int:
    """Physical cores that CPU affinity and the cgroups' quotas leave to this process, at least 1.

    Two hyperthreads of a core share its arithmetic units, so they count once. Where the system does not tell
    (macOS, Windows) every logical core counts.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = len({_siblings(cpu) for cpu in usable})
    return max(1, math.ceil(min(cores, cpu_quota())))


def _siblings(cpu: int) -> str:
    return _read(_ROOT / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").strip() or str(cpu)


def cpu_quota(root: Path = _ROOT) -> float:
    """CPUs that the process's cgroups grant, versions 1 and 2; infinite where none sets a limit.

    A group's limit holds for all groups within it, so that the smallest on the way up counts.

    Args:
        root: Where proc/ and sys/ lie.
    """
    groups = _groups(_read(root / "proc/self/cgroup"))
    limits = [math.inf]
    for is_v2, mount, mounted in _mounts(_read(root / "proc/self/mountinfo")):
        # In a container of its own name space the path tells of the host's tree, of which only the end is mounted.
        inside = _relative(groups.get(is_v2, "/"), mounted)
        for folder in [inside, *inside.parents][:_MAX_DEPTH]:
            limits.append(_limit(root / mount.lstrip("/") / folder, is_v2))
    return min(limits)


def _groups(text: str) -> dict[bool, str]:
    """The process's own group in the hierarchy of version 2 (True) and in that of version 1 that limits the CPU."""
    found = {}
    for line in text.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            found[True] = path
        elif "cpu" in controllers.split(","):
            found[False] = path
    return found


def _mounts(text: str) -> Iterator[tuple[bool, str, str]]:
    """Whether it is version 2, the mount point, and which part of the hierarchy is mounted there."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *rest) = before.split(), after.split() or [""]
        if len(fields) < 5 or kind not in ("cgroup", "cgroup2"):
            continue
        options = rest[-1].split(",") if rest else []
        if kind == "cgroup2" or "cpu" in options:
            yield kind == "cgroup2", _unescaped(fields[4]), _unescaped(fields[3])


def _unescaped(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


def _relative(group: str, mounted: str) -> PurePosixPath:
    """The group's folder below the mount point; the mount point itself where the group lies outside of it."""
    path = PurePosixPath(group)
    if ".." in path.parts or not path.is_relative_to(mounted):
        return PurePosixPath()
    return path.relative_to(mounted)


def _limit(folder: Path, is_v2: bool) -> float:
    try:
        if is_v2:
            quota, period = _read(folder / "cpu.max").split()
        else:
            quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return math.inf
    return cpus if cpus > 0 else math.inf  # -1 stands for none


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
