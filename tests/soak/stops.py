"""A signal at any instant from start-up on: its exit status within two seconds, and the same bytes afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from soak.harness import Figure, contents, differences, first_line_of_trouble, fresh, generator
from support.forked import command

PROMISE = "a signal at any instant: its own exit status in under 2 s, then the same bytes"
TRIALS = 100
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 75}
POINTS = ("data=digits", "epochs=4", "lr=0.01,0.001", "pool=max,avg", "study=stops", "engine=compiled")
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from lenet_ablate.cli.main import main; main()"
)


def run(folder: Path, share: float = 1.0) -> Figure:
    """Whole processes here, not forked children: what is imported is a part of what is interrupted."""
    draw, broken = generator(PROMISE), []
    words = ["lenet-ablate", *POINTS]
    reference = fresh(folder / "reference")
    command(words, reference)
    wanted = contents(reference / "outputs/stops")
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", START, *POINTS, "output_dir=timed"], cwd=folder, capture_output=True, check=True
    )
    usual = time.monotonic() - began
    trials = max(8, round(TRIALS * share))
    for trial in range(trials):
        place = fresh(folder / "trial")
        number = list(STATUS)[trial % len(STATUS)]
        process = subprocess.Popen(
            [sys.executable, "-c", START, *POINTS],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        instant = draw.uniform(0.12, 1.0) * usual  # before that, Python itself is not yet there
        time.sleep(instant)
        if process.poll() is None:
            os.kill(process.pid, number)
        sent = time.monotonic()
        text = process.communicate(timeout=60)[0].decode(errors="replace")
        took, status = time.monotonic() - sent, process.returncode
        trouble = ""
        seen = 128 - status if status < 0 else status  # as a shell tells it
        if seen not in (0, STATUS[number]) and not (status == -number and instant < 0.3 * usual):
            trouble = f"exit status {seen}: {text[-200:]}"
        elif status and took > 2:
            trouble = f"{took:.1f} s"
        elif first_line_of_trouble(text) and status != -number and instant > 0.3 * usual:
            trouble = "a traceback"
        if not trouble:
            command(words, place)
            trouble = differences(wanted, contents(place / "outputs/stops"))
        broken += [f"{signal.Signals(number).name} after {instant:.2f} of {usual:.2f} s: {trouble}"] if trouble else []
    return Figure(PROMISE, trials, tuple(broken), "SIGINT, SIGTERM, SIGHUP, SIGUSR1; imports and composing included")
