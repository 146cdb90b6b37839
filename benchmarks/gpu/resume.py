"""A sweep that gets SIGKILL, then SIGINT, then its end: the same weights as one that was left alone."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench import command, data_words, finish, size

WAIT_SECONDS = 60.0


def saved(study: Path) -> float:
    """When a checkpoint was last written; 0 where there is none."""
    times = [0.0]
    for path in study.glob("*/checkpoint.safetensors"):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def stop_once_saved(words: list[str], study: Path, which: signal.Signals) -> str:
    """Begin a sweep, and stop it when it has saved something; how it ended."""
    before, began = saved(study), time.monotonic()
    with subprocess.Popen(words, stdout=sys.stderr) as process:
        while process.poll() is None and saved(study) <= before:
            if time.monotonic() - began > WAIT_SECONDS:
                process.kill()
                raise AssertionError(f"nothing saved in {WAIT_SECONDS:g} s")
            time.sleep(0.02)
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode} before it could be stopped by {which.name}")
        process.send_signal(which)
        return f"{process.wait(timeout=60)}"


if __name__ == "__main__":
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [*data_words(folder), "seed=range(4)", f"epochs={size().resumed_epochs}"]
        subprocess.run(command(words, folder, "whole"), check=True, stdout=sys.stderr)
        pieces = command(words, folder, "pieces")
        for which in (signal.SIGKILL, signal.SIGINT):
            found[which.name] = stop_once_saved(pieces, folder / "pieces", which)
        subprocess.run(pieces, check=True, stdout=sys.stderr)
        wholes = list((folder / "whole").glob("*/model.safetensors"))
        found["same bytes"] = sum(
            path.read_bytes() == (folder / "pieces" / path.parent.name / path.name).read_bytes() for path in wholes
        )
    errors = {} if found["same bytes"] == len(wholes) == 4 else {"weights": "other weights than without a stop"}
    finish({**found, "errors": errors})
