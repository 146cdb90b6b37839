"""Becomes a command that is told to end, and so saves its runs, when the process that started it is gone.

usage: _ray_child PARENT COMMAND…
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2), which lasts when a process becomes another command


def main() -> None:
    """Become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, int(signal.SIGTERM))
        if os.getppid() != int(parent):  # it is gone already
            sys.exit(143)
    os.execv(command[0], command)  # nosec B606  # this program itself, no shell


if __name__ == "__main__":
    main()
