"""Promises that tests of the suite keep: run as they are, with more examples where they are drawn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from soak.harness import Figure

TESTS = Path(__file__).parents[1]
EXAMPLES = "LENET_ABLATE_EXAMPLES"
PROMISES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "forged": (
        "run folders that somebody forged: a sentence each, and the good run is reported",
        "hostile values at any place of each record, files swapped for folders, pipes, devices and links",
        ("records/test_forged.py", "records/test_aside.py"),
    ),
    "bad_runs": (
        "a run that raises, exits, crashes, hangs or is killed costs that run alone",
        "threads and processes of their own",
        ("sweep/test_failures.py", "sweep/test_isolated.py"),
    ),
    "locks": (
        "file systems that keep no locks are told, and nothing is trained there but by claims as files",
        "ENOLCK, EOPNOTSUPP, EBADF, EIO, ENOSYS, a lock granted twice",
        ("records/test_locks.py", "records/test_claims.py"),
    ),
    "kernels": (
        "compiled code that is damaged, missing, foreign or read-only is compiled again, copied or done without",
        "flipped, cut, emptied, lost, added, unsigned",
        ("engines/test_compiled_cache.py",),
    ),
    "environments": (
        "no home, no name, no temporary folder, odd encodings, closed streams, foreign backends: the same work",
        "",
        ("environments",),
    ),
}

# The long forms too, which the suite leaves out.
PYTEST = (sys.executable, "-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", "-m", "")


def run(name: str, share: float) -> Figure:
    """One of these promises; skipped tests count as no trials."""
    promise, detail, files = PROMISES[name]
    examples = str(max(50, round(2000 * share)))
    done = subprocess.run(
        [*PYTEST, *(str(TESTS / file) for file in files)],
        cwd=TESTS.parent,
        env={key: value for key, value in os.environ.items() if key != "LD_PRELOAD"} | {EXAMPLES: examples},
        capture_output=True,
        text=True,
    )
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|errors?)", done.stdout)}
    broken = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not broken:
        broken = [f"pytest ended with {done.returncode}"]
    return Figure(promise, counts.get("passed", 0) + len(broken), tuple(broken), detail)
