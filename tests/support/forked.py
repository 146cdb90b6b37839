"""Commands in forked children of a process that has everything imported, so that each begins at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


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
        if name == "lenet-runs":
            from lenet_ablate.runs.main import main as runs

            return runs(rest)
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


class Shell:
    """A process of its own that forks a child for each command: the tests' process may have threads."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-m", "support.forked"]
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, words: Sequence[str], folder: Path, writes_figures: bool = True) -> Outcome:
        """Run a command in a folder, to its end; a report may leave out its figures' files, most of the work."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(words), str(folder), writes_figures]).encode() + b"\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _serve() -> None:
    import_everything()
    for line in sys.stdin:
        words, folder, writes_figures = json.loads(line)
        before = _nothing if writes_figures else _write_no_figures
        print(json.dumps(asdict(Child(words, Path(folder), before).wait(120))), flush=True)


def _nothing() -> None:
    pass


def _write_no_figures() -> None:
    from lenet_ablate.report.figures import drawing, processes

    drawing.figure_files = lambda figure, kinds: dict.fromkeys(kinds, b"x")
    processes.MAX_HELPERS = 0  # which would write


if __name__ == "__main__":
    _serve()
