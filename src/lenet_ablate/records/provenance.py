"""Where a result comes from: versions, commit, machine."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
import threading
from pathlib import Path
from typing import Any

from lenet_ablate import __version__

_PACKAGES = ("numpy", "numba", "torch", "hydra-core", "omegaconf", "scikit-learn", "scipy", "safetensors")


_LOCK = threading.Lock()


def describe_environment() -> dict[str, Any]:
    """Versions, git commit of this program's checkout (null outside one), and the machine."""
    with _LOCK:  # a hundred runs that begin together would each ask git
        return _describe()


@functools.cache
def _describe() -> dict[str, Any]:
    return {
        "lenet_ablate": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git(Path(__file__).resolve().parents[1]),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "processor": _processor(),
            "logical_cores": os.cpu_count(),
        },
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path) -> dict[str, Any] | None:
    # An installed copy may lie inside somebody else's repository, whose commit would say nothing about this program.
    if not (folder.parents[1] / ".git").exists():
        return None

    def ask(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
