"""Commands in forked children of a process that has everything imported, so that thousands of trials take minutes."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FINAL = ("config.yaml", "predictions.npz", "model.safetensors", "calibration.json", "best.safetensors")
"""Files of a finished run that equal settings make equal to the last byte."""


@dataclass(frozen=True)
class Figure:
    """What came of the trials of one promise.

    Attributes:
        promise: What is promised, in a few words.
        trials: How many were made.
        broken: A line for each that did not hold.
        detail: What was varied.
    """

    promise: str
    trials: int
    broken: tuple[str, ...]
    detail: str = ""

    @property
    def line(self) -> str:
        """The figure in one line."""
        held = f"{self.trials - len(self.broken)} of {self.trials}"
        return f"{self.promise}: {held}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        status: Exit status; negative, the signal that ended it.
        text: Everything it printed.
        seconds: How long it ran.
    """

    status: int
    text: str
    seconds: float


class Child:
    """A command in a forked child, in a process group of its own."""

    def __init__(self, words: Sequence[str], folder: Path, before: Callable[[], None] = lambda: None) -> None:
        self._log = folder / f".output-{time.monotonic_ns()}"
        self._started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _become(words, folder, self._log, before)

    def send(self, number: int) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = 60.0) -> Outcome:
        """Wait for its end; one that does not come is brought about."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
            time.sleep(0.002)
        took = time.monotonic() - self._started
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        self._log.unlink(missing_ok=True)
        return Outcome(os.waitstatus_to_exitcode(status), text, took)


def command(words: Sequence[str], folder: Path, before: Callable[[], None] = lambda: None) -> Outcome:
    """Run `lenet-ablate` with these words in a folder, to its end."""
    return Child(words, folder, before).wait()


def _become(words: Sequence[str], folder: Path, log: Path, before: Callable[[], None]) -> None:
    """Turn this child into the command; never returns."""
    status = 1
    try:
        os.setsid()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.chdir(folder)
        before()
        status = _main(words)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _main(words: Sequence[str]) -> int:
    name, *rest = words
    sys.argv = [name, *rest]
    try:
        if name == "lenet-ablate":
            from lenet_ablate.cli.main import main

            main()
            return 0
        if name == "lenet-report":
            from lenet_ablate.report.main import main as report

            return report(rest)
        from lenet_ablate.predict.main import main as predict

        return predict(rest)
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return int(stop.code or 0)


def import_everything() -> None:
    """Import what commands need, so that children need not; the kernels are compiled where they were not."""
    import hydra  # noqa: F401
    import torch

    import lenet_ablate.cli.main
    import lenet_ablate.engines.pytorch.engine
    import lenet_ablate.loggers.tensorboard
    import lenet_ablate.predict.main
    import lenet_ablate.report.build
    import lenet_ablate.report.main
    import lenet_ablate.report.terminal
    import lenet_ablate.sweep.run  # noqa: F401
    from lenet_ablate.engines.compiled.kernels import load_kernels

    torch.set_num_threads(1)
    load_kernels()


def contents(study: Path) -> dict[str, bytes]:
    """What the finished runs of a study hold that depends on their settings alone, by path within it."""
    found: dict[str, bytes] = {}
    for status in sorted(study.glob("*/status.json")):
        run = status.parent
        if ".damaged-" in run.name:  # set aside
            continue
        if json.loads(status.read_bytes())["status"] != "done":
            continue
        kept = [run / name for name in FINAL] + sorted(run.glob("epochs/*")) + [run / "batch_losses.csv"]
        found |= {str(path.relative_to(study)): path.read_bytes() for path in kept if path.is_file()}
        found[f"{run.name}/metrics.csv"] = without_seconds((run / "metrics.csv").read_bytes())
    return found


def without_seconds(metrics: bytes) -> bytes:
    """A metrics.csv without the column that tells time."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(io.StringIO(metrics.decode()))]
    return json.dumps(rows).encode()


def differences(wanted: Mapping[str, bytes], found: Mapping[str, bytes]) -> str:
    """The first path in which two studies differ, and how; empty where they are alike."""
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            return f"{path} is missing"
        if path not in wanted:
            return f"{path} is there besides"
        if wanted[path] != found[path]:
            return f"{path} differs"
    return ""


def first_line_of_trouble(text: str) -> str:
    """A line that no command may print."""
    return next((line for line in text.splitlines() if "Traceback (most recent call last)" in line), "")


def fresh(folder: Path) -> Path:
    """The folder, emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def generator(promise: str) -> random.Random:
    """Draws of a promise's own, the same each time."""
    return random.Random(promise)
