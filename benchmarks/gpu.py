"""Checks the cuda engine on this machine's GPU and measures it: one command, under eight minutes, one JSON line.

usage: python benchmarks/gpu.py [--quick | --rehearse]

In this order, each a program of `benchmarks/gpu/` in a process of its own, so that a fault on the card, a program that
hangs or a card that takes one process at a time spoils no other part: what the card and the compiled kernels are;
whether the kernel agrees with float64 on the CPU; whether a run's bits depend on those beside it; how many kernels the
card runs at once; images per second of 1 to 128 runs, of torch on the card and of the compiled engine on the CPU; a
sweep of 108 runs from the command line, 30 epochs of MNIST; a sweep that is killed and resumed, which must end with the
same bytes; and Compute Sanitizer, where it is installed. Reads the real MNIST from $LENET_ABLATE_DATA (else data/);
without it, random bytes of the same shape. What fails is named in `errors`; then the exit status is 1. Without a GPU it
is 2. `--quick` takes about a minute; `--rehearse` is the smallest of everything, for a stand-in in place of a card.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lenet_ablate.engines.select import num_cuda_devices

PHASES = {
    "card": 90,
    "agreement": 150,
    "company": 60,
    "queues": 60,
    "rates": 150,
    "sweep": 240,
    "resume": 120,
    "sanitizer": 120,
}
"""Most seconds of each, in the order in which they run."""
SECONDS = 465
"""Of all together: a part gets no more than is left."""
FOLDER = Path(__file__).with_name("gpu")


def run(name: str, size: str, seconds: float, folder: str) -> Any:
    """What a part finds, the JSON of its last line; what it writes goes into the folder.

    Raises:
        RuntimeError: It failed, or took longer; the last words of what it said.
    """
    command = [sys.executable, str(FOLDER / f"{name}.py"), size]
    # In a session of its own: what it starts ends with it.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, **pipes, start_new_session=True, env={**os.environ, "TMPDIR": folder})
    try:
        told, errors = process.communicate(timeout=seconds)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        told, errors = process.communicate()
        sys.stderr.write(errors.decode(errors="replace"))
        if isinstance(error, subprocess.TimeoutExpired):
            raise RuntimeError(f"took longer than {seconds:.0f} s; {last_line(told) or 'nothing found'}") from None
        raise
    sys.stderr.write(errors.decode(errors="replace"))
    if process.returncode:
        how = f"ended with {process.returncode}"
        raise RuntimeError(f"{how}: {last_line(errors) or last_line(told)}")
    return json.loads(last_line(told))


def last_line(told: bytes) -> str:
    lines = told.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def main() -> int:
    """Run the parts, and print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    for size in ("quick", "rehearse"):
        sizes.add_argument(f"--{size}", dest="size", action="store_const", const=size, default="full")
    parser.add_argument("--only", choices=PHASES, nargs="+", help="these parts alone")
    given = parser.parse_args()
    if not num_cuda_devices():
        print("benchmarks/gpu.py: this machine shows no CUDA device, so nothing is measured")
        return 2
    ends, found, errors = time.monotonic() + SECONDS, dict[str, Any](size=given.size), dict[str, str]()
    for name in given.only or PHASES:
        started = time.monotonic()
        try:
            if ends - started < 5:
                raise RuntimeError("no time left")
            with tempfile.TemporaryDirectory(dir=Path.cwd(), ignore_cleanup_errors=True) as folder:
                found[name] = run(name, given.size, min(PHASES[name], ends - started), folder)
        except (RuntimeError, ValueError, OSError) as error:
            errors[name] = f"{error}"[:500]
        what = found.get(name, errors.get(name))
        print(f"{name}, {time.monotonic() - started:.1f} s: {what}", file=sys.stderr, flush=True)
        found[f"{name} seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps({**found, "errors": errors}))
    return 1 if errors or any(part.get("errors") for part in found.values() if isinstance(part, dict)) else 0


if __name__ == "__main__":
    sys.exit(main())
