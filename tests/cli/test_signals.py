"""A signal at any moment, from the first import to the report at the end, ends the command with the signal's status."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lenet_ablate.sweep import signals
from support.sweeps import start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sends signals of POSIX systems")
STATUS = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
    signal.SIGUSR1: 75,
    signal.SIGUSR2: 75,
    signal.SIGXCPU: 75,
}
REPORTING = ("-m", "data=digits", "epochs=1", "seed=0,1", "report=true")


def send_after(folder: Path, number: signal.Signals, seconds: float) -> tuple[int, str]:
    """Exit status and output of a command that gets a signal so long after it began to handle them."""
    started = start(*REPORTING, cwd=folder)
    started.wait_for_handlers()
    time.sleep(seconds)
    started.process.send_signal(number)
    return started.end(60)


def check(number: signal.Signals, seconds: float, returned: int, printed: str) -> None:
    told = f"{number.name} after {seconds:.3f} s: {returned}\n{printed}"
    has_ended = returned == 0 and "report: outputs" in printed  # before the signal came
    assert returned == STATUS[number] or has_ended, told
    assert "Traceback" not in printed and "Exception ignored" not in printed, told


@pytest.mark.slow
@pytest.mark.parametrize("number", STATUS)
def test_a_signal_while_all_is_imported_and_composed(tmp_path: Path, number: signal.Signals) -> None:
    for seconds in (0.0, 0.15, 0.5):
        check(number, seconds, *send_after(tmp_path, number, seconds))


@pytest.mark.slow
def test_a_signal_while_the_report_is_made(tmp_path: Path) -> None:
    started = start(*REPORTING, cwd=tmp_path)
    started.wait_for(" trained in ")
    time.sleep(0.5)
    started.process.send_signal(signal.SIGUSR2)
    returned, printed = started.end(60)
    assert returned == 75, printed
    assert "Traceback" not in printed and "not made" not in printed


@pytest.mark.soak
def test_signals_at_many_moments(tmp_path: Path) -> None:
    choose = random.Random(1)
    begun = time.monotonic()
    assert start(*REPORTING, cwd=tmp_path).end()[0] == 0
    whole = time.monotonic() - begun
    for trial in range(100):
        folder = tmp_path / str(trial)
        folder.mkdir()
        number, seconds = choose.choice(list(STATUS)), choose.uniform(0, whole)
        check(number, seconds, *send_after(folder, number, seconds))


SWALLOWS = """
import signal, sys
from lenet_ablate.cli import main as cli

def swallow(flags, words):
    try:
        signal.raise_signal(signal.{name})
    except BaseException as error:
        {then}

cli._run = swallow
cli.main()
"""


@pytest.mark.parametrize(
    "then", ["pass", "raise ValueError('what a library makes of it')", "raise ImportError from None"]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_libraries_that_swallow_or_change_what_a_signal_raises(number: signal.Signals, then: str) -> None:
    script = SWALLOWS.format(name=number.name, then=then)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (
        STATUS[number],
        "",
        "interrupted" if number == signal.SIGINT else "",
    )


def test_what_a_finaliser_swallows_is_not_printed() -> None:
    script = (
        "import signal; from lenet_ablate.cli import main as cli\n"
        "class Dies:\n    def __del__(self): signal.raise_signal(signal.SIGTERM)\n"
        "cli._run = lambda flags, words: Dies() and None\ncli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, "")


def test_a_process_that_never_gets_to_its_end_is_ended() -> None:
    script = SWALLOWS.format(name="SIGTERM", then="import time; time.sleep(60)")
    script = "from lenet_ablate.sweep import signals; signals.GRACE_SECONDS = 0.2\n" + script
    assert subprocess.run([sys.executable, "-c", script], timeout=30).returncode == 143


def test_after_all_is_done_a_signal_changes_nothing() -> None:
    script = (
        "import atexit, os, signal, sys; from lenet_ablate.cli import main as cli\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGUSR1))\n"
        "sys.argv = ['lenet-ablate', '--version']; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_that_python_dropped_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in STATUS}
    try:
        monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
        signals.exit_on_signals()
        with contextlib.suppress(SystemExit):
            signal.raise_signal(signal.SIGINT)
        with signals.stop_on_signals() as asked:
            assert asked.is_asked() and asked.exit_status == 130
        signals.exit_on_signals()
        signals.leave_if_signalled()
        with signals.stop_on_signals() as asked:
            assert not asked.is_asked()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
