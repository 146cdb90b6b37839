"""The n-th call that changes files fails, or kills: an error that names the file, and the same bytes afterwards."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from soak.harness import Figure, contents, differences, first_line_of_trouble, fresh
from support.forked import command

PROMISE = "the n-th open, write, fsync, rename, mkdir or unlink fails or kills: one line, then the same bytes"
POINTS = ("data=digits", "epochs=2", "lr=0.01", "study=calls", "checkpoint=every", "log_every=5", "engine=compiled")
SHIM = Path(__file__).with_name("calls.c")
SEEN_AS = "LENET_ABLATE_SOAK_CALLS"  # the loaded shim, of a process that was started with it


def build(folder: Path) -> Path | None:
    """The shim as a library, or None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "calls.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM), "-ldl"], check=True)
    return library


def environment(library: Path) -> dict[str, str]:
    """What a process is to be started with so that `run` can work in it."""
    return os.environ | {"LD_PRELOAD": str(library), SEEN_AS: str(library)}


def run(folder: Path, share: float = 1.0) -> Figure:
    """Every n until a run goes through undisturbed, for a full disk, a failing disk, and a kill."""
    shim = ctypes.CDLL(os.environ[SEEN_AS])
    words = ["lenet-ablate", *POINTS]
    reference = fresh(folder / "reference")
    command(words, reference)
    wanted = contents(reference / "outputs/calls")
    broken, trials, step = [], 0, max(1, round(1 / share))
    for kind, code in (("full disk", errno.ENOSPC), ("failing disk", errno.EIO), ("kill", 0)):
        nth = 1
        while True:
            place = fresh(folder / "trial")
            first = command(words, place, _armed(shim, nth, code, place))
            trouble = "" if code == 0 else _judge(first.status, first.text, place)
            again = command(words, place)
            trouble = trouble or ("" if not again.status else f"the same command ended with {again.status}")
            trouble = trouble or (first_line_of_trouble(again.text) and "traceback in the second run")
            trouble = trouble or differences(wanted, contents(place / "outputs/calls"))
            trials += 1
            broken += [f"{kind} at call {nth}: {trouble}"] if trouble else []
            if first.status == 0 and "all done" not in first.text and _went_through(first.text):
                break
            nth += step
            if nth > 1000:
                broken.append(f"{kind}: no end at call {nth}")
                break
    return Figure(PROMISE, trials, tuple(broken), "full disk, failing disk, kill; n = 1, 2, … until none is left")


def _armed(shim: ctypes.CDLL, nth: int, code: int, place: Path) -> Callable[[], None]:
    return lambda: shim.arm(nth, code, str(place / "outputs").encode())


def _went_through(text: str) -> bool:
    return "SHIM" not in text and "1 trained" in text


def _judge(status: int, text: str, place: Path) -> str:
    """What is wrong with how a command told of a call that failed."""
    if first_line_of_trouble(text):
        return "a traceback"
    if status == 0 and "SHIM" in text and "1 trained" not in text and "already done" not in text:
        return "exit status 0 and nothing trained"
    if status not in (0, 1):
        return f"exit status {status}"
    if status == 1 and str(place.name) not in text and "outputs" not in text:
        return f"the message names no file: {text[-200:]}"
    return ""
