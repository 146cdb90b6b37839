"""A copy of a command inside a Ray task: it saves its runs and ends when the task's process does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra_plugins.lenet_ablate._copies import PYTHON, copy_command, interpreter
from lenet_ablate.rendering.children import package_folders

_MODULE = "hydra_plugins.lenet_ablate._ray_child"
SAVE_SECONDS = 30.0


def work(arguments: Sequence[str], environment: Mapping[str, str], folder: str, log: str) -> int:
    """Run a copy to its end, in a Ray task's process; returns its exit status.

    Args:
        arguments: What it is called with.
        environment: What it finds in its environment beside what is there anyway.
        folder: The folder that it works in.
        log: File that its output is added to.
    """
    env = {**os.environ, **environment, "PYTHONPATH": os.pathsep.join(package_folders(sys.path))}
    with Path(log).open("ab") as output:
        copy = subprocess.Popen(
            [interpreter(), *PYTHON, _MODULE, str(os.getpid()), *copy_command(arguments)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            return copy.wait()
        finally:  # the task was cancelled
            if copy.poll() is None:
                copy.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    copy.wait(SAVE_SECONDS)
