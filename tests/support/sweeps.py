"""Sweeps in other processes, as a user starts them."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass
class Started:
    """A sweep in another process; what it prints goes to a file."""

    process: subprocess.Popen[bytes]
    printed: Path

    def end(self, seconds: float = 120) -> tuple[int, str]:
        """Exit status and everything printed."""
        try:
            return self.process.wait(seconds), self.printed.read_text()
        finally:
            self.process.kill()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until it has printed a text."""
        deadline = time.monotonic() + seconds
        while text not in self.printed.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.printed.read_text()
            time.sleep(0.01)

    def wait_for_handlers(self, seconds: float = 60) -> None:
        """Wait until it handles SIGUSR1; before its first line nothing can."""
        deadline, bit = time.monotonic() + seconds, 1 << (signal.SIGUSR1 - 1)
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None and time.monotonic() < deadline:
            (caught,) = [line for line in status.read_text().splitlines() if line.startswith("SigCgt")]
            if int(caught.split()[1], 16) & bit:
                return
            time.sleep(0.001)


def start(*words: str, cwd: Path, environment: Mapping[str, str] | None = None) -> Started:
    """Start `lenet-ablate` with some words in a folder."""
    printed = cwd / "printed.txt"
    with printed.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "lenet_ablate", *words],
            cwd=cwd,
            stdout=file,
            stderr=file,
            env={**os.environ, **(environment or {})},
        )
    return Started(process, printed)
